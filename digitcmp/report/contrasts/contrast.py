"""Contrasts between conditions: the effects of one factor and the interactions of two."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from digitcmp import paper
from digitcmp.report.contrasts.conditions import Condition, condition_name, identity, network, settings
from digitcmp.report.contrasts.factors import Factor, comparable, levels, related
from digitcmp.report.statistics import stats

ORDERS = ("main effect", "two-way interaction", "higher interaction")  # the families of a factorial
MEAN, BETWEEN = "mean over networks", "between data sets"
INTERACTION, BACKBONE_INTERACTION = "interaction", "backbone interaction"
CLAIMS = {"auxiliary loss": paper.AUXILIARY_CLAIM.effect, "sharing": paper.SHARING_CLAIM.effect}

Key = tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]


class Contrast(NamedTuple):
    """The sum of the test accuracies of `plus` minus the sum of those of `minus`, divided by `scale`.

    Attributes:
        family: The family of the effect.
        varied: The settings in which the conditions differ.
        plus: The conditions of the first side.
        minus: The conditions of the second side.
        scale: The divisor.
        name: The name of the effect, '' if it follows from the conditions.
    """

    family: str
    varied: Sequence[str]
    plus: Sequence[Condition]
    minus: Sequence[Condition]
    scale: int = 1
    name: str = ""

    @property
    def key(self) -> Key:
        """The two sets of conditions, without their order and the family."""
        return frozenset(map(identity, self.plus)), frozenset(map(identity, self.minus))

    @property
    def effect(self) -> str:
        """The name of the effect: 'AL4 − WS3', '(AL4 − WS3) − (AL2 − WS1)', or `name`."""
        if self.name:
            return self.name
        plus = [condition_name(condition, self.varied) for condition in self.plus]
        minus = [condition_name(condition, self.varied) for condition in self.minus]
        if len(plus) == 1:
            return f"{plus[0]} − {minus[0]}"
        return f"({plus[0]} − {minus[0]}) − ({minus[1]} − {plus[1]})"

    @property
    def context(self) -> str:
        """The common settings, 'epochs=50,test_pairs=5000'. That of a factorial design includes the models."""
        return self.context_without()

    def context_without(self, *hidden: str) -> str:
        """Return the context without the given settings."""
        left_out = {"model", "aux", "lr", *self.varied, *hidden}
        common = [f"{key}={value}" for key, value in sorted(self.plus[0].items()) if value and key not in left_out]
        if self.family in ORDERS:
            models = dict.fromkeys(condition["model"] for condition in (*self.minus, *self.plus))
            if all(condition["aux"] for condition in (*self.plus, *self.minus)):
                common.insert(0, "aux=true")
            common.insert(0, f"model={'/'.join(models)}")
        return ",".join(common)

    @property
    def claim(self) -> float:
        """The size that the paper claims, nan unless all conditions have its networks, task and recipe."""
        sides = (*self.plus, *self.minus)
        recipe = all(paper.as_published(settings(side)) for side in sides)
        return CLAIMS.get(self.family, np.nan) if recipe and self.on_the_papers_task else np.nan

    @property
    def another_recipe(self) -> bool:
        """True if the paper claims a size for these networks on this task, but they are trained by another recipe."""
        return self.family in CLAIMS and self.on_the_papers_task and bool(np.isnan(self.claim))

    @property
    def on_the_papers_task(self) -> bool:
        """True if all conditions have the paper's networks and task, by any recipe."""
        return all(paper.claimed(*network(side), settings(side)) for side in (*self.plus, *self.minus))

    @property
    def papers(self) -> list[paper.Published]:
        """The paper's values of `plus` and then `minus`, empty if one is missing."""
        sides = (*self.plus, *self.minus)
        labels = [paper.label(*network(side)) for side in sides]
        values = [value for value in map(paper.published, labels) if value]
        comparable = len(set(labels)) == len(values) == len(sides)
        return values if comparable and all(paper.as_published(settings(side)) for side in sides) else []

    @property
    def published(self) -> float:
        """The same contrast between the paper's means, nan if one is missing."""
        means = [value.mean for value in self.papers]
        n = len(self.plus)
        return (sum(means[:n]) - sum(means[n:])) / self.scale if means else np.nan

    @property
    def published_interval(self) -> tuple[float, float]:
        """The 95 % interval of `published` from the paper's standard deviations and numbers of runs, or nan."""
        known = [(value.std / self.scale, value.n) for value in self.papers if value.std is not None]
        if not known or len(known) < len(self.papers):
            return np.nan, np.nan
        half = stats.welch_half_width(*map(np.array, zip(*known, strict=True)))
        return self.published - half, self.published + half


def single_effects(planned: Sequence[Condition], factor: Factor) -> Iterator[Contrast]:
    """Yield the contrast of each level of a factor with the first, all other settings equal."""
    for group in comparable(planned, factor):
        by_level = {condition[factor.column]: condition for condition in group}
        first, *others = levels(factor, group)
        for level in others:
            if factor.family != "backbone" or not related(level, first):
                yield Contrast(factor.family, [factor.column], [by_level[level]], [by_level[first]])


def interactions(planned: Sequence[Condition], first: Factor, second: Factor) -> Iterator[Contrast]:
    """Yield the interactions of two factors: how much more one adds at a level of the other than at its first.

    An interaction is yielded only if all its four cells are planned.
    """
    family = BACKBONE_INTERACTION if "backbone" in (first.family, second.family) else INTERACTION
    for group in comparable(planned, first, second):
        cells = {(condition[first.column], condition[second.column]): condition for condition in group}
        low, *highs = levels(first, group)
        start, *others = levels(second, group)
        for high, other in itertools.product(highs, others):
            corners = [(high, other), (low, start), (low, other), (high, start)]
            if not cells.keys() >= {*corners}:
                continue
            compared = [(first, high, low), (second, other, start)]
            if any(factor.family == "backbone" and related(*pair) for factor, *pair in compared):
                continue
            plus, minus = [cells[corner] for corner in corners[:2]], [cells[corner] for corner in corners[2:]]
            yield Contrast(family, [first.column, second.column], plus, minus)
