"""train.py from the outside: what a run leaves on disk and on the screen, and what it refuses."""

import csv
import json
import os
import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from conftest import Run
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from digitcmp import paper
from digitcmp.config import CONF
from digitcmp.module import DigitComparison

QUICK = ("data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40", "epochs=2")


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """One whole run of AL4, as in the README."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("run")
    command = [sys.executable, str(CONF.parent / "train.py"), "model=ws3", "aux=true", "hydra.run.dir=out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return folder / "out", done


def test_learns(run: tuple[Path, CompletedProcess[str]]) -> None:
    found = result(run[0])
    assert found["test_acc"] > 0.88
    assert found["digit_acc"] > 0.9
    assert found["argmax_acc"] > 0.9


def test_files_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    folder, _ = run
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    files = {re.sub(r"(tfevents).*", r"\1", name) for name in names}
    assert files == {
        ".lock",
        "config.yaml",
        "metrics.csv",
        "checkpoints/last.ckpt",
        "events.out.tfevents",
        "result.json",
    }
    found = result(folder)
    assert found | {"label": "AL4", "model": "ws3", "aux": True, "lr": 2e-3, "seed": 0, "params": 162_959} == found
    assert found | {"epochs": 25, "train_pairs": 1000, "dataset": "mnist", "hidden": None, "device": "cpu"} == found
    assert OmegaConf.load(folder / "config.yaml").model.name == "ws3"


def test_metrics_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    with (run[0] / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 26))
    columns = ["epoch", "train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "test_acc"]
    assert list(rows[0])[:7] == columns
    for column in columns[1:]:
        assert float(rows[-1][column]) == result(run[0])[column]
    assert float(rows[-1]["test_digit_acc"]) == result(run[0])["digit_acc"]
    assert float(rows[-1]["test_acc"]) * 1000 == pytest.approx(round(float(rows[-1]["test_acc"]) * 1000), abs=1e-6)


def test_events_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    events = EventAccumulator(str(run[0])).Reload()
    scalars = events.Tags()["scalars"]
    assert {f"{score}/{stage}_{score}" for score in ("loss", "acc") for stage in ("train", "val", "test")} <= set(
        scalars
    )
    assert [event.step for event in events.Scalars("loss/test_loss")] == list(range(1, 26))
    for score in ("test_acc", "val_acc"):
        assert events.Scalars(f"final/{score}")[-1].value == pytest.approx(result(run[0])[score])
    kinds = ["mistakes", "error rate by digits", "calibration", "digit confusion", "first-layer filters"]
    assert events.Tags()["images"] == kinds
    hparams = HParamsPluginData.FromString(
        events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    ).session_start_info.hparams
    assert (hparams["label"].string_value, hparams["head"].string_value) == ("AL4", "mlp")
    assert (hparams["lr"].number_value, hparams["params"].number_value) == (2e-3, 162_959)


def test_checkpoint_restores_and_repeats_the_result(run: tuple[Path, CompletedProcess[str]]) -> None:
    from digitcmp.data import PairData

    module = DigitComparison.load_from_checkpoint(run[0] / "checkpoints" / "last.ckpt", weights_only=True)
    data = PairData("mnist", 1000, 1000, 1000, seed=0)
    data.setup()
    with torch.no_grad():
        right = (module.eval()(data.sets["test"].pairs).compare > 0) == data.sets["test"].target.bool()
    assert right.float().mean().item() == pytest.approx(result(run[0])["test_acc"], abs=1.5e-3)


def test_screen_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    _, done = run
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "AL4 (model=ws3 aux=true), 162,959 parameters; mnist, 1,000 + 1,000 + 1,000 pairs; seed 0"
    )
    assert sum(line.startswith("epoch ") for line in lines) == 25
    assert "0.914 ± 0.015" in done.stdout
    assert lines[-1] == "Look inside: tensorboard --logdir " + lines[-1].split()[-1]
    assert done.stderr == ""  # no warnings


def test_same_seed_same_numbers(train: Run, tmp_path: Path) -> None:
    for folder, *arguments in (["a"], ["b"], ["c", "seed=1"]):
        train(*QUICK, f"hydra.run.dir={folder}", *arguments)
    one, two, other = ((tmp_path / folder / "metrics.csv").read_bytes() for folder in "abc")
    assert one == two != other
    weights = [torch.load(tmp_path / f / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for f in "ab"]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_finished_run_is_not_overwritten(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "hydra.run.dir=out")
    before = (tmp_path / "out/result.json").stat().st_mtime_ns
    assert "finished" in train(*QUICK, "hydra.run.dir=out").stdout
    refused = train(*QUICK, "seed=1", "hydra.run.dir=out", code=1)
    assert "out holds a finished run with seed=0, not seed=1" in refused.stderr
    assert (tmp_path / "out/result.json").stat().st_mtime_ns == before
    train(*QUICK, "seed=1", "hydra.run.dir=out", "force=true")
    assert result(tmp_path / "out")["seed"] == 1


BAD = ["epochs=0", "lr=-1", "aux_weight=-1", "data.val_pairs=-5", "batch_size=5000", "force=no", "trainer.precision=8"]


@pytest.mark.parametrize("bad", BAD)
def test_bad_values_leave_nothing(train: Run, tmp_path: Path, bad: str) -> None:
    done = train(bad, code=1)
    key, value = bad.split("=")
    assert done.stderr.startswith(f"{key}={value} is not allowed: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_only_lightning_refuses_leaves_a_finished_run(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "hydra.run.dir=out")
    before = (tmp_path / "out/result.json").read_text()
    for bad, message in (
        ("+trainer.typo=1", "unexpected keyword argument 'typo'"),
        ("trainer.accelerator=mps", "can not run on your system"),
        ("+model.hidden=300", "unexpected keyword argument 'hidden'"),
    ):
        done = train(*QUICK, "hydra.run.dir=out", "force=true", bad, code=1)
        assert message in done.stderr and "Traceback" not in done.stderr
        assert (tmp_path / "out/result.json").read_text() == before


def test_an_answer_does_not_wait_for_torch(train: Run, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    for arguments, code in ((["--help"], 0), (["experiment=table1", "dry_run=true"], 0), (["epochs=0"], 1)):
        assert "torch was imported" not in train(*arguments, code=code, PYTHONPATH=str(tmp_path)).stderr
    assert "torch was imported" in train(*QUICK, code=None, PYTHONPATH=str(tmp_path)).stderr


def test_unknown_names_get_hydras_list(train: Run, tmp_path: Path) -> None:
    models = train("model=ws9", code=1).stderr
    assert "Could not find 'model/ws9'" in models and "ws3" in models
    assert "Key 'epoch' is not in struct" in train("epoch=3", code=1).stderr
    assert "model=null is not allowed: a file of conf/model" in train("~model", code=1).stderr
    assert list(tmp_path.iterdir()) == []
    for name, message in (
        ("model.name=ws9", "no backbone 'ws9'; there are "),
        ("data.name=cifar", "no data set 'cifar'"),
    ):
        unknown = train(name, code=1).stderr
        assert message in unknown and "Traceback" not in unknown


def test_a_broken_yaml_is_named_in_a_line(train: Run, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/mine.yaml").write_text("name: ws3\nwidth: [1\nlr: 2\n")
    done = train("--config-dir=mine", "model=mine", code=1)
    assert done.stderr.startswith("while parsing a flow sequence in ") and 'mine.yaml", line 2' in done.stderr
    assert "Traceback" not in done.stderr and [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_diverged_run_has_no_result(train: Run, tmp_path: Path) -> None:
    done = train(*QUICK, "lr=1e12", "hydra.run.dir=out", code=1)
    assert "the train loss is nan in epoch 1: training diverged, lower lr (1e+12)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/result.json").exists()


def test_merged_network_with_aux(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "model=fcnn1", "aux=true", "model.hidden=30", "hydra.run.dir=out")
    assert result(tmp_path / "out") | {"label": "FCNN1+AL", "hidden": 30, "lr": 5e-4} == result(tmp_path / "out")


def test_the_papers_number_is_shown_beside_its_own_task_only(train: Run, tmp_path: Path) -> None:
    done = train(*QUICK, "trainer.gradient_clip_val=0.5", "hydra.run.dir=out")
    assert result(tmp_path / "out")["gradient_clip_val"] == 0.5
    assert "paper (" not in done.stdout


@pytest.mark.parametrize(
    "option, message",
    [
        ("+trainer.limit_val_batches=0", "kept the last epoch from being trained and evaluated"),
        ("+trainer.max_steps=1", "kept the last epoch from being trained and evaluated"),
        ("+trainer.accumulate_grad_batches=2", "accumulate_grad_batches"),
    ],
)
def test_a_lightning_option_passes_through_and_what_it_spoils_has_no_result(
    train: Run, tmp_path: Path, option: str, message: str
) -> None:
    done = train(*QUICK, "epochs=3", option, "hydra.run.dir=out", code=1)
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out/result.json").exists()


def test_gradients_are_clipped_in_mixed_precision(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.5", "hydra.run.dir=out")
    assert result(tmp_path / "out")["precision"] == "bf16-mixed"


def test_files_of_others_are_left_alone(train: Run, tmp_path: Path) -> None:
    (tmp_path / "mine/checkpoints").mkdir(parents=True)
    (tmp_path / "mine/checkpoints/thesis.ckpt").touch()
    train(*QUICK, "hydra.run.dir=mine")
    assert (tmp_path / "mine/checkpoints/thesis.ckpt").exists()
    (tmp_path / "config.yaml").write_text("mine")
    refused = train(*QUICK, "hydra.run.dir=.", "force=true", code=1)
    assert "holds a config.yaml that is no run's: choose another folder" in refused.stderr
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_dry_run_and_help(train: Run, tmp_path: Path) -> None:
    assert "would train WS3, model=ws3,aux=false,lr=0.0013, seed 0" in train("dry_run=true").stdout
    text = train("--help").stdout
    for name in [*paper.BACKBONES, "kmnist", "table1", "python train.py -m"]:
        assert name in text
    assert list(tmp_path.iterdir()) == []
