"""Factorial designs: all combinations of two levels of three or more factors."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from digitcmp.report.contrasts.conditions import Condition, group_by, levels_of
from digitcmp.report.contrasts.contrast import ORDERS, Contrast
from digitcmp.report.contrasts.factors import NO_FACTOR, Factor, factors, levels
from digitcmp.report.loading.settings import level_name


class Design(NamedTuple):
    """A 2^k design.

    Attributes:
        varied: The settings of the k factors.
        cells: The 2^k conditions, from all factors at their first level to all at their second.
    """

    varied: list[str]
    cells: list[Condition]


def designs(planned: Sequence[Condition]) -> Iterator[Design]:
    """Yield the 2^k designs with k >= 3 among these conditions.

    A design is yielded only if more than half of its cells are planned. Fewer cells are another design, such as one
    factor at a time.
    """
    for models in model_groups(planned):
        ours = [condition for condition in planned if condition["model"] in models]
        keys = [key for key in ours[0] if key not in NO_FACTOR and len(levels_of(ours, key)) == 2]
        crossed = [key for key in keys if is_crossed(ours, key)]
        for group in group_by(ours, [key for key in ours[0] if key not in crossed]):
            varied = [key for key in crossed if len(levels_of(group, key)) == 2]
            if len(varied) < 3 or len(group) <= 2 ** len(varied) / 2:
                continue
            by_key = {factor.column: factor for factor in factors(group)} | {"model": Factor("", "model", models)}
            combinations = itertools.product(*(levels(by_key[key], group) for key in varied))
            yield Design(varied, [group[0] | dict(zip(varied, cell, strict=True)) for cell in combinations])


def model_groups(planned: Sequence[Condition]) -> list[tuple[str, ...]]:
    """Return the models of each design: a network and its counterpart without sharing, or one network."""
    models = levels_of(planned, "model")
    groups: list[tuple[str, ...]] = []
    for factor in factors(planned):
        if factor.family == "sharing" and factor.column == "model" and not {*factor.levels}.isdisjoint(models):
            groups.append(factor.levels)
    paired = {*itertools.chain(*groups)}
    return groups + [(model,) for model in models if model not in paired]


def is_crossed(planned: Sequence[Condition], key: str) -> bool:
    """Return True if more than half of these conditions have a counterpart that differs only in this setting."""
    rest = [tuple(level for other, level in condition.items() if other != key) for condition in planned]
    count = Counter(rest)
    return 2 * sum(count[others] > 1 for others in rest) > len(planned)


def factorial_contrasts(design: Design) -> Iterator[Contrast]:
    """Yield the main effects and the interactions of every order of a 2^k design.

    A main effect is the mean difference over all cells of the other factors. An interaction is how much more a factor
    adds where another is on, again the mean over all cells of the other factors.
    """
    varied, cells = design
    low, high = cells[0], cells[-1]
    names = {key: level_name(key, high[key] or low[key]) for key in varied}
    names |= {"model": "sharing", "shared": "sharing", "aux": "AL"}
    for order in range(1, len(varied) + 1):
        for chosen in itertools.combinations(varied, order):
            sides: tuple[list[Condition], list[Condition]] = [], []
            for cell in cells:
                at_low = sum(cell[key] == low[key] for key in chosen)
                sides[at_low % 2].append(cell)
            plus, minus = sides
            name = " × ".join(names[key] for key in chosen)
            yield Contrast(ORDERS[min(order, 3) - 1], varied, plus, minus, 2 ** (len(varied) - order), name)
