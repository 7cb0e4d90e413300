"""Launch the runs of a sweep until each has finished or failed."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.job import Job

ENDED = "no result, because its process ended before the run was finished"
LAUNCHES = 5  # attempts in a row in which no run is started

Launch = Callable[[Sequence[Job]], Iterable[str | None]]  # trains jobs, returns an error or None for each


class LaunchQueue:
    """The runs of a sweep that are not finished. Runs that were lost with a killed worker are launched again.

    A killed worker ends the launch, and the launch loses other runs too. Lost runs are launched again, those that had
    started at the end. If a launch finishes no run, each run that had started is launched alone. A run that kills its
    worker then stops no other run.

    Args:
        jobs: the runs.
        launch: trains jobs and returns an error or None for each.
    """

    def __init__(self, jobs: Sequence[Job], launch: Launch) -> None:
        self.launch = launch
        self.queued = list(jobs)
        self.failures: dict[Path, tuple[Job, str]] = {}  # by the run's folder

    def run(self) -> list[tuple[Job, str]]:
        """Launch the queued runs until each has finished or failed. Return the failed runs with their errors."""
        unstarted_launches = 0
        while self.queued and unstarted_launches < LAUNCHES:
            before = len(self.queued)
            self.queued = self.lost(self.queued)
            started = self.started
            if len(self.queued) < before:
                unstarted_launches = 0
                started_folders = {job.folder for job in started}
                self.queued = [job for job in self.queued if job.folder not in started_folders] + started
            elif started:
                unstarted_launches = 0
                self.launch_alone(started)
            else:
                unstarted_launches += 1
        for job in self.queued:
            self.fail(job, ENDED)
        return list(self.failures.values())

    @property
    def started(self) -> list[Job]:
        """The queued runs whose training had started when their worker ended."""
        return [job for job in self.queued if job.wrote(CONFIG)]

    def lost(self, jobs: Sequence[Job]) -> list[Job]:
        """Launch these runs, record those that failed, and return those that neither finished nor failed."""
        try:
            for job, error in zip(jobs, self.launch(jobs), strict=True):
                if error is not None and job.unfinished:
                    self.fail(job, error)
        except Exception as error:  # a launcher can raise anything when it loses a worker
            print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
        return [job for job in jobs if self.is_left(job)]

    def launch_alone(self, jobs: Sequence[Job]) -> None:
        """Launch each of these runs alone. A run that ends its worker again has failed."""
        for job in jobs:
            if self.lost([job]):
                self.fail(job, ENDED)
        self.queued = [job for job in self.queued if self.is_left(job)]

    def is_left(self, job: Job) -> bool:
        """Return whether a run has neither finished nor failed."""
        return job.folder not in self.failures and job.unfinished

    def fail(self, job: Job, error: str) -> None:
        self.failures[job.folder] = (job, error)
