"""Tests of the progress of a sweep, with runs of ten seconds each."""

import time
from pathlib import Path

import pytest
from configs import run

from digitcmp.sweeps.jobs import Job
from digitcmp.sweeps.watcher import SweepProgress


def test_the_time_left_follows_the_speed_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that were finished before do not count."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    jobs = [Job([], run(seed=seed), tmp_path / str(seed)) for seed in range(4)]
    progress = SweepProgress(jobs, 9, stop_on_failure=False)
    progress.bar.get_time = lambda: now
    progress.bar.start_task(progress.task)
    for job in jobs:
        now += 10
        progress.end(job, "done")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["[6/9]", "[7/9]", "[8/9]", "[9/9]"]
    assert [line.partition("done")[2] for line in lines[1:]] == [", 0:00:20 left", ", 0:00:10 left", ""]
