"""What a run writes while it trains, as Lightning's loggers: metrics.csv and TensorBoard events."""

import csv
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch.utils.tensorboard  # noqa: F401  # Lightning would import it in the middle of the fit
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from digitcmp.fields import shown
from digitcmp.models.scores import COMPARISON, DIGITS, STAGES, names, rounded
from digitcmp.runs.folder import lock


class MetricsTable(Logger):
    """Write metrics.csv: one row an epoch, counted from 1, with the train, validation and test scores.

    An epoch with several evaluations keeps the scores of the last one, an epoch without any leaves gaps. A loss that is
    not finite raises FloatingPointError, which ends the training.

    Args:
        file: where the table is written; the folder must exist.

    Attributes:
        rows: the written rows, by epoch.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.stream: TextIO | None = None
        self.rows: dict[int, dict[str, float]] = {}
        self.row: dict[str, float] = {}  # of the epoch that has not ended

    @property
    def name(self) -> None:
        return None

    @property
    def version(self) -> None:
        return None

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml has them."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add scores to the row of their epoch, and write it with the train scores, which come last."""
        scores = {name: rounded(metrics[name]) for name in names() if name in metrics}
        if not scores:
            return
        epoch = int(metrics["epoch"]) + 1
        for name, value in scores.items():
            if name.endswith("_loss") and not math.isfinite(value):
                stage = name.removesuffix("_loss")
                raise FloatingPointError(f"the {stage} loss is {value} in epoch {epoch}: training diverged, lower lr")
        self.row |= scores
        if "train_loss" in scores:
            self.write(epoch, {name: self.row[name] for name in names() if name in self.row})
            self.row = {}

    def write(self, epoch: int, row: dict[str, float]) -> None:
        """Write a row of the table, the first one below its header."""
        if self.stream is None:
            self.stream = self.file.open("w", newline="")
            columns = ["epoch", *names(aux="train_digit_acc" in row)]
            self.writer = csv.DictWriter(self.stream, fieldnames=columns, lineterminator="\n")
            self.writer.writeheader()
        self.writer.writerow({"epoch": epoch} | row)
        self.stream.flush()
        self.rows[epoch] = row

    def finalize(self, status: str) -> None:
        if self.stream is not None:
            self.stream.close()


class EventsLogger(TensorBoardLogger):
    """Write TensorBoard events directly into the run's folder, so that TensorBoard names the run by its path."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="", version="", default_hp_metric=False)

    def save(self) -> None:
        self.experiment.flush()  # and no hparams.yaml: config.yaml says more

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the scores under tags that put the stages of a score into one group: train_acc as acc/train_acc."""
        scores = names()
        super().log_metrics({tag(name) if name in scores else name: value for name, value in metrics.items()}, step)

    def finalize(self, status: str) -> None:
        if status != "success":  # else there is a result to log before the file is closed
            super().finalize(status)

    def lay_out(self, aux: bool) -> None:
        """Lay out one chart for each score under Custom Scalars, with a line for each stage."""
        scores = COMPARISON + DIGITS if aux else COMPARISON
        charts = {score: ["Multiline", [tag(f"{stage}_{score}") for stage in STAGES]] for score in scores}
        self.experiment.add_custom_scalars({"train, validation and test": charts})

    def log_result(self, result: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
        """Log a row of the HParams table, which shows a boolean as 0 or 1 and has no cell for null: so as words."""
        numbers = {key: value for key, value in hparams.items() if type(value) in (int, float)}
        words = {key: shown(value) for key, value in hparams.items() if key not in numbers}
        scores = [name for name in ("test_acc", "val_acc", *DIGITS) if result[name] is not None]
        self.log_hyperparams(numbers | words, {f"final/{name}": result[name] for name in scores})
        super().finalize("success")


@contextmanager
def mlflow_store() -> Iterator[None]:
    """Hold MLflow's folder alone while a store or an experiment is looked up and made: it would be made twice.

    MLflow accepts a folder only with `MLFLOW_ALLOW_FILE_STORE`, which is set unless the user has.
    """
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    with lock(Path.cwd(), name=".digitcmp.mlflow.lock"):
        yield


def tag(name: str) -> str:
    """Return the TensorBoard tag of a score: train_acc -> acc/train_acc."""
    return f"{name.split('_', 1)[1]}/{name}"
