"""Tests of the callbacks of Lightning and the options of its Trainer: each works as documented or is rejected.

A run has 200 training pairs in 10 batches of 20 by default.
"""

import csv
import inspect
import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import lightning.pytorch.callbacks
import pytest
import torch
from conftest import Refused, Run, rows
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.optim.swa_utils import get_ema_avg_fn

import digitcmp
from digitcmp.commands.evaluate import evaluate
from digitcmp.config.conf import CONF
from digitcmp.config.trainer import REJECTED
from digitcmp.data.datamodule import PairData
from digitcmp.errors import RunError
from digitcmp.runs.result import SCORES
from digitcmp.training import assembly

SMALL = ("data.train_pairs=200", "data.val_pairs=100", "data.test_pairs=100", "pictures=false")
CALLBACKS = "lightning.pytorch.callbacks"
PLUGINS = "lightning.pytorch.plugins"


def train(folder: Path, *overrides: str, **knobs: Any) -> dict[str, Any]:
    return digitcmp.train(*SMALL, *overrides, folder=folder, **knobs)


def callback(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": name if "." in name else f"{CALLBACKS}.{name}", **arguments}


def options(**trainer: Any) -> dict[str, Any]:
    return {f"trainer.{key}": value for key, value in trainer.items()}


def weights(folder: Path) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in digitcmp.load(folder).network.parameters()])


class Hooks(Callback):
    """A callback that counts the calls of hooks and records the weights, digits, loss and rate of every batch."""

    seen: "Hooks"

    def __init__(self) -> None:
        Hooks.seen = self
        self.counts: Counter[str] = Counter()
        self.weights: list[torch.Tensor] = []
        self.digits: list[torch.Tensor] = []
        self.losses: list[float] = []
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.counts["train_batch_end"] += 1
        self.weights.append(torch.cat([p.detach().flatten() for p in module.network.parameters()]))
        self.digits.append(batch.digits)
        self.losses.append(outputs["loss"].item())


def counter(hook: str) -> Callable[..., None]:
    def count(self: Hooks, *_: Any, **__: Any) -> None:
        self.counts[hook] += 1

    return count


STEP = ("before_optimizer_step", "before_zero_grad", "after_backward")
EPOCH = ("train_epoch_start", "validation_epoch_end", "validation_batch_end", "sanity_check_end", "test_end")
for name in (*STEP, *EPOCH):
    setattr(Hooks, f"on_{name}", counter(name))

HOOKS = callback("test_lightning.Hooks")
Reference = Callable[[int], tuple[dict[str, Any], torch.Tensor]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Return a function that returns the result and the weights of a run of so many epochs without options."""

    @cache
    def trained(epochs: int) -> tuple[dict[str, Any], torch.Tensor]:
        folder = tmp_path_factory.mktemp("reference")
        return train(folder, f"epochs={epochs}"), weights(folder)

    return trained


def test_hooks_are_called_per_batch(tmp_path: Path) -> None:
    train(tmp_path, "epochs=3", callbacks=[HOOKS])
    assert Hooks.seen.counts == {
        **dict.fromkeys((*STEP, "train_batch_end"), 30),
        **{"train_epoch_start": 3, "validation_epoch_end": 3, "validation_batch_end": 6},
    }
    assert not torch.equal(Hooks.seen.weights[0], Hooks.seen.weights[1])


# callbacks


def test_every_callback_of_lightning_is_tested_here() -> None:
    source = Path(__file__).read_text()
    abstract = {"Callback", "BaseFinetuning", "BasePredictionWriter", "Checkpoint", "ProgressBar", "WeightAveraging"}
    names = set(lightning.pytorch.callbacks.__all__) - abstract
    assert {name for name in names if f'"{name}"' not in source} == set()


@pytest.mark.parametrize("option", [True, False])
def test_an_average_is_updated_after_every_step(tmp_path: Path, option: bool) -> None:
    """The option ema and EMAWeightAveraging keep the average of the weights over all 30 steps, and its scores."""
    averaging = [] if option else [callback("EMAWeightAveraging", decay=0.9)]
    result = train(tmp_path, "epochs=3", *["ema=0.9"] * option, callbacks=[*averaging, HOOKS])
    steps, average = Hooks.seen.weights, Hooks.seen.weights[0]
    assert len(steps) == 30
    for number, step in enumerate(steps[1:], 1):
        average = get_ema_avg_fn(0.9)(average, step, torch.tensor(number))
    assert torch.allclose(weights(tmp_path), average, atol=1e-6)
    assert float(rows(tmp_path)[-1]["test_loss"]) == pytest.approx(result["test_loss"])


@pytest.mark.parametrize("average", [(), ("ema=0.9",)])
def test_the_best_epoch_is_kept(tmp_path: Path, average: tuple[str, ...]) -> None:
    """checkpoint=best reports the scores of the best epoch, of the averaged weights if there is an average."""
    result = train(tmp_path, "epochs=8", *average, "checkpoint=best", "lr=0.01")
    best = rows(tmp_path)[result["checkpoint_epoch"] - 1]
    assert float(best["val_acc"]) == max(float(row["val_acc"]) for row in rows(tmp_path))
    assert {name: result[name] for name in SCORES[:6]} == {name: float(best[name]) for name in SCORES[:6]}
    assert result["epochs_trained"] == 8 and [file.name for file in (tmp_path / "checkpoints").iterdir()] == [
        "last.ckpt"
    ]
    assert evaluate({"checkpoint": str(tmp_path)})[1]["test_acc"] == result["test_acc"]


@pytest.mark.parametrize("model", ["ws2", "convnet"])
@pytest.mark.parametrize("validated", [True, False])
def test_stochastic_weight_averaging_is_the_mean_of_epochs(tmp_path: Path, model: str, validated: bool) -> None:
    """The weights are the mean of those at the starts of the last three of four epochs.

    They are scored and saved. The additional epoch for the batch norms of convnet is not counted.
    """
    swa = callback("StochasticWeightAveraging", swa_lrs=0.01, swa_epoch_start=2)
    batches = options(limit_val_batches=None if validated else 0)
    result = train(tmp_path, f"model={model}", "epochs=4", callbacks=[swa, HOOKS], **batches)
    starts = [Hooks.seen.weights[number] for number in (9, 19, 29)]
    assert torch.allclose(weights(tmp_path), torch.stack(starts).mean(dim=0), atol=1e-5)
    assert len(rows(tmp_path)) == result["epochs_trained"] == 4
    data = PairData("mnist", 200, 100, 100, seed=0)
    data.setup()
    pairs, target, _ = data.sets["test"]
    right = (torch.tensor(digitcmp.load(tmp_path).predict(pairs)) > 0.5) == target.bool()
    assert right.float().mean().item() == pytest.approx(result["test_acc"], abs=1e-6)


def test_rates_are_monitored_every_step(tmp_path: Path) -> None:
    train(tmp_path, "epochs=3", "schedule=one_cycle", callbacks=[callback("LearningRateMonitor"), HOOKS])
    points = EventAccumulator(str(tmp_path)).Reload().Scalars("lr-Adam")
    assert [point.step for point in points] == list(range(30))
    assert [point.value for point in points] == pytest.approx(Hooks.seen.rates)


def function(name: str) -> dict[str, str]:
    return {"_target_": "hydra.utils.get_method", "path": f"test_lightning.{name}"}


def pairs_in(batch: Any) -> int:
    return len(batch.target)


@pytest.mark.filterwarnings("ignore:When using the `ThroughputMonitor`, you need to define")
@pytest.mark.parametrize(
    ("monitor", "tag", "points", "last"),
    [
        (callback("LearningRateMonitor", logging_interval="epoch"), "lr-Adam", 2, 1.3e-3),
        (
            callback("ThroughputMonitor", batch_size_fn=function("pairs_in"), window_size=5),
            "train/samples",
            None,
            2 * 200,
        ),
        (callback("DeviceStatsMonitor", cpu_stats=True), "DeviceStatsMonitor.on_train_batch_end/cpu_percent", 20, None),
    ],
)
def test_monitors(tmp_path: Path, monitor: dict[str, Any], tag: str, points: int | None, last: float | None) -> None:
    train(tmp_path, "epochs=2", callbacks=[monitor])
    logged = EventAccumulator(str(tmp_path)).Reload().Scalars(tag)
    assert points in (None, len(logged)) and last in (None, pytest.approx(logged[-1].value))


def set_rate(trainer: Trainer, module: LightningModule) -> None:
    trainer.optimizers[0].param_groups[0]["lr"] = 0.01 * (trainer.current_epoch + 1)


def test_a_rate_that_a_callback_sets_stays(tmp_path: Path) -> None:
    setter = callback("LambdaCallback", on_train_epoch_start=function("set_rate"))
    train(tmp_path, "epochs=2", callbacks=[setter, HOOKS])
    assert Hooks.seen.rates == [0.01] * 10 + [0.02] * 10


def test_callbacks_that_only_watch_are_no_part_of_the_identity(tmp_path: Path) -> None:
    saver = callback("ModelCheckpoint", monitor="val_acc", mode="max", filename="mine")
    result = train(tmp_path, "epochs=3", callbacks=[saver])
    assert result == train(tmp_path, "epochs=3") and result["callbacks"] is None
    best = max(rows(tmp_path), key=lambda row: float(row["val_acc"]))
    mine = tmp_path / "checkpoints/mine.ckpt"
    assert torch.load(mine, weights_only=True)["epoch"] + 1 == int(best["epoch"])
    assert digitcmp.load(mine).predict(torch.zeros(1, 2, 14, 14)).shape == (1,)


def test_an_early_stop_is_a_result(tmp_path: Path) -> None:
    stop = [callback("EarlyStopping", monitor="val_loss", patience=1)]
    result = train(tmp_path, "epochs=40", "lr=0.01", callbacks=stop)
    losses = [float(row["val_loss"]) for row in rows(tmp_path)]
    assert 2 <= len(losses) == result["epochs_trained"] == result["checkpoint_epoch"] < 40
    assert losses[-1] >= losses[-2] == min(losses)
    assert result["val_loss"] == losses[-1] and result["callbacks"] == "EarlyStopping(monitor=val_loss,patience=1)"
    assert train(tmp_path, "epochs=40", "lr=0.01", callbacks=stop)["config_hash"] == result["config_hash"]
    with pytest.raises(RunError, match="holds a finished run with callbacks=EarlyStopping"):
        train(tmp_path, "epochs=40", "lr=0.01")


class Quiet(Callback):
    """A user's callback that stops a run after `epochs` epochs."""

    def __init__(self, epochs: int, monitor: str | None = None) -> None:
        self.epochs, self.monitor = epochs, monitor

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


def test_a_stop_between_evaluations_is_evaluated(tmp_path: Path, reference: Reference) -> None:
    quiet = callback("test_lightning.Quiet", epochs=3)
    result = train(tmp_path, "epochs=4", callbacks=[quiet], **options(check_val_every_n_epoch=2))
    assert result["epochs_trained"] == 3 and rows(tmp_path)[-1]["val_acc"] == ""
    assert {key: result[key] for key in SCORES} == {key: reference(3)[0][key] for key in SCORES}


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (callback("Timer", duration={"seconds": 0}), "a callback stopped the run before its first epoch had ended"),
        (callback("test_lightning.Quiet", epochs=1), "no epoch was evaluated"),
    ],
)
def test_a_run_that_is_stopped_too_early_has_no_result(tmp_path: Path, stop: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        train(tmp_path, "epochs=4", "checkpoint=best", callbacks=[stop, HOOKS], **options(check_val_every_n_epoch=2))


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
    assert Hooks.seen.counts["before_optimizer_step"] == 10 + 2 + 2 and Hooks.seen.counts["train_batch_end"] == 30


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
    assert Hooks.seen.counts["train_batch_end"] == 2 * -(-200 // result["found_batch_size"])


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


@pytest.mark.parametrize(
    "bar",
    [f"callbacks={{own:{{_target_:{CALLBACKS}.{name}}}}}" for name in ("RichProgressBar", "TQDMProgressBar")]
    + ["trainer.enable_progress_bar=true"],
)
def test_a_progress_bar_of_lightning_replaces_ours(train: Run, capfd: pytest.CaptureFixture[str], bar: str) -> None:
    done = train(*SMALL, "epochs=1", bar, "hydra.run.dir=out")
    shown = done.stdout + done.stderr + "".join(capfd.readouterr())
    assert "Epoch 0" in shown and "10/10" in shown and "epoch 1/1  accuracy" not in shown


class Predictions(BasePredictionWriter):
    def write_on_epoch_end(self, *_: Any) -> None: ...


# options of the Trainer


def counts(tmp_path: Path, *overrides: str, **trainer: Any) -> Counter[str]:
    """Train with these options of the Trainer and return how often each hook was called."""
    train(tmp_path, *overrides, callbacks=[HOOKS], **options(**trainer))
    return Hooks.seen.counts


def test_every_option_of_the_trainer_is_tested_here() -> None:
    source = Path(__file__).read_text()
    for option in inspect.signature(Trainer).parameters:
        assert option in REJECTED or f"{option}=" in source or f'"{option}"' in source, option


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        ({"max_steps": 13}, 13),
        ({"limit_train_batches": 0.3}, 6),
        ({"overfit_batches": 4}, 8),
        ({"accumulate_grad_batches": 4}, 6),
        ({"max_time": "00:00:10:00"}, 20),
    ],
)
def test_steps_of_two_epochs(tmp_path: Path, trainer: dict[str, Any], steps: int) -> None:
    assert counts(tmp_path, "epochs=2", **trainer)["before_optimizer_step"] == steps


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
        ({"val_check_interval": 8, "check_val_every_n_epoch": None}, 5, 10),  # every 8 of 40 batches
        ({"limit_val_batches": 0}, 0, 0),
        ({"limit_val_batches": 1}, 4, 8),
        ({"num_sanity_val_steps": 2}, 1 + 4, 2 + 8),
    ],
)
def test_evaluations_of_four_epochs(
    tmp_path: Path, reference: Reference, trainer: dict[str, Any], validations: int, batches: int
) -> None:
    result = train(tmp_path, "epochs=4", callbacks=[HOOKS], **options(**trainer))
    called = Hooks.seen.counts
    assert (called["validation_epoch_end"], called["validation_batch_end"]) == (validations, batches)
    assert result["val_acc"] == reference(4)[0]["val_acc"] and len(rows(tmp_path)) == 4


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
    n, called = int(batches), Hooks.seen.counts
    assert (called["before_optimizer_step"], called["validation_batch_end"], called["test_end"]) == (n, 2, 1)
    assert "No result was recorded" in done.stdout and not (tmp_path / "out").exists()
    scores = digitcmp.train(*SMALL, folder=tmp_path / "out", **options(fast_dev_run=batches))
    assert list(scores)[:2] == ["test_loss", "test_acc"] and not (tmp_path / "out").exists()


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true", "bf16", 64])
def test_precisions(tmp_path: Path, precision: str | int) -> None:
    result = train(tmp_path, "epochs=2", "aux=true", **options(precision=precision))
    assert result["precision"] == {"bf16": "bf16-mixed", 64: "64-true"}.get(precision, precision)
    assert result["test_acc"] > 0.5 and digitcmp.load(tmp_path).predict(torch.zeros(1, 2, 14, 14)).shape == (1,)
    assert float(rows(tmp_path)[-1]["test_loss"]) == pytest.approx(result["test_loss"], rel=0.02)


@pytest.mark.parametrize(
    ("algorithm", "precision"), [("norm", "32-true"), ("value", "32-true"), ("norm", "bf16-mixed")]
)
def test_gradients_are_clipped_as_torch_does(tmp_path: Path, algorithm: str, precision: str) -> None:
    """A step of SGD at rate 1 changes the weights by the clipped gradient."""
    clipped = options(gradient_clip_val=0.01, gradient_clip_algorithm=algorithm, max_steps=1, precision=precision)
    train(tmp_path, "optimizer=sgd", "lr=1", callbacks=[HOOKS], **clipped)
    before = torch.cat([p.flatten() for p in untrained(tmp_path).parameters()])
    moved = (Hooks.seen.weights[0] - before).abs()
    assert (moved.norm() if algorithm == "norm" else moved.max()).item() == pytest.approx(0.01, rel=1e-3)


def untrained(folder: Path) -> torch.nn.Module:
    """Return the network of a run with its initial weights."""
    network = digitcmp.load(folder).network
    return type(network)(**network.arguments)


WATCHING = options(
    accelerator="auto", deterministic=True, inference_mode=False, detect_anomaly=True, log_every_n_steps=3
)
WATCHING |= options(enable_autolog_hparams=False, enable_model_summary=True, enable_progress_bar=False)
WATCHING |= options(reload_dataloaders_every_n_epochs=1)
WATCHERS = [callback("ModelSummary", max_depth=2), callback("RichModelSummary")]
WATCHERS += [callback("test_lightning.Predictions", write_interval="epoch")]


@pytest.mark.parametrize("knobs", [WATCHING, options(benchmark=True), {"callbacks": WATCHERS}])
def test_options_that_leave_the_weights_alone(tmp_path: Path, reference: Reference, knobs: dict[str, Any]) -> None:
    train(tmp_path, "epochs=1", **knobs)
    assert torch.equal(weights(tmp_path), reference(1)[1])


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


@pytest.mark.parametrize(
    ("knobs", "files"),
    [
        (options(enable_checkpointing=True), {"epoch=1-step=20.ckpt"}),
        ({"callbacks": [callback("ModelCheckpoint", every_n_train_steps=10, save_top_k=-1, filename="{step}")]},
         {"step=10.ckpt", "step=20.ckpt"}),
    ],
)  # fmt: skip
def test_checkpoints_of_lightnings_own(tmp_path: Path, knobs: dict[str, Any], files: set[str]) -> None:
    train(tmp_path, "epochs=2", **knobs)
    assert {file.name for file in (tmp_path / "checkpoints").iterdir()} == files | {"last.ckpt"}


def test_a_profiler(tmp_path: Path) -> None:
    profiler = {"_target_": "lightning.pytorch.profilers.AdvancedProfiler", "filename": "mine"}
    train(tmp_path, "epochs=1", **options(profiler=profiler))
    assert "training_step" in (tmp_path / "fit-mine.txt").read_text()


def test_plugins(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=1", **options(plugins=[{"_target_": f"{PLUGINS}.AsyncCheckpointIO"}]))
    assert result["trainer_plugins"] == f"{PLUGINS}.AsyncCheckpointIO()"


AVERAGING = [callback("StochasticWeightAveraging", swa_lrs=0.1), callback("EMAWeightAveraging")]
DOUBLE = options(plugins=[{"_target_": f"{PLUGINS}.DoublePrecision"}])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"callbacks": [callback("mine.NoSuch")]}, "callbacks: mine.NoSuch cannot be created: "),
        ({"callbacks": [callback("builtins.dict")]}, "callbacks: builtins.dict is not a lightning Callback"),
        (
            {"callbacks": [callback("EarlyStopping", monitor="val_los")]},
            "EarlyStopping.monitor=val_los is unknown; expected train_loss, train_acc, val_loss",
        ),
        (
            {"callbacks": [callback("EarlyStopping", monitor="test_acc", mode="max")]},
            "EarlyStopping.monitor=test_acc is not allowed: no choice may depend on the test pairs; .* such as val_acc",
        ),
        (
            {"callbacks": [callback("test_lightning.Quiet", epochs=3, monitor="test_loss")]},
            "Quiet.monitor=test_loss is not allowed: no choice",
        ),
        ({"callbacks": AVERAGING}, "StochasticWeightAveraging and EMAWeightAveraging both average the weights"),
        ({"ema": 0.9, "callbacks": AVERAGING[1:]}, "WeightAveraging and EMAWeightAveraging both average .* or ema is"),
        (
            {"callbacks": [callback("OnExceptionCheckpoint", dirpath=".")]},
            "OnExceptionCheckpoint is not allowed: it resumes a fit, and a run starts",
        ),
        (options(precision="16-mixed"), "precision=16-mixed is not supported .* Lightning would use bf16-mixed"),
        (DOUBLE, "^trainer: lightning.Trainer cannot be created: Received both `precision=32-true` and `plugins="),
    ],
)
def test_what_a_run_cannot_have_is_refused(tmp_path: Path, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        train(tmp_path / "out", **knobs)
    assert not list(tmp_path.iterdir())


# groups of files


def test_named_callbacks(tmp_path: Path) -> None:
    named = train(tmp_path / "named", "callbacks=early_stopping", "callbacks.early_stopping.patience=1", "epochs=30")
    arguments = {"monitor": "val_acc", "mode": "max", "min_delta": 0.0, "patience": 1, "check_finite": True}
    listed = train(tmp_path / "listed", "epochs=30", callbacks=[callback("EarlyStopping", **arguments)])
    assert named["config_hash"] == listed["config_hash"] and named["epochs_trained"] == listed["epochs_trained"] < 30


@pytest.mark.parametrize(
    ("typed", "callbacks"),
    [
        ([], "EarlyStopping(monitor=val_acc,mode=max)"),
        (
            [f"callbacks={{stop:null,own:{{_target_:{CALLBACKS}.Timer,duration:{{days:1}}}}}}"],
            'Timer(duration={"days":1})',
        ),
        (["~callbacks.stop"], None),
    ],
)
def test_a_callback_of_ones_own_replaces_an_experiments(
    train: Run, tmp_path: Path, typed: list[str], callbacks: str | None
) -> None:
    stop = f"{{_target_: {CALLBACKS}.EarlyStopping, monitor: val_acc, mode: max}}"
    (tmp_path / "mine/experiment").mkdir(parents=True)
    text = f"# @package _global_\n# e\nepochs: 1\ncallbacks: {{stop: {stop}}}\n"
    (tmp_path / "mine/experiment/e.yaml").write_text(text)
    train("--config-dir=mine", "experiment=e", *SMALL, *typed, "hydra.run.dir=out")
    assert json.loads((tmp_path / "out/result.json").read_text())["callbacks"] == callbacks


@pytest.mark.parametrize("file", sorted((CONF / "callbacks").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_file_of_callbacks_trains(tmp_path: Path, file: Path) -> None:
    assert train(tmp_path, f"callbacks={file.stem}", "epochs=2")["test_acc"] > 0


def test_loggers_beside_the_runs_own(tmp_path: Path) -> None:
    result = train(tmp_path, "epochs=2", "logger=[csv,tensorboard]")
    logged = list(csv.DictReader((tmp_path / "csv/metrics.csv").read_text().splitlines()))
    accuracies = [float(row["val_acc"]) for row in logged if row["val_acc"]]
    assert accuracies == pytest.approx([float(row["val_acc"]) for row in rows(tmp_path)])
    assert "logger" not in result and "label: WS3" in (tmp_path / "csv/hparams.yaml").read_text()


@pytest.mark.parametrize(("name", "kind"), [("wandb", "WandbLogger"), ("mlflow", "MLFlowLogger")])
def test_a_logger_that_is_not_installed_is_a_line(
    tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert (tmp_path / "fit-simple-profile.txt").exists() == (name == "profiler")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("callbacks=early_stoping", "Could not find 'callbacks/early_stoping' Available options"),
        ("callbacks.early_stopping.patience=5", "callbacks=early_stopping"),
        (
            "callbacks=early_stopping callbacks.early_stopping.patence=5",
            "unexpected keyword argument 'patence'",
        ),
        ("callbacks={own:{monitor:val_acc}}", "input should have a _target_, a class; select a file"),
    ],
)
def test_a_misspelt_callback_is_a_line(refused: Refused, typed: str, message: str) -> None:
    assert message in refused(*typed.split())
