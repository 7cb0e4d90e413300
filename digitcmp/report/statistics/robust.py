"""Robust statistics of paired differences over seeds, as pure functions of arrays.

The estimate is the 20 % trimmed mean with Yuen's interval. Two collapsed runs among ten hardly move it. The
Hodges-Lehmann estimate was not chosen because one collapsed run already moves an end of Wilcoxon's interval: that end
is the ninth of 55 Walsh averages, and ten of these contain the difference of that run. The sign-flip test is exact and
assumes no normal distribution, but its statistic is the mean.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit

from digitcmp.report.statistics.stats import FEW, ROUNDING

TRIMMED = 0.2  # the share of the differences that is cut off at either end
EXACT = 30  # the largest number of seeds for which all signs are counted, as two halves of 2^15
Differences = Float[np.ndarray, " seed"]


class Trimmed(NamedTuple):
    """The trimmed mean of n differences, and its 95 % interval."""

    mean: float
    low: float
    high: float


class LeaveOneOut(NamedTuple):
    """The mean, its 95 % t-interval and its two-sided p without each seed, in the order of the seeds."""

    mean: Differences
    low: Differences
    high: Differences
    p: Differences


def sign_flip_p(difference: Differences) -> float:
    """Return the exact two-sided p of the paired permutation test.

    It is the share of the 2^n combinations of signs for which the mean is at least as far from 0. The smallest possible
    value is 2 / 2^n, that is .0625 for five seeds and .002 for ten.

    Returns:
        The p, nan for more than EXACT seeds.
    """
    n = len(difference)
    observed = abs(difference.sum())
    if n > EXACT:
        return np.nan
    if observed < ROUNDING:
        return 1.0
    first, second = signed_sums(difference[: n // 2]), np.sort(signed_sums(difference[n // 2 :]))
    as_far = len(second) - np.searchsorted(second, observed - ROUNDING - first)
    return float(2 * as_far.sum() / 2.0**n)


def signed_sums(values: Differences) -> Float[np.ndarray, " signs"]:
    """Return the sum of n values for each of the 2^n combinations of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def trimmed_mean(difference: Differences) -> Trimmed:
    """Return the mean without the g = floor(n / 5) smallest and g largest differences, with Yuen's t-interval.

    The standard error is sqrt((n - 1) s^2 / (h (h - 1))), with s^2 the variance of the winsorized differences and
    h = n - 2 g the number that is left. There are h - 1 degrees of freedom.

    Returns:
        The mean and its interval, nan for fewer than FEW seeds, because none would be cut off.
    """
    n = len(difference)
    if n < FEW:
        return Trimmed(np.nan, np.nan, np.nan)
    cut = int(TRIMMED * n + ROUNDING)
    ordered = np.sort(difference)
    left = n - 2 * cut
    mean = ordered[cut : n - cut].mean()
    variance = np.clip(ordered, ordered[cut], ordered[n - cut - 1]).var(ddof=1)
    half = float(stdtrit(left - 1, 0.975)) * np.sqrt((n - 1) * variance / (left * (left - 1)))
    return Trimmed(float(mean), float(mean - half), float(mean + half))


def leave_one_out(difference: Differences) -> LeaveOneOut:
    """Return the statistics of the mean of n >= 3 differences without each seed."""
    n = len(difference)
    centred = difference - difference.mean()
    mean = (difference.sum() - difference) / (n - 1)
    squares = np.maximum((centred**2).sum() - centred**2 * n / (n - 1), 0)
    error = np.sqrt(squares / (n - 2) / (n - 1))
    half = float(stdtrit(n - 2, 0.975)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(n - 2, -np.abs(mean / error))
    return LeaveOneOut(mean, mean - half, mean + half, np.where(np.isnan(p), 1.0, p))
