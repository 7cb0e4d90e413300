"""The factors of a set of conditions: settings that vary, and relations between networks."""

from collections.abc import Sequence
from typing import NamedTuple

from digitcmp import paper
from digitcmp.models import backbones
from digitcmp.report.contrasts.conditions import Condition, group_by, levels_of, network
from digitcmp.report.formats import to_text

QUESTION = ("task", "dataset")  # settings that make up the question
NO_FACTOR = ("task",)  # settings whose levels answer different questions, so that accuracies are not compared
FAMILIES = {"aux": "auxiliary loss", "shared": "sharing", "model": "backbone"}  # others are named after their setting


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


def factors(planned: Sequence[Condition]) -> list[Factor]:
    """Return the factors of these conditions, without NO_FACTOR, and the relations that the networks declare."""
    columns = list(planned[0])
    found = [Factor(FAMILIES.get(key, key), key) for key in columns if key not in ("model", "shared", *NO_FACTOR)]
    if "shared" in columns:
        found.append(Factor("sharing", "shared", ("false", "true")))
    for other in backbones.facts().values():
        if other.unshared:
            found.append(Factor("sharing", "model", (other.unshared, other.name)))
    for other in backbones.facts().values():
        if other.merged:
            found.append(Factor("branches", "model", (other.merged, other.name)))
    return [*found, Factor("backbone", "model")]


def levels(factor: Factor, group: Sequence[Condition]) -> list[str]:
    """Return the levels of a factor in a group of conditions, the reference first."""
    present = levels_of(group, factor.column)
    if factor.levels:
        return [level for level in factor.levels if level in present]
    first = ""  # the default
    if factor.column == "lr":
        first = to_text(paper.LEARNING_RATES.get(paper.label(*network(group[0]))))
    return sorted(present, key=lambda level: level != first)


def related(*models: str) -> bool:
    """Return True if one network is the other without sharing, or merged. Then they are not two backbones."""
    return any({*models} in ({name, other.unshared}, {name, other.merged}) for name, other in backbones.facts().items())


def comparable(planned: Sequence[Condition], *factors: Factor) -> list[list[Condition]]:
    """Group the conditions that differ only in these factors. Each factor has several levels in each group."""
    for factor in factors:
        if factor.levels:
            planned = [condition for condition in planned if condition[factor.column] in factor.levels]
    if not planned:
        return []
    varied = [factor.column for factor in factors]
    groups = group_by(planned, [key for key in planned[0] if key not in varied])
    return [group for group in groups if all(len(levels_of(group, key)) > 1 for key in varied)]
