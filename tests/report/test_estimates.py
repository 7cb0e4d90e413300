"""Tests of the statistics against hand computations and scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from digitcmp.report.estimates import (
    EXACT,
    ROBUST,
    estimate,
    false_discovery,
    half_width,
    holm,
    holm_by,
    leave_one_out,
    mean_accuracy,
    robust,
    sign_flip_p,
    trimmed_mean,
)

pytestmark = pytest.mark.pure

A = np.array([0.845, 0.832, 0.851, 0.840, 0.829])
B = np.array([0.816, 0.821, 0.809, 0.830, 0.826])
COLLAPSED = np.array([0.025, 0.03, 0.02, 0.022, 0.028, 0.031, 0.024, 0.019, 0.027, -0.28])
NAN = np.nan


def test_intervals_of_means_by_hand() -> None:
    # .79 .80 .81 have std .01: the half-width is .01 * t(0.975, 2) / sqrt(3) = .01 * 4.302653 / 1.732051
    table = mean_accuracy(np.array([[0.79, 0.80, 0.81], [0.98, 0.99, 1.0], [0.8, NAN, NAN], [0.3, 0.9, NAN]]))
    assert list(table.n) == [3, 3, 1, 2] and list(table["mean"]) == pytest.approx([0.8, 0.99, 0.8, 0.6])
    half = 0.02484138
    assert list(table.ci_low) == pytest.approx([0.8 - half, 0.99 - half, NAN, 0], abs=1e-8, nan_ok=True)
    assert list(table.ci_high) == pytest.approx([0.8 + half, 1, NAN, 1], abs=1e-8, nan_ok=True)  # cut to [0, 1]
    assert np.isnan(table.p[2])
    assert half_width(0.6 / 2**0.5, 2) == pytest.approx(12.7062 * 0.3, abs=1e-4)  # of .3 and .9


def test_an_estimate_is_scipys_paired_t_test() -> None:
    table = estimate(np.array([A - B, B - A, A]))
    tests = [scipy.stats.ttest_rel(A, B), scipy.stats.ttest_rel(B, A), scipy.stats.ttest_1samp(A, 0)]
    intervals = [test.confidence_interval() for test in tests]
    assert table["mean"][0] == pytest.approx(0.019) and list(table.n) == [5, 5, 5]
    assert list(table.p) == pytest.approx([test.pvalue for test in tests], rel=1e-9)
    assert table[["ci_low", "ci_high"]].to_numpy() == pytest.approx(np.array(intervals), rel=1e-9)


@pytest.mark.parametrize(("shift", "p"), [(0.1, 0.0), (0.0, 1.0)])
def test_equal_differences_have_an_interval_from_five_seeds(shift: float, p: float) -> None:
    table = estimate(np.array([A + shift - A, [*(A + shift - A)[:4], NAN], [NAN] * 5]))  # .1 up to rounding
    assert list(table["mean"]) == pytest.approx([shift, shift, NAN], nan_ok=True) and list(table.n) == [5, 4, 0]
    assert (table.ci_low[0], table.ci_high[0], table.p[0]) == (pytest.approx(shift), pytest.approx(shift), p)
    assert table.loc[1:, ["ci_low", "ci_high", "p"]].isna().all(axis=None)


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, never less than the one before
    assert holm(np.array([0.04, 0.01, 0.03, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.9, 0.6])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([0.2])) == pytest.approx([0.2]) and holm(np.array([])).shape == (0,)
    corrected = holm_by(pd.Series([0.04, 0.03, 0.01, NAN]), pd.Series(["a", "b", "a", "a"]))
    assert list(corrected) == pytest.approx([0.04, 0.03, 0.02, NAN], nan_ok=True)


def test_the_false_discovery_rate_is_scipys() -> None:
    p = np.random.default_rng(0).random(20) ** 3
    q = false_discovery(pd.Series([NAN, *p]))
    assert np.isnan(q[0]) and q[1:].to_numpy() == pytest.approx(scipy.stats.false_discovery_control(p))


def test_sign_flips() -> None:
    # 1 - 2 + 3 = 2: of the sums +-6 +-4 +-2 0 0, all but the zeros are as far from 0
    assert sign_flip_p(np.array([0.01, -0.02, 0.03])) == 6 / 8
    # ten positive values have the smallest possible p
    assert sign_flip_p(np.linspace(0.01, 0.1, 10)) == 2 / 1024
    for n in (2, 5, 8, 11):
        difference = np.random.default_rng(n).normal(0.01, 0.02, n).round(3)  # ties are frequent
        flips = np.array(list(itertools.product((-1, 1), repeat=n))) @ difference
        assert sign_flip_p(difference) == np.mean(np.abs(flips) >= abs(difference.sum()) - 1e-9)


def test_the_trimmed_mean_by_hand() -> None:
    # 0 1 2 3 10, one cut at each end: mean 2; winsorized 1 1 2 3 3, variance 1, error sqrt(4 / (3 * 2))
    [trimmed] = trimmed_mean(np.array([[3, 10, 0, 1, 2]]) / 100)
    half = 4.302653 * (4 / 6) ** 0.5 / 100
    assert trimmed == pytest.approx((0.02, 0.02 - half, 0.02 + half), abs=1e-8)


def test_leaving_one_out_is_the_effect_of_the_others() -> None:
    others = np.array([np.delete(COLLAPSED, i) for i in range(10)])
    left = leave_one_out(np.array([COLLAPSED + 1, COLLAPSED, np.where(COLLAPSED > 0.028, COLLAPSED, NAN)]))
    expected = estimate(others).assign(row=1, seed=range(10))
    pd.testing.assert_frame_equal(left[left.row == 1].reset_index(drop=True), expected, check_dtype=False)
    assert list(left.row.value_counts(sort=False)) == [10, 10]  # the last row has two differences


def test_robust_statistics_need_enough_seeds() -> None:
    rows = np.full((4, EXACT + 1), NAN)
    for row, n in zip(rows, (1, 2, 4, 5), strict=True):
        row[:n] = [0.01, 0.02, 0.03, 0.04, 0.05][:n]
    table = robust(rows)
    known = [list(table.columns[row]) for row in table.notna().to_numpy()]
    assert known == [[], ["p_flip"], ["p_flip", "loo_low", "loo_high"], list(ROBUST)]
    assert (table.loo_low[3], table.loo_high[3]) == pytest.approx((0.025, 0.035))
    assert sign_flip_p(np.full(EXACT, 0.01)) == 2 / 2**EXACT
    assert np.isnan(robust(np.full((1, EXACT + 1), 0.01)).p_flip[0])
