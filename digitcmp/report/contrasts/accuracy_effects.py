"""The tables of effects on the test accuracy, paired by seed: of every factor, at equal rates, averaged, and others."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from digitcmp import paper
from digitcmp.report import estimates, rule
from digitcmp.report.cells import changed_levels
from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, Levels, Sides, network, sides
from digitcmp.report.contrasts.planned import CLAIMS
from digitcmp.report.estimates import ROBUST, Differences

LARGE = 50  # with more effects, the report begins with averages
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
        known[row] = paper.label(*network(cell)), paper.claimed(*network(cell), settings), paper.as_published(settings)
    table = []
    for contrast in contrasts:
        labels, tasks, recipes = zip(*(known[row] for row in contrast.weights), strict=True)
        claim, same = CLAIMS.get(contrast.family, np.nan) if all(tasks) else np.nan, all(recipes)
        mean = half = np.nan
        if same and {*labels} <= paper.ACCURACY.keys() and len({*labels}) == len(labels):
            weights = np.array([*contrast.weights.values()])
            values = [paper.ACCURACY[label] for label in labels]
            means, stds, n = np.array([(value.mean, value.std, value.n) for value in values], float).T
            terms, variance = weights * means, (weights * stds) ** 2 / n
            mean = terms[weights > 0].sum() + terms[weights < 0].sum()
            freedom = variance.sum() ** 2 / (variance**2 / (n - 1)).sum()
            half = stdtrit(freedom, 0.975) * np.sqrt(variance.sum())
        table.append((claim if same else np.nan, claim > 0 and not same, mean, mean - half, mean + half))
    return pd.DataFrame(table, columns=["claim", "another", "published", "published_low", "published_high"])


def fragile(table: pd.DataFrame, left: pd.DataFrame, first: np.ndarray, seeds: np.ndarray) -> list[dict[int, str]]:
    """Return the seeds without which the verdict of each effect changes, with the other verdict.

    Holm's p without a seed is that of the family in which only this effect lacks the seed. `left` are the estimates
    without each seed, `first` the verdicts with all, `seeds` those of the grid.
    """
    families = dict(list(table[table.p.notna()].groupby("family").p))
    left = left[left.n >= estimates.FEW_SEEDS - 1]
    p_holm = []
    for row, p in zip(left.row, left.p, strict=True):
        family = families[table.family[row]].copy()
        family[row] = p
        p_holm.append(estimates.holm(family.to_numpy())[family.index.get_loc(row)])
    left = left.assign(p_holm=p_holm, claim=table.claim.to_numpy()[left.row])
    left["verdict"] = rule.verdict(left)
    changed: list[dict[int, str]] = [{} for _ in range(len(table))]
    for row, seed, verdict in left.loc[left.verdict != first[left.row], ["row", "seed", "verdict"]].to_numpy():
        changed[row][int(seeds[seed])] = verdict
    return changed


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
