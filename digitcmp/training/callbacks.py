"""Callbacks of every run: the progress on the terminal, and loggers that outlive the fit."""

from collections.abc import Sequence

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from digitcmp.models.scores import STAGES
from digitcmp.training.loggers import MetricsTable


class ReleaseLoggers(Callback):
    """Remove loggers from the Trainer when the fit ends. It would close them before the final scores are logged."""

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self.loggers = loggers

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        trainer.loggers = [logger for logger in trainer.loggers if logger not in self.loggers]


class EpochProgress(Callback):
    """Print the accuracies of each epoch: in a progress bar on a terminal, otherwise one line per epoch."""

    def __init__(self, console: Console, metrics: MetricsTable, epochs: int) -> None:
        self.console = console
        self.metrics = metrics
        self.epochs = epochs
        self.last_epoch = 0  # the last one that was printed
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, auto_refresh=False)

    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        if self.console.is_terminal:
            self.bar.start()
        self.task = self.bar.add_task("epochs", total=self.epochs)

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.report()  # train scores are logged after on_train_epoch_end

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.report()

    def report(self) -> None:
        """Print the scores of the last epoch if they are not printed yet."""
        epoch = max(self.metrics.rows, default=0)
        if epoch == self.last_epoch:
            return
        self.last_epoch, row = epoch, self.metrics.rows[epoch]
        line = "  ".join(f"{stage} {row[f'{stage}_acc']:.3f}" for stage in STAGES if f"{stage}_acc" in row)
        if self.console.is_terminal:
            self.bar.update(self.task, completed=epoch, description=f"accuracy: {line}", refresh=True)
        else:
            print(f"epoch {epoch}/{self.epochs}  accuracy: {line}", flush=True)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self.bar.stop()  # restores the cursor

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self.bar.stop()
