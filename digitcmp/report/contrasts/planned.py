"""The contrasts that a sweep plans."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from digitcmp import paper
from digitcmp.models import backbones
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, Levels, changed_levels, groups
from digitcmp.report.contrasts.factors import CLAIMS, NO_FACTOR, QUESTION, Factor, crossed, factors, levels, varying
from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import default, level_name

MAIN, TWO_WAY = "main effect", "two-way interaction"
ORDERS = (MAIN, TWO_WAY, "higher interaction")  # the families of a factorial
MEAN, BETWEEN = "mean over networks", "between data sets"
INTERACTION, BACKBONE_INTERACTION = "interaction", "backbone interaction"
MATCHED, MATCHED_INTERACTION = "backbone, same sharing", "backbone × auxiliary loss"
FIRST = (*ORDERS, MEAN, BETWEEN, "auxiliary loss", "sharing", "branches")  # families at the head of the table
# families of their own, so that the number of networks does not enlarge the p of other factors
LAST = (INTERACTION, BACKBONE_INTERACTION, MATCHED_INTERACTION)
TOLERANCE = 0.02  # the largest difference of equal parameters, as a share of those of the network without sharing

Weights = Mapping[int, float]
Question = tuple[str, ...]  # the levels of QUESTION, '' for the default


def effects(grid: Grid) -> list[Contrast]:
    """Return the contrasts of effects.csv, sorted by family and context, those without the auxiliary loss first."""
    cells = grid.conditions
    factorials = list(designs(grid))
    found = [contrast for design in factorials for contrast in factorial(grid, design)]
    single = [contrast for factor in varying(cells) for contrast in crossed(grid, cells, factor)]
    found += [*single, *crossed(grid, grid.cells, Factor("lr", "lr")), *means_over_networks(grid)]
    known = {key(contrast.weights) for contrast in single}
    found += [contrast for contrast in matched(grid) if key(contrast.weights) not in known]
    questions = [Factor(name, name) for name in NO_FACTOR if name in cells and cells[name].nunique() > 1]
    for first, second in itertools.combinations([*varying(cells), *questions], 2):
        columns, families = {first.column, second.column}, {first.family, second.family}
        if len(columns) < 2 or columns <= {*QUESTION}:
            continue
        in_every_context = families <= {*CLAIMS, *QUESTION}
        averaged = {row for design in factorials if columns <= {*design.varied} for row in design.cells}
        family = BACKBONE_INTERACTION if "backbone" in families else INTERACTION
        for contrast in crossed(grid, cells, first, second, family=family):
            if in_every_context or contrast.first not in averaged:
                found.append(contrast)
    contexts = {context: i for i, context in enumerate(dict.fromkeys(contrast.context for contrast in found))}

    def place(contrast: Contrast) -> tuple[int, int, str, int, bool]:
        always_aux = all(grid.levels[row]["aux"] for row in contrast.weights)
        return *family_place(contrast.family), contexts[contrast.context], always_aux

    return sorted(found, key=place)


def family_place(family: str) -> tuple[int, int, str]:
    """Return the sort key of a family: FIRST, then the others by name, then LAST."""
    if family in FIRST:
        return 0, FIRST.index(family), family
    if family in LAST:
        return 2, LAST.index(family), family
    return 1, 0, family


def key(weights: Weights) -> frozenset[tuple[int, float]]:
    """Return the weights of a contrast as a hashable value, without their order."""
    return frozenset((row, round(weight, 9)) for row, weight in weights.items())


def mean_of(contrasts: Sequence[Contrast]) -> dict[int, float]:
    """Return the weights of the mean of some contrasts."""
    total: dict[int, float] = {}
    for contrast in contrasts:
        for row, weight in contrast.weights.items():
            total[row] = total.get(row, 0) + weight / len(contrasts)
    return total


def less(first: Weights, second: Weights) -> dict[int, float]:
    """Return the weights of one contrast minus another."""
    total = dict(first)
    for row, weight in second.items():
        total[row] = total.get(row, 0) - weight
    return total


class Design(NamedTuple):
    """A 2^k design.

    Attributes:
        varied: The settings of the k factors.
        cells: The rows of its 2^k cells, from all factors at their first level to all at their second.
    """

    varied: list[str]
    cells: list[int]


def designs(grid: Grid) -> Iterator[Design]:
    """Yield the 2^k designs with k >= 3 among the conditions of a grid.

    A design has a network and its counterpart without sharing, or one network. Its factors have two levels, and more
    than half of the cells have a counterpart that differs only in the factor. A design is yielded only if more than
    half of its cells are planned. Fewer cells are another design, such as one factor at a time.
    """
    cells = grid.conditions
    models = list(cells.model.unique())
    pairs = [factor.levels for factor in factors(cells) if factor.family == "sharing"]
    pairs = [pair for pair in pairs if not {*pair}.isdisjoint(models)]
    alone = [(model,) for model in models if model not in {*itertools.chain(*pairs)}]
    for names in [*pairs, *alone]:
        ours = cells[cells.model.isin(names)]
        keys = [name for name in ours if name not in NO_FACTOR and ours[name].nunique() == 2]
        two_levels = [name for name in keys if ours.duplicated([o for o in ours if o != name], keep=False).mean() > 0.5]
        for _, group in groups(ours, [name for name in ours if name not in two_levels]):
            varied = [name for name in two_levels if group[name].nunique() == 2]
            if len(varied) < 3 or len(group) <= 2 ** len(varied) / 2:
                continue
            by_key = {factor.column: factor for factor in factors(group)} | {"model": Factor("", "model", names)}
            combinations = itertools.product(*(levels(by_key[name], group) for name in varied))
            first = group.iloc[0].to_dict()
            yield Design(varied, [grid.row(first | dict(zip(varied, cell, strict=True))) for cell in combinations])


def factorial(grid: Grid, design: Design) -> Iterator[Contrast]:
    """Yield the main effects and the interactions of every order of a 2^k design: the products of its signs.

    A main effect is the mean difference over all cells of the other factors. An interaction is how much more a factor
    adds where another is on, again the mean over all cells of the other factors.
    """
    varied, cells = design
    low, high = grid.levels[cells[0]], grid.levels[cells[-1]]
    signs = np.array(list(itertools.product((-1, 1), repeat=len(varied))))
    names = {name: level_name(name, high[name] or low[name]) for name in varied}
    names |= {"model": "sharing", "aux": "AL"}
    context = [f"model={'/'.join(dict.fromkeys([low['model'], high['model']]))}"]
    if low["aux"] and high["aux"]:
        context.append("aux=true")
    if common := grid.context({cells[0]: 1.0}, varied):
        context.append(common)
    for order in range(1, len(varied) + 1):
        for chosen in itertools.combinations(range(len(varied)), order):
            weights = signs[:, chosen].prod(axis=1) / 2 ** (len(varied) - order)
            effect = " × ".join(names[varied[i]] for i in chosen)
            by_cell = dict(zip(cells, weights.tolist(), strict=True))
            yield Contrast(ORDERS[min(order, 3) - 1], effect, ",".join(context), by_cell, varied)


def matched(grid: Grid) -> Iterator[Contrast]:
    """Yield the contrasts between kinds of backbones at equal sharing, and their interactions with the auxiliary loss.

    For example, WS3 − WS2 and WS1 − FCNN3 compare convolutional with dense networks. Each kind is compared with the
    first, for two networks with sharing, for two without, and as the mean of both if all other settings are equal.
    """
    cells = grid.conditions
    known = [(name, network.unshared) for name, network in backbones.facts().items() if network.unshared]
    kinds = [kind for kind in known if not {*cells.model}.isdisjoint(kind)]
    rest = dict(zip(cells.index, cells.drop(columns="model").itertuples(index=False, name=None), strict=True))
    for other in kinds[1:]:
        shared, unshared = (Factor(MATCHED, "model", pair) for pair in zip(kinds[0], other, strict=True))
        for family, more in ((MATCHED, []), (MATCHED_INTERACTION, [Factor("auxiliary loss", "aux")])):
            first, second = (list(crossed(grid, cells, pair, *more, family=family)) for pair in (shared, unshared))
            yield from (*first, *second)
            partners = {tuple(rest[row] for row in contrast.weights): contrast for contrast in second}
            for contrast in first:
                if partner := partners.get(tuple(rest[row] for row in contrast.weights)):
                    name = f"mean of {contrast.effect} and {partner.effect}"
                    yield contrast._replace(effect=name, weights=mean_of([contrast, partner]))


def question(levels: Mapping[str, str]) -> Question:
    """Return the question of a cell: a task on a data set."""
    return tuple(levels.get(name, "") for name in QUESTION)


def question_names(questions: Iterable[Question]) -> dict[Question, str]:
    """Return a name for each question from the levels that differ: 'mnist', 'same' or 'same, fashion_mnist'.

    Returns:
        The names, sorted by the number of levels that are not at their default.
    """
    ordered = sorted(dict.fromkeys(questions), key=lambda levels: sum(map(bool, levels)))
    differing = [i for i in range(len(QUESTION)) if len({levels[i] for levels in ordered}) > 1]
    return {q: ", ".join(q[i] or str(default(QUESTION[i], "")) for i in differing) for q in ordered}


def means_over_networks(grid: Grid) -> Iterator[Contrast]:
    """Yield the mean effects of the auxiliary loss and sharing on each question, and their differences from the first.

    Accuracies of two questions are never subtracted, only effects. A mean is over the networks that are planned for all
    questions.
    """
    names = question_names(question(grid.levels[row]) for row in grid.conditions.index)
    if len(names) < 2:
        return
    networks, asked = ("model", "aux"), [name for name in QUESTION if name in grid.conditions]
    for family in CLAIMS:
        found: dict[Question, dict[Question, dict[Question, Contrast]]] = {}  # by other settings, networks, question
        for contrast in of_family(grid, family):
            levels = grid.levels[contrast.first]
            others = tuple(levels[name] for name in grid.conditions if name not in (*networks, *QUESTION))
            pair = tuple(grid.levels[row][name] for row in contrast.weights for name in networks)
            found.setdefault(others, {}).setdefault(pair, {})[question(levels)] = contrast
        for by_pair in found.values():
            several = [q for q in names if sum(q in on_each for on_each in by_pair.values()) > 1]
            pairs = [on_each for on_each in by_pair.values() if on_each.keys() >= {*several}]
            if len(several) < 2 or len(pairs) < 2:  # the mean over one network is its effect
                continue
            means = {q: mean_of([on_each[q] for on_each in pairs]) for q in several}
            for q in several:
                yield Contrast(MEAN, family, grid.context(means[q], networks), means[q], networks)
            for q in several[1:]:
                weights, hidden = less(means[q], means[several[0]]), [*networks, *asked]
                name = f"{family}: {names[q]} − {names[several[0]]}"
                yield Contrast(BETWEEN, name, grid.context(weights, hidden), weights, hidden)


def of_family(grid: Grid, family: str) -> list[Contrast]:
    """Return the effects of the factors of a family, between conditions."""
    ours = [factor for factor in factors(grid.conditions) if factor.family == family]
    return [contrast for factor in ours for contrast in crossed(grid, grid.conditions, factor)]


def differing(contexts: Iterable[str]) -> list[str]:
    """Return each context without the settings that all contexts share."""
    rows = [context.split(",") for context in contexts]
    common = set.intersection(*map(set, rows)) if rows else set()
    return [", ".join(setting for setting in row if setting not in common) for row in rows]


def claimed(grid: Grid) -> list[Contrast]:
    """Return the effects of the auxiliary loss and sharing, whatever their learning rates, with unique names."""
    found = []
    for family in CLAIMS:
        contrasts = of_family(grid, family)
        contexts = differing(contrast.context for contrast in contrasts)
        for contrast, context in zip(contrasts, contexts, strict=True):
            found.append(contrast._replace(effect=f"{contrast.effect} {context}".strip()))
    return found


def at_equal_rates(grid: Grid) -> list[tuple[Contrast, float]]:
    """Return the contrasts of `claimed` at each learning rate of both networks, if one of them has several rates."""
    found = []
    for contrast in claimed(grid):
        plus, minus = (grid.rates[row] for row in contrast.weights)
        if max(len(plus), len(minus)) > 1:
            for lr in sorted(plus.keys() & minus.keys(), key=float):
                found.append((contrast._replace(weights={plus[lr]: 1.0, minus[lr]: -1.0}), float(lr)))
    return found


def averages(grid: Grid) -> list[Contrast]:
    """Return the main effects and two-way interactions, each averaged over all settings of the other factors.

    The family is the order, the context the number of averaged settings. An effect at a single setting is not an
    average.
    """
    cells = grid.conditions
    found: dict[tuple[str, str], list[Contrast]] = {}
    for several in [*((f,) for f in varying(cells)), *itertools.combinations(varying(cells), 2)]:
        if len({factor.column for factor in several}) < len(several):
            continue
        for contrast in crossed(grid, cells, *several):
            if max(contrast.weights) >= len(grid.cells):  # a condition with several rates
                continue
            high, low = grid.levels[contrast.first], grid.levels[[*contrast.weights][-1]]
            names = [difference(factor.column, high, low) for factor in several]
            if len(names) > 1:
                names = [f"({name})" if " " in name else name for name in names]
            found.setdefault((ORDERS[len(several) - 1], " × ".join(names)), []).append(contrast)
    return [Contrast(*name, str(len(rows)), mean_of(rows)) for name, rows in found.items() if len(rows) > 1]


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


def equal_parameters(grid: Grid, params: Mapping[str, int], titles: Mapping[str, str]) -> list[Contrast]:
    """Return the contrasts of sharing between networks of different widths that have the same number of parameters.

    The cells differ only in the model and the arguments of its network. Networks with the same arguments are left out,
    because the table of effects has them.

    Args:
        grid: The grid.
        params: The number of parameters by the name of a cell.
        titles: The title of each cell by its name.
    """
    found = []
    rows = [
        row for row in grid.cells.index if grid.names[row] in params and grid.levels[row]["model"] in backbones.facts()
    ]
    for row, other in itertools.permutations(rows, 2):
        names = grid.names[row], grid.names[other]
        if grid.levels[other]["model"] != backbones.facts()[grid.levels[row]["model"]].unshared:
            continue
        if abs(params[names[0]] / params[names[1]] - 1) > TOLERANCE:
            continue
        (width, rest), (other_width, other_rest) = split(grid.levels[row]), split(grid.levels[other])
        if width != other_width and rest == other_rest:
            effect = f"{titles[names[0]]} − {titles[names[1]]}"
            found.append(Contrast("sharing", effect, "", {row: 1.0, other: -1.0}))
    return found


def split(levels: Levels) -> tuple[Levels, Levels]:
    """Return the changed arguments of a cell's network, and its other settings."""
    given = changed_levels(levels) | {"aux": levels["aux"], "lr": levels["lr"]}
    arguments = backbones.facts()[levels["model"]].arguments
    width = {key: given.pop(key) for key in arguments if key in given}
    return width, given
