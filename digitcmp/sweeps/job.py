"""A run of a sweep: what to type for it, its folder, and what this sweep has written there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from digitcmp.config.run import Run
from digitcmp.runs.folder import CONFIG, ERROR, RESULT
from digitcmp.runs.result import read_result


@dataclass(frozen=True)
class Job:
    """A run of the sweep: what to type for it, its folder, and when the files there were written."""

    overrides: list[str]
    run: Run
    folder: Path
    old: Mapping[str, int | None]

    @classmethod
    def planned(cls, overrides: list[str], run: Run, folder: Path) -> "Job":
        return cls(overrides, run, folder, {name: written(folder / name) for name in (CONFIG, RESULT, ERROR)})

    def wrote(self, name: str) -> bool:
        """Whether this sweep's run has written this file of its folder."""
        return written(self.folder / name) not in (None, self.old.get(name))

    @property
    def unfinished(self) -> bool:
        """Whether this sweep's run has no result yet."""
        return not (self.wrote(RESULT) and read_result(self.folder))

    @property
    def error(self) -> str | None:
        """Why this sweep's run failed, None if it did not."""
        return (self.folder / ERROR).read_text("utf-8").strip() if self.wrote(ERROR) else None

    @property
    def cell(self) -> str:
        """The paper's name of the cell, and the cell's own name."""
        return f"{self.run.label:<6} {self.run.cell_name}"

    @property
    def title(self) -> str:
        """The cell and the seed."""
        return f"{self.cell} seed={self.run.seed}"


def written(file: Path) -> int | None:
    """When the file was written, in nanoseconds; None if there is none."""
    return file.stat().st_mtime_ns if file.exists() else None
