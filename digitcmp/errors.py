"""The errors that a user can resolve. Each message is one line: what is wrong and what is expected."""

from collections.abc import Sequence

NAMED = 5  # functions in a message


class ConfigError(Exception):
    """A key or a value that is not allowed."""


class RunError(Exception):
    """A run that cannot be trained or cannot be written to its folder."""


class StaleError(RunError):
    """Runs that other code finished, and the functions that have changed since.

    subject: the start of the message, 'FOLDER holds this run, finished by'.
    """

    def __init__(self, subject: str, functions: Sequence[str]) -> None:
        super().__init__(subject, functions)  # pickle makes the error of a worker again from these
        self.subject, self.functions = subject, functions

    def __str__(self) -> str:
        changes = f"{self.subject} other code, changed since: {listed(self.functions)}"
        return f"{changes}: stale=keep takes it, stale=retrain trains it again"


class DataError(RunError):
    """A data set that is missing, damaged or unfit."""


class ImageError(Exception):
    """A picture that cannot be read or shows no digit."""


class CheckpointError(Exception):
    """A path that leads to no checkpoint of this project, or to a damaged one."""


def listed(functions: Sequence[str]) -> str:
    """Name the first functions and count the others."""
    more = len(functions) - NAMED
    return ", ".join(functions[:NAMED]) + (f" and {more} more" if more > 0 else "")
