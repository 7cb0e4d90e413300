"""Tests of the statistics against hand computations and scipy."""

import numpy as np
import pytest
import scipy.stats

from digitcmp.report.statistics.stats import (
    Effect,
    benjamini_hochberg,
    half_width,
    holm,
    holm_with,
    interval,
    paired_effect,
    welch_half_width,
)

A = np.array([0.845, 0.832, 0.851, 0.840, 0.829])
B = np.array([0.816, 0.821, 0.809, 0.830, 0.826])


def test_interval_of_a_mean_by_hand() -> None:
    # std .01, n = 3: the half-width is .01 * t(0.975, 2) / sqrt(3) = .01 * 4.302653 / 1.732051
    assert interval(0.8, 0.01, 3) == pytest.approx((0.8 - 0.02484138, 0.8 + 0.02484138), abs=1e-8)
    assert np.isnan(interval(0.8, float("nan"), 1)).all()


def test_interval_is_scipys_t_interval() -> None:
    low, high = scipy.stats.t.interval(0.95, len(A) - 1, A.mean(), scipy.stats.sem(A))
    assert interval(A.mean(), A.std(ddof=1), len(A)) == pytest.approx((low, high))


def test_interval_of_an_accuracy_stays_in_its_range() -> None:
    # .3 and .9: std .424, half-width 12.706 * .3
    assert half_width(0.6 / 2**0.5, 2) == pytest.approx(12.7062 * 0.3, abs=1e-4)
    assert interval(0.6, 0.6 / 2**0.5, 2) == (0, 1)
    assert np.isnan(interval(0.9, 0.0, 4)).all() and interval(0.9, 0.0, 5) == (0.9, 0.9)
    assert interval(0.99, 0.01, 3) == pytest.approx((0.99 - 0.02484138, 1), abs=1e-8)


def test_paired_effect_is_scipys_paired_t_test() -> None:
    effect, reference = paired_effect(A, B), scipy.stats.ttest_rel(A, B)
    assert effect.mean == pytest.approx(0.019)
    assert effect.p == pytest.approx(reference.pvalue, rel=1e-9)
    assert (effect.low, effect.high) == pytest.approx(tuple(reference.confidence_interval()), rel=1e-9)
    assert effect.n == 5
    back = paired_effect(B, A)
    assert (back.mean, back.low, back.high, back.p) == pytest.approx(
        (-effect.mean, -effect.high, -effect.low, effect.p)
    )


def test_pairing_matters() -> None:
    seeds = np.array([0.70, 0.80, 0.90])  # the seeds differ by more than the effect
    paired = paired_effect(seeds + np.array([0.010, 0.011, 0.012]), seeds)
    assert paired.p < 0.01 < 0.5 < scipy.stats.ttest_ind(seeds + 0.011, seeds).pvalue


@pytest.mark.parametrize(("shift", "p"), [(0.1, 0.0), (0.0, 1.0)])
def test_equal_differences_need_no_variance(shift: float, p: float) -> None:
    effect = paired_effect(A + shift, A)  # A + 0.1 - A is 0.1 up to rounding
    assert effect == Effect(pytest.approx(shift), pytest.approx(shift), pytest.approx(shift), p, 5)


@pytest.mark.parametrize(
    ("a", "b", "reason"), [([0.8, 0.9], [0.8], "2 and 1 seeds"), ([0.8], [0.9], "n = 1"), ([], [], "n = 0")]
)
def test_what_cannot_be_paired(a: list[float], b: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        paired_effect(np.array(a, float), np.array(b, float))


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, never less than the one before
    assert holm(np.array([0.04, 0.01, 0.03, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.9, 0.6])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([0.2])) == pytest.approx([0.2])
    assert holm(np.array([])).shape == (0,)


def test_few_equal_differences_have_no_interval() -> None:
    effect = paired_effect(A[:4] + 0.1, A[:4])
    assert effect.mean == pytest.approx(0.1) and effect.n == 4
    assert np.isnan([effect.low, effect.high, effect.p]).all()


def test_holm_with_another_p_is_holm_of_the_replaced() -> None:
    p = np.array([0.04, 0.01, 0.03, 0.02, 0.03, 0.9])
    others = np.array([0.0, 0.001, 0.01, 0.015, 0.03, 0.035, 0.5, 1.0])
    for place in range(len(p)):
        expected = []
        for other in others:
            replaced = p.copy()
            replaced[place] = other
            expected.append(holm(replaced)[place])
        assert holm_with(p, place, others) == pytest.approx(expected)
    # a single p of a family is not corrected
    assert holm_with(np.array([0.2]), 0, np.array([0.01, 0.3])) == pytest.approx([0.01, 0.3])


def test_benjamini_hochberg_by_hand() -> None:
    # sorted .01 .02 .03 .5 times 4 / rank = .04 .04 .04 .5
    assert benjamini_hochberg(np.array([0.5, 0.01, 0.03, 0.02])) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    # .01 * 3 / 1 = .03, .04 * 3 / 2 = .06, .05 * 3 / 3 = .05; .04 gets .05, the smaller value above it
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.05])) == pytest.approx([0.03, 0.05, 0.05])
    assert benjamini_hochberg(np.array([])).shape == (0,)
    p = np.random.default_rng(0).random(20) ** 3
    assert benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p))


def test_welchs_interval_by_hand() -> None:
    # std .02 and .01, n = 10: variances 4e-5 and 1e-5, freedom 25e-10 / ((16e-10 + 1e-10) / 9) = 13.2353
    half = welch_half_width(np.array([0.02, 0.01]), np.array([10, 10]))
    assert half == pytest.approx(scipy.stats.t.ppf(0.975, 13.2353) * 5e-5**0.5, rel=1e-5)
    # equal cells: 18 degrees of freedom, t = 2.10092, error .01
    assert welch_half_width(np.full(2, 0.01 * 5**0.5), np.array([10, 10])) == pytest.approx(0.0210092, abs=1e-6)
