"""Statistics against values computed by hand and by scipy."""

import numpy as np
import pytest
import scipy.stats

from digitcmp.report.stats import Effect, half_width, holm, interval, paired_effect, verdict

A = np.array([0.845, 0.832, 0.851, 0.840, 0.829])
B = np.array([0.816, 0.821, 0.809, 0.830, 0.826])


def test_interval_of_a_mean_by_hand() -> None:
    # std .01, n = 3: half-width is t(0.975, 2) / sqrt(3) = 4.302653 / 1.732051 times .01
    assert interval(0.8, 0.01, 3) == pytest.approx((0.8 - 0.02484138, 0.8 + 0.02484138), abs=1e-8)
    assert np.isnan(interval(0.8, float("nan"), 1)).all()


def test_interval_is_scipys_t_interval() -> None:
    low, high = scipy.stats.t.interval(0.95, len(A) - 1, A.mean(), scipy.stats.sem(A))
    assert interval(A.mean(), A.std(ddof=1), len(A)) == pytest.approx((low, high))


def test_interval_of_an_accuracy_stays_in_its_range() -> None:
    # .3 and .9: std .424, half-width 12.706 * .3
    assert half_width(0.6 / 2**0.5, 2) == pytest.approx(12.7062 * 0.3, abs=1e-4)
    assert interval(0.6, 0.6 / 2**0.5, 2) == (0, 1)
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


@pytest.mark.parametrize(
    ("low", "high", "claim", "expected"),
    [
        (0.02, 0.04, 0.03, "as claimed"),
        (-0.01, 0.04, 0.03, "undecided"),
        (0.00, 0.04, 0.03, "undecided"),
        (0.04, 0.06, 0.03, "larger than claimed (+0.050)"),
        (0.01, 0.02, 0.03, "smaller than claimed (+0.015)"),
        (-0.01, 0.02, 0.03, "no effect seen"),
        (-0.06, -0.04, 0.03, "opposite to the claim (-0.050)"),
    ],
)
def test_verdicts(low: float, high: float, claim: float, expected: str) -> None:
    assert verdict((low + high) / 2, low, high, 0.01, claim) == expected


def test_verdicts_without_a_claim_go_by_the_corrected_p() -> None:
    assert verdict(0.03, 0.02, 0.04, 0.04, float("nan")) == "effect seen"
    assert verdict(0.03, 0.02, 0.04, 0.06, float("nan")) == "no effect seen"
