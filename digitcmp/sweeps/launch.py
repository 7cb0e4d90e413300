"""Launch the runs of a sweep until each has finished or failed."""

from collections.abc import Callable, Iterable, Sequence

from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.job import Job

ENDED = "no result, because its process ended before the run was finished"
LAUNCHES = 5  # attempts in a row in which no run is started

Launch = Callable[[Sequence[Job]], Iterable[str | None]]  # trains jobs, returns an error or None for each


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
                if attempt([job], launch):
                    job.failure = ENDED
        left = waiting + [job for job in started if job.is_left]
    for job in left:
        job.failure = ENDED


def attempt(jobs: Sequence[Job], launch: Launch) -> list[Job]:
    """Launch these runs once, and return those that neither finished nor failed."""
    try:
        for job, error in zip(jobs, launch(jobs), strict=True):
            if error and job.is_left:
                job.failure = error
    except Exception as error:  # a launcher can raise anything when it loses a worker
        print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
    return [job for job in jobs if job.is_left]
