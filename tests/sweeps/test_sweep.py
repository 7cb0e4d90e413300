"""Tests of sweeps through the command line."""

import json
import random
import shlex
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Run, Start, numbers, until, written
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from digitcmp.runs.folder import RESULT, lock
from digitcmp.runs.result import read_result, record_result
from digitcmp.sweeps.jobs import LAUNCHES
from hydra_plugins.digitcmp import LocalLauncher

QUICK = ("epochs=1", "data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40")
SWEEP = ("-m", "model=ws2", "lr=1e-3,2e-3", "seed=range(2)", *QUICK)
CELL = "model=ws2,aux=false,lr={},epochs=1,test_pairs=40,train_pairs=40,val_pairs=40"


def folders(root: Path) -> list[Path]:
    """Return the four run folders of SWEEP in the order of training."""
    return [root / CELL.format(lr) / f"seed={seed}" for lr in ("0.001", "0.002") for seed in range(2)]


def pictures(folder: Path) -> list[str]:
    """Return the names of a run's pictures in TensorBoard."""
    return EventAccumulator(str(folder)).Reload().Tags()["images"]


def finished(folders: list[Path]) -> list[Path]:
    return [folder for folder in folders if read_result(folder)]


def test_killed_half_way_and_started_again(command: Run, start: Start, tmp_path: Path) -> None:
    root = tmp_path / "multirun" / "sweep"
    parallel = (*SWEEP, "hydra.launcher.n_jobs=2")
    first, last = folders(root)[:2], folders(root)[2:]
    with ExitStack() as held:
        for folder in last:
            held.enter_context(lock(folder))  # no worker gets beyond the first two
        sweep = start(*parallel)
        until(lambda: finished(first) == first)
        sweep.kill_group()
    before = written(first)
    assert finished(folders(root)) == first

    again = command(*parallel).stdout
    assert "4 runs in multirun/sweep, 2 finished before" in again
    assert [line.split()[0] for line in again.splitlines() if line[0:1] == "["] == ["[3/4]", "[4/4]"]
    assert finished(folders(root)) == folders(root) and written(first) == before

    whole = written(folders(root))
    assert "4 runs in multirun/sweep, 4 finished before" in command(*SWEEP).stdout
    assert "4 runs, 4 finished" in command(*SWEEP, "dry_run=true").stdout

    result = json.loads((last[0] / RESULT).read_text())
    record_result(last[0], result | {"batch_size": 10})  # as if the default had been 10
    refused = command(*SWEEP, code=1)
    assert "seed=0 holds a finished run with batch_size=10, not batch_size=20" in refused.stderr
    assert "force=true" in refused.stderr and len(refused.stderr.splitlines()) == 1
    record_result(last[0], result)

    in_parallel = [numbers(folder) for folder in folders(root)]
    assert not any(pictures(folder) for folder in folders(root))
    command(*SWEEP, "force=true", "hydra/launcher=basic", "pictures=true")
    assert [numbers(folder) for folder in folders(root)] == in_parallel
    assert all("mistakes" in pictures(folder) for folder in folders(root))
    assert not set(written(folders(root)).items()) & set(whole.items())


def test_failures_are_listed_with_their_commands(train: Run, tmp_path: Path) -> None:
    sweep = train("-m", "model=ws2,ws3", "aux=true", "lr=1e-3,1e30", *QUICK, code=1)
    lines = sweep.stderr.splitlines()
    assert "2 not finished:" in lines and "Traceback" not in sweep.stderr, sweep.stderr
    said = [line for line in sweep.stdout.splitlines() if line.startswith("[")]
    assert [line.split()[0] for line in said] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert sum("FAILED: the train loss is nan in epoch 1" in line for line in said) == 2
    for label, model in (("AL3", "ws2"), ("AL4", "ws3")):
        (at,) = (i for i, line in enumerate(lines) if line.startswith(f"  {label}"))
        assert f"model={model},aux=true,lr=1e+30" in lines[at]
        assert "seed=0: the train loss is nan in epoch 1: training diverged. Lower lr." in lines[at]
        python, script, *arguments = shlex.split(lines[at + 1])
        assert (python, script) == ("python", "train.py")
        alone = train(*arguments, "dry_run=true").stdout.splitlines()
        assert alone[0].startswith(f"   0 of 1 finished  {label}") and len(alone) == 2
    assert len(finished([file.parent for file in tmp_path.rglob(RESULT)])) == 2


def test_a_sweep_may_stop_at_the_first_failure(command: Run, tmp_path: Path) -> None:
    sweep = ("-m", "model=ws2", "lr=1e30,1e-3", *QUICK, "stop_on_failure=true", "hydra/launcher=basic")
    second = tmp_path / "multirun/sweep" / CELL.format("0.001") / "seed=0"
    with lock(second):  # so that it cannot finish first
        stopped = command(*sweep, code=143)
    assert "[1/2]" in stopped.stdout and "FAILED: the train loss is nan" in stopped.stdout
    assert stopped.stderr == "stopped. Start the sweep again to train the unfinished runs.\n"
    assert not finished([second])


def test_two_at_once_train_nothing_twice(start: Start, tmp_path: Path) -> None:
    sweeps = [start(*SWEEP, "hydra/launcher=basic") for _ in range(2)]
    events = set()  # a run that is trained twice writes two event files, though one of them is deleted
    while any(sweep.is_alive() for sweep in sweeps):
        events.update(tmp_path.rglob("events.out.tfevents.*"))
        time.sleep(0.01)
    for sweep in sweeps:
        sweep.done()
    assert finished(folders(tmp_path / "multirun" / "sweep")) == sorted({file.parent for file in events})
    assert len(events) == 4


def test_dry_run_writes_nothing(train: Run, tmp_path: Path) -> None:
    lines = train(*SWEEP, "dry_run=true").stdout.splitlines()
    assert [line.split()[:4] for line in lines[:2]] == [["0", "of", "2", "finished"]] * 2
    assert lines[2] == "4 runs, 0 finished"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("sweep=x,y", "sweep=x,y is not allowed: a sweep has one sweep; one value is expected\n"),
        ("force=true,false", "force=true,false is not allowed"),
        ("epochs=25,0", "epochs=0 is not allowed; input should be "),
    ],
)
def test_what_is_not_allowed_stops_a_sweep_before_it_starts(
    train: Run, tmp_path: Path, typed: str, message: str
) -> None:
    assert train("-m", "model=ws2", typed, code=1).stderr.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_in_a_file_starts_alone(train: Run, tmp_path: Path) -> None:
    refused = train("-m", "experiment=figure5,table1", code=1)
    assert len(refused.stderr.splitlines()) == 1  # Hydra 1.4 has another message
    assert "experiment=figure5 is not allowed inside a sweep" in refused.stderr or "hydra.sweeper" in refused.stderr
    assert "4 runs, 0 finished" in train("-m", "experiment=best,best_unlabelled", "seed=0,1", "dry_run=true").stdout
    assert list(tmp_path.iterdir()) == []


def test_force_loses_nothing_before_the_new_run_begins(command: Run, tmp_path: Path) -> None:
    sweep = ["-m", "model=ws2", "epochs=1", "seed=0,1", "data.train_pairs=40", "data.val_pairs=20", "sweep=s"]
    command(*sweep)
    before = sorted((tmp_path / "multirun/s").rglob("result.json"))
    refused = command(*sweep, "force=true", "hydra.launcher.n_jobs=0", code=1)  # a launcher that cannot start
    assert "2 not finished" in refused.stderr and refused.stdout.count("the launcher stopped: ") == LAUNCHES
    assert len(before) == 2 and all(file.exists() for file in before)
    times = {file: file.stat().st_mtime_ns for file in before}
    assert "[2/2]" in command(*sweep, "force=true").stdout
    assert all(file.stat().st_mtime_ns > times[file] for file in before)


def test_the_validation_accuracy_is_the_objective_of_other_sweepers(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweeper that launches runs with random rates receives their validation accuracies as return values."""
    found: list[tuple[float, float]] = []

    def search(self: Sweeper, arguments: list[str]) -> None:
        rates = [10 ** random.Random(trial).uniform(-4, -2) for trial in range(2)]
        jobs = [[*arguments, f"lr={rate}", f"hydra.sweep.subdir={rate}"] for rate in rates]
        returned = self.launcher.launch(jobs, initial_job_idx=0)  # type: ignore[attr-defined]
        found.extend((job.return_value, rate) for job, rate in zip(returned, rates, strict=True))

    basic = Plugins.instance().class_name_to_class["hydra._internal.core_plugins.basic_sweeper.BasicSweeper"]
    monkeypatch.setattr(basic, "sweep", search)
    train("-m", "model=ws2", *QUICK, "hydra/sweeper=basic", "hydra/launcher=basic", "sweep=random")
    recorded = {
        (result["val_acc"], result["lr"])
        for result in (json.loads(file.read_text()) for file in tmp_path.rglob(RESULT))
    }
    assert len(found) == 2 and recorded == {*found}


@pytest.mark.parametrize(
    ("typed", "runs", "workers"), [(-1, 3, 3), (-1, 100, 8), (5, 3, 3), (5, 1, 2), (1, 9, 1), (2, 9, 2)]
)
def test_no_more_workers_start_than_there_are_runs(
    monkeypatch: pytest.MonkeyPatch, typed: int, runs: int, workers: int
) -> None:
    """The machine has 8 cores. A single run uses a worker, which it may kill, unless n_jobs=1 is set."""
    started = []
    monkeypatch.setattr("hydra_plugins.digitcmp.cpu_count", lambda: 8)
    monkeypatch.setattr(JoblibLauncher, "launch", lambda self, *_: started.append(self.joblib["n_jobs"]))
    LocalLauncher(n_jobs=typed).launch([["seed=0"]] * runs, 0)
    assert started == [workers]
