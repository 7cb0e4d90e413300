"""Tests of LaunchQueue with a launcher that loses workers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from configs import run

from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.job import Job
from digitcmp.sweeps.launch import ENDED, LAUNCHES, LaunchQueue

pytestmark = pytest.mark.pure


class FakeJob(Job):
    """A run that is finished once `done` lies in its folder."""

    @property
    def unfinished(self) -> bool:
        return not (self.folder / "done").exists()


def jobs(root: Path, n: int) -> list[Job]:
    """Return jobs with the seeds 0 to n-1."""
    planned = []
    for seed in range(n):
        folder = root / str(seed)
        folder.mkdir()
        planned.append(FakeJob.planned([], run(seed=seed), folder))
    return planned


def seeds(jobs: Sequence[Job]) -> list[int]:
    return [job.run.seed for job in jobs]


def launcher(train: Callable[[Job], str | None]) -> tuple[Callable[[Sequence[Job]], Iterator[str | None]], list]:
    """Return a launcher that trains one job after the other, and the list of its launches."""
    launches: list[list[int]] = []

    def launch(jobs: Sequence[Job]) -> Iterator[str | None]:
        launches.append(seeds(jobs))
        outcomes = [train(job) for job in jobs]
        yield from outcomes

    return launch, launches


def finish(job: Job) -> None:
    (job.folder / CONFIG).touch()
    (job.folder / "done").touch()


def test_a_launch_without_losses(tmp_path: Path) -> None:
    launch, launches = launcher(finish)
    assert LaunchQueue(jobs(tmp_path, 3), launch).run() == [] and launches == [[0, 1, 2]]
    assert LaunchQueue([], launch).run() == [] and len(launches) == 1


def test_a_failure_is_not_launched_again(tmp_path: Path) -> None:
    launch, launches = launcher(lambda job: "no ink" if job.run.seed == 1 else finish(job))
    failures = LaunchQueue(jobs(tmp_path, 3), launch).run()
    assert [(job.run.seed, error) for job, error in failures] == [(1, "no ink")] and launches == [[0, 1, 2]]


def test_a_started_run_is_launched_last(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Seed 1 loses its worker once. The second launch trains it last."""
    killed: list[int] = []

    def train(job: Job) -> None:
        if job.run.seed == 1 and not killed:
            killed.append(1)
            (job.folder / CONFIG).touch()
            raise RuntimeError("a worker was killed\nby a signal")
        finish(job)

    launch, launches = launcher(train)
    assert LaunchQueue(jobs(tmp_path, 4), launch).run() == []
    assert launches == [[0, 1, 2, 3], [2, 3, 1]]
    assert capsys.readouterr().out == "the launcher stopped: a worker was killed\n"


def test_a_run_that_kills_its_worker_takes_no_other_along(tmp_path: Path) -> None:
    """Seed 0 always kills its worker. It is launched alone and fails, and the others finish."""

    def train(job: Job) -> None:
        if job.run.seed == 0:
            (job.folder / CONFIG).touch()
            raise RuntimeError("a worker was killed")
        finish(job)

    launch, launches = launcher(train)
    failures = LaunchQueue(jobs(tmp_path, 3), launch).run()
    assert [(job.run.seed, error) for job, error in failures] == [(0, ENDED)]
    assert launches == [[0, 1, 2], [0], [1, 2]]


def test_workers_that_never_start_a_run_are_launched_a_few_times(tmp_path: Path) -> None:
    def train(job: Job) -> None:
        raise RuntimeError

    launch, launches = launcher(train)
    failures = LaunchQueue(jobs(tmp_path, 2), launch).run()
    assert [(job.run.seed, error) for job, error in failures] == [(0, ENDED), (1, ENDED)]
    assert launches == [[0, 1]] * LAUNCHES
