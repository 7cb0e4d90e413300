"""The rules: for verdicts on effects, on arrays that are broadcast, and for collapsed runs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from digitcmp.data.sources import SOURCES
from digitcmp.data.tasks import TASKS
from digitcmp.report.estimates import ROUNDING, SIGNIFICANT

MARGIN = 0.01  # of accuracy, because the claims have two decimals
NO_INTERVAL = "no interval: all differences are equal"
COLUMNS = ("mean", "ci_low", "ci_high", "p_holm", "claim")  # that a verdict depends on
SIZED = ("smaller than claimed", "larger than claimed", "opposite to the claim")  # followed by the size

RULE = (
    f"Verdicts if the paper claims a size. *as claimed*: the mean is within {MARGIN} of the claim, and the 95 % "
    "interval excludes 0 and is at most twice the claim wide. *smaller*, *larger than claimed*: the mean is further "
    "away, and the interval excludes the claim and 0. *opposite to the claim*: the interval lies below 0. *no effect "
    f"seen*: the interval contains 0 and ends more than {MARGIN} below the claim. *undecided*: anything else. *another "
    "recipe*: the paper's networks on its task, trained by another recipe, so its claim does not apply. If nothing is "
    f"claimed, the verdict is *effect seen* if Holm's p is below {SIGNIFICANT}, otherwise *no effect seen*. From five "
    "seeds, *robust* gives the verdict by the 20 % trimmed mean and its interval, and *without seed* the verdict "
    "without that seed, if it is another verdict."
)

STANDARD_ERRORS = 3  # a run up to this far above the base rate counts as collapsed
DEVIATIONS, DROP = 5, 0.05  # a run further below the median of its cell than both counts as collapsed

COLLAPSED = (
    f"A run counts as *collapsed* if its test accuracy is not more than {STANDARD_ERRORS} standard errors above the "
    "share of the majority answer (that of the task if a result does not record it). It also counts if it is below the "
    f"median of its cell by more than {DROP} and by more than {DEVIATIONS} deviations. A deviation is the median "
    "absolute deviation of the cell's seeds, or the standard error of an accuracy on its test pairs, whichever is "
    "larger. Collapsed runs stay in every mean and test."
)


def verdict(table: pd.DataFrame) -> np.ndarray:
    """Return the verdicts on effects by RULE.

    Args:
        table: Columns `mean ci_low ci_high p_holm claim`. An interval is nan if there is none. A claim is the size > 0
            that the paper claims, or nan. Then p_holm is used.
    """
    mean, low, high, p_holm, claim = (table[key].to_numpy(float) for key in COLUMNS)
    near = abs(mean - claim) <= MARGIN + ROUNDING
    contains_0 = (low <= 0) & (high >= 0)
    rules = [  # the first that applies
        (np.isnan(low), NO_INTERVAL),
        (np.isnan(claim) & (p_holm < SIGNIFICANT), "effect seen"),
        (np.isnan(claim), "no effect seen"),
        (contains_0 & (high < claim - MARGIN - ROUNDING), "no effect seen"),
        (contains_0, "undecided"),
        (high < 0, "opposite to the claim"),
        (near & (high - low <= 2 * claim + ROUNDING), "as claimed"),
        (near | ((low <= claim) & (claim <= high)), "undecided"),
        (mean < claim, "smaller than claimed"),
    ]
    tests, names = zip(*rules, strict=True)
    return np.select(tests, names, "larger than claimed")


def robust_verdict(first: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Return the verdicts by the columns `trimmed trimmed_low trimmed_high`, '' if equal to `first`, those by `mean`.

    If nothing is claimed, the two intervals are only compared in that they contain 0 or not.
    """
    robust = table.assign(mean=table.trimmed, ci_low=table.trimmed_low, ci_high=table.trimmed_high)
    second = verdict(robust)
    contains, contained = ((one.ci_low <= 0) & (one.ci_high >= 0) for one in (robust, table))
    rules = [
        (robust.ci_low.isna() | (first == NO_INTERVAL), ""),
        (table.claim.notna(), np.where(second == first, "", second)),
        ((first == "effect seen") & contains, "interval contains 0"),
        ((first == "no effect seen") & ~contains & contained, "interval excludes 0"),
    ]
    tests, names = zip(*rules, strict=True)
    return np.select(tests, names, "")


def in_words(first: str, mean: float, robust: str = "", without: Mapping[int, str] | None = None) -> str:
    """Return the verdict `first` with its size, the robust verdict, and the other verdicts without some seeds."""
    words = [f"{first} ({mean:+.3f})" if first in SIZED else first]
    seeds: dict[str, list[str]] = {}
    for seed, other in (without or {}).items():
        seeds.setdefault(other, []).append(str(seed))
    if robust and robust not in seeds:
        words.append(f"robust: {robust}")
    for other, group in seeds.items():
        few = " or ".join(filter(None, (", ".join(group[:-1]), group[-1])))
        names = f"without seed {few}" if len(group) <= 3 else f"without any one of {len(group)} seeds"
        words.append(f"robust and {names}: {other}" if other == robust else f"{names}: {other}")
    return "; ".join(words)


def collapsed(runs: pd.DataFrame) -> pd.Series:
    """Return the runs that collapsed by COLLAPSED, as booleans.

    The deviation of a few seeds can be close to 0 by chance. The standard error on the test pairs is its lower bound.
    """
    base = base_rate(runs)
    at_base = runs.test_acc <= base + STANDARD_ERRORS * standard_error(base, runs.test_pairs)
    median = runs.groupby("cell").test_acc.transform("median")
    deviation = (runs.test_acc - median).abs().groupby(runs.cell).transform("median")
    deviation = np.maximum(deviation, standard_error(median, runs.test_pairs))
    drop = median - runs.test_acc
    return at_base | ((drop > DROP) & (drop > DEVIATIONS * deviation))


def base_rate(runs: pd.DataFrame) -> pd.Series:
    """Return the share of the majority answer among the test pairs of each run, nan if it is unknown."""
    recorded = runs.get("majority", pd.Series(np.nan, runs.index)).astype(float)
    tasks = runs.get("task", pd.Series("leq", runs.index)).fillna("leq")
    datasets = runs.get("dataset", pd.Series("mnist", runs.index)).fillna("mnist")
    expected = tasks.map({name: task.majority for name, task in TASKS.items()}).astype(float)
    return recorded.fillna(expected.where(datasets.isin(SOURCES)))


def standard_error(accuracy: pd.Series, pairs: pd.Series) -> pd.Series:
    """Return the binomial standard error of each accuracy on its number of pairs."""
    return np.sqrt(accuracy * (1 - accuracy) / pairs)
