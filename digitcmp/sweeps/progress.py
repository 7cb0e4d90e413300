"""The progress of a sweep on the terminal: each run that ends, the running runs and the remaining time."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from digitcmp.fields import shown
from digitcmp.runs.folder import CONFIG, RESULT
from digitcmp.runs.result import read_result
from digitcmp.sweeps.estimate import OVERHEAD, Estimate, clock, cores, total
from digitcmp.sweeps.job import Job


class SweepProgress:
    """A thread that reports results and failures of runs. It reads the run folders, so it works with any launcher.

    It shows a progress bar on a terminal and prints a line for each run elsewhere.

    Args:
        jobs: the runs to train.
        total_runs: the number of all runs of the sweep.
        estimate: predicts the seconds of a run.
        stop_on_failure: whether to end the sweep when a run fails.
        workers: the number of runs that are trained at once, 0 for one on each core.
    """

    def __init__(
        self, jobs: Sequence[Job], total_runs: int, estimate: Estimate, stop_on_failure: bool, workers: int
    ) -> None:
        self.waiting = list(jobs)
        self.failed: dict[Path, str] = {}
        self.total, self.before = total_runs, total_runs - len(jobs)
        self.estimate, self.stop_on_failure = estimate, stop_on_failure
        self.workers = workers or cores()
        self.at_once = 0  # the largest number of runs that trained at once
        cells = [job.run.cell for job in jobs]
        keys = dict.fromkeys(key for cell in cells for key in cell if key not in ("model", "aux", "head"))
        self.varied = [key for key in keys if len({shown(cell.get(key)) for cell in cells}) > 1]
        self.began: dict[Path, float] = {}
        self.trained = 0.0  # seconds of the finished fits
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.console = Console(highlight=False)
        columns = BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}")
        self.bar = Progress(*columns, console=self.console, auto_refresh=False)
        self.task = self.bar.add_task("starting workers", total=total_runs, completed=self.before)

    def __enter__(self) -> "SweepProgress":
        if self.console.is_terminal:
            self.bar.start()
        elif self.waiting:
            print("starting workers", flush=True)
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
        for job in self.waiting:
            if job.wrote(CONFIG):
                self.began.setdefault(job.folder, time.monotonic())
        self.at_once = max(self.at_once, len(self.running))
        for job in list(self.waiting):
            if job.wrote(RESULT) and (result := read_result(job.folder)):
                self.estimate.correct(result)
                self.learn(job, result["fit_seconds"])
                self.end(job, f"test accuracy {result['test_acc']:.4f}  {result['fit_seconds']:.1f} s")
            elif (error := job.error) and job.folder not in self.failed:
                self.failed[job.folder] = error
                if began := self.began.get(job.folder):
                    self.learn(job, time.monotonic() - began)
                self.end(job, f"FAILED: {error}")
                if self.stop_on_failure:
                    os.kill(os.getpid(), signal.SIGTERM)
        if self.console.is_terminal:
            self.bar.update(self.task, completed=self.total - len(self.waiting), description=self.status, refresh=True)

    def learn(self, job: Job, seconds: float) -> None:
        """Update the estimated overhead of a run beyond its fit.

        Args:
            job: a run that has just ended.
            seconds: the seconds of its fit.
        """
        now = time.monotonic()
        self.trained += seconds
        training = sum(now - self.began[other.folder] for other in self.running if other is not job)
        ended = self.total - self.before - len(self.waiting) + 1
        available = (now - min(self.began.values())) * self.at_once
        self.estimate.overhead = max(OVERHEAD, (available - self.trained - training) / ended)

    def end(self, job: Job, outcome: str) -> None:
        self.waiting.remove(job)
        count = f"[{self.total - len(self.waiting)}/{self.total}]"
        if self.console.is_terminal:
            self.console.print(Text(f"{self.short(job)}  {outcome}"), no_wrap=True, overflow="ellipsis", crop=True)
        else:
            print(f"{count} {job.title}  {outcome}{self.left}", flush=True)

    def short(self, job: Job) -> str:
        """Return a run's label, the settings that vary in the sweep, and its seed: 'AL4  lr=0.002 seed=3'."""
        settings = [f"{key}={shown(job.run.settings.get(key))}" for key in self.varied]
        return " ".join([f"{job.run.label:<6}", *settings, f"seed={job.run.seed}"])

    @property
    def running(self) -> list[Job]:
        """The runs that have started and not ended."""
        return [job for job in self.waiting if job.folder in self.began]

    @property
    def status(self) -> str:
        """The text beside the bar: '2 running, 1 failed, 0:01:12 left'."""
        parts = [f"{len(self.running)} running"] if self.began else ["starting workers"]
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return ", ".join(parts) + self.left

    @property
    def left(self) -> str:
        """The remaining time, ', 0:01:12 left', '' if no run is waiting."""
        if not self.waiting:
            return ""
        now = time.monotonic()
        seconds = [
            max(self.estimate.seconds(job.run.settings) - (now - self.began.get(job.folder, now)), 0.0)
            for job in self.waiting
        ]
        return f", {clock(total(seconds, self.at_once or self.workers))} left"
