"""The parts of a run, built from its configuration: data, module, callbacks, loggers and trainer."""

import copy
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import hydra
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    ModelCheckpoint,
    OnExceptionCheckpoint,
    ProgressBar,
    StochasticWeightAveraging,
    ThroughputMonitor,
    WeightAveraging,
)
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import CheckpointIO, TorchCheckpointIO
from lightning.pytorch.plugins.environments import ClusterEnvironment, LightningEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console
from torch.optim.swa_utils import get_ema_multi_avg_fn

from digitcmp import files
from digitcmp.config.run import Run
from digitcmp.data.datamodule import PairData
from digitcmp.errors import RunError
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.models.scores import names
from digitcmp.registry import outside_module
from digitcmp.runs.folder import BEST, METRICS
from digitcmp.training.loggers import EventsLogger, MetricsTable, ReleaseLoggers, mlflow_store
from digitcmp.training.progress import EpochProgress

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
EVALUATION = ("accelerator", "benchmark", "deterministic", "inference_mode", "plugins", "precision")  # of Trainer
Kind = TypeVar("Kind")


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
        best: the callback that saves the best weights, None with checkpoint=last.
        pictures: whether to draw figures for TensorBoard.
    """

    data: PairData
    module: DigitComparison
    trainer: Trainer
    evaluator: Trainer
    events: EventsLogger
    metrics: MetricsTable
    loggers: Sequence[Logger]
    best: ModelCheckpoint | None
    pictures: bool

    @property
    def device(self) -> str:
        """The device that the run trains on."""
        return str(self.trainer.strategy.root_device)


class CheckpointWriter(TorchCheckpointIO):
    """Write checkpoints completely or not at all. Lightning's writer leaves partial files in /tmp when it is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(Path(path)) as partial, partial.open("wb") as stream:
            torch.save(checkpoint, stream)


def assemble(run: Run, folder: Path, console: Console) -> Parts:
    """Return the parts of a run.

    Args:
        run: the run's configuration.
        folder: the run's folder.
        console: where the progress is printed, nothing if it is quiet.

    Raises:
        RunError: if a part cannot be built or the network cannot be trained.
        DataError: if the data set cannot be loaded.
        MisconfigurationException: if Lightning rejects the options.
    """
    data = PairData(
        seed=run.seed,
        batch_size=run.batch_size,
        data_seed=run.data.seed,
        task=run.task,
        aux_labels=run.aux_labels,
        **run.data.model_dump(exclude={"seed"}),
    )
    data.setup()
    module = build_module(run, data)
    events, metrics = EventsLogger(folder), MetricsTable(folder / METRICS)
    callbacks = [instantiate("callbacks", spec, Callback) for spec in run.callbacks.values()]
    reject_callbacks(run, callbacks)
    loggers = [build_logger(spec, folder) for spec in run.logger.values()]
    best = None
    if run.checkpoint == "best":
        file = folder / BEST
        best = ModelCheckpoint(file.parent, file.stem, monitor="val_acc", mode="max")
    average = [] if run.ema is None else [WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(run.ema))]
    options = trainer_options(run, folder, callbacks)
    release = [ReleaseLoggers(loggers)] if loggers else []
    progress = []
    if not console.quiet and options["enable_progress_bar"] is None:
        progress = [EpochProgress(console, metrics, run.epochs)]
    try:
        trainer = Trainer(
            **options | {"enable_progress_bar": bool(options["enable_progress_bar"])},
            default_root_dir=folder,
            devices=1,  # Lightning would use all GPUs
            max_epochs=run.epochs,
            logger=[events, metrics, *loggers],
            callbacks=[*average, *([best] if best else []), *progress, *callbacks, *release],
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
    except (MisconfigurationException, ImportError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"trainer: {' '.join(str(error).split())}") from error
    if trainer.precision != run.trainer.precision:  # Lightning replaces a precision that the device lacks
        raise RunError(
            f"trainer.precision={run.trainer.precision} is not supported by this device; "
            f"Lightning would use {trainer.precision}"
        )
    draws = (not console.quiet) if run.pictures is None else run.pictures
    return Parts(data, module, trainer, evaluator, events, metrics, loggers, best, draws)


def build_module(run: Run, data: PairData) -> DigitComparison:
    """Return the module of a run for these pairs. Raise RunError if the network cannot be built or trained."""
    mean, std = data.moments if run.normalize else (0.0, 1.0)
    spec = dict(run.optimizer)
    if run.trainer.gradient_clip_val is not None and run.trainer.precision != "32-true":
        spec.pop("fused", None)  # Lightning clips no gradients for a fused optimizer in mixed precision
    optimizer = partial_of("optimizer", spec)
    # a schedule would overwrite a rate that a callback sets
    schedule = None if run.schedule["_target_"].endswith(".constant") else partial_of("schedule", run.schedule)
    try:
        optimizer([torch.nn.Parameter(torch.zeros(1))], lr=run.lr)
    except Exception as error:  # a third-party optimizer can raise anything
        raise RunError(f"optimizer: {spec['_target_']} cannot be created: {error}") from error
    try:
        network = PairEnsemble(
            backbone=run.model.name,
            arguments=run.model.arguments,
            head=run.head.name,
            head_arguments=run.head.arguments,
            aux=run.aux,
            mean=mean,
            std=std,
            seed=run.seed,
            bins=run.bins,
            tta=run.tta,
            ensemble=run.ensemble,
            images=asdict(data.images),
        )
        module = DigitComparison(
            network,
            aux_weight=run.aux_weight,
            label_smoothing=run.label_smoothing,
            optimizer=optimizer,
            lr=run.lr,
            schedule=schedule,
            seed=run.seed,
            task=run.task,
            aux_labels=run.aux_labels,
        )
        try_batches(network, run.data.train_pairs % run.batch_size or run.batch_size)
    except Exception as error:  # a third-party network can raise anything
        reason = f"{type(error).__name__}: {error}{place(error, run)}"
        raise RunError(f"model={run.model.name} cannot be trained: {reason}") from error
    return module


def place(error: Exception, run: Run) -> str:
    """Return the line of a third-party backbone or head that raised an error, ' (mylab/nets.py:12)', or ''."""
    modules = outside_module(NETWORKS[run.model.name].builder), outside_module(HEADS[run.head.name].build)
    packages = {module.partition(".")[0] for module in modules if module}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_globals["__name__"].partition(".")[0] in packages:
            file = Path(frame.f_code.co_filename)
            return f" ({file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}:{line})"
    return ""


def partial_of(key: str, spec: Mapping[str, Any]) -> partial[Any]:
    """Return the function or class of a `_target_` with its arguments. Raise RunError if it cannot be imported."""
    try:
        made: partial[Any] = hydra.utils.instantiate(spec, _partial_=True, _convert_="all")
    except Exception as error:
        raise RunError(f"{key}: {str(error.__cause__ or error).partition(chr(10))[0]}") from error
    return made


def build_logger(spec: Mapping[str, Any], folder: Path) -> Logger:
    """Return a logger. Null arguments keep the logger's default. Raise RunError if it cannot be created."""
    spec = {name: value for name, value in spec.items() if value is not None}
    with mlflow_store() if spec["_target_"].endswith("MLFlowLogger") else nullcontext():
        return instantiate("logger", spec, Logger, {"save_dir": str(folder)})


def instantiate(
    key: str, spec: Mapping[str, Any], kind: Callable[..., Kind], given: Mapping[str, Any] | None = None
) -> Kind:
    """Return an instance of a `_target_` with its arguments.

    Args:
        key: the option, for error messages.
        spec: the `_target_` and its arguments.
        kind: the required class.
        given: further arguments, passed if the target accepts them and neither the spec nor a default sets them.

    Raises:
        RunError: if the instance cannot be created or is not of the required class.
    """
    target = spec["_target_"]
    try:
        target_class = hydra.utils.get_class(target)
        extra = {name: value for name, value in (given or {}).items() if name not in spec and lacks(target_class, name)}
        if issubclass(target_class, ThroughputMonitor) and "batch_size_fn" not in spec:
            # YAML cannot contain a function
            extra["batch_size_fn"] = lambda batch: len(batch.target)
        instance = hydra.utils.instantiate(spec, _convert_="all", **extra)
    except Exception as error:  # a third-party constructor can raise anything
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise RunError(f"{key}: {target} cannot be created: {reason}") from error
    if not isinstance(instance, kind):  # type: ignore[arg-type]
        raise RunError(f"{key}: {target} is not a lightning {kind.__name__}")
    return instance


def lacks(function: Callable[..., Any], name: str) -> bool:
    """Return whether a function or class has a parameter of this name whose default is missing or None."""
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.default in (None, parameter.empty)


def reject_callbacks(run: Run, callbacks: Sequence[Callback]) -> None:
    """Raise RunError for callbacks that resume a fit, average the weights twice, or monitor test or unknown scores."""
    averages = [] if run.ema is None else [f"ema={run.ema}"]
    scores = names(aux=run.aux)
    for callback in callbacks:
        name, monitor = type(callback).__name__, getattr(callback, "monitor", None)
        if isinstance(callback, OnExceptionCheckpoint):
            raise RunError(f"callbacks: {name} is not allowed: it resumes a fit, and a run always starts from its seed")
        if isinstance(callback, WeightAveraging | StochasticWeightAveraging):
            averages.append(name)
        if not isinstance(monitor, str):
            continue
        if monitor.startswith("test_"):
            raise RunError(
                f"callbacks: {name} monitors {monitor}, but no choice may depend on the test pairs; "
                f"expected a validation score. Set monitor: {monitor.replace('test_', 'val_', 1)}."
            )
        if monitor not in scores and all(type(other).__module__.startswith("lightning.") for other in callbacks):
            near = get_close_matches(monitor, scores, n=1)  # a third-party callback may log further scores
            hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(scores)}"
            raise RunError(f"callbacks: {name} monitors the unknown score {monitor}: {hint}")
    if len(averages) > 1:
        raise RunError(f"callbacks: {' and '.join(averages)} both average the weights; one of them is expected")


def trainer_options(run: Run, folder: Path, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer from the run's `trainer` group, profiler and plugins created."""
    options = run.trainer.model_dump()
    profiler = options["profiler"]
    if isinstance(profiler, str):
        options["profiler"] = PROFILERS[profiler](dirpath=folder, filename=f"{profiler}-profile")
    elif profiler is not None:
        options["profiler"] = instantiate("trainer.profiler", profiler, Profiler, {"dirpath": str(folder)})
    plugins = [instantiate("trainer.plugins", spec, object) for spec in options["plugins"]]
    if environments := [plugin for plugin in plugins if isinstance(plugin, ClusterEnvironment)]:
        raise RunError(f"trainer.plugins: {type(environments[0]).__name__} is not allowed: a run is one process")
    plugins += [LightningEnvironment()]  # one process per run, in a SLURM job too
    if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
        plugins += [CheckpointWriter()]
    options["plugins"] = plugins
    if options["enable_checkpointing"] is None:
        checkpoints = any(isinstance(callback, Checkpoint) for callback in callbacks)
        options["enable_checkpointing"] = checkpoints or run.checkpoint == "best"
    if any(isinstance(callback, ProgressBar) for callback in callbacks):
        options["enable_progress_bar"] = True
    return options


def try_batches(network: PairEnsemble, rows: int) -> None:
    """Run a copy of the network on its smallest training batch, of `rows` pairs, and on one pair in evaluation mode."""
    with torch.random.fork_rng(), torch.no_grad():
        trial = copy.deepcopy(network)
        trial.train()(torch.zeros(rows, 2, *network.images.shape))
        trial.eval()(torch.zeros(1, 2, *network.images.shape))
