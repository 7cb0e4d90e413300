"""Tests of the loggers of Weights & Biases and MLflow, offline and with the real packages."""

import csv
import json
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Run, until

from digitcmp.runs.folder import METRICS, RESULT
from digitcmp.runs.result import read_result

SMALL = "data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20", "epochs=3", "pictures=false"
BOTH = "logger=[wandb,mlflow]", "logger.wandb.offline=true"
SETTINGS = {"model": "ws3", "seed": "0", "epochs": "3", "label": "WS3"}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's accounts from the environment, and send no data."""
    pytest.importorskip("wandb")
    pytest.importorskip("mlflow")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_MODE", "offline")


def records(file: Path) -> Iterator[Any]:
    """Yield the records of an offline run of Weights & Biases: a log of LevelDB, in blocks of 32 KiB after 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    content, at, joined = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        joined += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # complete, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(joined)
            joined = b""
            yield record


def wandb_runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return `config`, the logged values by name, and the exit code of each offline run, by its id."""
    found = {}
    for file in folder.glob("wandb/*/*.wandb"):
        run: dict[str, Any] = {"config": {}, "logged": {}, "exit": None}
        for record in records(file):
            for item in (*record.run.config.update, *record.config.update):
                run["config"][item.key] = json.loads(item.value_json)
            for item in record.history.item:
                run["logged"].setdefault(item.key or item.nested_key[0], []).append(json.loads(item.value_json))
            if record.HasField("exit"):
                run["exit"] = record.exit.exit_code
        found[file.stem] = run
    return found


def mlflow_runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return `config`, the logged values by name, and the status of each run in mlruns/, by its id."""
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        client = mlflow.MlflowClient(f"file:{folder / 'mlruns'}")
    [experiment] = [found for found in client.search_experiments() if found.name == "digitcmp"]
    return {
        run.info.run_id: {
            "config": run.data.params,
            "logged": {
                name: [metric.value for metric in client.get_metric_history(run.info.run_id, name)]
                for name in run.data.metrics
            },
            "exit": run.info.status,
        }
        for run in client.search_runs([experiment.experiment_id])
    }


def check(folder: Path, result: Path, run: dict[str, Any]) -> None:
    """Check that a service has the settings, all epochs' scores and the final scores of the run in `result`."""
    stored = json.loads((result / RESULT).read_text())
    with (result / METRICS).open() as stream:
        rows = list(csv.DictReader(stream))
    assert run["config"].items() >= {**SETTINGS, "seed": str(stored["seed"])}.items()
    for name in ("train_acc", "val_loss", "test_acc"):
        assert run["logged"][name] == pytest.approx([float(row[name]) for row in rows])
    for name in ("val_acc", "test_acc"):
        assert run["logged"][f"final/{name}"] == [pytest.approx(stored[name])]


@pytest.mark.parametrize("workers", [pytest.param(2, marks=pytest.mark.slow), 1])
def test_every_run_of_a_sweep_is_a_run_of_its_own(command: Run, tmp_path: Path, workers: int) -> None:
    n_jobs = f"hydra.launcher.n_jobs={workers}"
    done = command("-m", "seed=range(3)", *BOTH, *SMALL, n_jobs, cold=True)  # MLflow caches its stores
    assert "[3/3]" in done.stdout and "wandb sync" not in done.stdout + done.stderr
    folders = {json.loads(file.read_text())["seed"]: file.parent for file in tmp_path.rglob(RESULT)}
    for found, ended in ((wandb_runs(tmp_path), 0), (mlflow_runs(tmp_path), "FINISHED")):
        assert sorted(int(run["config"]["seed"]) for run in found.values()) == [0, 1, 2]
        for run in found.values():
            run["config"] = {name: str(value) for name, value in run["config"].items()}
            check(tmp_path, folders[int(run["config"]["seed"])], run)
            assert run["exit"] == ended
    until(lambda: not processes_in(tmp_path), seconds=20)


def processes_in(folder: Path) -> list[str]:
    """Return the names of the processes, also wandb-core, whose working folder is this one or in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process.name())
        except (psutil.Error, OSError):  # ended, or another user's process
            continue
    return found


def test_a_run_that_fails_is_a_failed_run(train: Run, tmp_path: Path) -> None:
    import wandb

    done = train(*BOTH, *SMALL, "logger.wandb.offline=true", "optimizer=sgd", "lr=1e9", code=1)
    assert "training diverged. Lower lr." in done.stderr.splitlines()[-1]
    [found] = wandb_runs(tmp_path).values()
    assert found["exit"] == 1 and wandb.run is None
    assert [run["exit"] for run in mlflow_runs(tmp_path).values()] == ["FAILED"]


def test_a_service_that_cannot_start_is_a_line(train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def fail(**_: Any) -> None:
        raise wandb.errors.UsageError("No API key configured.\nUse `wandb login` to log in.")

    monkeypatch.setattr("wandb.init", fail)
    done = train("logger=wandb", *SMALL, "hydra.run.dir=run", code=1)
    assert done.stderr == "logger: WandbLogger cannot be created: No API key configured. Use `wandb login` to log in.\n"
    assert not list(tmp_path.iterdir())


def test_a_service_that_fails_at_the_end_costs_no_result(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("wandb.sdk.wandb_run.Run._finish", fail)
    done = train("logger=wandb", *SMALL, "hydra.run.dir=run")
    monkeypatch.undo()
    import_module("wandb").finish()
    assert "finishing WandbLogger failed (ConnectionError: no route to host)\n" in done.stderr
    assert read_result(tmp_path / "run")


def test_the_place_of_mlflow_is_the_users(train: Run, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    train("logger=mlflow", f"logger.mlflow.tracking_uri=file:{place}", *SMALL, "hydra.run.dir=run")
    assert len(list(place.glob("*/*/meta.yaml"))) == 1 and not (tmp_path / "mlruns").exists()
