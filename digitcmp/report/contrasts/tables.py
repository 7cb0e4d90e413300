"""The tables of contrasts besides the effects: at equal rates and parameters, averaged, of two sweeps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.accuracy_effects import NUMBERS, measured
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, cell_name, sides
from digitcmp.report.contrasts.factors import Factor, crossed
from digitcmp.report.statistics import rule
from digitcmp.report.statistics.estimates import Differences

LARGE = 50  # with more effects, the report begins with averages
EQUAL_RATES = ("family", "effect", "lr", *NUMBERS, "refused")
AVERAGES = ("order", "effect", "contexts", *NUMBERS, "verdict")
EQUAL_PARAMETERS = ("effect", "params", "params_unshared", "n", "mean", "ci_low", "ci_high", "p")


def differences(grid: Grid, contrasts: Sequence[Contrast]) -> Differences:
    """Return the test accuracy of each contrast by seed, nan for the seeds that one of its cells lacks."""
    plus, minus = sides(grid.matrix(contrasts), grid.outcome(grid.runs.test_acc))
    return plus - minus


def equal_rates(grid: Grid) -> pd.DataFrame:
    """Return the effects of the auxiliary loss and sharing at each learning rate that both networks have.

    If a network was trained at several rates, an effect could compare two different rates and is ambiguous. At each
    rate that both networks have, it is not.

    Returns:
        EQUAL_RATES, one row per effect and rate, by ascending rate. p_holm is Holm's p inside the family, over all
        effects and rates. If runs are missing, `refused` is the reason and the numbers are nan. Empty unless a network
        was trained at several rates.
    """
    found = planned.at_equal_rates(grid)
    contrasts = [contrast for contrast, _ in found]
    refused = pd.Series(grid.refused(contrasts), dtype=object)
    difference = differences(grid, contrasts)
    difference[refused.notna()] = np.nan
    table = measured(contrasts, difference).assign(lr=[lr for _, lr in found], refused=refused)
    return table[list(EQUAL_RATES)]


def averages(grid: Grid) -> pd.DataFrame:
    """Return the main effect of each level of each factor, and the interaction of each pair of levels of two factors.

    A main effect is the mean difference between a level and the first, over all settings of the other factors at which
    both are finished. An interaction is the mean difference between two such differences. Means are over the settings,
    for each seed. The interval and p are over the seeds that all these settings have.

    Args:
        grid: The grid of the finished runs.

    Returns:
        AVERAGES. `order` is the family, `contexts` the number of settings, and `p_holm` Holm's p among the effects of
        the same order.
    """
    contrasts = planned.averages(grid)
    difference = differences(grid, contrasts)
    common = (~np.isnan(difference)).sum(axis=1) > 1
    kept = [contrast for contrast, known in zip(contrasts, common, strict=True) if known]
    table = measured(kept, difference[common]).rename(columns={"family": "order", "context": "contexts"})
    mean, low, high, p_holm = (table[key].to_numpy() for key in ("mean", "ci_low", "ci_high", "p_holm"))
    words = rule.verdict(mean, low, high, p_holm, np.nan)
    return table.astype({"contexts": int}).assign(verdict=words)[list(AVERAGES)]


def equal_parameters(grid: Grid, params: Mapping[str, int], titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the effect of sharing between networks of different widths with the same number of parameters.

    Args:
        grid: The grid.
        params: The number of parameters by the name of a cell.
        titles: The title of each cell by its name.

    Returns:
        EQUAL_PARAMETERS, one row per pair of cells with at least two common seeds. p is not corrected.
    """
    contrasts = planned.equal_parameters(grid, params, titles)
    table = measured(contrasts, differences(grid, contrasts))
    for place, column in enumerate(("params", "params_unshared")):
        table[column] = [params[grid.names[[*contrast.weights][place]]] for contrast in contrasts]
    return table[table.n > 1].reset_index(drop=True)[list(EQUAL_PARAMETERS)]


def common_cells(grid: Grid, hidden: Sequence[str], varied: Sequence[str]) -> pd.DataFrame:
    """Return the difference in test accuracy of each cell that two sweeps have.

    Args:
        grid: The cells of both sweeps, with the setting `sweep`, 'first' or 'second'.
        hidden: The settings that may differ between the sweeps.
        varied: The settings that name a cell.

    Returns:
        Columns `cell n same first second mean ci_low ci_high p p_holm`. The differences are second minus first, paired
        by seed. `same` counts the seeds with the same test accuracy. The statistics are nan for a single seed.
    """
    sweeps = Factor("", "sweep", ("first", "second"))
    contrasts = list(crossed(grid, grid.cells.drop(columns=list(hidden)), sweeps))
    second, first = sides(grid.matrix(contrasts), grid.outcome(grid.runs.test_acc))
    first[np.isnan(second)] = second[np.isnan(first)] = np.nan
    table = measured(contrasts, second - first)
    table["cell"] = [cell_name(grid.levels[contrast.first], varied) for contrast in contrasts]
    table["same"] = (first == second).sum(axis=1)
    table["first"], table["second"] = (pd.DataFrame(side).mean(axis=1) for side in (first, second))
    columns = ["cell", "n", "same", "first", "second", "mean", "ci_low", "ci_high", "p", "p_holm"]
    return table.loc[table.n > 0, columns].reset_index(drop=True)
