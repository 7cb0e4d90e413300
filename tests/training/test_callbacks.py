"""Tests of callbacks, early stopping, and the checkpoint of the best epoch."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Run
from hydra.core.override_parser.overrides_parser import OverridesParser
from lightning import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import digitcmp
from digitcmp.errors import ConfigError, RunError
from digitcmp.runs.result import RESULT_KEYS, SCORES
from digitcmp.sweeps.grid import typed

SMALL = ("data.train_pairs=200", "data.val_pairs=100", "data.test_pairs=100")
LIGHTNING = "lightning.pytorch.callbacks"


def train(folder: Path, *overrides: str) -> dict:
    return digitcmp.train(*SMALL, *overrides, folder=folder)


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


class Quiet(Callback):
    """A user's callback that stops a run after `epochs` epochs."""

    def __init__(self, epochs: int, monitor: str | None = None) -> None:
        self.epochs, self.monitor = epochs, monitor

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


def test_an_early_stop_is_a_result(tmp_path: Path) -> None:
    stop = f"callbacks={{own:{{_target_:{LIGHTNING}.EarlyStopping,monitor:val_loss,patience:1}}}}"
    result = train(tmp_path, "epochs=40", "lr=0.01", stop)
    losses = [float(row["val_loss"]) for row in rows(tmp_path)]
    assert 2 <= len(losses) == result["epochs_trained"] == result["checkpoint_epoch"] < 40
    assert losses[-1] >= losses[-2] == min(losses)
    assert result["val_loss"] == losses[-1] and result["callbacks"] == "EarlyStopping(monitor=val_loss,patience=1)"
    assert train(tmp_path, "epochs=40", "lr=0.01", stop)["config_hash"] == result["config_hash"]
    with pytest.raises(RunError, match="holds a finished run with callbacks=EarlyStopping"):
        train(tmp_path, "epochs=40", "lr=0.01")


def test_a_stop_between_evaluations_is_evaluated(tmp_path: Path) -> None:
    quiet = "callbacks={own:{_target_:test_callbacks.Quiet,epochs:3}}"
    result = train(tmp_path / "three", "epochs=4", "trainer.check_val_every_n_epoch=2", quiet)
    assert result["epochs_trained"] == 3 and rows(tmp_path / "three")[-1]["val_acc"] == ""
    same = train(tmp_path / "all", "epochs=3")
    assert {key: result[key] for key in SCORES} == {key: same[key] for key in SCORES}


class Rate(Callback):
    """A callback that sets the learning rate at the start of each epoch and records the rate of every step."""

    steps: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        trainer.optimizers[0].param_groups[0]["lr"] = 0.01 * (trainer.current_epoch + 1)

    def on_before_optimizer_step(
        self, trainer: Trainer, module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.steps.append(optimizer.param_groups[0]["lr"])


def test_a_rate_that_a_callback_sets_stays(tmp_path: Path) -> None:
    Rate.steps.clear()
    train(tmp_path, "epochs=2", "callbacks={own:{_target_:test_callbacks.Rate}}")
    assert Rate.steps == [0.01] * 10 + [0.02] * 10


def test_a_stop_before_the_first_evaluation_has_no_best_epoch(tmp_path: Path) -> None:
    quiet = "callbacks={own:{_target_:test_callbacks.Quiet,epochs:1}}"
    with pytest.raises(RunError, match="no epoch was evaluated"):
        train(tmp_path, "epochs=4", "trainer.check_val_every_n_epoch=2", "checkpoint=best", quiet)


def test_a_precision_that_the_device_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"precision=16-mixed is not supported by this device; Lightning would use bf16-mixed"
    ):
        train(tmp_path / "out", "trainer.precision=16-mixed")


def test_callbacks_that_only_watch_are_no_part_of_the_identity(tmp_path: Path) -> None:
    saver = f"callbacks={{own:{{_target_:{LIGHTNING}.ModelCheckpoint,monitor:val_acc,mode:max,filename:mine}}}}"
    result = train(tmp_path, "epochs=3", saver)
    plain = train(tmp_path, "epochs=3")
    assert result == plain and result["callbacks"] is None
    mine = torch.load(tmp_path / "checkpoints/mine.ckpt", weights_only=True)
    best = max(rows(tmp_path), key=lambda row: float(row["val_acc"]))
    assert mine["epoch"] + 1 == int(best["epoch"])


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=8", "lr=0.01", "checkpoint=best")
    curve = rows(tmp_path)
    best = max(curve, key=lambda row: float(row["val_acc"]))
    assert result["epochs_trained"] == 8 and result["checkpoint_epoch"] == int(best["epoch"]) < 8
    assert {key: result[key] for key in SCORES[:6]} == {key: float(best[key]) for key in SCORES[:6]}
    from digitcmp.commands.evaluate import evaluate

    assert evaluate({"checkpoint": str(tmp_path)})[1]["test_acc"] == result["test_acc"]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("mine.NoSuch", "callbacks: mine.NoSuch cannot be created: "),
        (f"{LIGHTNING}.Timer,second:3", "Timer cannot be created: .*unexpected keyword argument 'second'"),
        ("builtins.dict", "callbacks: builtins.dict is not a lightning Callback"),
        (f"{LIGHTNING}.EarlyStopping,monitor:val_los", "EarlyStopping.monitor=val_los is unknown; expected train_loss"),
        (f"{LIGHTNING}.ModelCheckpoint,monitor:f1", "ModelCheckpoint.monitor=f1 is unknown; expected train_loss"),
        (
            f"{LIGHTNING}.EarlyStopping,monitor:test_acc",
            "monitor=test_acc is not allowed: .* such as val_acc",
        ),
        ("test_callbacks.Quiet,epochs:3,monitor:test_loss", "Quiet.monitor=test_loss is not allowed: no choice"),
        (
            f"{LIGHTNING}.StochasticWeightAveraging,swa_lrs:0.1}},other:{{_target_:{LIGHTNING}.EMAWeightAveraging",
            "StochasticWeightAveraging and EMAWeightAveraging both average the weights",
        ),
    ],
)
def test_a_callback_that_cannot_be_made_is_refused(tmp_path: Path, callback: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        train(tmp_path / "out", f"callbacks={{own:{{_target_:{callback}}}}}")
    assert not list(tmp_path.iterdir())


def test_a_callback_without_a_target_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^callbacks.own.monitor needs callbacks.own._target_=CLASS"):
        digitcmp.train("callbacks={own:{monitor:val_acc}}")


def test_hparams_and_charts(tmp_path: Path, train: Run) -> None:
    """HParams contains every setting. The custom scalars show train, val and test of a score in one chart."""
    from tensorboard.plugins.custom_scalar import layout_pb2
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    train(*SMALL, "epochs=1", "aux=true", "hydra.run.dir=out", "pictures=true")
    events = EventAccumulator(str(tmp_path / "out")).Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    hparams = HParamsPluginData.FromString(content).session_start_info.hparams
    result = json.loads((tmp_path / "out/result.json").read_text())
    settings = result.keys() - set(RESULT_KEYS)
    assert settings <= set(hparams) and hparams["ema"].string_value == "null" and hparams["aux"].string_value == "true"
    assert hparams["label"].string_value == "AL4" and hparams["params"].number_value == 162_959
    tensor = events.Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert list(charts) == ["loss", "acc", "digit_acc", "argmax_acc"]
    assert charts["acc"] == ["acc/train_acc", "acc/val_acc", "acc/test_acc"]
    assert set(charts["acc"]) <= set(events.Tags()["scalars"])
    names = ["calibration", "digit confusion", "error rate by digits", "mistakes"]
    assert sorted(file.stem for file in (tmp_path / "out/pictures").glob("*.png")) == names


def test_knobs_as_python_has_them(tmp_path: Path) -> None:
    """Lists, mappings and NumPy numbers are equivalent to the text on the command line."""
    stop = {"_target_": f"{LIGHTNING}.EarlyStopping", "monitor": "val_loss", "patience": np.int64(1), "mode": "min"}
    pairs = {"train_pairs": 200, "val_pairs": np.int64(100), "test_pairs": 100}
    knobs: dict[str, Any] = {"epochs": 40, "lr": np.float64(0.01), "data": pairs}
    result = digitcmp.train(callbacks={"own": stop}, folder=tmp_path / "python", **knobs)
    typed = f"callbacks={{own:{{_target_:{LIGHTNING}.EarlyStopping,monitor:val_loss,patience:1,mode:min}}}}"
    same = train(tmp_path / "typed", "epochs=40", "lr=0.01", typed)
    assert same["config_hash"] == result["config_hash"] and same["test_loss"] == result["test_loss"]
    assert digitcmp.train(*SMALL, epochs=1, seed=np.int64(3), folder=tmp_path / "seed")["seed"] == 3


def test_texts_as_hydra_reads_them() -> None:
    parser = OverridesParser.create()
    for text in ("a", "it's", "a, b", "[x]", "${seed}", "1", "true", "", "c:\\temp", "ü ", "a=b", 'say "x"'):
        [override] = parser.parse_overrides([f"key={typed([text, {'inner': text}])}"])
        assert override.value() == [text, {"inner": text}] and isinstance(override.value()[0], str)
