"""How long runs will take: from runs of the same kind on this machine, else from the committed reports."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from digitcmp.config.run import CONF
from digitcmp.runs.folder import RESULT

Kind = tuple[str, str, str, str]  # what a step costs by: model, aux, precision, width or other arguments
ENOUGH = 300  # results of this machine are read, no more
STEP = 3e-3  # seconds, of a kind that nobody has trained
OVERHEAD = 0.15  # seconds of a run beyond its fit, until the sweep has measured it


class Estimate:
    """Predict how long runs take, from runs of the same kind and from the speed of the sweep in progress."""

    def __init__(self) -> None:
        self.measured: dict[Kind, list[float]] = {}  # seconds per step, of runs finished before the sweep
        self.ratios: dict[Kind, list[float]] = {}  # measured over predicted seconds, of runs that the sweep finished
        self.overhead = OVERHEAD

    def learn(self, result: Mapping[str, Any]) -> None:
        """Record how long a run took that was finished before the sweep (its result)."""
        self.measured.setdefault(kind(result), []).append(float(result["fit_seconds"]) / steps(result))

    def learn_folder(self, folder: Path) -> None:
        """Record the finished runs in a folder of sweeps, if it exists."""
        for file in itertools.islice(folder.rglob(RESULT), ENOUGH):
            try:
                self.learn(json.loads(file.read_text()))
            except (ValueError, KeyError, TypeError, OSError):  # another's, or damaged: the report says so
                continue

    def correct(self, result: Mapping[str, Any]) -> None:
        """Record how long a run of the sweep in progress took (its result), which corrects every prediction."""
        self.ratios.setdefault(kind(result), []).append(float(result["fit_seconds"]) / self.predicted(result))

    def seconds(self, settings: Mapping[str, Any]) -> float:
        """Return the seconds that a run with these settings takes, at the speed of the sweep in progress.

        A kind that the sweep has finished runs of is corrected by their median, any other by the median over kinds.
        """
        ratios = {key: median(values) for key, values in self.ratios.items()}
        speed = ratios.get(kind(settings)) or median(ratios.values() or [1.0])
        return self.predicted(settings) * speed + self.overhead

    def predicted(self, settings: Mapping[str, Any]) -> float:
        """Return the seconds that the fit of a run takes alone on a core, from what was known before the sweep."""
        reported = reports()
        here = {key: min(seconds) for key, seconds in self.measured.items()}  # a short run is mostly its start
        speed = [seconds / reported[key] for key, seconds in here.items() if key in reported]
        step = here.get(kind(settings)) or reported.get(kind(settings), STEP) * (median(speed) if speed else 1)
        return steps(settings) * step


def kind(settings: Mapping[str, Any]) -> Kind:
    """Settings of a run, as values or as a row of a csv, less those that do not change what a step costs."""
    size = ",".join(size_text(settings.get(key)) for key in ("hidden", "width", "bins"))
    return str(settings["model"]), str(settings["aux"]), str(settings["precision"]), size


def size_text(value: Any) -> str:
    """16, 16.0 and '16.0' are one size, None, '' and nan none."""
    try:
        return f"{float(value):g}".replace("nan", "")
    except (TypeError, ValueError):
        return str(value or "")


@cache
def reports() -> dict[Kind, float]:
    """The least that a step took in the committed reports, whose sweeps shared a machine, by kind."""
    least: dict[Kind, float] = {}
    for file in CONF.parent.glob("multirun/*/report/runs.csv"):
        with file.open() as stream:
            for row in csv.DictReader(stream):
                least[kind(row)] = min(float(row["fit_seconds"]) / steps(row), least.get(kind(row), math.inf))
    return least


def steps(settings: Mapping[str, Any]) -> int:
    """Steps of the optimizer in a run, counted for every network of an ensemble (older reports have no such column)."""
    networks = int(settings.get("ensemble", 1))
    epochs = int(settings.get("epochs_trained") or settings["epochs"])
    return networks * epochs * math.ceil(int(settings["train_pairs"]) / int(settings["batch_size"]))


def cores() -> int:
    """Return the cores that this process may use, as a sweep's workers count them: affinity, container, environment."""
    from joblib.externals.loky import cpu_count  # takes a sixth of a second

    return int(cpu_count())


def total(seconds: Iterable[float], workers: int) -> float:
    """The time until runs of so many seconds are done, side by side."""
    durations = list(seconds)
    return max(sum(durations) / max(workers, 1), max(durations, default=0.0))


def clock(seconds: float) -> str:
    """3725 -> 1:02:05; never nothing."""
    return str(timedelta(seconds=max(round(seconds), 1)))
