"""The errors that a user can resolve. A message is one line: thing, problem; what is expected. What to do."""

from collections.abc import Sequence

NAMED = 5  # files in a message


class ConfigError(Exception):
    """An unknown key or an invalid value."""


class RunError(Exception):
    """A run that cannot be trained or cannot be written to its folder."""


class StaleError(RunError):
    """Finished runs whose code has changed since.

    Args:
        subject: the start of the message, 'FOLDER holds this run, finished by'.
        files: the names of the changed files.
    """

    def __init__(self, subject: str, files: Sequence[str]) -> None:
        super().__init__(subject, files)  # pickle restores a worker's error from these arguments
        self.subject, self.files = subject, files

    def __str__(self) -> str:
        return (
            f"{self.subject} other code, changed in {first_few(self.files)}; expected the current code. "
            "Set stale=keep to accept the result, or stale=retrain to train again."
        )


class DataError(RunError):
    """A data set that is missing, damaged or invalid."""


class ImageError(Exception):
    """A picture that cannot be read or in which no digit is detected."""


class CheckpointError(RunError):
    """A path without a checkpoint of this project, or with a damaged one."""


def first_few(names: Sequence[str], most: int = NAMED) -> str:
    """Return the first names and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
