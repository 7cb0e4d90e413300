"""The output of a single run on the terminal: its header, the accuracies of each epoch, and the result."""

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from digitcmp import paper
from digitcmp.config.identity import path_text
from digitcmp.config.run import Run
from digitcmp.data.tasks import TASKS
from digitcmp.models.scores import NOT_TOLD_APART, STAGES, exceeds
from digitcmp.training.loggers import MetricsTable


class EpochProgress(Callback):
    """Print a line with the accuracies of each epoch, and end a training that diverged.

    Lightning's own bars, updated every step, slow a short run.
    """

    def __init__(self, metrics: MetricsTable, epochs: int, show: bool) -> None:
        self.metrics, self.epochs, self.show = metrics, epochs, show
        self.last_epoch = 0  # the last one that was reported

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.report()  # train scores are logged after on_train_epoch_end

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.report()

    def report(self) -> None:
        """Print the scores of the last epoch if they are not printed yet.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        epoch = max(self.metrics.rows, default=0)
        if epoch > self.last_epoch:
            self.last_epoch, row = epoch, self.metrics.rows[epoch]
            require_finite(row, f"in epoch {epoch}")
            scores = "  ".join(f"{stage} {row[f'{stage}_acc']:.3f}" for stage in STAGES if f"{stage}_acc" in row)
            if self.show:
                print(f"epoch {epoch}/{self.epochs}  accuracy: {scores}", flush=True)


def require_finite(scores: Mapping[str, float], when: str) -> None:
    """Raise FloatingPointError if a loss is not finite."""
    for stage in STAGES:
        if not math.isfinite(loss := scores.get(f"{stage}_loss", 0.0)):
            raise FloatingPointError(f"the {stage} loss is {loss} {when}: training diverged. Lower lr.")


def header(run: Run, params: int, device: str) -> str:
    """Return the first line of a run: network, parameters, data, seed, learning rate and device."""
    pairs = " + ".join(f"{n:,}" for n in (run.data.train_pairs, run.data.val_pairs, run.data.test_pairs))
    return (
        f"{run.label} (model={run.model.name} aux={str(run.aux).lower()}), {params:,} parameters; "
        f"{run.data.name}, {pairs} pairs; seed {run.seed}, lr {run.lr:g}, {device}"
    )


def summary(run: Run, result: dict[str, Any], folder: Path, console: Console) -> None:
    """Print the result with the paper's value for its cell, the files and the TensorBoard command."""
    varied = {key: path_text(value) for key, value in run.cell.items() if key not in ("model", "aux", "lr")}
    published = paper.published(run.label) if paper.as_published(varied) else None
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(result["label"])
    for split in STAGES:
        table.add_column(split, justify="right")
    if published:
        table.add_column(f"paper ({published.source})", justify="right")
    spread = f" ± {published.std:.3f}" if published and published.std is not None else ""
    cells = [f"{result[f'{split}_acc']:.3f}" for split in STAGES]
    table.add_row("accuracy", *cells, f"{published.mean:.3f}{spread}" if published else None)
    table.add_row("majority answer", "", "", f"{result['majority']:.3f}")
    table.add_row("loss", *(f"{result[f'{split}_loss']:.3f}" for split in STAGES))
    if result["aux"]:
        labels = "digit accuracy" if run.aux_labels == "digits" else f"accuracy of aux_labels={run.aux_labels}"
        table.add_row(labels, "", "", f"{result['digit_acc']:.3f}")
        if result["argmax_acc"] is not None:
            table.add_row("comparing predicted digits", "", "", f"{result['argmax_acc']:.3f}")
    console.print(f"\n{TASKS[run.task].question}")
    console.print(table)
    if not exceeds(result["test_acc"], result["majority"], run.data.test_pairs):
        console.print(f"\n{NOT_TOLD_APART}")
    epochs, kept = result["epochs_trained"], result["checkpoint_epoch"]
    trained = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    if kept != epochs:
        trained += f", with the weights of epoch {kept},"
    console.print(f"\n{trained} in {result['fit_seconds']:.1f} s. Written to {folder}:")
    console.print("  result.json  metrics.csv  config.yaml  checkpoints/last.ckpt  TensorBoard events")
    console.print(f"Look inside: tensorboard --logdir {shlex.quote(str(folder))}")
