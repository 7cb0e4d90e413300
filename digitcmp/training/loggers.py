"""Lightning loggers of every run: metrics.csv and TensorBoard events."""

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch.utils.tensorboard  # noqa: F401  # otherwise Lightning imports it during the fit
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from digitcmp.fields import shown
from digitcmp.models.scores import COMPARISON, DIGITS, STAGES, names, rounded
from digitcmp.runs.folder import EVENTS, lock


class MetricsTable(Logger):
    """Write metrics.csv: one row per epoch, counted from 1, with the train, validation and test scores.

    An epoch with several evaluations keeps the scores of the last one. An epoch without an evaluation has gaps.

    Args:
        file: metrics.csv, in an existing folder. It must not exist.

    Attributes:
        rows: the written rows, by epoch.
    """

    name = version = None

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: dict[int, dict[str, float]] = {}
        self.row: dict[str, float] = {}  # the current epoch

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml contains them."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add scores to the row of their epoch. The train scores come last and write the row."""
        self.row |= {name: rounded(metrics[name]) for name in names() if name in metrics}
        if "train_loss" in self.row:
            epoch = int(metrics["epoch"]) + 1
            with self.file.open("a", newline="") as stream:
                columns = ["epoch", *names(aux="train_digit_acc" in self.row)]
                table = csv.DictWriter(stream, columns, lineterminator="\n")
                if not self.rows:
                    table.writeheader()
                table.writerow({"epoch": epoch} | self.row)
            self.rows[epoch], self.row = self.row, {}


class EventsLogger(TensorBoardLogger):
    """Write TensorBoard events into the run's folder. TensorBoard then shows the run by its path."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="", version="", default_hp_metric=False, filename_suffix=EVENTS)

    def save(self) -> None:
        self.experiment.flush()  # no hparams.yaml: config.yaml is more complete

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the scores, with the stages of a score in one group: train_acc as acc/train_acc."""
        scores = names()
        super().log_metrics({tag(name) if name in scores else name: value for name, value in metrics.items()}, step)

    def finalize(self, status: str) -> None:
        if status != "success":  # after a success, log_result closes the file
            super().finalize(status)

    def lay_out(self, aux: bool) -> None:
        """Define a chart for each score under Custom Scalars, with a line for each stage."""
        scores = COMPARISON + DIGITS if aux else COMPARISON
        charts = {score: ["Multiline", [tag(f"{stage}_{score}") for stage in STAGES]] for score in scores}
        self.experiment.add_custom_scalars({"train, validation and test": charts})

    def log_result(self, result: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
        """Log a row of the HParams table. Booleans and null are logged as words, because the table cannot show them."""
        numbers = {key: value for key, value in hparams.items() if type(value) in (int, float)}
        words = {key: shown(value) for key, value in hparams.items() if key not in numbers}
        scores = [name for name in ("test_acc", "val_acc", *DIGITS) if result[name] is not None]
        self.log_hyperparams(numbers | words, {f"final/{name}": result[name] for name in scores})
        super().finalize("success")


def tag(name: str) -> str:
    """Return the TensorBoard tag of a score: train_acc -> acc/train_acc."""
    return f"{name.split('_', 1)[1]}/{name}"


@contextmanager
def exclusive() -> Iterator[None]:
    """Lock the working folder while loggers start. Otherwise two processes create MLflow's store twice."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # without it MLflow rejects a folder
    with lock(Path.cwd(), name=".digitcmp.loggers.lock"):
        yield
