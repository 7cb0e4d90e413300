"""Verdicts on effects: the rule and the robust verdict, on arrays that are broadcast, and the text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from digitcmp.report.statistics.estimates import ROUNDING, SIGNIFICANT

MARGIN = 0.01  # of accuracy, because the claims have two decimals
NO_INTERVAL = "no interval: all differences are equal"
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


def verdict(mean: Any, low: Any, high: Any, p_holm: Any, claim: Any) -> np.ndarray:
    """Return the verdicts on effects by RULE.

    Args:
        mean: The mean differences in accuracy.
        low: The lower ends of their 95 % intervals, nan if there is none.
        high: The upper ends.
        p_holm: Holm's p, used if nothing is claimed.
        claim: The sizes > 0 that the paper claims, nan if it claims none.
    """
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
    return np.select(np.broadcast_arrays(*tests), names, "larger than claimed")


def robust_verdict(first: np.ndarray, effect: Any, robust: Any, claim: Any) -> np.ndarray:
    """Return the verdicts by robust estimates with their intervals, '' if equal to `first`.

    Args:
        first: The verdicts by the t-intervals.
        effect: The lower and upper ends of the t-intervals.
        robust: The robust estimates and the ends of their intervals, nan if there is none.
        claim: As in `verdict`. If it is nan, the two intervals are only compared in that they contain 0 or not.
    """
    mean, low, high = robust
    second = verdict(mean, low, high, np.nan, claim)
    contains, contained = (low <= 0) & (high >= 0), (effect[0] <= 0) & (effect[1] >= 0)
    rules = [
        (np.isnan(low) | (first == NO_INTERVAL), ""),
        (~np.isnan(claim), np.where(second == first, "", second)),
        ((first == "effect seen") & contains, "interval contains 0"),
        ((first == "no effect seen") & ~contains & contained, "interval excludes 0"),
    ]
    tests, names = zip(*rules, strict=True)
    return np.select(tests, names, "")


def in_words(first: str, mean: float, robust: str = "", without: Mapping[int, str] | None = None) -> str:
    """Return a verdict with its size and with the other verdicts.

    Args:
        first: The verdict by the t-interval.
        mean: The mean difference.
        robust: The robust verdict, if it differs.
        without: The seeds without which the verdict changes, each with the other verdict.
    """
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
