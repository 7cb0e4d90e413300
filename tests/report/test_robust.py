"""Tests of the robust statistics of an effect against hand computations and scipy."""

import itertools

import numpy as np
import pytest
import scipy.stats

from digitcmp.report.statistics import stats
from digitcmp.report.statistics.robust import EXACT, leave_one_out, sign_flip_p, trimmed_mean

pytestmark = pytest.mark.pure

COLLAPSED = np.array([0.025, 0.03, 0.02, 0.022, 0.028, 0.031, 0.024, 0.019, 0.027, -0.28])


def test_sign_flips_by_hand() -> None:
    # 1 + 2 + 3 = 6 is reached by two of eight signs, +++ and ---
    assert sign_flip_p(np.array([0.01, 0.02, 0.03])) == 2 / 8
    # 1 + 2 - 3 = 0: every sum is as far from 0
    assert sign_flip_p(np.array([0.01, 0.02, -0.03])) == 1
    # 1 - 2 + 3 = 2: of the sums +-6 +-4 +-2 0 0, all but the zeros
    assert sign_flip_p(np.array([0.01, -0.02, 0.03])) == 6 / 8
    # ten positive values have the smallest possible p
    assert sign_flip_p(np.linspace(0.01, 0.1, 10)) == 2 / 1024


@pytest.mark.parametrize("n", [2, 5, 8, 11])
def test_sign_flips_are_all_flips(n: int) -> None:
    difference = np.random.default_rng(n).normal(0.01, 0.02, n).round(3)  # ties are frequent
    flips = np.array(list(itertools.product((-1, 1), repeat=n))) @ difference
    assert sign_flip_p(difference) == np.mean(np.abs(flips) >= abs(difference.sum()) - 1e-9)


def test_sign_flips_are_scipys_permutation_test() -> None:
    difference = np.random.default_rng(1).normal(0.01, 0.02, 9)
    reference = scipy.stats.permutation_test(
        (difference, np.zeros(9)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(difference) == pytest.approx(reference.pvalue)


def test_sign_flips_of_many_seeds_are_counted_or_not_given() -> None:
    assert sign_flip_p(np.full(EXACT, 0.01)) == 2 / 2**EXACT
    assert np.isnan(sign_flip_p(np.full(EXACT + 1, 0.01)))


def test_trimmed_mean_by_hand() -> None:
    # 0 1 2 3 10, one cut at each end: mean 2; winsorized 1 1 2 3 3, variance 1, error sqrt(4 / (3 * 2))
    trimmed = trimmed_mean(np.array([3, 10, 0, 1, 2]) / 100)
    half = 4.302653 * (4 / 6) ** 0.5 / 100
    assert trimmed == pytest.approx((0.02, 0.02 - half, 0.02 + half), abs=1e-8)
    # of ten values two are cut at each end, the collapsed run among them
    assert trimmed_mean(COLLAPSED).mean == pytest.approx((0.02 + 0.022 + 0.024 + 0.025 + 0.027 + 0.028) / 6)
    assert trimmed_mean(COLLAPSED).low > 0.01 and stats.paired_effect(COLLAPSED, np.zeros(10)).low < 0
    assert trimmed_mean(COLLAPSED).mean == pytest.approx(scipy.stats.trim_mean(COLLAPSED, 0.2))


def test_nothing_is_trimmed_of_four() -> None:
    assert np.isnan(trimmed_mean(np.array([0.01, 0.02, 0.03, 0.04]))).all()


def test_leaving_one_out_is_the_effect_of_the_others() -> None:
    left = leave_one_out(COLLAPSED)
    for i in range(10):
        effect = stats.paired_effect(np.delete(COLLAPSED, i), np.zeros(9))
        assert (left.mean[i], left.low[i], left.high[i], left.p[i]) == pytest.approx(effect[:4])


def test_leaving_one_of_three_out_by_hand() -> None:
    left = leave_one_out(np.array([0.01, 0.03, 0.05]))
    assert left.mean == pytest.approx([0.04, 0.03, 0.02])
    # .03 and .05: error .01, t(.975, 1) = 12.7062
    assert left.high[0] - left.mean[0] == pytest.approx(0.127062, abs=1e-6)
    equal = leave_one_out(np.array([0.01, 0.01, 0.01, 0.02]))
    assert (equal.low[3], equal.high[3], equal.p[3]) == pytest.approx((0.01, 0.01, 0.0), abs=1e-9)
