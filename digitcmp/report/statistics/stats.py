"""Statistics of accuracies over seeds, as pure functions of arrays."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

SIGNIFICANT = 0.05
ROUNDING = 1e-9  # accuracies are ratios of counts; smaller differences are rounding errors
FEW = 5  # with fewer seeds, equal differences give no interval


class Effect(NamedTuple):
    """A mean difference in accuracy over n seeds, its 95 % t-interval and its two-sided p."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def half_width(std: float, n: int) -> float:
    """Return half the width of the 95 % t-interval of a mean, from the sample std of n values. nan for n < 2."""
    return float(stdtrit(n - 1, 0.975)) * std / np.sqrt(n) if n > 1 else np.nan


def interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Return the 95 % t-interval of a mean accuracy, cut to [0, 1].

    Its coverage is unchanged, because a mean of accuracies lies in [0, 1].

    Returns:
        (nan, nan) for n < 2, and for fewer than FEW equal accuracies, because their spread is unknown.
    """
    if n < FEW and std < ROUNDING:
        return np.nan, np.nan
    low, high = np.clip([mean - half_width(std, n), mean + half_width(std, n)], 0, 1)
    return float(low), float(high)


def welch_half_width(std: Float[np.ndarray, " cell"], n: Int[np.ndarray, " cell"]) -> float:
    """Return half the width of Welch's 95 % t-interval of a sum or difference of means of independent cells.

    Args:
        std: The sample standard deviation of each cell.
        n: The number of runs of each cell.
    """
    variance = std**2 / n
    freedom = variance.sum() ** 2 / (variance**2 / (n - 1)).sum()
    return float(stdtrit(freedom, 0.975) * np.sqrt(variance.sum()))


def paired_effect(a: Float[np.ndarray, " seed"], b: Float[np.ndarray, " same"]) -> Effect:
    """Return the mean of a - b over seeds with its 95 % t-interval and two-sided p.

    If all differences are equal, the interval is that point, and p is 0, or 1 if the point is 0. With fewer than FEW
    such seeds the spread is unknown, and interval and p are nan.

    Raises:
        ValueError: The lengths of a and b differ or are below 2.
    """
    n = len(a)
    if n != len(b):
        raise ValueError(f"{n} and {len(b)} seeds cannot be paired")
    if n < 2:
        raise ValueError(f"n = {n}: an interval needs at least 2 seeds")
    difference = np.round(a - b, 12)  # remove rounding errors, so that equal differences compare equal
    if np.ptp(difference) == 0:
        mean = float(difference[0])
        if n < FEW:
            return Effect(mean, np.nan, np.nan, np.nan, n)
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


def holm_with(p: Float[np.ndarray, " test"], place: int, others: Float[np.ndarray, " other"]) -> np.ndarray:
    """Return Holm's adjustment of the p-value at `place` for each of several other values of it.

    This is `holm(p)[place]` with `p[place]` replaced by each of `others`.
    """
    rest = np.sort(np.delete(p, place))
    steps = np.concatenate([[0.0], np.maximum.accumulate(rest * np.arange(len(p), 1, -1))])
    smaller = np.searchsorted(rest, others)
    return np.minimum(1, np.maximum(steps[smaller], others * (len(p) - smaller)))


def benjamini_hochberg(p: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Return q, Benjamini and Hochberg's adjustment of p-values for the false-discovery rate, in the order given."""
    order = np.argsort(p)[::-1]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1)))
    return adjusted
