"""One-line messages for errors, including those of Hydra and OmegaConf."""

import re
import shlex
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from digitcmp.config import hints
from digitcmp.config.conf import CONF
from digitcmp.config.groups import TRAINER_REJECTED
from digitcmp.config.run import HELP, TARGETS, known_keys
from digitcmp.errors import ConfigError, RunError
from digitcmp.fields import unknown

MENDABLE = (  # errors that the user can resolve
    *(ConfigError, RunError, FloatingPointError, OSError),
    *(HydraException, OmegaConfBaseException, yaml.YAMLError),
)


def reason(error: BaseException, typed: Sequence[str] | None = None) -> str:
    """Return the message of an error in one line.

    Args:
        error: an error of this project, of Hydra or of OmegaConf.
        typed: the overrides that caused it, by default those of the command line.
    """
    typed = sys.argv[1:] if typed is None else typed
    message = str(error).partition("Config search path")[0]
    if unset := re.match(r"Could not override '([^']+)'", message):
        return unknown_option(unset[1])
    if present := re.match(r"Could not append to config\. An item is already at '([^']+)'", message):
        return f"+{present[1]} is not allowed: {present[1]} exists. Type it without the +."
    missing = re.search(r"Could not (?:find|load) '(\w+)/([^']+)'", message)
    if missing and (known := files(missing[1])):
        # Hydra's list includes the files of --config-dir
        options = re.search(r"Available options in '\w+':([^'\"]*)", message)
        return hints.unknown_choice(missing[1], missing[2], {*known, *(options[1].split() if options else ())})
    if several := re.match(r"Ambiguous value for argument '([^']+)'", message):
        return f"{several[1]} is not allowed: one value is expected. Add -m to sweep several; a list is [a,b]."
    if message.startswith("Config group override must be a string or a list"):
        for key, _, value in (override.partition("=") for override in typed):
            if files(key) and value not in files(key):
                return hints.unknown_choice(key, value, files(key))
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException | yaml.YAMLError):
        message += f": {str(error.__cause__).partition(chr(10))[0]}"
    if isinstance(error, OmegaConfBaseException):
        message = message.partition("\n")[0]
    if isinstance(error, OverrideParseException):
        lines = [line for line in message.split("\n") if not line.startswith("Error when parsing index")]  # Hydra 1.4's
        message = f"{error.override} cannot be parsed: {lines[0]}"
        if "'='" in message:
            message += ". Quote a value that contains =, in a shell as \"key='a=b'\"."
    if not isinstance(error, MENDABLE):
        message += f": {shlex.join(typed)}"
    return " ".join(message.split()) or type(error).__name__


def unknown_option(key: str) -> str:
    """Return the error message for an option that Hydra cannot set."""
    group, _, option = key.partition(".")
    if group == "trainer" and option in TRAINER_REJECTED:
        return f"{key} is not allowed: {TRAINER_REJECTED[option]}"
    if group in TARGETS and option:
        return unknown_argument(group, *option.split("."))
    if key in {*known_keys()}:
        return f"{key} is not allowed: it is no option of this command. --help lists the options."
    return hints.unknown(key) or unknown(key, known_keys(), HELP)


def unknown_argument(group: str, name: str, *path: str) -> str:
    """Return the error message for an argument of a callback or logger that is not selected or lacks the argument.

    Args:
        group: 'callbacks' or 'logger'.
        name: the name of its file, or a mistyped one.
        path: the keys below it, usually one argument.
    """
    key, known = ".".join((group, name, *path)), files(group)
    if name in known and (not path or path[0] in known[name]):
        return f"{key} is unknown: {name} is not selected. Add {group}={name}."
    if name in known:
        arguments = ", ".join(argument for argument in known[name] if argument != "_target_")
        return f"{key} is unknown: the file of {name} has {arguments}. Type +{key}=VALUE to add an argument."
    owners = [other for other in known if not path and name in known[other]]
    if near := owners or get_close_matches(name, known, n=1):
        argument = name if owners else ".".join(path)
        suggestion = f"{group}.{near[0]}.{argument}".rstrip(".")
        return f"{key} is unknown: did you mean {suggestion}? It needs {group}={near[0]}."
    return f"{key} is unknown; expected {group}=NAME or {group}=[NAME,...] with names from {', '.join(known)}."


@cache
def files(group: str) -> dict[str, list[str]]:
    """Return the files of a folder of conf/: the name of each, and the keys of its entry of that name.

    Return {} if there is no such folder.
    """
    if not re.fullmatch(r"\w+", group):
        return {}
    paths = sorted((CONF / group).glob("*.yaml"))
    contents = {path.stem: yaml.safe_load(path.read_text("utf-8")) or {} for path in paths}
    return {name: list(content.get(name) or {}) for name, content in contents.items()}
