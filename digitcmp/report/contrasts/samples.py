"""The test accuracies of conditions, paired by seed in a contrast."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from digitcmp.report.contrasts.conditions import Condition, condition_name
from digitcmp.report.contrasts.contrast import Contrast
from digitcmp.report.statistics import stats


class Sample(NamedTuple):
    """The test accuracies of a condition, by ascending seed."""

    seeds: tuple[int, ...]
    accuracy: Float[np.ndarray, " seed"]


class Samples:
    """The test accuracies of each condition.

    Args:
        frame: Rows of `conditions`.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        keys = [key for key in frame if key not in ("lr", "seed", "test_acc")]
        self.runs: dict[tuple[str, ...], list[tuple[str, int, float]]] = {}
        others = zip(frame.lr, frame.seed, frame.test_acc, strict=True)
        for levels, run in zip(frame[keys].itertuples(index=False, name=None), others, strict=True):
            self.runs.setdefault(levels, []).append(run)
        self.varied = {"lr", *(key for key in keys if frame[key].nunique() > 1)}

    def name(self, condition: Condition) -> str:
        """Return the name of a condition, from the settings that vary among all runs."""
        return condition_name(condition, [key for key in condition if key in self.varied])

    def rates(self, condition: Condition) -> set[str]:
        """Return the learning rates at which a condition is planned."""
        return {lr for lr, _, _ in self.runs.get(tuple(condition.values()), [])}

    def of(self, condition: Condition) -> Sample:
        """Return the sample of a condition, at one learning rate if the condition has `lr`.

        Raises:
            ValueError: A run is missing, or several cells have this condition.
        """
        known = self.runs.get(tuple(level for key, level in condition.items() if key != "lr"), [])
        if "lr" in condition:
            known = [run for run in known if run[0] == condition["lr"]]
        finished = sorted((seed, accuracy, lr) for lr, seed, accuracy in known if accuracy == accuracy)
        missing = sorted(seed for _, seed, accuracy in known if accuracy != accuracy)
        if not finished:
            raise ValueError(f"missing runs: no run of {self.name(condition)} is finished")
        seeds, accuracies, rates = zip(*finished, strict=True)
        if len({*rates}) > 1:
            raise ValueError("ambiguous: several learning rates for one network")
        if len({*seeds}) < len(seeds):
            raise ValueError(f"ambiguous: several cells are {self.name(condition)}")
        if missing:
            lacking = ", ".join(f"seed={seed}" for seed in missing)
            raise ValueError(f"missing runs: {self.name(condition)} lacks {lacking}")
        return Sample(seeds, np.array(accuracies, float))


class Paired(NamedTuple):
    """The two sides of a contrast by seed. The contrast is their difference."""

    seeds: tuple[int, ...]
    plus: Float[np.ndarray, " seed"]
    minus: Float[np.ndarray, " seed"]


def pair(contrast: Contrast, samples: Samples) -> Paired:
    """Return the sum of each side of a contrast by seed, divided by its scale.

    Raises:
        ValueError: Its conditions cannot be paired by seed.
    """
    sides = {samples.name(side): side for side in (*contrast.plus, *contrast.minus)}
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for name in sorted(sides):  # so that the same reason has the same text
        by_seeds.setdefault(samples.of(sides[name]).seeds, []).append(name)
    if len(by_seeds) > 1:
        groups = []
        for seeds, (first, *more) in by_seeds.items():
            who = f"{first} and {len(more)} more have" if more else f"{first} has"
            groups.append(f"{who} {' '.join(map(str, seeds))}")
        raise ValueError(f"different seeds: {', '.join(groups)}")
    plus = sum(samples.of(side).accuracy for side in contrast.plus) / contrast.scale
    minus = sum(samples.of(side).accuracy for side in contrast.minus) / contrast.scale
    return Paired(next(iter(by_seeds)), np.asarray(plus), np.asarray(minus))


def measure(contrast: Contrast, samples: Samples) -> stats.Effect:
    """Return the mean of a contrast over seeds, its 95 % t-interval and p.

    Raises:
        ValueError: Its conditions cannot be paired by seed.
    """
    paired = pair(contrast, samples)
    return stats.paired_effect(paired.plus, paired.minus)
