"""A job: one run of a sweep, with its overrides and its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitcmp.config.run import Run
from digitcmp.runs.folder import CONFIG, ERROR, RESULT
from digitcmp.runs.result import read_result


@dataclass(eq=False)
class Job:
    """One run of a sweep.

    Files of the folder that are older than this object are those of an earlier sweep.

    Attributes:
        overrides: the overrides that configure the run.
        run: its configuration.
        folder: its folder.
        failure: the error of its launch, None if it has not failed or has recorded its error itself.
    """

    overrides: list[str]
    run: Run
    folder: Path
    failure: str | None = None

    def __post_init__(self) -> None:
        self.old = {name: modified(self.folder / name) for name in (CONFIG, RESULT, ERROR)}

    def wrote(self, name: str) -> bool:
        """Return whether this sweep has written this file of the folder."""
        return modified(self.folder / name) not in (None, self.old[name])

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the run in this sweep, None if it has not finished."""
        return read_result(self.folder) if self.wrote(RESULT) else None

    @property
    def error(self) -> str | None:
        """The error of the run in this sweep, None if it has not failed."""
        return self.failure or ((self.folder / ERROR).read_text("utf-8").strip() if self.wrote(ERROR) else None)

    @property
    def is_left(self) -> bool:
        """Whether the run has neither failed nor finished in this sweep."""
        return not self.error and not self.result

    @property
    def cell(self) -> str:
        """The label of the network and the name of the cell."""
        return f"{self.run.label:<6} {self.folder.parent.name}"

    @property
    def title(self) -> str:
        """The cell and the seed."""
        return f"{self.cell} seed={self.run.seed}"


def modified(file: Path) -> int | None:
    """Return the time of a file's last change in nanoseconds, None if the file is missing."""
    return file.stat().st_mtime_ns if file.exists() else None
