"""A sweep on the screen: its runs, when each is finished, how long the others will take, its table."""

import csv
import math
import os
import shlex
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from digitcmp import paper, runs
from digitcmp.config import CONF, Settings, cell_name


@dataclass(frozen=True)
class Job:
    """A run of the sweep: what to type for it, its settings, its folder, and when the files there were written."""

    overrides: list[str]
    settings: Settings
    folder: Path
    old: Mapping[str, int | None]

    def wrote(self, name: str) -> bool:
        """Whether this sweep's run has written this file of its folder."""
        return written(self.folder / name) not in (None, self.old.get(name))

    @property
    def title(self) -> str:
        """The paper's name of the cell, the cell's own name, and the seed."""
        cell = self.settings
        label = paper.label(cell["model"], cell["aux"], cell["head"])
        return f"{label:<6} {cell_name(cell)} seed={cell['seed']}"


def written(file: Path) -> int | None:
    """When the file was written, in nanoseconds; None if there is none."""
    return file.stat().st_mtime_ns if file.exists() else None


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
        with file.open() as stream:
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
    total, left = (Counter(job.title.rsplit(" seed=", 1)[0] for job in some) for some in (jobs, to_do))
    for title, n in total.items():
        print(f"{n - left[title]:>4} of {n} finished  {title}")
    known = seconds_per_step()
    seconds = sum(
        steps(cell) * known.get((cell["model"], str(cell["aux"]), cell["precision"]), 3e-3)
        for cell in (job.settings for job in to_do)
    ) / (os.cpu_count() or 1)
    print(f"{len(jobs)} runs, {len(jobs) - len(to_do)} finished; the others take about {clock(seconds)} on all cores")
