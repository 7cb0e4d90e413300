"""The factors of a set of cells, settings that vary and relations between networks, and their effects."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from digitcmp import paper
from digitcmp.models import backbones
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, groups, network
from digitcmp.report.formats import to_text

QUESTION = ("task", "dataset")  # settings that make up the question
NO_FACTOR = ("task",)  # settings whose levels answer different questions, so that accuracies are not compared
FAMILIES = {"aux": "auxiliary loss", "model": "backbone"}  # others are named after their setting
CLAIMS = {"auxiliary loss": paper.AUXILIARY_CLAIM.effect, "sharing": paper.SHARING_CLAIM.effect}


class Factor(NamedTuple):
    """A setting that varies.

    Attributes:
        family: The family of its effects.
        column: The setting.
        levels: The levels that belong to the family, the first being the reference. () for all levels.
    """

    family: str
    column: str
    levels: tuple[str, ...] = ()


def factors(cells: pd.DataFrame) -> list[Factor]:
    """Return the factors of these cells, without NO_FACTOR, and the relations that the networks declare."""
    found = [Factor(FAMILIES.get(key, key), key) for key in cells if key not in ("model", "lr", *NO_FACTOR)]
    for other in backbones.facts().values():
        if other.unshared:
            found.append(Factor("sharing", "model", (other.unshared, other.name)))
    for other in backbones.facts().values():
        if other.merged:
            found.append(Factor("branches", "model", (other.merged, other.name)))
    return [*found, Factor("backbone", "model")]


def varying(cells: pd.DataFrame) -> list[Factor]:
    """Return the factors that have several levels."""
    return [factor for factor in factors(cells) if cells[factor.column].nunique() > 1]


def levels(factor: Factor, group: pd.DataFrame) -> list[str]:
    """Return the levels of a factor in a group of cells, the reference first."""
    present = list(group[factor.column].unique())
    if factor.levels:
        return [level for level in factor.levels if level in present]
    first = ""  # the default
    if factor.column == "lr":
        first = to_text(paper.LEARNING_RATES.get(paper.label(*network(group.iloc[0].to_dict()))))
    return sorted(present, key=lambda level: level != first)


def related(*models: str) -> bool:
    """Return True if one network is the other without sharing, or merged. Then they are not two backbones."""
    return any({*models} in ({name, other.unshared}, {name, other.merged}) for name, other in backbones.facts().items())


def crossed(grid: Grid, cells: pd.DataFrame, *by: Factor, family: str = "") -> Iterator[Contrast]:
    """Yield the effects of one factor, or the interactions of two, between cells that are equal in all else.

    An effect is a level minus the first. An interaction is how much more one factor adds at a level of the other than
    at its first. It is yielded only if all its four cells exist.
    """
    columns = [factor.column for factor in by]
    for factor in by:
        if factor.levels:
            cells = cells[cells[factor.column].isin(factor.levels)]
    for _, group in groups(cells, [key for key in cells if key not in columns]):
        rows = dict(zip(group[columns].itertuples(index=False, name=None), group.index, strict=True))
        found = [levels(factor, group) for factor in by]
        for highs in itertools.product(*(others[1:] for others in found)):
            two = [(high, others[0]) for high, others in zip(highs, found, strict=True)]
            if any(factor.family == "backbone" and related(*pair) for factor, pair in zip(by, two, strict=True)):
                continue
            corners = list(itertools.product(*two))  # from all high to all low
            if not rows.keys() >= {*corners}:
                continue
            weights = {}
            for corner in corners:
                low = sum(level != high for level, high in zip(corner, highs, strict=True))
                weights[rows[corner]] = (-1.0) ** low
            yield grid.contrast(family or by[0].family, weights, columns)
