"""Statistics of accuracies over seeds: pure functions of arrays."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit  # Student's t without the second that scipy.stats takes to import

SIGNIFICANT = 0.05


class Effect(NamedTuple):
    """A mean difference in accuracy over n seeds, its 95 % t-interval and its two-sided p."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def half_width(std: float, n: int) -> float:
    """Return half the 95 % t-interval of a mean, from the sample std of n values; nan for fewer than two."""
    return float(stdtrit(n - 1, 0.975)) * std / np.sqrt(n) if n > 1 else np.nan


def interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Return the 95 % t-interval of a mean accuracy, cut to [0, 1]; (nan, nan) for fewer than two values.

    The mean of accuracies lies in [0, 1], so what is cut off cannot have held it: the coverage stays.
    """
    low, high = np.clip([mean - half_width(std, n), mean + half_width(std, n)], 0, 1)
    return float(low), float(high)


def paired_effect(a: Float[np.ndarray, " seed"], b: Float[np.ndarray, " same"]) -> Effect:
    """Return the mean of a - b over seeds with its 95 % t-interval and two-sided p.

    Where every seed gives the same difference, the interval is that point, and p is 0, or 1 if the point is 0.

    Raises:
        ValueError: They have not the same length n >= 2.
    """
    n = len(a)
    if n != len(b):
        raise ValueError(f"{n} and {len(b)} seeds cannot be paired")
    if n < 2:
        raise ValueError(f"n = {n}: an interval needs at least 2 seeds")
    difference = np.round(a - b, 12)  # an accuracy is a ratio of counts: what is smaller is rounding
    if np.ptp(difference) == 0:
        mean = float(difference[0])
        return Effect(mean, mean, mean, float(mean == 0), n)
    mean, std = float(difference.mean()), float(difference.std(ddof=1))
    half, t = half_width(std, n), mean / (std / np.sqrt(n))
    return Effect(mean, mean - half, mean + half, float(2 * stdtr(n - 1, -abs(t))), n)


def holm(p: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Return Holm's step-down adjustment of the p-values of one family, in the order given."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def verdict(mean: float, low: float, high: float, p_holm: float, claim: float) -> str:
    """Return the verdict on a claimed effect > 0, or on none if `claim` is nan, from the 95 % interval by RULE."""
    if np.isnan(claim):
        return "effect seen" if p_holm < SIGNIFICANT else "no effect seen"
    if low <= 0 <= high:
        return "undecided" if low <= claim <= high else "no effect seen"
    if low <= claim <= high:
        return "as claimed"
    if high < 0:
        return f"opposite to the claim ({mean:+.3f})"
    return f"{'smaller' if high < claim else 'larger'} than claimed ({mean:+.3f})"


RULE = (
    "Where the paper claims a size: *as claimed*: the 95 % interval contains it and not 0; *smaller*, *larger than "
    "claimed*, with the size found: the interval excludes both, above 0 (below 0: *opposite to the claim*); *no effect "
    "seen*: it contains 0 but not the claim; *undecided*: it contains both. Where nothing is claimed: *effect seen*: "
    f"Holm's p is below {SIGNIFICANT}; else *no effect seen*."
)
