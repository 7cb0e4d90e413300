"""The tables of effects on the test accuracy, paired by seed: of every factor, at equal rates, averaged, and others."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from digitcmp import paper
from digitcmp.models import backbones
from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, Levels, Sides, cell_name, changed_levels, network, sides
from digitcmp.report.contrasts.planned import CLAIMS
from digitcmp.report.statistics import estimates, rule
from digitcmp.report.statistics.estimates import ROBUST, Differences

LARGE = 50  # with more effects, the report begins with averages
TOLERANCE = 0.02  # the largest difference of equal parameters, as a share of those of the network without sharing
NUMBERS = ("n", "mean", "ci_low", "ci_high", "p", "p_holm")
AVERAGES = ("order", "effect", "contexts", *NUMBERS, "verdict")


def measured(contrasts: Sequence[Contrast], difference: Differences) -> pd.DataFrame:
    """Return the columns `family effect context contrast` and NUMBERS of contrasts from their values by seed.

    A value is nan where a seed is missing. p_holm is Holm's p inside the family.
    """
    named = [(contrast.family, contrast.effect, contrast.context, contrast) for contrast in contrasts]
    table = pd.DataFrame(named, columns=["family", "effect", "context", "contrast"])
    table = pd.concat([table, estimates.estimate(difference)], axis=1)
    return table.assign(p_holm=estimates.holm_by(table.p, table.family))


def accuracies(grid: Grid, contrasts: Sequence[Contrast], refused: pd.Series | None = None) -> Sides:
    """Return the test accuracy of both sides of contrasts by seed, nan if a cell lacks the seed or if it is refused."""
    plus, minus = sides(grid.matrix(contrasts), grid.outcome(grid.runs.test_acc))
    unknown = np.isnan(plus - minus)
    if refused is not None:
        unknown[refused.notna()] = True
    plus[unknown] = minus[unknown] = np.nan
    return plus, minus


def paired(grid: Grid, contrasts: Sequence[Contrast], refused: pd.Series | None = None) -> pd.DataFrame:
    """Return `measured` of the test accuracy of contrasts over the seeds that all of their cells have."""
    return measured(contrasts, np.subtract(*accuracies(grid, contrasts, refused)))


def effects(grid: Grid, contrasts: Sequence[Contrast] | None = None) -> pd.DataFrame:
    """Return the effects on test accuracy of all contrasts that a sweep plans, or of the given ones.

    Returns:
        The columns of effects.csv and `contrast`. p_holm is Holm's p inside the family, q that of Benjamini and
        Hochberg over all rows. `published` is the contrast between the paper's means, with its interval. p_flip is the
        p of the paired permutation test, `trimmed` the 20 % trimmed mean with its interval. loo_low and loo_high are
        the smallest and the largest mean if one seed is left out, and `fragile` lists the seeds without which the
        verdict changes. errors_removed is the share of the errors of the negative side that the positive side does not
        make, nan for interactions, because their sides are not means over cells. If the runs are unpaired, incomplete
        or ambiguous, `refused` is the reason and the numbers are nan. A contrast that no sweep planned has no row.
    """
    contrasts = planned.effects(grid) if contrasts is None else contrasts
    refused = grid.refused(contrasts)
    plus, minus = accuracies(grid, contrasts, refused)
    table = measured(contrasts, plus - minus).assign(refused=refused)
    table = pd.concat([table, papers(grid.levels, contrasts), estimates.robust(plus - minus)], axis=1)
    table["p_flip"] = table.p_flip.where(table.p.notna())
    table["q"] = estimates.false_discovery(table.p)
    table["n"] = table.n.astype("Int64").where(refused.isna())
    errors = pd.DataFrame(1 - minus).mean(axis=1)
    weights = [sum(weight for weight in contrast.weights.values() if weight > 0) for contrast in contrasts]
    table["errors_removed"] = (table["mean"] / errors).where(np.isclose(weights, 1) & (errors > 0))

    first = rule.verdict(table)
    without = fragile(table, estimates.leave_one_out(plus - minus), first, grid.seeds)
    words = list(map(rule.in_words, first, table["mean"], rule.robust_verdict(first, table), without))
    words = [f"another recipe: {text}" if other else text for text, other in zip(words, table.another, strict=True)]
    table["verdict"] = pd.Series(words, dtype=object).where(table["mean"].notna())
    table["fragile"] = [" ".join(map(str, seeds)) or None for seeds in without]
    columns = ["family", "effect", "context", *NUMBERS, "claim", "published", "verdict", "refused", "q", *ROBUST]
    columns += ["fragile", "errors_removed", "published_low", "published_high"]
    return table[[*columns, "contrast"]]


def papers(levels: Mapping[int, Levels], contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Return the paper's claims and values: the same weights over its means. `levels` are those of each row of a grid.

    Returns:
        Columns `claim another published published_low published_high`. A claim is nan unless all cells have the paper's
        networks, task and recipe. `another` is True if only the recipe differs. A published value is nan if the paper
        lacks one of the means, and its 95 % interval, Welch's, if it lacks a standard deviation.
    """
    known = {}
    for row, cell in levels.items():
        settings = changed_levels(cell)
        label, task = paper.label(*network(cell)), paper.claimed(*network(cell), settings)
        known[row] = label, task, paper.as_published(settings)
    table = []
    for contrast in contrasts:
        labels, tasks, recipes = zip(*(known[row] for row in contrast.weights), strict=True)
        claim = CLAIMS.get(contrast.family, np.nan) if all(tasks) else np.nan
        numbers = (np.nan,) * 3
        if all(recipes) and {*labels} <= paper.ACCURACY.keys() and len({*labels}) == len(labels):
            numbers = published_difference([*contrast.weights.values()], [paper.ACCURACY[label] for label in labels])
        table.append((claim if all(recipes) else np.nan, claim > 0 and not all(recipes), *numbers))
    return pd.DataFrame(table, columns=["claim", "another", "published", "published_low", "published_high"])


def published_difference(weights: Sequence[float], values: Sequence[paper.Published]) -> tuple[float, float, float]:
    """Return a weighted sum of the paper's means and Welch's 95 % interval from its standard deviations."""
    terms = [weight * value.mean for weight, value in zip(weights, values, strict=True)]
    mean = sum(term for term in terms if term > 0) + sum(term for term in terms if term < 0)
    stds = [np.nan if value.std is None else value.std for value in values]
    n = np.array([value.n for value in values])
    variance = (np.array(weights) * stds) ** 2 / n
    freedom = variance.sum() ** 2 / (variance**2 / (n - 1)).sum()
    half = stdtrit(freedom, 0.975) * np.sqrt(variance.sum())
    return mean, mean - half, mean + half


def fragile(table: pd.DataFrame, left: pd.DataFrame, first: np.ndarray, seeds: np.ndarray) -> list[dict[int, str]]:
    """Return the seeds without which the verdict of each effect changes, with the other verdict.

    Holm's p without a seed is that of the family in which only this effect lacks the seed. `left` are the estimates
    without each seed, `first` the verdicts with all, `seeds` those of the grid.
    """
    families = {name: group.p for name, group in table[table.p.notna()].groupby("family")}
    left = left[left.n >= estimates.FEW_SEEDS - 1]
    p_holm: list[float] = []
    for row, p in left.groupby("row").p:
        family = families[table.family[row]]
        p_holm.extend(estimates.holm_with(family.to_numpy(), family.index.get_loc(row), p.to_numpy()))
    left = left.assign(p_holm=p_holm, claim=table.claim.to_numpy()[left.row])
    left["verdict"] = rule.verdict(left)
    changed: list[dict[int, str]] = [{} for _ in range(len(table))]
    for row, seed, verdict in left.loc[left.verdict != first[left.row], ["row", "seed", "verdict"]].to_numpy():
        changed[row][int(seeds[seed])] = verdict
    return changed


def equal_rates(grid: Grid) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing at each learning rate that both networks have.

    If a network was trained at several rates, an effect could compare two different rates and is ambiguous. At each
    rate that both networks have, it is not. Empty unless a network was trained at several rates.

    Returns:
        The columns of equal_rates.csv and `refused`, the reason if runs are missing. Then the numbers are nan. p_holm
        is Holm's p inside the family, over all effects and rates.
    """
    contrasts = planned.at_equal_rates(grid)
    refused = grid.refused(contrasts)
    table = paired(grid, contrasts, refused).assign(refused=refused).rename(columns={"context": "lr"})
    return table.astype({"lr": float})[["family", "effect", "lr", *NUMBERS, "refused"]]


def averages(grid: Grid) -> pd.DataFrame:
    """Return the main effect of each level of each factor, and the interaction of each pair of levels of two factors.

    A main effect is the mean difference between a level and the first, over all settings of the other factors at which
    both are finished. An interaction is the mean difference between two such differences. Means are over the settings,
    for each seed. The interval and p are over the seeds that all these settings have.

    Returns:
        AVERAGES. `order` is the family, `contexts` the number of settings, and `p_holm` Holm's p
        among the effects of the same order.
    """
    table = paired(grid, planned.averages(grid))
    table = table[table.n > 1].rename(columns={"family": "order", "context": "contexts"}).astype({"contexts": int})
    table["verdict"] = rule.verdict(table.assign(claim=np.nan))
    return table[list(AVERAGES)].reset_index(drop=True)


def equal_parameters(grid: Grid, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the effect of sharing between networks of different widths with the same number of parameters.

    The cells differ only in the model and the arguments of its network. Networks with the same arguments are left out,
    because the table of effects has them.

    Returns:
        The columns of equal_parameters.csv, for each two cells with two or more common seeds. p is not corrected.
    """
    networks = backbones.facts()
    arguments = {key for network in networks.values() for key in network.arguments}
    rest = [key for key in grid.cells if key not in {"model", *arguments}]
    widths = grid.cells[[key for key in grid.cells if key in arguments]]
    table = grid.cells[[*rest, "model"]].assign(
        unshared=grid.cells.model.map({name: network.unshared for name, network in networks.items()}),
        width=list(widths.itertuples(index=False, name=None)),
        row=grid.cells.index,
        cell=grid.names,
    )
    table = table.merge(cells[["cell", "params", "title"]], on="cell")
    pairs = table.merge(table, left_on=[*rest, "unshared"], right_on=[*rest, "model"], suffixes=("", "_unshared"))
    equal = (pairs.params / pairs.params_unshared - 1).abs() <= TOLERANCE
    pairs = pairs[equal & (pairs.width != pairs.width_unshared)].reset_index(drop=True)
    contrasts = []
    for pair in pairs.itertuples():
        weights = {pair.row: 1.0, pair.row_unshared: -1.0}
        contrasts.append(Contrast("sharing", f"{pair.title} − {pair.title_unshared}", "", weights))
    gains = pd.concat([paired(grid, contrasts), pairs[["params", "params_unshared"]]], axis=1)
    columns = ["effect", "params", "params_unshared", "n", "mean", "ci_low", "ci_high", "p"]
    return gains.loc[gains.n > 1, columns].reset_index(drop=True)


def common_cells(grid: Grid, hidden: Sequence[str], varied: Sequence[str]) -> pd.DataFrame:
    """Return the difference in test accuracy of each cell that two sweeps have.

    The sweep is a setting of the grid, 'first' or 'second'. The settings `hidden` may differ between the sweeps. The
    settings `varied` name a cell.

    Returns:
        Columns `cell n same first second mean ci_low ci_high p p_holm`. The differences are second minus first, paired
        by seed. `same` counts the seeds with the same test accuracy. The statistics are nan for a single seed.
    """
    sweeps = planned.Factor("", "sweep", ("first", "second"))
    contrasts = list(planned.crossed(grid, grid.cells.drop(columns=list(hidden)), sweeps))
    second, first = accuracies(grid, contrasts)
    table = measured(contrasts, second - first)
    table["cell"] = [cell_name(grid.levels[contrast.first], varied) for contrast in contrasts]
    table["same"] = (first == second).sum(axis=1)
    table["first"], table["second"] = (pd.DataFrame(side).mean(axis=1) for side in (first, second))
    return table.loc[table.n > 0, ["cell", "n", "same", "first", "second", *NUMBERS[1:]]].reset_index(drop=True)
