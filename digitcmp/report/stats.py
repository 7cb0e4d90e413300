"""Statistics of accuracies over seeds: pure functions of arrays."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit  # Student's t without the second that scipy.stats takes to import


class Effect(NamedTuple):
    """A mean difference in accuracy over n seeds, its 95 % t-interval and its two-sided p."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def mean_interval(values: Float[np.ndarray, " seed"]) -> tuple[float, float]:
    """The 95 % t-interval of the mean over seeds; (nan, nan) for fewer than two."""
    if len(values) < 2:
        return np.nan, np.nan
    return interval(float(values.mean()), float(values.std(ddof=1)), len(values))


def interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """The 95 % t-interval of a mean from the sample standard deviation of n values."""
    half = float(stdtrit(n - 1, 0.975)) * std / np.sqrt(n)
    return float(mean - half), float(mean + half)


def paired_effect(a: Float[np.ndarray, " seed"], b: Float[np.ndarray, " same"]) -> Effect:
    """Mean of a - b over seeds with its 95 % t-interval and two-sided p.

    Where every seed gives the same difference, the interval is that point, and p is 0, or 1 if the point is 0.
    Raises ValueError unless both have the same length n >= 2.
    """
    n = len(a)
    if n != len(b):
        raise ValueError(f"{n} and {len(b)} seeds cannot be paired")
    if n < 2:
        raise ValueError(f"n = {n}: an interval needs at least 2 seeds")
    difference = np.round(a - b, 12)  # an accuracy is a ratio of counts: what is smaller is rounding
    mean = float(difference.mean())
    if np.ptp(difference) == 0:
        mean = float(difference[0])
        return Effect(mean, mean, mean, float(mean == 0), n)
    low, high = mean_interval(difference)
    t = mean / (difference.std(ddof=1) / np.sqrt(n))
    return Effect(mean, low, high, float(2 * stdtr(n - 1, -abs(t))), n)


def holm(p: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Holm's step-down adjustment of the p-values of one family, in the order given."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def verdict(effect: Effect, claim: float | None) -> str:
    """What an effect says of a claimed one.

    holds: the interval contains the claim and excludes 0; undecided: it contains both; else: does not hold.
    """
    if claim is None:
        return "no claim"
    if effect.low <= claim <= effect.high:
        return "undecided" if effect.low <= 0 <= effect.high else "holds"
    return f"does not hold ({effect.mean:+.3f})"
