"""A sweep: launching its runs until all are done, and what it says: each that is finished, the time left, its table."""

import csv
import math
import os
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from digitcmp import runs
from digitcmp.config import CONF, Run

ENDED = "no result: its process ended before it was finished"
LAUNCHES = 5  # in vain, one after the other: each time its workers ended before any of them began a run


@dataclass(frozen=True)
class Job:
    """A run of the sweep: what to type for it, its folder, and when the files there were written."""

    overrides: list[str]
    run: Run
    folder: Path
    old: Mapping[str, int | None]

    @classmethod
    def planned(cls, overrides: list[str], run: Run, folder: Path) -> "Job":
        return cls(overrides, run, folder, {name: written(folder / name) for name in (runs.CONFIG, runs.RESULT)})

    def wrote(self, name: str) -> bool:
        """Whether this sweep's run has written this file of its folder."""
        return written(self.folder / name) not in (None, self.old.get(name))

    @property
    def unfinished(self) -> bool:
        """Whether this sweep's run has no result yet."""
        return not (self.wrote(runs.RESULT) and runs.read_result(self.folder))

    @property
    def cell(self) -> str:
        """The paper's name of the cell, and the cell's own name."""
        return f"{self.run.label:<6} {self.run.cell_name}"

    @property
    def title(self) -> str:
        """The cell and the seed."""
        return f"{self.cell} seed={self.run.seed}"


def written(file: Path) -> int | None:
    """When the file was written, in nanoseconds; None if there is none."""
    return file.stat().st_mtime_ns if file.exists() else None


def sweep(
    jobs: Sequence[Job],
    launch: Callable[[Sequence[Job]], Iterable[str | None]],
    root: Path,
    force: bool,
    dry_run: bool,
    options: Sequence[str],
) -> None:
    """Skip what is finished, launch the rest, list what failed. Exits with 1 if anything did.

    Raises RunError, StaleError for runs that other code finished, OSError.

    launch: trains jobs and returns an error or None for each. options: what to type besides, to train one alone.
    """
    to_do, finished, changes = [], [], []
    for job in jobs:
        try:
            result = None if force else runs.finished(job.folder, job.run)
        except runs.StaleError as stale:
            changes.append(stale.functions)
            continue
        if result:
            finished.append(result)
            if not dry_run:
                runs.sweep_up(job.folder)
        else:
            to_do.append(job)
    if dry_run:
        print_plan(jobs, to_do)
    if changes:
        functions = list(dict.fromkeys(name for functions in changes for name in functions))
        raise runs.StaleError(f"{len(changes)} of {len(jobs)} runs were finished by", functions)
    if not dry_run:
        print(f"{len(jobs)} runs in {root}, {len(finished)} finished before", flush=True)
    for line in runs.remarks(finished):
        print(line, flush=True)
    if dry_run:
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as for a shell's background jobs
            signal.signal(number, stop)
    try:
        for job in to_do:
            job.folder.mkdir(parents=True, exist_ok=True)  # an empty folder is a run that is still missing
        with Progress(to_do, len(jobs)):
            errors = launch_until_done(to_do, launch)
    except SystemExit:
        print("stopped: start the sweep again to train what is not finished", file=sys.stderr)
        raise
    print_table(root)
    if errors:
        print(f"\n{len(errors)} not finished:", file=sys.stderr)
        for job, error in errors:
            command = shlex.join(["python", "train.py", "-m", *job.overrides, *options])
            print(f"  {job.title}: {error}\n    {command}", file=sys.stderr)
        sys.exit(1)


def stop(number: int, _: object) -> None:
    """End the program at the first Ctrl-C or kill; a second one must not keep the launcher from ending its workers."""
    for following in (signal.SIGINT, signal.SIGTERM):
        signal.signal(following, signal.SIG_IGN)
    sys.exit(128 + number)


def launch_until_done(
    jobs: Sequence[Job], launch: Callable[[Sequence[Job]], Iterable[str | None]]
) -> list[tuple[Job, str]]:
    """Launch the jobs, and again what a killed worker took along; return those that are not finished, and why.

    What was being trained when the worker died comes last then; and when that does not help, each of those alone, so
    that one that kills its worker takes no other along. Workers that end before they begin a run, while they import,
    are launched again too, `LAUNCHES` times in all.
    """
    errors: dict[Path, tuple[Job, str]] = {}
    launches = 0  # in vain

    def train(jobs: Sequence[Job]) -> list[Job]:
        """Launch these, note what failed, and return what is neither finished nor failed."""
        try:
            for job, error in zip(jobs, launch(jobs), strict=True):
                if error is not None and job.unfinished:
                    errors[job.folder] = (job, error)
        except Exception as error:  # whatever a launcher raises when it loses a worker or cannot start
            print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
        return [job for job in jobs if job.folder not in errors and job.unfinished]

    left = list(jobs)
    while left:
        before, left = left, train(left)
        started = [job for job in left if job.wrote(runs.CONFIG)]
        launches = 0 if started or len(left) < len(before) else launches + 1
        if len(left) < len(before):
            left = [job for job in left if job not in started] + started
        elif started:
            for job in started:
                for lost in train([job]):
                    errors[lost.folder] = (lost, ENDED)
            left = [job for job in left if job.folder not in errors and job.unfinished]
        elif launches == LAUNCHES:
            break
    return [*errors.values(), *((job, ENDED) for job in left)]


class Progress:
    """Says when a run of the sweep is finished, whichever launcher trains it: a thread that looks for results."""

    def __init__(self, jobs: Sequence[Job], of: int) -> None:
        self.waiting = list(jobs)
        self.jobs, self.of = len(jobs), of
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> "Progress":
        self.start = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.over.wait(0.2):
            self.look()
        self.look()

    def look(self) -> None:
        for job in [job for job in self.waiting if job.wrote(runs.RESULT)]:
            self.waiting.remove(job)
            result = runs.read_result(job.folder)
            if result is None:
                continue
            done = self.jobs - len(self.waiting)
            left = (time.monotonic() - self.start) / done * len(self.waiting)
            count = f"[{self.of - len(self.waiting)}/{self.of}]"
            accuracy = f"test accuracy {result['test_acc']:.4f}"
            print(f"{count} {job.title}  {accuracy}  {result['fit_seconds']:.1f} s, {clock(left)} left", flush=True)


def clock(seconds: float) -> str:
    """3725 -> 1:02:05"""
    return str(timedelta(seconds=round(seconds)))


@cache
def seconds_per_step() -> dict[tuple[str, str, str], float]:
    """The least that a step took in the committed reports, whose sweeps shared a machine, by model, aux, precision.

    Of networks as wide as they are when nothing is said; another width is taken to cost as much.
    """
    least: dict[tuple[str, str, str], float] = {}
    for file in CONF.parent.glob("multirun/*/report/runs.csv"):
        with file.open(encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row.get("width"):
                    continue
                key = row["model"], row["aux"], row["precision"]
                least[key] = min(float(row["fit_seconds"]) / steps(row), least.get(key, math.inf))
    return least


def steps(settings: Mapping[str, Any]) -> int:
    """Steps of the optimizer in a run, counted for every network of an ensemble (older reports have no such column)."""
    networks = int(settings.get("ensemble", 1))
    return networks * int(settings["epochs"]) * math.ceil(int(settings["train_pairs"]) / int(settings["batch_size"]))


def print_table(root: Path) -> None:
    """The sweep's cells, each with its mean test accuracy over seeds beside the paper's."""
    from rich.console import Console

    from digitcmp.report import tables  # pandas takes a second, which a dry run need not wait for

    table = tables.load([root])[0]
    if len(table):
        print()
        tables.print_cells(tables.cells(table), Console(highlight=False, soft_wrap=True))
        print(f"\nStatistics and figures: python -m digitcmp.report {shlex.quote(str(root))}")


def print_plan(jobs: Sequence[Job], to_do: Sequence[Job]) -> None:
    """The cells of a sweep, how many runs of each are finished, and how long the others will take on this machine."""
    total, left = Counter(job.cell for job in jobs), Counter(job.cell for job in to_do)
    for cell, n in total.items():
        print(f"{n - left[cell]:>4} of {n} finished  {cell}")
    known = seconds_per_step()
    seconds = sum(
        steps(job.run.settings) * known.get((job.run.model.name, str(job.run.aux), job.run.trainer.precision), 3e-3)
        for job in to_do
    ) / (os.cpu_count() or 1)
    print(f"{len(jobs)} runs, {len(jobs) - len(to_do)} finished; the others take about {clock(seconds)} on all cores")
