"""Tests of the callbacks of Lightning and the options of its Trainer: each works as documented or is rejected.

A run has 200 training pairs in 10 batches of 20 by default.
"""

import csv
import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch.callbacks
import lightning.pytorch.loggers
import pytest
import torch
from conftest import ROOT, Run
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter, WeightAveraging
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.optim.swa_utils import get_ema_avg_fn

import digitcmp
from digitcmp.config.conf import CONF
from digitcmp.config.trainer import REJECTED
from digitcmp.errors import ConfigError, RunError
from digitcmp.training import assembly

SMALL = ("data.train_pairs=200", "data.val_pairs=100", "data.test_pairs=100")
CALLBACKS = "lightning.pytorch.callbacks"


def train(folder: Path, *overrides: str, **knobs: Any) -> dict[str, Any]:
    return digitcmp.train(*SMALL, *overrides, folder=folder, **knobs)


def callback(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": name if "." in name else f"{CALLBACKS}.{name}", **arguments}


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def weights(folder: Path) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in digitcmp.load(folder).network.parameters()])


class Hooks(Callback):
    """A callback that counts the calls of hooks and records the weights, digits, loss and rate of every batch."""

    seen: "Hooks"

    def __init__(self) -> None:
        Hooks.seen = self
        self.counts: dict[str, int] = {}
        self.weights: list[torch.Tensor] = []
        self.digits: list[torch.Tensor] = []
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.module: LightningModule | None = None

    def count(self, hook: str) -> None:
        self.counts[hook] = self.counts.get(hook, 0) + 1

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.count("train_epoch")
        self.module = module

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.count("train_batch")
        self.weights.append(torch.cat([p.detach().flatten() for p in module.network.parameters()]))
        self.digits.append(batch.digits)
        self.losses.append(outputs["loss"].item())

    def on_before_optimizer_step(self, trainer: Trainer, module: LightningModule, optimizer: Any) -> None:
        self.count("step")

    def on_before_zero_grad(self, trainer: Trainer, module: LightningModule, optimizer: Any) -> None:
        self.count("zero_grad")

    def on_after_backward(self, trainer: Trainer, module: LightningModule) -> None:
        self.count("backward")

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.count("validation")

    def on_validation_batch_end(self, *_: Any, **__: Any) -> None:
        self.count("validation_batch")

    def on_sanity_check_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.count("sanity")

    def on_test_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.count("test")


HOOKS = callback("test_lightning.Hooks")


def test_hooks_are_called_per_batch(tmp_path: Path) -> None:
    train(tmp_path, "epochs=3", callbacks=[HOOKS])
    assert Hooks.seen.counts == {
        **{"train_epoch": 3, "train_batch": 30, "step": 30, "zero_grad": 30, "backward": 30},
        **{"validation": 3, "validation_batch": 6},
    }
    assert not torch.equal(Hooks.seen.weights[0], Hooks.seen.weights[1])


# callbacks


def test_every_callback_of_lightning_is_tested_here() -> None:
    names = set(lightning.pytorch.callbacks.__all__)
    source = Path(__file__).read_text() + (ROOT / "tests/training/test_callbacks.py").read_text()
    abstract = {"Callback", "BaseFinetuning", "BasePredictionWriter", "Checkpoint", "ProgressBar", "WeightAveraging"}
    assert {name for name in names - abstract if f'"{name}"' not in source and f".{name}" not in source} == set()


def test_an_average_is_updated_after_every_step(tmp_path: Path) -> None:
    """EMAWeightAveraging keeps the average of the weights over all 30 steps. The result has its scores."""
    result = train(tmp_path, "epochs=3", callbacks=[callback("EMAWeightAveraging", decay=0.9), HOOKS])
    steps, average = Hooks.seen.weights, Hooks.seen.weights[0]
    assert len(steps) == 30
    for number, step in enumerate(steps[1:], 1):
        average = get_ema_avg_fn(0.9)(average, step, torch.tensor(number))
    assert torch.allclose(weights(tmp_path), average, atol=1e-6)
    assert float(rows(tmp_path)[-1]["test_loss"]) == pytest.approx(result["test_loss"])


def test_ema_is_an_average_after_every_step(tmp_path: Path) -> None:
    train(tmp_path / "option", "epochs=3", "ema=0.9")
    train(tmp_path / "callback", "epochs=3", callbacks=[callback("EMAWeightAveraging", decay=0.9)])
    assert torch.allclose(weights(tmp_path / "option"), weights(tmp_path / "callback"), atol=1e-6)


def test_ema_and_another_average_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="ema=0.9 and EMAWeightAveraging both average the weights"):
        train(tmp_path / "out", "ema=0.9", callbacks=[callback("EMAWeightAveraging")])
    assert not (tmp_path / "out").exists()


def test_the_best_epoch_of_averaged_weights(tmp_path: Path) -> None:
    """checkpoint=best reports the scores of the averaged weights in the best epoch."""
    result = train(tmp_path, "epochs=6", "ema=0.9", "checkpoint=best", "lr=0.01")
    best = rows(tmp_path)[result["checkpoint_epoch"] - 1]
    assert float(best["val_acc"]) == max(float(row["val_acc"]) for row in rows(tmp_path)) == result["val_acc"]
    assert {name: result[name] for name in ("train_loss", "val_loss", "test_loss")} == {
        name: float(best[name]) for name in ("train_loss", "val_loss", "test_loss")
    }
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("model", ["ws2", "convnet"])
@pytest.mark.parametrize("validated", [True, False])
def test_stochastic_weight_averaging_is_the_mean_of_epochs(tmp_path: Path, model: str, validated: bool) -> None:
    """The weights are the mean of those at the starts of the last three of four epochs. convnet has batch norm."""
    swa = callback("StochasticWeightAveraging", swa_lrs=0.01, swa_epoch_start=2)
    batches = options(limit_val_batches=None if validated else 0)
    train(tmp_path, f"model={model}", "epochs=4", callbacks=[swa, HOOKS], **batches)
    starts = [Hooks.seen.weights[number] for number in (9, 19, 29)]
    assert torch.allclose(weights(tmp_path), torch.stack(starts).mean(dim=0), atol=1e-5)


def test_rates_are_monitored_every_step(tmp_path: Path) -> None:
    train(tmp_path, "epochs=3", "schedule=one_cycle", callbacks=[callback("LearningRateMonitor"), HOOKS])
    points = EventAccumulator(str(tmp_path)).Reload().Scalars("lr-Adam")
    assert [point.step for point in points] == list(range(30))
    assert [point.value for point in points] == pytest.approx(Hooks.seen.rates)


def test_rates_are_monitored_every_epoch(tmp_path: Path) -> None:
    train(tmp_path, "epochs=3", callbacks=[callback("LearningRateMonitor", logging_interval="epoch")])
    assert len(EventAccumulator(str(tmp_path)).Reload().Scalars("lr-Adam")) == 3


def test_checkpoints_every_so_many_steps(tmp_path: Path) -> None:
    saver = callback("ModelCheckpoint", every_n_train_steps=10, save_top_k=-1, filename="{step}")
    train(tmp_path, "epochs=3", callbacks=[saver])
    assert {file.name for file in (tmp_path / "checkpoints").iterdir()} == {
        *("step=10.ckpt", "step=20.ckpt", "step=30.ckpt", "last.ckpt"),
    }


def test_a_checkpoint_of_lightning_predicts(tmp_path: Path) -> None:
    train(tmp_path, "epochs=1", callbacks=[callback("ModelCheckpoint", filename="mine")])
    same = [digitcmp.load(tmp_path / "checkpoints" / name).network.state_dict() for name in ("mine.ckpt", "last.ckpt")]
    assert all(torch.equal(same[0][key], same[1][key]) for key in same[0])


def test_an_early_stop_of_a_training_score(tmp_path: Path) -> None:
    stop = callback("EarlyStopping", monitor="train_acc", mode="max", stopping_threshold=0.6, patience=99)
    result = train(tmp_path, "epochs=20", "lr=0.01", callbacks=[stop])
    curve = [float(row["train_acc"]) for row in rows(tmp_path)]
    assert curve[-1] > 0.6 and max(curve[:-1], default=0) <= 0.6 and result["epochs_trained"] == len(curve)


def test_the_screen_says_how_many_epochs_were_trained_and_whose_weights_are_kept(train: Run, tmp_path: Path) -> None:
    stop = "callbacks.early_stopping.patience=1"
    done = train(
        *SMALL, "epochs=40", "lr=0.01", "callbacks=early_stopping", stop, "checkpoint=best", "hydra.run.dir=out"
    )
    result = json.loads((tmp_path / "out/result.json").read_text())
    trained, kept = result["epochs_trained"], result["checkpoint_epoch"]
    assert kept == trained - 1 and f"{trained} epochs, with the weights of epoch {kept}, in " in done.stdout


def test_gradients_accumulate_on_schedule(tmp_path: Path) -> None:
    """The first epoch has 10 steps. The other two have a step every 5 batches, 2 each."""
    train(tmp_path, "epochs=3", callbacks=[callback("GradientAccumulationScheduler", scheduling={1: 5}), HOOKS])
    assert Hooks.seen.counts["step"] == 10 + 2 + 2 and Hooks.seen.counts["train_batch"] == 30


def test_a_found_rate_is_used_and_recorded(tmp_path: Path) -> None:
    finder = callback("LearningRateFinder", num_training_steps=40, min_lr=1e-6)
    result = train(tmp_path, "epochs=2", callbacks=[finder, HOOKS])
    assert result["found_lr"] == Hooks.seen.rates[0] != result["lr"] == 1.3e-3
    assert "found_batch_size" not in result and len(rows(tmp_path)) == 2
    assert not list(tmp_path.glob("*.ckpt")) and not list(tmp_path.glob(".lr_find*"))


def test_a_found_batch_size_is_used_and_recorded(tmp_path: Path) -> None:
    finder = callback("BatchSizeFinder", init_val=20, max_trials=3, steps_per_trial=1)
    result = train(tmp_path, "epochs=2", callbacks=[finder, HOOKS])
    assert (result["found_batch_size"], result["batch_size"]) == (len(Hooks.seen.digits[0]), 20)
    assert result["found_batch_size"] > 20
    assert Hooks.seen.counts["train_batch"] == 2 * -(-200 // result["found_batch_size"])


def test_a_timer_stops_between_batches(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a callback stopped the run before its first epoch had ended"):
        train(tmp_path, "epochs=2", callbacks=[callback("Timer", duration={"seconds": 0}), HOOKS])


def test_a_loss_spike_is_detected(tmp_path: Path) -> None:
    """SpikeDetection receives each loss. Without tolerances the first loss above the previous one is a spike."""
    spike = callback("SpikeDetection", warmup=1, atol=0.0, rtol=0.0)
    with pytest.raises(RunError, match="spike"):
        train(tmp_path / "spike", callbacks=[spike, HOOKS])
    bad = json.loads((tmp_path / "spike/skip_batches.json").read_text())
    losses = Hooks.seen.losses
    assert bad == [len(losses) - 1, len(losses)] and losses == sorted(losses, reverse=True)
    calm = callback("SpikeDetection", atol=100.0, rtol=100.0)
    assert train(tmp_path / "calm", "epochs=1", callbacks=[calm])["epochs_trained"] == 1


def test_a_frozen_backbone_is_unfrozen(tmp_path: Path) -> None:
    """BackboneFinetuning trains only the head in the first epoch, then all weights."""
    fine = callback("BackboneFinetuning", unfreeze_backbone_at_epoch=1, verbose=False)
    train(tmp_path, "epochs=2", callbacks=[fine, HOOKS])
    steps = Hooks.seen.weights
    backbone = slice(0, 5 * 9 + 5)  # the weights of the first convolution
    assert torch.equal(steps[0][backbone], steps[9][backbone]) and not torch.equal(steps[9], steps[0])
    assert not torch.equal(steps[9][backbone], steps[10][backbone])


def test_a_pruned_network_has_zeros(tmp_path: Path) -> None:
    pruning = callback("ModelPruning", pruning_fn="l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)
    train(tmp_path, "epochs=1", callbacks=[pruning])
    assert (weights(tmp_path) == 0).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_throughput_is_logged(tmp_path: Path) -> None:
    """The run supplies the function that counts the pairs of a batch, because yaml cannot."""
    train(tmp_path, "epochs=3", callbacks=[callback("ThroughputMonitor", window_size=5)])
    samples = EventAccumulator(str(tmp_path)).Reload().Scalars("train/samples")
    assert samples[-1].value == 3 * 200


def test_the_device_is_monitored(tmp_path: Path) -> None:
    train(tmp_path, "epochs=1", callbacks=[callback("DeviceStatsMonitor", cpu_stats=True)])
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]
    assert any("on_train_batch_end/cpu_percent" in tag for tag in tags)


@pytest.mark.parametrize("bar", ["RichProgressBar", "TQDMProgressBar"])
def test_a_progress_bar_of_lightning_replaces_ours(train: Run, capfd: pytest.CaptureFixture[str], bar: str) -> None:
    done = train(*SMALL, "epochs=1", f"callbacks={{own:{{_target_:{CALLBACKS}.{bar}}}}}", "hydra.run.dir=out")
    shown = done.stdout + done.stderr + "".join(capfd.readouterr())
    assert "Epoch 0" in shown and "10/10" in shown and "epoch 1/1  accuracy" not in shown


@pytest.mark.parametrize("name", ["ModelSummary", "RichModelSummary"])
def test_a_summary_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    train(tmp_path, "epochs=1", callbacks=[callback(name, max_depth=2)], **{"trainer.enable_model_summary": True})
    assert tmp_path.exists()


def test_functions_as_a_callback(tmp_path: Path) -> None:
    functions = callback("LambdaCallback", on_train_batch_end={"_target_": "test_lightning.noting"})
    NOTED.clear()
    train(tmp_path, "epochs=2", callbacks=[functions])
    assert len(NOTED) == 20


NOTED: list[int] = []


def noting() -> Any:
    return lambda trainer, module, outputs, batch, batch_idx: NOTED.append(batch_idx)


def test_a_checkpoint_on_an_exception_would_resume_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="OnExceptionCheckpoint is not allowed: it resumes a fit, and a run starts"):
        train(tmp_path / "out", callbacks=[callback("OnExceptionCheckpoint", dirpath=str(tmp_path))])
    assert not list(tmp_path.iterdir())


class Predictions(BasePredictionWriter):
    def write_on_epoch_end(self, *_: Any) -> None: ...


def test_a_prediction_writer_is_a_callback_like_any(tmp_path: Path) -> None:
    writer = callback("test_lightning.Predictions", write_interval="epoch")
    assert train(tmp_path, "epochs=1", callbacks=[writer])["epochs_trained"] == 1


class EveryOther(WeightAveraging):
    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        return step_idx is not None and step_idx % 2 == 1


def test_a_weight_averaging_of_ones_own(tmp_path: Path) -> None:
    train(tmp_path, "epochs=1", callbacks=[callback("test_lightning.EveryOther"), HOOKS])
    expected = torch.stack(Hooks.seen.weights[1::2]).mean(dim=0)
    assert torch.allclose(weights(tmp_path), expected, atol=1e-6)


# options of the Trainer


def options(**trainer: Any) -> dict[str, Any]:
    return {f"trainer.{key}": value for key, value in trainer.items()}


def counts(tmp_path: Path, *overrides: str, **trainer: Any) -> dict[str, int]:
    """Train with these options of the Trainer and return how often each hook was called."""
    train(tmp_path, *overrides, callbacks=[HOOKS], **options(**trainer))
    return Hooks.seen.counts


def test_every_option_of_the_trainer_is_tested_here() -> None:
    source = Path(__file__).read_text()
    for option in inspect.signature(Trainer).parameters:
        assert option in REJECTED or f"{option}=" in source or f'"{option}"' in source, option


@pytest.mark.parametrize("option", sorted(REJECTED))
def test_an_option_that_a_run_cannot_have_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=rf"^trainer\.{option} is not allowed: \w"):
        train(tmp_path / "out", **{f"trainer.{option}": 2})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        ({"max_steps": 13}, 13),
        ({"max_steps": 1000}, 20),
        ({"limit_train_batches": 3}, 6),
        ({"limit_train_batches": 0.3}, 6),
        ({"overfit_batches": 4}, 8),
        ({"accumulate_grad_batches": 4}, 6),
        ({"max_time": "00:00:10:00"}, 20),
        ({"reload_dataloaders_every_n_epochs": 1}, 20),
    ],
)
def test_steps_of_two_epochs(tmp_path: Path, trainer: dict[str, Any], steps: int) -> None:
    assert counts(tmp_path, "epochs=2", **trainer)["step"] == steps


def test_a_run_of_so_many_steps_is_a_result(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=5", **options(max_steps=13))
    assert (result["epochs_trained"], result["max_steps"], len(rows(tmp_path))) == (2, 13, 2)
    assert "max_steps=13" in result["cell"]


def test_a_schedule_ends_with_the_steps(tmp_path: Path) -> None:
    """The cosine spans the 15 steps of max_steps=15, or the 4 steps of 2 epochs with gradients of 5 batches each."""
    train(tmp_path / "steps", "epochs=2", "schedule=cosine", "lr=1", callbacks=[HOOKS], **options(max_steps=15))
    assert Hooks.seen.rates[0] == 1 and Hooks.seen.rates[-1] == pytest.approx(0.0109, abs=1e-4)
    accumulated = options(accumulate_grad_batches=5)
    train(tmp_path / "sums", "epochs=2", "schedule=cosine", "lr=1", callbacks=[HOOKS], **accumulated)
    assert Hooks.seen.rates == pytest.approx([1] * 5 + [0.853553] * 5 + [0.5] * 5 + [0.146447] * 5, abs=1e-6)


@pytest.mark.parametrize("minimum", [{"min_epochs": 3}, {"min_steps": 25}])
def test_an_early_stop_waits_for_the_minimum(tmp_path: Path, minimum: dict[str, int]) -> None:
    stop = callback("EarlyStopping", monitor="val_acc", mode="min", patience=1, divergence_threshold=0.0)
    result = train(tmp_path, "epochs=5", callbacks=[stop], **options(**minimum))
    assert result["epochs_trained"] == 3


def test_accumulated_gradients_are_those_of_a_larger_batch(tmp_path: Path) -> None:
    train(tmp_path / "sum", "epochs=1", "optimizer=sgd", "lr=0.1", **options(accumulate_grad_batches=5))
    train(tmp_path / "large", "epochs=1", "optimizer=sgd", "lr=0.1", "batch_size=100")
    assert torch.allclose(weights(tmp_path / "sum"), weights(tmp_path / "large"), atol=1e-6)


def test_overfitting_sees_the_same_batches_in_every_epoch(tmp_path: Path) -> None:
    counts(tmp_path, "epochs=2", overfit_batches=3)
    digits = Hooks.seen.digits
    assert len(digits) == 6 and all(torch.equal(digits[number], digits[number + 3]) for number in range(3))


@pytest.mark.parametrize(
    ("trainer", "validations", "batches"),
    [
        ({"check_val_every_n_epoch": 2}, 2, 4),
        ({"val_check_interval": 0.25}, 4 * 5, 2 * 4 * 5),  # every 2 of 10 batches
        ({"val_check_interval": 5}, 4 * 2, 2 * 4 * 2),
        ({"val_check_interval": 8, "check_val_every_n_epoch": None}, 5, 10),  # every 8 of 40 batches
        ({"limit_val_batches": 0}, 0, 0),
        ({"limit_val_batches": 1}, 4, 8),
        ({"num_sanity_val_steps": 2}, 1 + 4, 2 + 8),
    ],
)
def test_evaluations_of_four_epochs(tmp_path: Path, trainer: dict[str, Any], validations: int, batches: int) -> None:
    result = train(tmp_path, "epochs=4", callbacks=[HOOKS], **options(**trainer))
    called = Hooks.seen.counts
    assert (called.get("validation", 0), called.get("validation_batch", 0)) == (validations, batches)
    assert result["val_acc"] == train(tmp_path / "all", "epochs=4")["val_acc"] and len(rows(tmp_path)) == 4


def test_the_best_of_evaluations_within_an_epoch(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=2", "checkpoint=best", "lr=0.01", **options(val_check_interval=0.2))
    points = EventAccumulator(str(tmp_path)).Reload().Scalars("acc/val_acc")
    assert len(points) == 10 and result["val_acc"] == pytest.approx(max(point.value for point in points))


def test_the_result_is_of_all_pairs_however_few_are_evaluated_while_training(tmp_path: Path) -> None:
    few = train(tmp_path / "few", "epochs=1", "data.val_pairs=500", **options(limit_val_batches=1))
    every = train(tmp_path / "all", "epochs=1", "data.val_pairs=500")
    assert few["val_loss"] == every["val_loss"] != float(rows(tmp_path / "few")[-1]["val_loss"])


@pytest.mark.parametrize("batches", [True, 3])
def test_a_fast_dev_run_records_no_result(train: Run, tmp_path: Path, batches: bool | int) -> None:
    """The run takes `batches` steps, validates the single batch of each of two loaders, and tests once."""
    line = f"trainer.fast_dev_run={str(batches).lower()}"
    done = train(*SMALL, line, "callbacks={own:{_target_:test_lightning.Hooks}}", "hydra.run.dir=out")
    n = int(batches)
    called = Hooks.seen.counts
    assert (called["step"], called["validation_batch"], called["test"]) == (n, 2 * min(n, 1), 1)
    assert "No result was recorded" in done.stdout and not (tmp_path / "out").exists()


def test_a_fast_dev_run_from_python(tmp_path: Path) -> None:
    scores = train(tmp_path / "out", **options(fast_dev_run=True))
    assert list(scores)[:2] == ["test_loss", "test_acc"] and not (tmp_path / "out").exists()


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true", "bf16", 64])
def test_precisions(tmp_path: Path, precision: str | int) -> None:
    result = train(tmp_path, "epochs=2", "aux=true", **options(precision=precision))
    assert result["precision"] == {"bf16": "bf16-mixed", 64: "64-true"}.get(precision, precision)
    assert result["test_acc"] > 0.5 and digitcmp.load(tmp_path).predict(torch.zeros(1, 2, 14, 14)).shape == (1,)
    assert float(rows(tmp_path)[-1]["test_loss"]) == pytest.approx(result["test_loss"], rel=0.02)


def test_a_precision_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="^trainer: .*[Tt]ransformer"):
        train(tmp_path / "out", **options(precision="transformer-engine"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_are_clipped_as_torch_does(tmp_path: Path, algorithm: str) -> None:
    """A step of SGD at rate 1 changes the weights by the clipped gradient."""
    clipped = options(gradient_clip_val=0.01, gradient_clip_algorithm=algorithm, max_steps=1)
    train(tmp_path, "optimizer=sgd", "lr=1", callbacks=[HOOKS], **clipped)
    before = torch.cat([p.flatten() for p in untrained(tmp_path).parameters()])
    moved = (Hooks.seen.weights[0] - before).abs()
    assert (moved.norm() if algorithm == "norm" else moved.max()).item() == pytest.approx(0.01, rel=1e-3)


def untrained(folder: Path) -> torch.nn.Module:
    """Return the network of a run with its initial weights."""
    network = digitcmp.load(folder).network
    return type(network)(**network.arguments)


@pytest.mark.parametrize(
    "trainer",
    [
        {"accelerator": "auto"},
        {"deterministic": True},
        {"benchmark": True},
        {"inference_mode": False},
        {"detect_anomaly": True},
        {"enable_autolog_hparams": False},
        {"log_every_n_steps": 3},
        {"enable_model_summary": True},
        {"enable_progress_bar": False},
        {"reload_dataloaders_every_n_epochs": 1},
    ],
)
def test_options_that_leave_the_weights_alone(tmp_path: Path, trainer: dict[str, Any]) -> None:
    train(tmp_path / "with", "epochs=1", **options(**trainer))
    train(tmp_path / "without", "epochs=1")
    assert torch.equal(weights(tmp_path / "with"), weights(tmp_path / "without"))


def test_options_reach_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options without a visible effect on this machine are passed to Lightning's Trainer unchanged."""
    given: dict[str, Any] = {}

    class Spy(Trainer):
        def __init__(self, **arguments: Any) -> None:
            given.update(arguments)
            super().__init__(**arguments)

    monkeypatch.setattr(assembly, "Trainer", Spy)
    wanted = {"benchmark": True, "limit_test_batches": 3, "limit_predict_batches": 2, "model_registry": None}
    train(tmp_path, "epochs=1", **options(**wanted))
    assert {key: given[key] for key in wanted} == wanted


def test_checkpoints_of_lightnings_own(tmp_path: Path) -> None:
    train(tmp_path, "epochs=2", **options(enable_checkpointing=True))
    assert {file.name for file in (tmp_path / "checkpoints").iterdir()} == {"epoch=1-step=20.ckpt", "last.ckpt"}


def test_lightnings_own_progress_bar(train: Run, capfd: pytest.CaptureFixture[str]) -> None:
    done = train(*SMALL, "epochs=1", "trainer.enable_progress_bar=true", "hydra.run.dir=out")
    assert "10/10" in done.stdout + done.stderr + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "profiler", ["simple", {"_target_": "lightning.pytorch.profilers.AdvancedProfiler", "filename": "mine"}]
)
def test_profilers(tmp_path: Path, profiler: Any) -> None:
    train(tmp_path, "epochs=1", **options(profiler=profiler))
    name = "fit-simple-profile.txt" if profiler == "simple" else "fit-mine.txt"
    assert "training_step" in (tmp_path / name).read_text()


def test_plugins(tmp_path: Path) -> None:
    writer = {"_target_": "lightning.pytorch.plugins.AsyncCheckpointIO"}
    result = train(tmp_path / "writer", "epochs=1", **{"trainer.plugins": [writer]})
    assert result["trainer_plugins"] == "lightning.pytorch.plugins.AsyncCheckpointIO()"
    with pytest.raises(
        RunError, match="^trainer: lightning.Trainer cannot be created: Received both `precision=32-true` and `plugins="
    ):
        double = {"_target_": "lightning.pytorch.plugins.DoublePrecision"}
        train(tmp_path / "double", **{"trainer.plugins": [double]})
    environment = {"_target_": "lightning.pytorch.plugins.environments.SLURMEnvironment"}
    with pytest.raises(RunError, match="Received multiple values for ClusterEnvironment flags in `plugins`"):
        train(tmp_path / "slurm", **{"trainer.plugins": [environment]})


# groups of files


def test_named_callbacks(tmp_path: Path) -> None:
    named = train(tmp_path / "named", "callbacks=early_stopping", "callbacks.early_stopping.patience=1", "epochs=30")
    arguments = {"monitor": "val_acc", "mode": "max", "min_delta": 0.0, "patience": 1, "check_finite": True}
    listed = train(tmp_path / "listed", "epochs=30", callbacks=[callback("EarlyStopping", **arguments)])
    assert named["config_hash"] == listed["config_hash"] and named["epochs_trained"] == listed["epochs_trained"] < 30


def test_several_named_callbacks_in_a_sweep(train: Run, tmp_path: Path) -> None:
    line = "callbacks=[early_stopping,lr_monitor]", "callbacks.early_stopping.patience=1,2", "hydra/launcher=basic"
    done = train("-m", *SMALL, "epochs=3", *line)
    assert done.stderr == "" and len(list(tmp_path.rglob("result.json"))) == 2


def test_a_callback_of_ones_own_replaces_an_experiments(train: Run, tmp_path: Path) -> None:
    stop = f"{{_target_: {CALLBACKS}.EarlyStopping, monitor: val_acc, mode: max}}"
    (tmp_path / "mine/experiment").mkdir(parents=True)
    text = f"# @package _global_\n# e\nepochs: 1\ncallbacks: {{stop: {stop}}}\n"
    (tmp_path / "mine/experiment/e.yaml").write_text(text)
    found = []
    for typed in (
        "",
        f"callbacks={{stop:null,own:{{_target_:{CALLBACKS}.Timer,duration:{{days:1}}}}}}",
        "~callbacks.stop",
    ):
        train("--config-dir=mine", "experiment=e", *SMALL, *typed.split(), "hydra.run.dir=out/one")
        found.append(json.loads((tmp_path / "out/one/result.json").read_text())["callbacks"])
        shutil.rmtree(tmp_path / "out")
    assert found == ["EarlyStopping(monitor=val_acc,mode=max)", 'Timer(duration={"days":1})', None]


@pytest.mark.parametrize("file", sorted((CONF / "callbacks").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_file_of_callbacks_trains(tmp_path: Path, file: Path) -> None:
    assert train(tmp_path, f"callbacks={file.stem}", "epochs=2")["test_acc"] > 0


def test_loggers_beside_the_runs_own(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=2", "logger=[csv,tensorboard]")
    logged = list(csv.DictReader((tmp_path / "csv/metrics.csv").read_text().splitlines()))
    accuracies = [float(row["val_acc"]) for row in logged if row["val_acc"]]
    assert accuracies == pytest.approx([float(row["val_acc"]) for row in rows(tmp_path)])
    assert "logger" not in result and "label: WS3" in (tmp_path / "csv/hparams.yaml").read_text()


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_a_line(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = {"wandb": "WandbLogger", "mlflow": "MLFlowLogger"}[name]

    def missing(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(f"lightning.pytorch.loggers.{kind}.__init__", missing)
    with pytest.raises(RunError, match=f"^logger: lightning.pytorch.loggers.{kind} cannot be created: .*{name}"):
        train(tmp_path / "out", f"logger={name}")


@pytest.mark.parametrize("name", ["limit", "overfit", "profiler"])
def test_debugging_recipes(tmp_path: Path, name: str) -> None:
    result = digitcmp.train(f"debug={name}", folder=tmp_path)
    expected = {"limit": ("limit_train_batches", 0.1), "overfit": ("overfit_batches", 3), "profiler": ("epochs", 2)}
    key, value = expected[name]
    assert result[key] == value
    if name == "overfit":
        assert float(rows(tmp_path)[-1]["train_acc"]) > 0.9
    if name == "profiler":
        assert (tmp_path / "fit-simple-profile.txt").exists()


def test_a_misspelt_callback_is_a_line(train: Run) -> None:
    refused = train("callbacks=early_stoping", code=1).stderr
    assert "Could not find 'callbacks/early_stoping' Available options" in refused and refused.count("\n") == 1
    refused = train("callbacks.early_stopping.patience=5", code=1).stderr
    assert "callbacks=early_stopping" in refused and refused.count("\n") == 1
    refused = train("callbacks=early_stopping", "callbacks.early_stopping.patence=5", code=1).stderr
    assert "unexpected keyword argument 'patence'" in refused and refused.count("\n") == 1
