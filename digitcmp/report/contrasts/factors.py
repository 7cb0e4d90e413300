"""The factors of a set of conditions: settings that vary, and the networks' relations to each other."""

from collections.abc import Sequence
from typing import NamedTuple

from digitcmp import paper
from digitcmp.models.backbones import NETWORKS
from digitcmp.report.contrasts.conditions import Condition, group_by, levels_of, network
from digitcmp.report.pages.formats import readable

QUESTION = ("task", "dataset")  # settings that make up the question
NO_FACTOR = ("task",)  # settings between whose levels accuracies are not compared: they answer different questions
FAMILIES = {"aux": "auxiliary loss", "shared": "sharing", "model": "backbone"}  # the others have their setting's name


class Factor(NamedTuple):
    """A setting that varies.

    Attributes:
        family: The family of its effects.
        column: The setting.
        levels: The levels that belong to the family, first the one that the others are compared with; () for all.
    """

    family: str
    column: str
    levels: tuple[str, ...] = ()


def factors(planned: Sequence[Condition]) -> list[Factor]:
    """Return every factor of these conditions, with the relations that the networks declare.

    Settings in NO_FACTOR are none.
    """
    columns = list(planned[0])
    found = [Factor(FAMILIES.get(key, key), key) for key in columns if key not in ("model", "shared", *NO_FACTOR)]
    if "shared" in columns:
        found.append(Factor("sharing", "shared", ("false", "true")))
    for other in NETWORKS.values():
        if other.unshared:
            found.append(Factor("sharing", "model", (other.unshared, other.name)))
    for other in NETWORKS.values():
        if other.merged:
            found.append(Factor("branches", "model", (other.merged, other.name)))
    return [*found, Factor("backbone", "model")]


def levels(factor: Factor, group: Sequence[Condition]) -> list[str]:
    """Return the levels of a factor in a group of conditions, first the one that the others are compared with."""
    present = levels_of(group, factor.column)
    if factor.levels:
        return [level for level in factor.levels if level in present]
    first = ""  # the default
    if factor.column == "lr":
        first = readable(paper.LEARNING_RATES.get(paper.label(*network(group[0]))))
    return sorted(present, key=lambda level: level != first)


def related(*models: str) -> bool:
    """Return whether one network is the other without sharing, or merged: no comparison of backbones."""
    return any({*models} in ({name, other.unshared}, {name, other.merged}) for name, other in NETWORKS.items())


def comparable(planned: Sequence[Condition], *factors: Factor) -> list[list[Condition]]:
    """Group the conditions that are equal in all but these factors, if each factor has several levels among them."""
    for factor in factors:
        if factor.levels:
            planned = [condition for condition in planned if condition[factor.column] in factor.levels]
    if not planned:
        return []
    varied = [factor.column for factor in factors]
    groups = group_by(planned, [key for key in planned[0] if key not in varied])
    return [group for group in groups if all(len(levels_of(group, key)) > 1 for key in varied)]
