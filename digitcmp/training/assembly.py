"""The parts of a run, built from its configuration: data, module, callbacks, loggers and trainer."""

import copy
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    ModelCheckpoint,
    OnExceptionCheckpoint,
    ProgressBar,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from torch.optim.swa_utils import get_ema_multi_avg_fn

from digitcmp.config.run import Run
from digitcmp.data.datamodule import PairData
from digitcmp.errors import RunError
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.models.scores import names
from digitcmp.runs.folder import BEST, METRICS
from digitcmp.training.loggers import EventsLogger, MetricsTable, exclusive
from digitcmp.training.progress import EpochProgress

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
EVALUATION = ("accelerator", "benchmark", "deterministic", "inference_mode", "plugins", "precision")  # of Trainer


class Parts(NamedTuple):
    """The parts of a run, before anything is written or trained.

    Attributes:
        data: the pairs.
        module: the LightningModule.
        trainer: the Trainer that fits the module.
        evaluator: the Trainer of the final scores and predictions, on all pairs, with the same device and precision. It
            has no callbacks, loggers and limits.
        events: the TensorBoard logger.
        metrics: the logger of metrics.csv.
        loggers: the loggers of the option `logger`.
        params: the number of trainable parameters.
        device: the device that the run trains on.
    """

    data: PairData
    module: DigitComparison
    trainer: Trainer
    evaluator: Trainer
    events: EventsLogger
    metrics: MetricsTable
    loggers: Sequence[Logger]
    params: int
    device: str


def assemble(run: Run, folder: Path, show: bool) -> Parts:
    """Return the parts of a run in its folder, which print the scores of each epoch if `show`.

    Raises:
        RunError: if a part cannot be created or the network cannot be trained.
        DataError: if the data set cannot be loaded.
    """
    pairing = run.model_dump(include={"seed", "batch_size", "task", "aux_labels"})
    data = PairData(data_seed=run.data.seed, **pairing, **run.data.model_dump(exclude={"seed"}))
    data.setup()
    module = build_module(run, data)
    events, metrics = EventsLogger(folder), MetricsTable(folder / METRICS)
    loggers = [build_logger(target, folder) for target in run.logger.values()]
    given = [instantiate("callbacks", target, Callback) for target in run.callbacks.values()]
    callbacks: list[Callback] = []
    if run.ema is not None:
        callbacks.append(WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(run.ema)))
    if run.checkpoint == "best":
        file = folder / BEST
        callbacks.append(ModelCheckpoint(file.parent, file.stem, monitor="val_acc", mode="max"))
    reject_callbacks(run, [*callbacks, *given])
    options = trainer_options(run, [*callbacks, *given])
    callbacks.append(EpochProgress(metrics, run.epochs, show and options["enable_progress_bar"] is None))
    with creating("trainer", "lightning.Trainer"):
        trainer = Trainer(
            **options | {"enable_progress_bar": bool(options["enable_progress_bar"])},
            default_root_dir=folder,
            devices=1,  # Lightning would use all GPUs
            max_epochs=run.epochs,
            logger=[events, metrics, *loggers],
            callbacks=[*callbacks, *given],
        )
        evaluator = Trainer(
            **{key: options[key] for key in EVALUATION if key in options},
            default_root_dir=folder,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    if trainer.precision != run.trainer.precision:  # Lightning replaces a precision that the device lacks
        raise RunError(
            f"trainer.precision={run.trainer.precision} is not supported by this device; "
            f"Lightning would use {trainer.precision}"
        )
    device = str(trainer.strategy.root_device)
    return Parts(data, module, trainer, evaluator, events, metrics, loggers, module.network.params, device)


def build_module(run: Run, data: PairData) -> DigitComparison:
    """Return the module of a run for these pairs. Raise RunError if the network cannot be built or trained."""
    mean, std = data.moments if run.normalize else (0.0, 1.0)
    target = dict(run.optimizer)
    if run.trainer.gradient_clip_val is not None and run.trainer.precision != "32-true":
        target.pop("fused", None)  # Lightning clips no gradients for a fused optimizer in mixed precision
    optimizer = instantiate("optimizer", target | {"_partial_": True}, partial)
    with creating("optimizer", target["_target_"]):
        optimizer([torch.nn.Parameter(torch.zeros(1))], lr=run.lr)
    schedule = None  # of a constant rate: a schedule would overwrite a rate that a callback sets
    if run.schedule["_target_"] != "digitcmp.models.schedules.constant":
        schedule = instantiate("schedule", run.schedule | {"_partial_": True}, partial)
    try:
        network = PairEnsemble(
            run.model.name,
            run.model.arguments,
            head=run.head.name,
            head_arguments=run.head.arguments,
            mean=mean,
            std=std,
            images=asdict(data.images),
            **run.model_dump(include={"aux", "bins", "ensemble", "seed", "tta"}),
        )
        recipe = run.model_dump(include={"aux_weight", "label_smoothing", "lr", "seed", "task", "aux_labels"})
        module = DigitComparison(network, optimizer=optimizer, schedule=schedule, **recipe)
        smallest = run.data.train_pairs % run.batch_size or run.batch_size
        with torch.random.fork_rng(), torch.no_grad():
            trial = copy.deepcopy(network)
            trial.train()(torch.zeros(smallest, 2, *data.images.shape))
            trial.eval()(torch.zeros(1, 2, *data.images.shape))
    except Exception as error:  # a third-party network can raise anything
        reason = f"{type(error).__name__}: {error}{place(error, run)}"
        raise RunError(f"model={run.model.name} cannot be trained: {reason}") from error
    return module


def place(error: Exception, run: Run) -> str:
    """Return the line of a third-party backbone or head that raised an error, ' (/lab/nets.py:12)', or ''."""
    builders = NETWORKS[run.model.name].builder, HEADS[run.head.name].build
    packages = {inspect.unwrap(builder).__module__.partition(".")[0] for builder in builders} - {"digitcmp"}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_globals["__name__"].partition(".")[0] in packages:
            return f" ({frame.f_code.co_filename}:{line})"
    return ""


@contextmanager
def creating(key: str, target: str) -> Iterator[None]:
    """Raise RunError, with the option `key`, for any error of third-party code that creates a part of a run."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise RunError(f"{key}: {target} cannot be created: {reason}") from error


def instantiate(key: str, target: Mapping[str, Any], kind: type) -> Any:
    """Return the instance of a `_target_`. Raise RunError if it cannot be created or is not of the class `kind`."""
    with creating(key, target["_target_"]):
        instance = hydra.utils.instantiate(target, _convert_="all")
    if not isinstance(instance, kind):
        raise RunError(f"{key}: {target['_target_']} is not a lightning {kind.__name__}")
    return instance


def build_logger(target: Mapping[str, Any], folder: Path) -> Logger:
    """Return a logger. Null keeps an argument's default, and is the run's folder for `save_dir`."""
    arguments = {name: value for name, value in target.items() if value is not None}
    if "save_dir" in target:
        arguments.setdefault("save_dir", str(folder))
    with exclusive():
        return instantiate("logger", arguments, Logger)


def reject_callbacks(run: Run, callbacks: Sequence[Callback]) -> None:
    """Raise RunError for callbacks that resume a fit, average the weights twice, or monitor test or unknown scores."""
    averages = [type(own).__name__ for own in callbacks if isinstance(own, WeightAveraging | StochasticWeightAveraging)]
    if len(averages) > 1:
        both = " and ".join(averages)
        raise RunError(f"callbacks: {both} both average the weights; one of them or ema is expected")
    scores = names(aux=run.aux)
    others = [own for own in callbacks if not type(own).__module__.startswith("lightning.")]  # may log further scores
    for callback in callbacks:
        if isinstance(callback, OnExceptionCheckpoint):
            raise RunError(
                "callbacks: OnExceptionCheckpoint is not allowed: it resumes a fit, and a run starts from its seed"
            )
        monitor = getattr(callback, "monitor", None)
        key = f"callbacks: {type(callback).__name__}.monitor={monitor}"
        if isinstance(monitor, str) and monitor.startswith("test_"):
            expected = f"expected a validation score such as val_{monitor.removeprefix('test_')}"
            raise RunError(f"{key} is not allowed: no choice may depend on the test pairs; {expected}")
        if isinstance(monitor, str) and monitor not in scores and not others:
            raise RunError(f"{key} is unknown; expected {', '.join(scores)}")


def trainer_options(run: Run, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer from the run's `trainer` group, profiler and plugins created."""
    options = run.trainer.model_dump()
    profiler = options["profiler"]
    if isinstance(profiler, str):
        options["profiler"] = PROFILERS[profiler](filename=f"{profiler}-profile")
    elif profiler is not None:
        options["profiler"] = instantiate("trainer.profiler", profiler, Profiler)
    plugins = [instantiate("trainer.plugins", target, object) for target in options["plugins"]]
    options["plugins"] = [*plugins, LightningEnvironment()]  # one process per run, in a SLURM job too
    if options["enable_checkpointing"] is None:
        options["enable_checkpointing"] = any(isinstance(callback, Checkpoint) for callback in callbacks)
    if any(isinstance(callback, ProgressBar) for callback in callbacks):
        options["enable_progress_bar"] = True
    return options
