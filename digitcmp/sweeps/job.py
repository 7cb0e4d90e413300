"""A job: one run of a sweep, with its overrides and its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from digitcmp.config.run import Run
from digitcmp.runs.folder import CONFIG, ERROR, RESULT
from digitcmp.runs.result import read_result


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        overrides: the overrides that configure the run.
        run: its configuration.
        folder: its folder.
        old: the times of the files that were there before the sweep, in nanoseconds; None for a missing file.
    """

    overrides: list[str]
    run: Run
    folder: Path
    old: Mapping[str, int | None]

    @classmethod
    def planned(cls, overrides: list[str], run: Run, folder: Path) -> "Job":
        return cls(overrides, run, folder, {name: modified(folder / name) for name in (CONFIG, RESULT, ERROR)})

    def wrote(self, name: str) -> bool:
        """Return whether this sweep has written this file of the folder."""
        return modified(self.folder / name) not in (None, self.old.get(name))

    @property
    def unfinished(self) -> bool:
        """Whether the run has no result of this sweep yet."""
        return not (self.wrote(RESULT) and read_result(self.folder))

    @property
    def error(self) -> str | None:
        """The error of the run in this sweep, None if it has not failed."""
        return (self.folder / ERROR).read_text("utf-8").strip() if self.wrote(ERROR) else None

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
