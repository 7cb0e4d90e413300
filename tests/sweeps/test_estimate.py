"""Tests of the estimates of how long runs take."""

import time
from pathlib import Path

import pytest

from digitcmp.config.conf import config_yaml
from digitcmp.config.run import Run
from digitcmp.sweeps import estimate
from digitcmp.sweeps.estimate import Estimate, clock, steps, total
from digitcmp.sweeps.job import Job
from digitcmp.sweeps.progress import SweepProgress

pytestmark = pytest.mark.pure

RUN = {"model": "ws2", "aux": False, "precision": "32-true", "epochs": 2, "train_pairs": 50, "batch_size": 20}


def test_steps_count_every_network_of_an_ensemble() -> None:
    assert steps(RUN) == steps(RUN | {"ensemble": 1}) == 6  # a third, smaller batch in each epoch
    assert steps(RUN | {"epochs": "2", "ensemble": "3"}) == 18  # strings, as in a report's CSV
    assert steps(RUN | {"epochs_trained": 1}) == 3


def test_runs_of_the_same_kind_tell_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """6 steps took 0.6 s, 0.1 s each, twice the time in the report. Other kinds are expected to take twice theirs."""
    reported = {estimate.kind(RUN): 0.05, estimate.kind(RUN | {"model": "ws3"}): 0.2}
    monkeypatch.setattr(estimate, "reports", lambda: reported)
    known = Estimate()
    assert known.seconds(RUN) == pytest.approx(6 * 0.05 + estimate.OVERHEAD)
    known.learn(RUN | {"fit_seconds": 0.6})
    assert known.seconds(RUN | {"epochs": 4}) == pytest.approx(12 * 0.1 + estimate.OVERHEAD)
    assert known.seconds(RUN | {"model": "ws3"}) == pytest.approx(6 * 0.2 * 2 + estimate.OVERHEAD)
    assert known.seconds(RUN | {"model": "mine"}) == pytest.approx(6 * estimate.STEP * 2 + estimate.OVERHEAD)


def test_the_speed_of_the_sweep_corrects_every_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that take 10 times their predicted time multiply the estimates of other cells by 10 too."""
    monkeypatch.setattr(estimate, "reports", lambda: {})
    known, other = Estimate(), RUN | {"model": "ws3"}
    known.learn(RUN | {"fit_seconds": 0.6})  # 0.1 s a step
    known.learn(other | {"fit_seconds": 1.2})
    for seconds in (5.0, 6.0, 600.0):  # the median counts
        known.correct(RUN | {"fit_seconds": seconds})
    assert known.seconds(RUN) == pytest.approx(6.0 + estimate.OVERHEAD)
    assert known.seconds(other) == pytest.approx(12.0 + estimate.OVERHEAD)
    known.correct(other | {"fit_seconds": 2.4})  # now the kind has a speed of its own
    assert known.seconds(other) == pytest.approx(2.4 + estimate.OVERHEAD)
    assert known.seconds(RUN | {"model": "ws1"}) == pytest.approx(known.predicted(RUN | {"model": "ws1"}) * 6 + 0.15)


def test_the_time_left_includes_what_a_run_takes_beyond_its_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a run of 10 s with a fit of 1 s, one worker needs 10 s for the next run, whatever the estimate was."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(estimate, "reports", lambda: {})
    config = config_yaml() | {"lr": 1e-3, "model": {"name": "ws2"}}
    made = [Run.of(config | {"data": config["data"] | {"name": "mnist"}, "seed": seed}) for seed in (0, 1)]
    jobs = [Job.planned([], run, tmp_path / str(run.seed)) for run in made]
    progress = SweepProgress(jobs, 2, Estimate(), stop_on_failure=False, workers=1)
    progress.began[jobs[0].folder] = now
    progress.at_once = 1
    now = 110.0
    progress.estimate.correct(made[0].settings | {"fit_seconds": 1.0})
    progress.learn(jobs[0], 1.0)
    progress.end(jobs[0], "")
    assert progress.left == ", 0:00:10 left"


def test_a_size_is_a_kind_however_it_is_written() -> None:
    sizes = [estimate.kind(RUN | {"hidden": hidden}) for hidden in (300, 300.0, "300.0")]
    assert len(set(sizes)) == 1 and sizes[0] != estimate.kind(RUN)
    assert estimate.kind(RUN) == estimate.kind(RUN | {"hidden": None}) == estimate.kind(RUN | {"hidden": float("nan")})


def test_every_report_is_understood() -> None:
    assert len(estimate.reports()) > 20 and all(0 < seconds < 1 for seconds in estimate.reports().values())


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0.0, 0.3, 61.4, 3725.0)] == ["0:00:01", "0:00:01", "0:01:01", "1:02:05"]
    assert (
        total([3.0, 3.0, 3.0, 3.0], workers=2) == 6
        and total([10.0, 1.0], workers=2) == 10
        and total([], workers=2) == 0
    )


def test_a_run_that_takes_longer_than_was_thought_has_no_time_left(tmp_path: Path) -> None:
    config = config_yaml() | {"lr": 1e-3, "model": {"name": "ws2"}, "epochs": 2500}
    run = Run.of(config | {"data": config["data"] | {"name": "mnist"}})
    progress = SweepProgress([Job.planned([], run, tmp_path)], 1, Estimate(), stop_on_failure=False, workers=1)
    assert progress.left != ", 0:00:01 left"
    progress.began[tmp_path] = time.monotonic() - 10_000
    assert progress.left == ", 0:00:01 left"
