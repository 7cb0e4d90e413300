"""The runs of a sweep, launched until each has finished or failed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitcmp.config.run import Run
from digitcmp.runs.folder import CONFIG, ERROR, RESULT
from digitcmp.runs.result import read_result

ENDED = "no result, because its process ended before the run was finished"
LAUNCHES = 5  # attempts in a row in which no run is started


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
    def cell(self) -> str:
        """The label of the network and the name of the cell."""
        return f"{self.run.label:<6} {self.folder.parent.name}"

    @property
    def title(self) -> str:
        """The cell and the seed."""
        return f"{self.cell} seed={self.run.seed}"


Launch = Callable[[Sequence[Job]], Iterable[str | None]]  # trains jobs, returns an error or None for each


def modified(file: Path) -> int | None:
    """Return the time of a file's last change in nanoseconds, None if the file is missing."""
    return file.stat().st_mtime_ns if file.exists() else None


def launch_all(jobs: Sequence[Job], launch: Launch) -> None:
    """Launch runs until each has finished or failed. Failed runs have an `error` then.

    A killed worker ends the launch, and the launch loses other runs too. Lost runs are launched again, those that had
    started at the end. If a launch finishes no run, each run that had started is launched alone. A run that kills its
    worker then stops no other run.
    """
    left, idle = list(jobs), 0
    while left and idle < LAUNCHES:
        before, left = len(left), attempt(left, launch)
        started = [job for job in left if job.wrote(CONFIG)]
        waiting = [job for job in left if job not in started]
        idle = 0 if started or len(left) < before else idle + 1
        if len(left) == before:
            for job in started:
                fail(attempt([job], launch))
            started = []
        left = waiting + started
    fail(left)


def attempt(jobs: Sequence[Job], launch: Launch) -> list[Job]:
    """Launch these runs once, and return those that neither finished nor failed."""
    try:
        for job, error in zip(jobs, launch(jobs), strict=True):
            if error and not job.error and not job.result:
                job.failure = error
    except Exception as error:  # a launcher can raise anything when it loses a worker
        print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
    return [job for job in jobs if not job.error and not job.result]


def fail(jobs: Iterable[Job]) -> None:
    """Record that the processes of these runs ended."""
    for job in jobs:
        job.failure = ENDED
