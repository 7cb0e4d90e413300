"""Training one run, from its configuration to its result."""

import copy
import inspect
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import psutil
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    Checkpoint,
    GradientAccumulationScheduler,
    LearningRateFinder,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.plugins import TorchCheckpointIO
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console

from digitcmp import callbacks, files, fingerprint, objective, process, runs, screen
from digitcmp.config import Run
from digitcmp.data import PairData
from digitcmp.model import PairModel
from digitcmp.module import DigitComparison
from digitcmp.spec import ImageSpec

KNOBS = inspect.signature(DigitComparison).parameters.keys()  # what the module takes of a run's settings
AVERAGING = (StochasticWeightAveraging, WeightAveraging)
CALLBACKS_REFUSED: dict[tuple[type[Callback], ...], str] = {
    AVERAGING: "with checkpoint=best, which keeps the weights of an epoch and not their average",
    (BatchSizeFinder, GradientAccumulationScheduler): "batch_size=N says how many pairs make a step",
    (LearningRateFinder,): "lr=N says the rate, and a sweep of it finds one",
}
PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


class Parts(NamedTuple):
    """What a run is made of, nothing of which has been written or trained yet."""

    data: PairData
    module: DigitComparison
    trainer: Trainer
    logger: callbacks.RunFolderLogger
    metrics: callbacks.MetricsWriter
    best: callbacks.BestWeights | None


class CheckpointWriter(TorchCheckpointIO):
    """Writes a checkpoint beside its place first; Lightning's would leave half of one in /tmp when it is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        with files.atomic_write(Path(path)) as partial, partial.open("wb") as stream:
            torch.save(checkpoint, stream)


def train(run: Run, folder: Path, show: bool = False) -> dict[str, Any]:
    """Train a run in its folder and return its result; one that is there, finished, is returned as it is.

    show: on the terminal. Raises RunError for what only torch, Lightning or the data can refuse, and for a folder that
    holds something else, before anything is written; FloatingPointError for a loss that is no number.
    """
    console = Console(quiet=not show)
    try:
        if not run.force and (result := runs.finished(folder, run)):
            for line in (screen.finished(result, folder), *runs.remarks([result])):
                console.print(line, highlight=False, soft_wrap=True)
            runs.sweep_up(folder)
            return result
        with process.training(run):
            parts = assemble(run, folder, console)
            with runs.lock(folder):
                if not run.force and (result := runs.finished(folder, run)):  # trained by another process meanwhile
                    return result
                result = fit(run, folder, parts, console)
    except MisconfigurationException as error:
        raise runs.RunError(str(error).splitlines()[0]) from None
    except OSError as error:  # a full disk, a folder that cannot be written
        where = f": {error.filename}" if error.filename else ""
        raise runs.RunError(f"{folder}: {error.strerror or error}{where}") from None
    with callbacks.optional("the table of the result"):
        screen.summary(run, result, folder, console)
    return result


def fit(run: Run, folder: Path, parts: Parts, console: Console) -> dict[str, Any]:
    """Take the folder -> fit -> checkpoint -> TensorBoard's row -> result.json, in that order."""
    origin, functions = runs.provenance(), fingerprint.functions(run)
    device = str(parts.trainer.strategy.root_device)
    console.print(screen.header(run, parts.module.params, device), highlight=False, soft_wrap=True)
    runs.take(folder, run)
    runs.write_config(folder, run)
    parts.logger.lay_out(run.aux)
    start = time.perf_counter()
    parts.trainer.fit(parts.module, parts.data)
    fit_seconds = time.perf_counter() - start
    if not parts.metrics.rows:
        raise runs.RunError(f"{folder}: no result: a callback stopped it before its first epoch had ended")
    if parts.best and not parts.best.epoch:
        raise runs.RunError(f"{folder}: no result: a callback stopped it before its first evaluation")
    last = max(parts.metrics.rows)
    kept = parts.best.epoch if parts.best else last
    scores = dict(parts.metrics.rows[kept])
    if run.callbacks:  # which may have stopped between evaluations, or changed the weights after the last
        scores |= evaluate(parts)
    result = {
        **run.settings,
        "cell": run.cell_name,
        "label": run.label,
        "params": parts.module.params,
        "epochs_trained": last,
        "checkpoint_epoch": kept,
        **{name: scores[name] for name in runs.SCORES[:6]},
        "digit_acc": scores.get("test_digit_acc"),
        "argmax_acc": scores.get("test_argmax_acc"),
        "fit_seconds": fit_seconds,
        "device": device,
        **origin,
        "config_hash": run.config_hash,
        "code": fingerprint.digest(str(functions), 12),
        "functions": functions,
    }
    parts.trainer.save_checkpoint(folder / runs.CHECKPOINT, weights_only=True)
    with callbacks.optional("TensorBoard's row of the result"):
        parts.logger.log_result(result, {"label": run.label, "params": parts.module.params} | run.settings)
    return runs.record(folder, result)  # the last thing written, so that a kill after it changes nothing


def evaluate(parts: Parts) -> dict[str, float]:
    """The scores of the validation and test pairs by the weights as they are now: `val_loss`, ..., `test_acc`, ..."""
    results: dict[str, float] = {}
    module = parts.module.eval()
    for stage in ("val", "test"):
        pairs, target, digits = (tensor.to(module.device) for tensor in parts.data.sets[stage])
        with torch.inference_mode(), parts.trainer.precision_plugin.forward_context():
            scores = objective.scores(module.predict_all(pairs), target, digits, parts.data.task)
        results |= {f"{stage}_{name}": callbacks.rounded(value) for name, value in scores.items()}
    return results


def instantiate(run: Run) -> list[Callback]:
    """The callbacks that a run asks for. Raises RunError for what cannot be made."""
    made = []
    for callback in run.callbacks:
        target = callback["_target_"]
        trusted = {} if "version_base" in process.HYDRA else {"_execution_whitelist_": [target]}
        try:
            made.append(hydra.utils.instantiate(callback, _convert_="all", **trusted))
        except Exception as error:  # whatever its constructor raises
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise runs.RunError(f"callbacks: {target} cannot be made: {reason}") from error
        if not isinstance(made[-1], Callback):
            raise runs.RunError(f"callbacks: {target} is no lightning.Callback")
        for kinds, reason in CALLBACKS_REFUSED.items():
            if isinstance(made[-1], kinds) and (kinds != AVERAGING or run.checkpoint == "best"):
                raise runs.RunError(f"callbacks: {target} is not allowed: {reason}")
    return made


def assemble(run: Run, folder: Path, console: Console) -> Parts:
    """The parts of a run, which shows itself on the console.

    Raises RunError for a network that cannot be built or cannot take a batch, DataError, MisconfigurationException.
    """
    data = PairData(seed=run.seed, data_seed=run.data.seed, task=run.task, **run.data.model_dump(exclude={"seed"}))
    data.setup()
    mean, std = data.moments if run.normalize else (0.0, 1.0)
    require_memory(run, data.images)
    try:
        module = DigitComparison(
            backbone=run.model.name,
            arguments=run.model.arguments,
            mean=mean,
            std=std,
            images=asdict(data.images),
            **{key: value for key, value in run.settings.items() if key in KNOBS},
        )
        try_batches(module, len(data.sets["train"].target) % run.batch_size or run.batch_size)
    except Exception as error:  # whatever a network of one's own raises
        raise runs.RunError(f"model={run.model.name} cannot be trained: {type(error).__name__}: {error}") from error
    logger = callbacks.RunFolderLogger(folder)
    shown: list[Callback] = [] if console.quiet else [callbacks.EpochProgress(console)]
    if (not console.quiet) if run.pictures is None else run.pictures:
        shown.append(callbacks.Pictures(data, logger))
    metrics = callbacks.MetricsWriter(folder / runs.METRICS)
    best = callbacks.BestWeights() if run.checkpoint == "best" else None
    asked = instantiate(run)
    kind = run.trainer.profiler
    trainer = Trainer(
        **run.trainer.model_dump(exclude={"gradient_clip_val", "gradient_clip_algorithm", "profiler"}),
        profiler=PROFILERS[kind](dirpath=folder, filename=f"{kind}-profile") if kind else None,
        devices=1,  # on a machine with several GPUs Lightning would take them all, for one small network
        plugins=[LightningEnvironment(), CheckpointWriter()],  # the first: one process a run, in a SLURM job too
        max_epochs=run.epochs,
        logger=logger,
        callbacks=[metrics, *([best] if best else []), *shown, *asked],
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in asked),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    if trainer.precision != run.trainer.precision:  # Lightning takes another where the device has not this one
        raise runs.RunError(
            f"trainer.precision={run.trainer.precision} is not allowed: on this device it would be {trainer.precision}"
        )
    return Parts(data, module, trainer, logger, metrics, best)


def require_memory(run: Run, images: ImageSpec) -> None:
    """Raises RunError for a network that is larger than what is free, before a byte of it is taken."""
    sized = {} if run.bins is None else {"bins": run.bins}
    try:
        with torch.random.fork_rng(), torch.device("meta"):
            network = PairModel(run.model.name, run.model.arguments | sized, run.head, run.aux, images)
    except Exception:  # it is not made for that, or cannot be made at all, which is said when it is
        return
    params = run.ensemble * sum(parameter.numel() for parameter in network.parameters())
    needed, free = 16 * params, psutil.virtual_memory().available  # weights, gradients and two moments, float32
    if needed > free:
        raise runs.RunError(
            f"model={run.model.name} has {params:,} parameters, which take {needed / 1e9:,.1f} GB to train: "
            f"{free / 1e9:,.1f} GB are free"
        )


def try_batches(module: DigitComparison, rows: int) -> None:
    """Show the network, as a copy, the smallest batch that it will train on, of `rows` pairs, and one to evaluate."""
    with torch.random.fork_rng(), torch.no_grad():
        trial = copy.deepcopy(module)
        trial.train()(torch.zeros(rows, 2, *module.images.shape))
        trial.eval()(torch.zeros(1, 2, *module.images.shape))
