"""Training one run, from its configuration to its result."""

import copy
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning import Callback, Trainer
from lightning.pytorch.plugins import TorchCheckpointIO
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console

from digitcmp import callbacks, fingerprint, process, runs, screen
from digitcmp.config import Run
from digitcmp.data import PairData
from digitcmp.model import PairModel
from digitcmp.module import DigitComparison

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


class CheckpointWriter(TorchCheckpointIO):
    """Writes a checkpoint beside its place first; Lightning's would leave half of one in /tmp when it is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        with runs.atomic_write(Path(path)) as partial, partial.open("wb") as stream:
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
            data, module, trainer = assemble(run, folder, console)
            with runs.lock(folder):
                if not run.force and (
                    result := runs.finished(folder, run)
                ):  # another process trained it in the meantime
                    return result
                result = fit(run, folder, data, module, trainer, console)
    except MisconfigurationException as error:
        raise runs.RunError(str(error).splitlines()[0]) from None
    except OSError as error:  # a full disk, a folder that cannot be written
        where = f": {error.filename}" if error.filename else ""
        raise runs.RunError(f"{folder}: {error.strerror or error}{where}") from None
    screen.summary(run, result, folder, console)
    return result


def fit(
    run: Run, folder: Path, data: PairData, module: DigitComparison, trainer: Trainer, console: Console
) -> dict[str, Any]:
    """Take the folder -> fit -> checkpoint -> result.json, in that order."""
    origin, functions = runs.provenance(), fingerprint.functions(run)
    device = str(trainer.strategy.root_device)
    console.print(screen.header(run, module.params, device), highlight=False, soft_wrap=True)
    runs.take(folder, run)
    runs.write_config(folder, run)
    start = time.perf_counter()
    trainer.fit(module, data)
    fit_seconds = time.perf_counter() - start
    scores = callbacks.scores(trainer)
    result = {
        **run.settings,
        "cell": run.cell_name,
        "label": run.label,
        "params": module.params,
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
    trainer.save_checkpoint(folder / runs.CHECKPOINT, weights_only=True)
    return runs.record(folder, result)


def assemble(run: Run, folder: Path, console: Console) -> tuple[PairData, DigitComparison, Trainer]:
    """The pairs, the network and the trainer of a run; it shows itself on the console. Nothing is written yet.

    Raises RunError for a network that cannot be built or cannot take a batch, DataError, MisconfigurationException.
    """
    data = PairData(seed=run.seed, data_seed=run.data.seed, **run.data.model_dump(exclude={"seed"}))
    data.setup()
    mean, std = data.moments if run.normalize else (0.0, 1.0)
    require_memory(run)
    try:
        module = DigitComparison(
            backbone=run.model.name,
            arguments=run.model.arguments,
            batch_size=run.batch_size,
            mean=mean,
            std=std,
            gradient_clip_val=run.trainer.gradient_clip_val,
            gradient_clip_algorithm=run.trainer.gradient_clip_algorithm,
            **run.model_dump(
                include={"head", "aux", "aux_weight", "lr", "seed", "bins", "weight_decay", "schedule"}
                | {"label_smoothing", "ema", "tta", "ensemble"}
            ),
        )
        try_batches(module, len(data.sets["train"].target) % run.batch_size or run.batch_size)
    except Exception as error:  # whatever a network of one's own raises
        raise runs.RunError(f"model={run.model.name} cannot be trained: {type(error).__name__}: {error}") from error
    hparams = run.cell | {"label": run.label, "head": run.head, "seed": run.seed, "params": module.params}
    logger = callbacks.RunFolderLogger(folder)
    shown: list[Callback] = [] if console.quiet else [callbacks.EpochProgress(console)]
    if (not console.quiet) if run.pictures is None else run.pictures:
        shown.append(callbacks.Pictures(data, logger))
    kind = run.trainer.profiler
    trainer = Trainer(
        **run.trainer.model_dump(exclude={"gradient_clip_val", "gradient_clip_algorithm", "profiler"}),
        profiler=PROFILERS[kind](dirpath=folder, filename=f"{kind}-profile") if kind else None,
        devices=1,  # on a machine with several GPUs Lightning would take them all, for one small network
        plugins=[LightningEnvironment(), CheckpointWriter()],  # the first: one process a run, in a SLURM job too
        max_epochs=run.epochs,
        logger=logger,
        callbacks=[callbacks.MetricsWriter(folder / runs.METRICS, hparams), *shown],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    return data, module, trainer


def require_memory(run: Run) -> None:
    """Raises RunError for a network that is larger than what is free, before a byte of it is taken."""
    sized = {} if run.bins is None else {"bins": run.bins}
    try:
        with torch.random.fork_rng(), torch.device("meta"):
            network = PairModel(run.model.name, run.model.arguments | sized, run.head, run.aux)
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
        trial.train()(torch.zeros(rows, 2, 14, 14))
        trial.eval()(torch.zeros(1, 2, 14, 14))
