"""The effect of each factor on the test accuracy, paired by seed, with the paper's claim."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import stdtrit

from digitcmp import paper
from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, Levels, changed_levels, network, sides
from digitcmp.report.contrasts.factors import CLAIMS
from digitcmp.report.statistics import estimates, rule
from digitcmp.report.statistics.estimates import ROBUST, Differences

NUMBERS = ("n", "mean", "ci_low", "ci_high", "p", "p_holm")
TRIMMED = ("trimmed", "trimmed_low", "trimmed_high")
COLUMNS = (
    *("family", "effect", "context", *NUMBERS, "claim", "published", "verdict", "refused", "q", *ROBUST, "fragile"),
    *("errors_removed", "published_low", "published_high"),
)


def measured(contrasts: Sequence[Contrast], difference: Differences) -> pd.DataFrame:
    """Return the statistics of contrasts from their values by seed, nan where a seed is missing.

    Returns:
        Columns `family effect context contrast` and NUMBERS. p_holm is Holm's p inside the family.
    """
    named = [(contrast.family, contrast.effect, contrast.context, contrast) for contrast in contrasts]
    table = pd.DataFrame(named, columns=["family", "effect", "context", "contrast"])
    table = pd.concat([table, estimates.estimate(difference)], axis=1)
    return table.assign(p_holm=estimates.holm_by(table, "family"))


def effects(grid: Grid, contrasts: Sequence[Contrast] | None = None) -> pd.DataFrame:
    """Return one row per contrast between cells that are equal except for its factors and the learning rate.

    Args:
        grid: The grid, with the runs that are not finished.
        contrasts: The contrasts, by default all that the sweep plans.

    Returns:
        COLUMNS and `contrast`, a Contrast. p_holm is Holm's p inside the family, q that of Benjamini and Hochberg over
        all rows. `published` is the contrast between the paper's means, with its interval. p_flip is the p of the
        paired permutation test, `trimmed` the 20 % trimmed mean with its interval. loo_low and loo_high are the
        smallest and the largest mean if one seed is left out, and `fragile` lists the seeds without which the verdict
        changes. errors_removed is the share of the errors of the negative side that the positive side does not make. If
        the runs are unpaired, incomplete or ambiguous, `refused` is the reason and the numbers are nan. A contrast that
        no sweep planned has no row.
    """
    contrasts = planned.effects(grid) if contrasts is None else contrasts
    weights, refused = grid.matrix(contrasts), pd.Series(grid.refused(contrasts), dtype=object)
    plus, minus = sides(weights, grid.outcome(grid.runs.test_acc))
    plus[refused.notna()] = minus[refused.notna()] = np.nan
    difference = plus - minus
    table = measured(contrasts, difference).assign(refused=refused)
    table = pd.concat([table, papers(grid.levels, contrasts), estimates.robust(difference)], axis=1)
    table["p_flip"] = table.p_flip.where(table.p.notna())
    table["q"] = estimates.false_discovery(table.p)
    table["errors_removed"] = errors_removed(weights, table["mean"], minus)
    table["n"] = table.n.astype("Int64").where(table.refused.isna())
    judged = verdicts(table, difference, grid.seeds)
    table["verdict"], table["fragile"] = zip(*judged, strict=True) if judged else ([], [])
    return table[[*COLUMNS, "contrast"]]


def errors_removed(weights: csr_array, mean: pd.Series, minus: Differences) -> pd.Series:
    """Return the share of the errors of `minus` that the positive side does not make, from the means over seeds.

    Args:
        weights: The weights.
        mean: The mean of each contrast.
        minus: Their negative sides by seed.

    Returns:
        Shares, negative if errors are added. nan for interactions, because their sides are not means over cells.
    """
    errors = pd.DataFrame(1 - minus).mean(axis=1)
    means_over_cells = np.isclose(weights.maximum(0).sum(axis=1), 1)
    return (mean / errors).where(means_over_cells & (errors > 0))


def papers(levels: Sequence[Levels], contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Return the paper's claims and values: the same weights over its means.

    Args:
        levels: The levels of each row of the grid.
        contrasts: The contrasts.

    Returns:
        Columns `claim published published_low published_high another_recipe`. A claim is nan unless all cells have the
        paper's networks, task and recipe. another_recipe is True if only the recipe differs. A published value is nan
        if the paper lacks one of the means, and its 95 % interval, Welch's, if it lacks a standard deviation.
    """
    labels = [paper.label(*network(cell)) for cell in levels]
    recipes = [paper.as_published(changed_levels(cell)) for cell in levels]
    tasks = [paper.claimed(*network(cell), changed_levels(cell)) for cell in levels]
    rows = []
    for contrast in contrasts:
        cells = list(contrast.weights)
        recipe, task = (all(known[cell] for cell in cells) for known in (recipes, tasks))
        claim = CLAIMS.get(contrast.family, np.nan) if task else np.nan
        row: dict[str, Any] = {"claim": claim if recipe else np.nan}
        row["another_recipe"] = not (recipe or np.isnan(claim))
        values = [paper.published(labels[cell]) for cell in cells]
        if recipe and all(values) and len({labels[cell] for cell in cells}) == len(cells):
            row |= published(list(contrast.weights.values()), [value for value in values if value])
        rows.append(row)
    columns = ["claim", "another_recipe", "published", "published_low", "published_high"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns, float) | {"another_recipe": bool})


def published(weights: Sequence[float], values: Sequence[paper.Published]) -> dict[str, float]:
    """Return a weighted sum of the paper's means and Welch's 95 % interval from its standard deviations."""
    terms = [weight * value.mean for weight, value in zip(weights, values, strict=True)]
    mean = sum(term for term in terms if term > 0) + sum(term for term in terms if term < 0)
    stds = [np.nan if value.std is None else value.std for value in values]
    n = np.array([value.n for value in values])
    variance = (np.array(weights) * stds) ** 2 / n
    freedom = variance.sum() ** 2 / (variance**2 / (n - 1)).sum()
    half = stdtrit(freedom, 0.975) * np.sqrt(variance.sum())
    return {"published": mean, "published_low": mean - half, "published_high": mean + half}


def verdicts(table: pd.DataFrame, difference: Differences, seeds: np.ndarray) -> list[tuple[str | None, str | None]]:
    """Return the verdict on each row of `effects`, None without a mean, and the seeds without which it changes."""
    mean, low, high, p_holm, claim = (table[key].to_numpy() for key in ("mean", "ci_low", "ci_high", "p_holm", "claim"))
    first = rule.verdict(mean, low, high, p_holm, claim)
    robust = rule.robust_verdict(first, (low, high), [table[key].to_numpy() for key in TRIMMED], claim)
    without = fragile(table, difference, first, seeds)
    found: list[tuple[str | None, str | None]] = []
    for i, another_recipe in enumerate(table.another_recipe):
        words = rule.in_words(first[i], mean[i], robust[i], without[i])
        if another_recipe:
            words = f"another recipe: {words}"
        found.append((None if np.isnan(mean[i]) else words, " ".join(map(str, without[i])) or None))
    return found


def fragile(table: pd.DataFrame, difference: Differences, first: np.ndarray, seeds: np.ndarray) -> list[dict[int, str]]:
    """Return the seeds without which the verdict of each row changes, with the other verdict.

    Holm's p without a seed is that of the family in which only this row lacks the seed.
    """
    found: list[dict[int, str]] = [{} for _ in range(len(table))]
    families = table[table.p.notna()].groupby("family").groups
    for n, rows, values in estimates.by_n(difference):
        if n < estimates.FEW:
            continue
        left = estimates.leave_one_out(values)
        p_holm = np.empty_like(left.p)
        for i, row in enumerate(rows):
            family = families[table.family[row]]
            p_holm[i] = estimates.holm_with(table.p[family].to_numpy(), family.get_loc(row), left.p[i])
        others = rule.verdict(left.mean, left.low, left.high, p_holm, table.claim.to_numpy()[rows, None])
        for i, row in enumerate(rows):
            changes = others[i] != first[row]
            known = seeds[~np.isnan(difference[row])]
            found[row] = dict(zip(known[changes].tolist(), others[i][changes].tolist(), strict=True))
    return found
