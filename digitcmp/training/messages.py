"""One-line messages for errors, including those of Hydra and OmegaConf."""

import re
import shlex
import sys
from collections.abc import Sequence

import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from digitcmp.config.conf import files
from digitcmp.config.run import HELP, known_keys
from digitcmp.errors import ConfigError, RunError
from digitcmp.fields import unknown

OURS = (ConfigError, RunError, FloatingPointError, OSError)
MENDABLE = (*OURS, HydraException, OmegaConfBaseException, yaml.YAMLError)  # errors that the user can resolve


def reason(error: BaseException, typed: Sequence[str] | None = None) -> str:
    """Return the message of an error in one line.

    Args:
        error: an error of this project, of Hydra or of OmegaConf.
        typed: the overrides that caused it, by default those of the command line.
    """
    typed = sys.argv[1:] if typed is None else typed
    message = str(error).partition("Config search path")[0]
    if unset := re.match(r"Could not override '([^']+)'", message):
        if unset[1] in {*known_keys()}:
            return f"{unset[1]} is not allowed: it is no option of this command. --help lists the options."
        return unknown(unset[1], known_keys(), HELP)
    if listed := re.search(r"Could not load '(\w+)/", message):  # one of a list of files
        message += f" Available options in '{listed[1]}': {' '.join(files(listed[1]))}"
    if isinstance(error, OverrideParseException):
        key, _, value = str(error.override).partition("=")
        message = message.partition("\n")[0]
        message = (
            f"{error.override} cannot be parsed: {message}. Quote a special value, in a shell as \"{key}='{value}'\""
        )
    if isinstance(error.__cause__, OmegaConfBaseException | yaml.YAMLError):
        message += f": {str(error.__cause__).partition(chr(10))[0]}"
    if isinstance(error, OmegaConfBaseException):
        message = message.partition("\n")[0]
    keys = [override.partition("=")[0].lstrip("+~") for override in typed]
    if keys and not isinstance(error, OURS) and not any(key in message for key in keys):
        message += f": {shlex.join(typed)}"
    return " ".join(message.split()) or type(error).__name__
