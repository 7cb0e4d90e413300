"""The contrasts that a sweep plans: rows of weights over the cells of its grid."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from digitcmp import paper
from digitcmp.models import backbones
from digitcmp.report.cells import default, level_name
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, Levels, cell_context, cell_name, network
from digitcmp.report.formats import to_text

QUESTION = ("task", "dataset")  # settings that make up the question
INCOMPARABLE = ("task",)  # settings whose levels answer different questions, so that accuracies are not compared
CLAIMS = {"auxiliary loss": paper.AUXILIARY_CLAIM.effect, "sharing": paper.SHARING_CLAIM.effect}
NAMES = {"auxiliary loss": "the auxiliary loss", "sharing": "sharing"}  # in sentences

MAIN, TWO_WAY = "main effect", "two-way interaction"
ORDERS = (MAIN, TWO_WAY, "higher interaction")  # the families of a factorial
MEAN, BETWEEN = "mean over networks", "between data sets"
MATCHED, MATCHED_INTERACTION = "backbone, same sharing", "backbone × auxiliary loss"
# backbones interact in a family of their own, so that the number of networks does not enlarge the p of other factors
INTERACTION, BACKBONE_INTERACTION = "interaction", "backbone interaction"
OTHERS = ""  # the place of all other families, by name
PLACES = (
    *(*ORDERS, MEAN, BETWEEN, "auxiliary loss", "sharing", "branches", OTHERS),
    *(INTERACTION, BACKBONE_INTERACTION, MATCHED_INTERACTION),
)

Question = tuple[str, ...]  # the levels of QUESTION, '' for the default


class Factor(NamedTuple):
    """A setting that varies, and the family of its effects."""

    family: str
    column: str  # the setting
    levels: tuple[str, ...] = ()  # those that belong to the family, the first being the reference; () for all


AUX = Factor("auxiliary loss", "aux")


def factors(cells: pd.DataFrame) -> list[Factor]:
    """Return the settings with several levels, without INCOMPARABLE, and the relations that the networks declare."""
    networks = backbones.facts().values()
    settings = [key for key in cells if key not in ("model", "lr", *INCOMPARABLE)]
    candidates = [AUX if key == AUX.column else Factor(key, key) for key in settings]
    candidates += [Factor("sharing", "model", (other.unshared, other.name)) for other in networks if other.unshared]
    candidates += [Factor("branches", "model", (other.merged, other.name)) for other in networks if other.merged]
    return [factor for factor in [*candidates, Factor("backbone", "model")] if cells[factor.column].nunique() > 1]


def levels(factor: Factor, cells: Sequence[Levels]) -> list[str]:
    """Return the levels of a factor in some cells, the reference first."""
    present = list(dict.fromkeys(cell[factor.column] for cell in cells))
    if factor.levels:
        return [level for level in factor.levels if level in present]
    first = ""  # the default
    if factor.column == "lr":
        first = to_text(paper.LEARNING_RATES.get(paper.label(*network(cells[0]))))
    return sorted(present, key=lambda level: level != first)


def related(*models: str) -> bool:
    """Return True if one network is the other without sharing, or merged. Then they are not two backbones."""
    return any({*models} in ({name, other.unshared}, {name, other.merged}) for name, other in backbones.facts().items())


def crossed(grid: Grid, cells: pd.DataFrame, *by: Factor) -> Iterator[Contrast]:
    """Yield the effects of one factor, or the interactions of several, between cells that are equal in all else.

    An effect is a level minus the first. An interaction is how much more one factor adds at a level of the others than
    at their first. It is yielded only if all its cells exist.
    """
    columns = [factor.column for factor in by]
    others = [key for key in cells if key not in columns]
    groups: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}  # the rows by their other settings, by the factors
    for row in cells.index:
        cell = grid.levels[row]
        if all(cell[factor.column] in (factor.levels or cell.values()) for factor in by):
            own = tuple(cell[key] for key in columns)
            groups.setdefault(tuple(cell[key] for key in others), {})[own] = row
    signs = [math.prod(corner) for corner in itertools.product((1.0, -1.0), repeat=len(by))]
    for rows in groups.values():
        by_factor = [levels(factor, [grid.levels[row] for row in rows.values()]) for factor in by]
        for highs in itertools.product(*(others[1:] for others in by_factor)):
            two = [(high, others[0]) for high, others in zip(highs, by_factor, strict=True)]
            corners = list(itertools.product(*two))  # from all high to all low
            networks = [pair for factor, pair in zip(by, two, strict=True) if factor.family == "backbone"]
            if any(related(*pair) for pair in networks) or not rows.keys() >= {*corners}:
                continue
            weights = {rows[corner]: sign for corner, sign in zip(corners, signs, strict=True)}
            names = [cell_name(grid.levels[row], columns) for row in weights]
            half = len(names) // 2
            pairs = [f"{high} − {low}" for high, low in zip(names[:half], names[half:], strict=True)]
            effect = pairs[0] if half == 1 else " − ".join(f"({pair})" for pair in pairs)
            yield Contrast(by[0].family, effect, cell_context(grid.levels[rows[corners[0]]], columns), weights)


def mean_of(contrasts: Sequence[Contrast]) -> dict[int, float]:
    """Return the weights of the mean of some contrasts."""
    total: dict[int, float] = {}
    for contrast in contrasts:
        for row, weight in contrast.weights.items():
            total[row] = total.get(row, 0) + weight / len(contrasts)
    return total


def effects(grid: Grid) -> list[Contrast]:
    """Return the contrasts of effects.csv, sorted by family and context, those without the auxiliary loss first."""
    cells, varied = grid.conditions, factors(grid.conditions)
    factorials = list(designs(cells))
    planned = [contrast for design in factorials for contrast in factorial(grid, *design)]
    single = [contrast for factor in varied for contrast in crossed(grid, cells, factor)]
    planned += [*single, *crossed(grid, grid.cells, Factor("lr", "lr")), *means_over_networks(grid)]
    known = [contrast.weights for contrast in single]
    planned += [contrast for contrast in matched(grid) if contrast.weights not in known]
    questions = [Factor(name, name) for name in INCOMPARABLE if name in cells and cells[name].nunique() > 1]
    for pair in itertools.combinations([*varied, *questions], 2):
        columns, families = {factor.column for factor in pair}, {factor.family for factor in pair}
        if columns <= {*QUESTION}:
            continue
        averaged = {row for by, group in factorials if columns <= {one.column for one in by} for row in group.index}
        in_every_context = families <= {*CLAIMS, *QUESTION}
        family = BACKBONE_INTERACTION if "backbone" in families else INTERACTION
        for contrast in crossed(grid, cells, *pair):
            if in_every_context or contrast.first not in averaged:
                planned.append(contrast._replace(family=family))
    contexts = list(dict.fromkeys(contrast.context for contrast in planned))

    def place(contrast: Contrast) -> tuple[int, str, int, bool]:
        family = contrast.family
        always_aux = all(grid.levels[row]["aux"] for row in contrast.weights)
        return (
            PLACES.index(family if family in PLACES else OTHERS),
            family,
            contexts.index(contrast.context),
            always_aux,
        )

    return sorted(planned, key=place)


def designs(cells: pd.DataFrame) -> Iterator[tuple[list[Factor], pd.DataFrame]]:
    """Yield the factors and the cells of the 2^k designs with k >= 3 among some conditions.

    A design has a network and its counterpart without sharing, or one network. Its factors have two levels, and more
    than half of the cells have a counterpart that differs only in the factor.
    """
    models = {*cells.model}
    pairs = [factor.levels for factor in factors(cells) if factor.family == "sharing" and models & {*factor.levels}]
    alone = [(model,) for model in cells.model.unique() if model not in {*itertools.chain(*pairs)}]
    for names in [*pairs, *alone]:
        ours = cells[cells.model.isin(names)]
        keys = [name for name in ours if name not in INCOMPARABLE and ours[name].nunique() == 2]
        two_levels = [name for name in keys if ours.duplicated([o for o in ours if o != name], keep=False).mean() > 0.5]
        common = [name for name in ours if name not in two_levels]
        for _, group in ours.groupby(common or ours.index * 0, sort=False):
            varied = [name for name in two_levels if group[name].nunique() == 2]
            if len(varied) > 2 and len(group) == 2 ** len(varied):
                yield [Factor("", name, names if name == "model" else ()) for name in varied], group


def factorial(grid: Grid, by: Sequence[Factor], group: pd.DataFrame) -> Iterator[Contrast]:
    """Yield the main effects and the interactions of every order of a 2^k design.

    A main effect is the mean difference over all cells of the other factors. An interaction is how much more a factor
    adds where another is on, again the mean over all cells of the other factors.
    """
    ends = {factor.column: levels(factor, group.to_dict("records")) for factor in by}
    names = {key: level_name(key, high or low) for key, (low, high) in ends.items()} | {"model": "sharing", "aux": "AL"}
    common = [f"model={'/'.join(ends.get('model', group.model[:1]))}", "aux=true" if (group.aux != "").all() else ""]
    context = ",".join(filter(None, [*common, cell_context(grid.levels[group.index[0]], [*ends])]))
    for order in range(1, len(by) + 1):
        for chosen in itertools.combinations(by, order):
            effect = " × ".join(names[factor.column] for factor in chosen)
            yield Contrast(ORDERS[min(order, 3) - 1], effect, context, mean_of([*crossed(grid, group, *chosen)]))


def matched(grid: Grid) -> Iterator[Contrast]:
    """Yield the contrasts between kinds of backbones at equal sharing, and their interactions with the auxiliary loss.

    For example, WS3 − WS2 and WS1 − FCNN3 compare convolutional with dense networks. Each kind is compared with the
    first, for two networks with sharing, for two without, and as the mean of both if all other settings are equal.
    """
    cells = grid.conditions
    known = [(name, network.unshared) for name, network in backbones.facts().items() if network.unshared]
    kinds = [kind for kind in known if not {*cells.model}.isdisjoint(kind)]
    for other in kinds[1:]:
        for family, more in ((MATCHED, []), (MATCHED_INTERACTION, [AUX])):
            by_pair = []
            for pair in zip(kinds[0], other, strict=True):
                contrasts = crossed(grid, cells, Factor(family, "model", pair), *more)
                by_pair.append({(grid.levels[one.first]["aux"], one.context): one for one in contrasts})
                yield from by_pair[-1].values()
            for rest, shared in by_pair[0].items():
                if unshared := by_pair[1].get(rest):
                    name = f"mean of {shared.effect} and {unshared.effect}"
                    yield shared._replace(effect=name, weights=mean_of([shared, unshared]))


def question(levels: Levels) -> Question:
    """Return the question of a cell: a task on a data set."""
    return tuple(levels.get(key, "") for key in QUESTION)


def question_names(grid: Grid) -> dict[Question, str]:
    """Return a name for each question from the levels that differ: 'mnist', 'same' or 'same, fashion_mnist'.

    They are sorted by the number of levels that are not at their default.
    """
    ordered = sorted(dict.fromkeys(map(question, grid.levels.values())), key=lambda levels: sum(map(bool, levels)))
    differing = [(i, key) for i, key in enumerate(QUESTION) if key in grid.varied]
    return {q: ", ".join(q[i] or str(default(key, "")) for i, key in differing) for q in ordered}


def means_over_networks(grid: Grid) -> Iterator[Contrast]:
    """Yield the mean effects of the auxiliary loss and sharing on each question, and their differences from the first.

    Accuracies of two questions are never subtracted, only effects. A mean is over the networks that are planned for all
    questions.
    """
    names = question_names(grid)
    for family in CLAIMS if len(names) > 1 else ():
        by_context: dict[str, dict[str, dict[Question, Contrast]]] = {}  # by other settings, networks, question
        for contrast in of_family(grid, family):
            cell = grid.levels[contrast.first]
            on_each = by_context.setdefault(cell_context(cell, QUESTION), {}).setdefault(contrast.effect, {})
            on_each[question(cell)] = contrast
        for others, by_networks in by_context.items():
            several = [q for q in names if sum(q in on_each for on_each in by_networks.values()) > 1]
            networks = [on_each for on_each in by_networks.values() if on_each.keys() >= {*several}]
            if len(several) < 2 or len(networks) < 2:  # the mean over one network is its effect
                continue
            means = [mean_of([on_each[q] for on_each in networks]) for q in several]
            for q, weights in zip(several, means, strict=True):
                yield Contrast(MEAN, family, networks[0][q].context, weights)
            less = {row: -weight for row, weight in means[0].items()}
            for q, weights in zip(several[1:], means[1:], strict=True):
                yield Contrast(BETWEEN, f"{family}: {names[q]} − {names[several[0]]}", others, weights | less)


def of_family(grid: Grid, family: str) -> list[Contrast]:
    """Return the effects of the factors of a family, between conditions."""
    ours = [factor for factor in factors(grid.conditions) if factor.family == family]
    return [contrast for factor in ours for contrast in crossed(grid, grid.conditions, factor)]


def differing(contexts: Iterable[str]) -> list[str]:
    """Return each context without the settings that all contexts share."""
    rows = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, rows)) if rows else set()
    return [", ".join(setting for setting in row if setting not in common) for row in rows]


def claim_contrasts(grid: Grid) -> list[Contrast]:
    """Return the effects of the auxiliary loss and sharing at any rates, with unique names and no context."""
    named = []
    for family in CLAIMS:
        contrasts = of_family(grid, family)
        contexts = differing(contrast.context for contrast in contrasts)
        for contrast, context in zip(contrasts, contexts, strict=True):
            named.append(contrast._replace(effect=f"{contrast.effect} {context}".strip(), context=""))
    return named


def at_equal_rates(grid: Grid) -> list[Contrast]:
    """Return `claim_contrasts` at each rate of both networks, the context, if one of them has several."""
    rates = {row: dict(zip(cells.lr, cells.index, strict=True)) for row, cells in grid.cells.groupby(grid.condition)}
    at_rates = []
    for contrast in claim_contrasts(grid):
        plus, minus = (rates[row] for row in contrast.weights)
        if max(len(plus), len(minus)) > 1:
            for lr in sorted(plus.keys() & minus.keys(), key=float):
                at_rates.append(contrast._replace(context=lr, weights={plus[lr]: 1.0, minus[lr]: -1.0}))
    return at_rates


def averages(grid: Grid) -> list[Contrast]:
    """Return the main effects and two-way interactions, each averaged over all settings of the other factors.

    The family is the order, the context the number of averaged settings. An effect at a single setting is not an
    average.
    """
    varied = factors(grid.conditions)
    conditions = grid.conditions[grid.conditions.index < len(grid.cells)]  # without those with several rates
    by_name: dict[tuple[str, str], list[Contrast]] = {}
    for several in [*((factor,) for factor in varied), *itertools.combinations(varied, 2)]:
        for contrast in crossed(grid, conditions, *several):
            high, low = grid.levels[contrast.first], grid.levels[[*contrast.weights][-1]]
            names = [difference(factor.column, high, low) for factor in several]
            if len(names) > 1:
                names = [f"({name})" if " " in name else name for name in names]
            by_name.setdefault((ORDERS[len(several) - 1], " × ".join(names)), []).append(contrast)
    return [Contrast(*name, str(len(rows)), mean_of(rows)) for name, rows in by_name.items() if len(rows) > 1]


def difference(key: str, high: Levels, low: Levels) -> str:
    """Return the name of the difference between the levels of a setting in two cells: 'batch_size 5 − 20'."""
    if key == "aux":
        return "AL"
    if key == "model":
        return f"{paper.label(high[key], False)} − {paper.label(low[key], False)}"
    if high[key] == "true":
        return key
    names = [side[key] or to_text(default(key, side["model"])) or "default" for side in (high, low)]
    return f"{key} {names[0]} − {names[1]}"
