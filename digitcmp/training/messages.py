"""One-line messages for errors, including those of Hydra and OmegaConf."""

import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from digitcmp.config.run import HELP, known_keys
from digitcmp.errors import CheckpointError, ConfigError, RunError
from digitcmp.fields import unknown

# errors that the user can resolve
OURS = (ConfigError, RunError, CheckpointError, FloatingPointError, OSError)
MENDABLE = (*OURS, HydraException, OmegaConfBaseException, yaml.YAMLError)


def reason(error: BaseException) -> str:
    """Return the message of an error in one line."""
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.full_key:
        keys = [*known_keys()]
        return unknown(cause.full_key, [] if cause.full_key in keys else keys, HELP)  # one of another command
    message = str(error).partition("Config search path")[0]
    if isinstance(error, OverrideParseException):
        key, _, value = str(error.override).partition("=")
        message = message.partition("\n")[0]
        message = (
            f"{error.override} cannot be parsed: {message}. Quote a special value, in a shell as \"{key}='{value}'\""
        )
    if isinstance(cause, OmegaConfBaseException | yaml.YAMLError):
        message += f": {cause}"
    return " ".join(message.split()) or type(error).__name__
