"""What a run shows and writes while it trains."""

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch
import torch.utils.tensorboard  # Lightning would import it in the middle of the fit
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from digitcmp import pictures
from digitcmp.data import PairData
from digitcmp.fields import shown
from digitcmp.model import PairOutput
from digitcmp.module import DigitComparison
from digitcmp.runs import PICTURES
from digitcmp.scores import COMPARISON, DIGITS, STAGES, names


def scores(trainer: Trainer) -> dict[str, float]:
    """The scores of the epoch that has just ended, by stage and score as in metrics.csv: `train_loss`, `train_acc`, ...

    The digit scores come last, and only with the auxiliary loss; validation and test scores only of an epoch that
    was evaluated (trainer.check_val_every_n_epoch).
    """
    epoch = min(trainer.current_epoch + 1, trainer.max_epochs or 0)  # after the last one, Lightning counts on
    stages = STAGES if epoch % (trainer.check_val_every_n_epoch or 1) == 0 else STAGES[:1]
    logged = trainer.callback_metrics  # which keeps what earlier epochs logged
    return {name: rounded(logged[name]) for name in names(stages) if name in logged}


def rounded(score: float | Tensor) -> float:
    """A score in the seven digits that float32 holds: .926, not .9259999990463257."""
    return float(f"{score:.7g}")


def tag(name: str) -> str:
    """The TensorBoard tag of a score, so that its stages share a group: train_acc -> acc/train_acc."""
    return f"{name.split('_', 1)[1]}/{name}"


@contextmanager
def optional(what: str) -> Iterator[None]:
    """Around what is only looked at, once a network is trained: its failure is a line on stderr and costs no result."""
    try:
        yield
    except Exception as error:  # whatever a drawing, a terminal or a writer of events raises
        print(f"{what} failed ({' '.join(f'{type(error).__name__}: {error}'.split())})", file=sys.stderr)


class RunFolderLogger(TensorBoardLogger):
    """TensorBoard events directly in the run's folder, so that TensorBoard names the run by its path."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="", version="", default_hp_metric=False)

    def save(self) -> None:
        self.experiment.flush()  # and no hparams.yaml: config.yaml says more

    def finalize(self, status: str) -> None:
        if status != "success":  # else there is a result to log before the file is closed
            super().finalize(status)

    def lay_out(self, aux: bool) -> None:
        """One chart for each score under Custom Scalars, with a line for each stage."""
        scores = COMPARISON + DIGITS if aux else COMPARISON
        charts = {score: ["Multiline", [tag(f"{stage}_{score}") for stage in STAGES]] for score in scores}
        self.experiment.add_custom_scalars({"train, validation and test": charts})

    def log_result(self, result: Mapping[str, Any], hparams: Mapping[str, Any]) -> None:
        """A row of the HParams table, which has no cell for null and shows a truth value as 0 or 1, so as words."""
        numbers = {key: value for key, value in hparams.items() if type(value) in (int, float)}
        words = {key: shown(value) for key, value in hparams.items() if key not in numbers}
        scores = [name for name in ("test_acc", "val_acc", *DIGITS) if result[name] is not None]
        self.log_hyperparams(numbers | words, {f"final/{name}": result[name] for name in scores})
        super().finalize("success")


class MetricsWriter(Callback):
    """Writes each epoch's scores, counted from 1, as a row of metrics.csv and to the logger, for all to watch.

    rows: what it has written, by epoch.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stream: TextIO | None = None
        self.rows: dict[int, dict[str, float]] = {}

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, DigitComparison)
        if trainer.current_epoch >= module.epochs:  # StochasticWeightAveraging's for batch norms, without a step
            return
        epoch = trainer.current_epoch + 1
        row = self.rows[epoch] = {"epoch": epoch, **scores(trainer)}
        if self.stream is None:
            columns = names(aux="train_digit_acc" in row)
            self.stream = self.file.open("w", newline="")
            self.writer = csv.DictWriter(self.stream, fieldnames=["epoch", *columns], lineterminator="\n")
            self.writer.writeheader()
        self.writer.writerow(row)
        self.stream.flush()
        for logger in trainer.loggers:
            logger.log_metrics({tag(name): value for name, value in row.items() if name != "epoch"}, step=epoch)
            logger.save()

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        if self.stream is not None:
            self.stream.close()


class BestWeights(Callback):
    """Keeps the weights of the epoch with the best validation accuracy, the first of several, and restores them."""

    def __init__(self) -> None:
        self.epoch, self.accuracy, self.weights = 0, -1.0, dict[str, Tensor]()

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["val_acc"])
        if accuracy > self.accuracy:
            weights = {key: tensor.detach().clone() for key, tensor in module.state_dict().items()}
            self.epoch, self.accuracy, self.weights = trainer.current_epoch + 1, accuracy, weights

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self.epoch:
            module.load_state_dict(self.weights)


class Pictures(Callback):
    """Adds to TensorBoard and the run's folder, at the end, what the network gets wrong in the test pairs."""

    def __init__(self, data: PairData, logger: RunFolderLogger) -> None:
        self.data = data
        self.logger = logger

    def on_fit_end(self, trainer: Trainer, module: LightningModule) -> None:
        with optional("drawing the pictures for TensorBoard"):
            self.draw(trainer, module)

    def draw(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, DigitComparison)
        test = self.data.sets["test"]
        with torch.inference_mode():
            output = module.eval().predict_all(test.pairs.to(module.device))
        digits = None if output.digits is None else output.digits.cpu()
        output = PairOutput(output.compare.cpu(), digits)
        for name, figure in pictures.draw(test, output, module.current[0], self.data.images.names).items():
            image = pictures.pixels(figure)
            pictures.save(figure, Path(self.logger.save_dir) / PICTURES / f"{name}.png")
            self.logger.experiment.add_image(name, image, trainer.current_epoch, dataformats="HWC")


class EpochProgress(Callback):
    """A bar on a terminal, a plain line per epoch elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, auto_refresh=False)

    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        if self.console.is_terminal:
            self.bar.start()
        self.task = self.bar.add_task("epochs", total=trainer.max_epochs)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        now = scores(trainer)
        line = "  ".join(f"{stage} {now[f'{stage}_acc']:.3f}" for stage in STAGES if f"{stage}_acc" in now)
        if self.console.is_terminal:
            self.bar.update(self.task, advance=1, description=f"accuracy: {line}", refresh=True)
        else:
            print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  accuracy: {line}", flush=True)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self.bar.stop()  # which shows the cursor again

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self.bar.stop()
