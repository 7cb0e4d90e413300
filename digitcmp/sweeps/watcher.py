"""The progress of a sweep on the terminal: each run that ends, the running runs and the remaining time."""

import os
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.jobs import Job

SPEED_PERIOD = 24 * 3600.0  # seconds of the sweep that determine the remaining time


class SweepProgress:
    """A thread that prints a line for each run that ends, with a progress bar on a terminal.

    It reads the run folders, so it works with any launcher.

    Args:
        jobs: the runs to train.
        total: the number of all runs of the sweep.
        stop_on_failure: whether to end the sweep when a run fails.
    """

    def __init__(self, jobs: Sequence[Job], total: int, stop_on_failure: bool) -> None:
        self.waiting, self.total, self.stop_on_failure = list(jobs), total, stop_on_failure
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        columns = BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
        self.bar = Progress(
            *columns, console=console, disable=not console.is_terminal, speed_estimate_period=SPEED_PERIOD
        )
        self.task = self.bar.add_task("starting workers", total=total, completed=total - len(jobs))

    def __enter__(self) -> "SweepProgress":
        self.bar.start()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.bar.stop()

    def watch(self) -> None:
        while not self.over.wait(0.2):
            self.look()
        self.look()

    def look(self) -> None:
        """Report the runs that have finished or failed since the last call, and update the bar."""
        for job in list(self.waiting):
            if result := job.result:
                self.end(job, f"test accuracy {result['test_acc']:.4f}  {result['fit_seconds']:.1f} s")
            elif error := job.error:
                self.end(job, f"FAILED: {error}")
                if self.stop_on_failure:
                    os.kill(os.getpid(), signal.SIGTERM)
        if running := sum(job.wrote(CONFIG) for job in self.waiting):
            self.bar.update(self.task, description=f"{running} running")

    def end(self, job: Job, outcome: str) -> None:
        """Report a run that has ended, with its result or its error."""
        self.waiting.remove(job)
        self.bar.advance(self.task)
        seconds = self.bar.tasks[0].time_remaining
        left = f", {timedelta(seconds=round(seconds))} left" if seconds and self.waiting else ""
        self.bar.console.print(f"[{self.total - len(self.waiting)}/{self.total}] {job.title}  {outcome}{left}")
