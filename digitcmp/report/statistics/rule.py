"""Verdicts on effects: the rule, the robust verdict and the text."""

from collections.abc import Iterable

import numpy as np

from digitcmp.report.statistics.stats import ROUNDING, SIGNIFICANT

MARGIN = 0.01  # of accuracy, because the claims have two decimals
NO_INTERVAL = "no interval: all differences are equal"
SIZED = (
    "smaller than claimed",
    "larger than claimed",
    "opposite to the claim",
)  # verdicts that are followed by the size

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


def verdict(mean: float, low: float, high: float, p_holm: float, claim: float) -> str:
    """Return the verdict on an effect by RULE.

    Args:
        mean: The mean difference in accuracy.
        low: The lower end of its 95 % interval, nan if there is none.
        high: The upper end.
        p_holm: Holm's p, used if nothing is claimed.
        claim: The size > 0 that the paper claims, nan if it claims none.
    """
    if np.isnan(low):
        return NO_INTERVAL
    if np.isnan(claim):
        return "effect seen" if p_holm < SIGNIFICANT else "no effect seen"
    near = MARGIN + ROUNDING
    if low <= 0 <= high:
        return "no effect seen" if high < claim - near else "undecided"
    if high < 0:
        return "opposite to the claim"
    if abs(mean - claim) <= near:
        return "as claimed" if high - low <= 2 * claim + ROUNDING else "undecided"
    if low <= claim <= high:
        return "undecided"
    return "smaller than claimed" if mean < claim else "larger than claimed"


def robust_verdict(first: str, effect: tuple[float, float], robust: tuple[float, float, float], claim: float) -> str:
    """Return the verdict by a robust estimate with its interval, '' if it is equal to `first`.

    Args:
        first: The verdict by the t-interval.
        effect: The t-interval.
        robust: The robust estimate and its interval, nan if there is none.
        claim: As in `verdict`. If it is nan, the two intervals are only compared in that they contain 0 or not.
    """
    estimate, low, high = robust
    if np.isnan(low) or first == NO_INTERVAL:
        return ""
    if not np.isnan(claim):
        second = verdict(estimate, low, high, np.nan, claim)
        return second if second != first else ""
    contains = low <= 0 <= high
    if first == "effect seen" and contains:
        return "interval contains 0"
    if first == "no effect seen" and not contains and effect[0] <= 0 <= effect[1]:
        return "interval excludes 0"
    return ""


def in_words(first: str, mean: float, robust: str = "", without: Iterable[tuple[int, str]] = ()) -> str:
    """Return a verdict with its size and with the other verdicts.

    Args:
        first: The verdict by the t-interval.
        mean: The mean difference.
        robust: The robust verdict, if it differs.
        without: The seeds without which the verdict changes, each with the other verdict.
    """
    words = [f"{first} ({mean:+.3f})" if first in SIZED else first]
    seeds: dict[str, list[str]] = {}
    for seed, other in without:
        seeds.setdefault(other, []).append(str(seed))
    if robust and robust not in seeds:
        words.append(f"robust: {robust}")
    for other, group in seeds.items():
        few = " or ".join(filter(None, (", ".join(group[:-1]), group[-1])))
        names = f"without seed {few}" if len(group) <= 3 else f"without any one of {len(group)} seeds"
        words.append(f"robust and {names}: {other}" if other == robust else f"{names}: {other}")
    return "; ".join(words)
