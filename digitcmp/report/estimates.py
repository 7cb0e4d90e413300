"""Statistics of differences over seeds, of all contrasts at once, as pure functions of arrays.

Differences are arrays (contrast, seed), nan without a run. The robust estimate is the 20 % trimmed mean with Yuen's
interval. Two collapsed runs among ten hardly move it. The Hodges-Lehmann estimate was not chosen because one collapsed
run already moves an end of Wilcoxon's interval: that end is the ninth of 55 Walsh averages, and ten of these contain
the difference of that run. The sign-flip test is exact and assumes no normal distribution, but its statistic is the
mean.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import bdtr, stdtr, stdtrit

SIGNIFICANT = 0.05
ROUNDING = 1e-9  # accuracies are ratios of counts; smaller differences are rounding errors
FEW_SEEDS = 5  # with fewer seeds, equal differences give no interval
TRIMMED = 0.2  # the share of the differences that is cut off at either end
EXACT = 30  # the largest number of seeds for which all signs are counted, as two halves of 2^15
ROBUST = ("p_flip", "trimmed", "trimmed_low", "trimmed_high", "loo_low", "loo_high")  # the columns of `robust`

Differences = Float[np.ndarray, "contrast seed"]


def half_width(std: Any, n: Any) -> Any:
    """Return half the width of the 95 % t-interval of means, from the sample std of n > 1 values."""
    return stdtrit(n - 1, 0.975) * std / np.sqrt(n)


def estimate(differences: Differences) -> pd.DataFrame:
    """Return the mean of each contrast over its seeds with its 95 % t-interval and two-sided p.

    If all differences are equal, the interval is that point, and p is 0, or 1 if the point is 0. With fewer such
    seeds than FEW_SEEDS the spread is unknown, and interval and p are nan. The mean of no seed is nan.
    """
    known = ~np.isnan(differences)
    values = np.round(differences, 12) + 0.0  # without rounding errors and -0, so that equal differences are equal
    n, smallest = known.sum(axis=1), np.where(known, values, np.inf).min(axis=1)
    equal = smallest == np.where(known, values, -np.inf).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(equal, smallest, np.where(known, values, 0).sum(axis=1) / n)
        squares = np.where(known, values - mean[:, None], 0) ** 2
        std = np.sqrt(squares.sum(axis=1) / (n - 1))
        half, p = half_width(std, n), 2 * stdtr(n - 1, -np.abs(mean / (std / np.sqrt(n))))
    point = np.where(n < FEW_SEEDS, np.nan, 0.0)
    half, p = np.where(equal, point, half), np.where(equal, point + (mean == 0), p)
    return pd.DataFrame({"n": n, "mean": mean, "ci_low": mean - half, "ci_high": mean + half, "p": p})


def mean_accuracy(accuracies: Differences) -> pd.DataFrame:
    """Return `estimate` of accuracies, the intervals cut to [0, 1], in which their means lie."""
    table = estimate(accuracies)
    return table.assign(ci_low=table.ci_low.clip(0, 1), ci_high=table.ci_high.clip(0, 1))


def holm(p: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Return Holm's step-down adjustment of the p-values of one family, in the order given."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def holm_by(p: pd.Series, family: pd.Series) -> pd.Series:
    """Return Holm's adjustment of p-values inside each family, nan where p is."""
    return p.dropna().groupby(family).transform(lambda one: holm(one.to_numpy())).reindex(p.index)


def false_discovery(p: pd.Series) -> pd.Series:
    """Return q, Benjamini and Hochberg's adjustment of p-values for the false-discovery rate, nan where p is."""
    known = p.dropna().sort_values(ascending=False)
    q = known * len(known) / np.arange(len(known), 0, -1)  # scipy.stats takes 46 MB and a second to import
    return q.cummin().clip(upper=1).reindex(p.index)


def sign_test(less: Int[np.ndarray, " test"], more: Int[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Return the exact two-sided p of sign tests. Seeds without a difference are not counted."""
    total = less + more
    p = 2 * bdtr(np.minimum(less, more), np.maximum(total, 1), 0.5)
    return np.where(total > 0, np.minimum(1, p), 1.0)


def robust(differences: Differences) -> pd.DataFrame:
    """Return the columns ROBUST, one row per contrast.

    p_flip is that of the sign-flip test, nan for more than EXACT seeds. The trimmed mean and its interval are nan for
    fewer than FEW_SEEDS, because none would be cut off. loo_low and loo_high are the smallest and the largest mean if
    one seed is left out, nan for fewer than three seeds.
    """
    table, counts = np.full((len(differences), len(ROBUST)), np.nan), (~np.isnan(differences)).sum(axis=1)
    for n in np.unique(counts[counts > 1]):
        rows = np.flatnonzero(counts == n)
        values = differences[rows]
        values = values[~np.isnan(values)].reshape(len(rows), n)
        if n <= EXACT:
            table[rows, 0] = [sign_flip_p(row) for row in values]
        if n >= FEW_SEEDS:
            table[rows, 1:4] = trimmed_mean(values)
        if n > 2:
            left_out = np.stack([values.max(axis=1), values.min(axis=1)], axis=1)
            table[rows, 4:] = (values.sum(axis=1, keepdims=True) - left_out) / (n - 1)
    return pd.DataFrame(table, columns=list(ROBUST))


def sign_flip_p(difference: Float[np.ndarray, " seed"]) -> float:
    """Return the exact two-sided p of the paired permutation test of at most EXACT differences.

    It is the share of the 2^n combinations of signs for which the mean is at least as far from 0. The smallest possible
    value is 2 / 2^n, that is .0625 for five seeds and .002 for ten.
    """
    n, observed = len(difference), abs(difference.sum())
    if observed < ROUNDING:
        return 1.0
    first, second = signed_sums(difference[: n // 2]), np.sort(signed_sums(difference[n // 2 :]))
    as_far = len(second) - np.searchsorted(second, observed - ROUNDING - first)
    return float(2 * as_far.sum() / 2.0**n)


def signed_sums(values: Float[np.ndarray, " seed"]) -> Float[np.ndarray, " signs"]:
    """Return the sum of n values for each of the 2^n combinations of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def trimmed_mean(differences: Differences) -> Float[np.ndarray, "contrast 3"]:
    """Return the mean without the g = floor(n / 5) smallest and g largest differences, with Yuen's t-interval.

    The standard error is sqrt((n - 1) s^2 / (h (h - 1))), with s^2 the variance of the winsorized differences and
    h = n - 2 g the number that is left. There are h - 1 degrees of freedom.
    """
    n = differences.shape[1]
    cut = int(TRIMMED * n + ROUNDING)
    left, ordered = n - 2 * cut, np.sort(differences, axis=1)
    mean = ordered[:, cut : n - cut].mean(axis=1)
    winsorized = np.clip(ordered, ordered[:, [cut]], ordered[:, [n - cut - 1]])
    error = np.sqrt((n - 1) * winsorized.var(axis=1, ddof=1) / (left * (left - 1)))
    half = stdtrit(left - 1, 0.975) * error
    return np.stack([mean, mean - half, mean + half], axis=1)


def leave_one_out(differences: Differences) -> pd.DataFrame:
    """Return `estimate` of the contrasts with n >= 3 differences without each seed, with their places `row seed`."""
    known = ~np.isnan(differences)
    known[known.sum(axis=1) < 3] = False
    tables = []
    for seed, rows in enumerate(map(np.flatnonzero, known.T)):
        others = differences[rows]
        others[:, seed] = np.nan
        tables.append(estimate(others).assign(row=rows, seed=seed))
    return pd.concat(tables).sort_values("row", kind="stable", ignore_index=True)
