"""Estimates of how long runs take, from runs of the same kind on this machine or in the committed reports."""

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

from digitcmp.config.conf import CONF
from digitcmp.runs.folder import RESULT

Kind = tuple[str, str, str, str]  # runs whose steps cost the same: model, aux, precision, sizes
ENOUGH = 300  # the largest number of results that are read
STEP = 3e-3  # seconds per step of an unknown kind
OVERHEAD = 0.15  # seconds of a run beyond its fit, until the sweep has measured them


class Estimate:
    """Predict how long runs take, from runs of the same kind and from the speed of the sweep in progress."""

    def __init__(self) -> None:
        self.measured: dict[Kind, list[float]] = {}  # seconds per step of runs finished before the sweep
        self.ratios: dict[Kind, list[float]] = {}  # measured / predicted seconds of runs of the sweep
        self.overhead = OVERHEAD

    def learn(self, result: Mapping[str, Any]) -> None:
        """Record the seconds of a run that was finished before the sweep, from its result."""
        self.measured.setdefault(kind(result), []).append(float(result["fit_seconds"]) / steps(result))

    def learn_folder(self, folder: Path) -> None:
        """Record the finished runs in a folder of sweeps. The folder may be missing."""
        for file in itertools.islice(folder.rglob(RESULT), ENOUGH):
            try:
                self.learn(json.loads(file.read_text()))
            except (ValueError, KeyError, TypeError, OSError):  # third-party or damaged; the report names it
                continue

    def correct(self, result: Mapping[str, Any]) -> None:
        """Record the seconds of a run of the sweep in progress, from its result. This corrects all predictions."""
        self.ratios.setdefault(kind(result), []).append(float(result["fit_seconds"]) / self.predicted(result))

    def seconds(self, settings: Mapping[str, Any]) -> float:
        """Return the seconds that a run with these settings takes, at the speed of the sweep in progress.

        The correction is the median over the sweep's runs of the same kind, or the median over kinds if there are none.
        """
        ratios = {key: median(values) for key, values in self.ratios.items()}
        speed = ratios.get(kind(settings)) or median(ratios.values() or [1.0])
        return self.predicted(settings) * speed + self.overhead

    def predicted(self, settings: Mapping[str, Any]) -> float:
        """Return the seconds of a fit alone on a core, as estimated before the sweep."""
        reported = reports()
        here = {key: min(seconds) for key, seconds in self.measured.items()}  # the start dominates short runs
        speed = [seconds / reported[key] for key, seconds in here.items() if key in reported]
        step = here.get(kind(settings)) or reported.get(kind(settings), STEP) * (median(speed) if speed else 1)
        return steps(settings) * step


def kind(settings: Mapping[str, Any]) -> Kind:
    """Return the kind of a run: the settings that determine the cost of a step.

    Args:
        settings: the settings of a run, as values or as the strings of a CSV file.
    """
    size = ",".join(size_text(settings.get(key)) for key in ("hidden", "width", "bins"))
    return str(settings["model"]), str(settings["aux"]), str(settings["precision"]), size


def size_text(value: Any) -> str:
    """Return a size as a string: '16' for 16, 16.0 and '16.0', '' for None, '' and nan."""
    try:
        return f"{float(value):g}".replace("nan", "")
    except (TypeError, ValueError):
        return str(value or "")


@cache
def reports() -> dict[Kind, float]:
    """Return the minimum seconds per step in the committed reports, by kind. Their sweeps used one machine."""
    least: dict[Kind, float] = {}
    files = [*CONF.parent.glob("multirun/*/report/runs.csv"), *CONF.parent.glob("multirun/*/rates/report/runs.csv")]
    for file in files:
        with file.open() as stream:
            for row in csv.DictReader(stream):
                least[kind(row)] = min(float(row["fit_seconds"]) / steps(row), least.get(kind(row), math.inf))
    return least


def steps(settings: Mapping[str, Any]) -> int:
    """Return the optimizer steps of a run, counted for every network of an ensemble."""
    networks = int(settings.get("ensemble", 1))  # older reports lack the column
    epochs = int(settings.get("epochs_trained") or settings["epochs"])
    return networks * epochs * math.ceil(int(settings["train_pairs"]) / int(settings["batch_size"]))


def cores() -> int:
    """Return the number of cores for a sweep's workers, with the limits of affinity, container and environment."""
    from joblib.externals.loky import cpu_count  # slow import

    return int(cpu_count())


def total(seconds: Iterable[float], workers: int) -> float:
    """Return the seconds until runs of these durations are finished by this number of workers."""
    durations = list(seconds)
    return max(sum(durations) / max(workers, 1), max(durations, default=0.0))


def clock(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds, at least one second: 3725 -> 1:02:05."""
    return str(timedelta(seconds=max(round(seconds), 1)))
