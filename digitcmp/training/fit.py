"""Train one run, from its configuration to its result."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.utilities.spike import TrainingSpikeException
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from PIL import Image
from rich.console import Console

from digitcmp.config.run import Run
from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import CLASSES, TASKS
from digitcmp.errors import RunError
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.network import PairOutput, concatenate
from digitcmp.models.scores import majority, rounded
from digitcmp.runs.folder import BEST, CHECKPOINT, PICTURES, claim, lock
from digitcmp.runs.provenance import code_files, provenance, remarks_on
from digitcmp.runs.result import DATA_REMARKS, MAJORITY, NETWORK, SCORES, finished_result, record_result
from digitcmp.training import process, progress
from digitcmp.training.assembly import Parts, assemble, creating
from digitcmp.training.loggers import exclusive


def train(run: Run, folder: Path, show: bool = False) -> dict[str, Any]:
    """Train a run in its folder and return its result.

    If the folder already holds the finished run, return its result. With `trainer.fast_dev_run`, train and evaluate
    a few batches, write nothing and return their scores.

    Args:
        run: the run's configuration.
        folder: the run's folder, created if it does not exist.
        show: whether to print the progress and the result.

    Returns:
        The content of result.json.

    Raises:
        RunError: if torch, Lightning or the data reject the run, or if the folder holds other files, before anything is
            written; or if a callback stops the run before it is evaluated, or the disk is full.
        FloatingPointError: if a loss is not finite.
    """
    console = Console(quiet=not show, highlight=False, markup=False, soft_wrap=True)
    try:
        if not (run.force or run.trainer.fast_dev_run) and (result := finished_result(folder, run)):
            done = f"{result['label']}, test accuracy {result['test_acc']:.4f}"
            for line in (f"{folder} already holds this finished run: {done}", *remarks_on([result["versions"]])):
                console.print(line)
            return result
        with process.training(run):
            parts = assemble(run, folder, show)
            for line in (progress.header(run, parts.params, parts.device), *parts.data.remarks):
                console.print(line)
            if run.trainer.fast_dev_run:
                return rehearse(run, parts, console)
            with lock(folder):
                if not run.force and (result := finished_result(folder, run)):  # trained by another process meanwhile
                    return result
                with finishing(parts):
                    result = fit(run, folder, parts, show)
    except (MisconfigurationException, TrainingSpikeException) as error:
        raise RunError(str(error).splitlines()[0]) from None
    except BrokenPipeError:
        raise RunError("standard output was closed, which stopped the run; an open one is expected") from None
    except OSError as error:  # a full disk, a folder that cannot be written
        where = f": {error.filename}" if error.filename else ""
        raise RunError(f"{folder}: {error.strerror or error}{where}") from None
    with optional("printing the result"):
        progress.summary(run, result, folder, console)
    return result


def rehearse(run: Run, parts: Parts, console: Console) -> dict[str, Any]:
    """Train, validate and test a few batches with Lightning's `fast_dev_run`, and return the test scores."""
    parts.trainer.fit(parts.module, parts.data)
    [scores] = parts.trainer.test(parts.module, parts.data, verbose=False)
    n = int(run.trainer.fast_dev_run)
    batches = "1 batch" if n == 1 else f"{n} batches"
    console.print(f"fast_dev_run: trained, validated and tested {batches}. No result was recorded.")
    return dict(scores)


def fit(run: Run, folder: Path, parts: Parts, show: bool) -> dict[str, Any]:
    """Fit the parts of a run, write its files and return its result. result.json is written last.

    Raises:
        RunError: if the folder holds other files, or if a callback stops the run before its first epoch has ended.
        FloatingPointError: if a loss is not finite.
    """
    origin, files = provenance(), code_files(run)  # before the code can change
    described = {"label": run.label, "params": parts.params} | run.settings
    for logger in parts.loggers:  # the first use starts a service, before the run writes anything
        with exclusive(), creating("logger", type(logger).__name__):
            logger.log_hyperparams(described)
    claim(folder, run)
    parts.events.lay_out(run.aux)
    start = time.perf_counter()
    parts.trainer.fit(parts.module, parts.data)
    fit_seconds = time.perf_counter() - start
    if not parts.metrics.rows:
        raise RunError(f"{folder}: no result, because a callback stopped the run before its first epoch had ended")
    last = max(parts.metrics.rows)
    kept = restore_best(parts, folder / BEST) if run.checkpoint == "best" else last
    scores = parts.metrics.rows[kept] | evaluate(parts)
    rate, size = parts.module.hparams["lr"], parts.data.batch_size  # callbacks of Lightning can have changed them
    result = {
        **run.settings,
        "cell": run.cell_name,
        "label": run.label,
        "params": parts.params,
        **({"found_lr": rate} if rate != run.lr else {}),
        **({"found_batch_size": size} if size != run.batch_size else {}),
        "epochs_trained": last,
        "checkpoint_epoch": kept,
        **{name: scores[name] for name in SCORES[:6]},
        "digit_acc": scores.get("test_digit_acc"),
        "argmax_acc": scores.get("test_argmax_acc"),
        MAJORITY: majority(parts.data.sets["test"].target),
        NETWORK: dataclasses.asdict(NETWORKS[run.model.name].facts),
        "fit_seconds": fit_seconds,
        "device": parts.device,
        **origin,
        **({DATA_REMARKS: "; ".join(parts.data.remarks)} if parts.data.remarks else {}),
        "config_hash": run.config_hash,
        "code": checksum(json.dumps(files, sort_keys=True).encode()),
        "files": files,
    }
    parts.trainer.save_checkpoint(folder / CHECKPOINT, weights_only=True)
    parts.trainer.strategy.checkpoint_io.teardown()  # waits for an asynchronous writer
    if show if run.pictures is None else run.pictures:
        with optional("drawing the pictures for TensorBoard"):
            draw(parts, folder / PICTURES, last)
    with optional("logging the result in TensorBoard"):
        parts.events.log_result(result, described)
    for logger in parts.loggers:
        with optional(f"logging the result with {type(logger).__name__}"):
            logger.log_metrics({f"final/{name}": result[name] for name in ("test_acc", "val_acc")})
            logger.save()
    return record_result(folder, result)


def restore_best(parts: Parts, file: Path) -> int:
    """Load the weights of the best validation accuracy into the network, remove their file, and return their epoch.

    Raises:
        RunError: if there was no evaluation.
    """
    if not file.is_file():
        raise RunError(f"{file.parents[1]}: no result, because no epoch was evaluated")
    checkpoint = torch.load(file, map_location=parts.module.device, weights_only=True)
    parts.module.load_state_dict(checkpoint["state_dict"])
    file.unlink()
    return int(checkpoint["epoch"]) + 1


def evaluate(parts: Parts) -> dict[str, float]:
    """Return the scores of the network on all validation and test pairs, by name.

    Raises:
        FloatingPointError: if a loss is not finite.
    """
    [val] = parts.evaluator.validate(parts.module, parts.data.evaluation_loader("val"), verbose=False)
    [test] = parts.evaluator.test(parts.module, parts.data, verbose=False)
    scores = {name: rounded(score) for name, score in {**val, **test}.items()}
    progress.require_finite(scores, "at the end")
    return scores


def draw(parts: Parts, folder: Path, epoch: int) -> None:
    """Draw the network's errors on the test pairs, as files in a folder and for TensorBoard."""
    from digitcmp.training import plots  # imports matplotlib

    outputs: Any = parts.evaluator.predict(parts.module, parts.data)
    compare, digits = concatenate(outputs)
    if digits is not None:  # other labels are not the classes
        digits = digits.float().cpu() if parts.data.aux_labels in CLASSES else None
    output = PairOutput(compare.float().cpu(), digits)
    folder.mkdir(exist_ok=True)
    test = Batch(*(tensor.cpu() for tensor in parts.data.sets["test"]))
    for name, figure in plots.draw(test, output, parts.data.images.names, TASKS[parts.data.task]).items():
        figure.savefig(file := folder / f"{name}.png")
        with Image.open(file) as image:  # add_figure would draw the figure again
            parts.events.experiment.add_image(name, np.asarray(image), epoch, dataformats="HWC")


@contextmanager
def finishing(parts: Parts) -> Iterator[None]:
    """Finish the run of Weights & Biases with this one, because a process can have one at a time."""
    code = 1
    try:
        yield
        code = 0
    finally:
        if any(isinstance(logger, WandbLogger) for logger in parts.loggers):
            import wandb

            with optional("finishing WandbLogger"):
                wandb.finish(exit_code=code)


@contextmanager
def optional(action: str) -> Iterator[None]:
    """Guard non-essential output: print its failure on stderr and keep the result."""
    try:
        yield
    except Exception as error:  # a figure, a terminal or a logger can raise anything
        print(f"{action} failed ({' '.join(f'{type(error).__name__}: {error}'.split())})", file=sys.stderr)
