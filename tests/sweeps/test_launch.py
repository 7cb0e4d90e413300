"""Tests of launch_all with a launcher that loses workers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from configs import run

from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.jobs import ENDED, LAUNCHES, Job, launch_all

pytestmark = pytest.mark.pure


class FakeJob(Job):
    """A run that is finished once `done` lies in its folder."""

    @property
    def result(self) -> dict | None:
        return {"test_acc": 1.0} if (self.folder / "done").exists() else None


def begin(job: Job) -> None:
    (job.folder / CONFIG).touch()


def finish(job: Job) -> None:
    begin(job)
    (job.folder / "done").touch()


def launched(root: Path, n: int, train: Callable[[Job], str | None]) -> tuple[list[list[int]], dict[int, str | None]]:
    """Launch runs with the seeds 0 to n-1, one after the other, and return the seeds of each launch and the errors."""
    launches: list[list[int]] = []
    jobs = []
    for seed in range(n):
        (root / str(seed)).mkdir()
        jobs.append(FakeJob([], run(seed=seed), root / str(seed)))

    def launch(jobs: Sequence[Job]) -> Iterator[str | None]:
        launches.append([job.run.seed for job in jobs])
        outcomes = [train(job) for job in jobs]
        yield from outcomes

    launch_all(jobs, launch)
    return launches, {job.run.seed: job.error for job in jobs if job.error}


def test_a_launch_without_losses(tmp_path: Path) -> None:
    assert launched(tmp_path, 3, finish) == ([[0, 1, 2]], {})
    assert launched(tmp_path, 0, finish) == ([], {})


def test_a_failure_is_not_launched_again(tmp_path: Path) -> None:
    assert launched(tmp_path, 3, lambda job: "no ink" if job.run.seed == 1 else finish(job)) == (
        [[0, 1, 2]],
        {1: "no ink"},
    )


def test_a_started_run_is_launched_last(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Seed 1 loses its worker once. The second launch trains it last."""

    def train(job: Job) -> None:
        if job.run.seed == 1 and not job.wrote(CONFIG):
            begin(job)
            raise RuntimeError("a worker was killed\nby a signal")
        finish(job)

    assert launched(tmp_path, 4, train) == ([[0, 1, 2, 3], [2, 3, 1]], {})
    assert capsys.readouterr().out == "the launcher stopped: a worker was killed\n"


def test_a_run_that_kills_its_worker_takes_no_other_along(tmp_path: Path) -> None:
    """Seed 0 always kills its worker. It is launched alone and fails, and the others finish."""

    def train(job: Job) -> None:
        if job.run.seed == 0:
            begin(job)
            raise RuntimeError("a worker was killed")
        finish(job)

    assert launched(tmp_path, 3, train) == ([[0, 1, 2], [0], [1, 2]], {0: ENDED})


def test_workers_that_never_start_a_run_are_launched_a_few_times(tmp_path: Path) -> None:
    def train(job: Job) -> None:
        raise RuntimeError

    assert launched(tmp_path, 2, train) == ([[0, 1]] * LAUNCHES, dict.fromkeys((0, 1), ENDED))
