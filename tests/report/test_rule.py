"""Tests of the verdicts on effects."""

import pytest

from digitcmp.report.statistics.rule import NO_INTERVAL, in_words, robust_verdict, verdict

pytestmark = pytest.mark.pure

NAN = float("nan")


@pytest.mark.parametrize(
    ("mean", "low", "high", "claim", "expected"),
    [
        (0.03, 0.02, 0.04, 0.03, "as claimed"),
        (0.036, 0.0301, 0.0416, 0.03, "as claimed"),  # excludes .03 by .0001: no reason for another verdict
        (0.036, 0.0299, 0.0416, 0.03, "as claimed"),
        (0.02, 0.015, 0.025, 0.03, "as claimed"),  # at the margin
        (0.019, 0.014, 0.024, 0.03, "smaller than claimed"),
        (0.05, 0.04, 0.06, 0.03, "larger than claimed"),
        (0.045, 0.029, 0.061, 0.03, "undecided"),  # further than the margin, but contains the claim
        (0.035, 0.004, 0.066, 0.03, "undecided"),  # .062 wide, twice the claim is .06
        (0.035, 0.005, 0.065, 0.03, "as claimed"),
        (0.12, 0.07, 0.17, 0.03, "larger than claimed"),  # wide, but far away
        (0.015, -0.01, 0.04, 0.03, "undecided"),
        (0.02, 0.0, 0.04, 0.03, "undecided"),
        (0.005, -0.01, 0.021, 0.03, "undecided"),  # ends within the margin of the claim
        (0.005, -0.01, 0.019, 0.03, "no effect seen"),
        (-0.05, -0.06, -0.04, 0.03, "opposite to the claim"),
        (0.03, NAN, NAN, 0.03, NO_INTERVAL),
    ],
)
def test_verdicts_on_a_claim(mean: float, low: float, high: float, claim: float, expected: str) -> None:
    assert verdict(mean, low, high, 0.01, claim) == expected


def test_verdicts_without_a_claim_go_by_the_corrected_p() -> None:
    assert verdict(0.03, 0.02, 0.04, 0.04, NAN) == "effect seen"
    assert verdict(0.03, 0.02, 0.04, 0.06, NAN) == "no effect seen"


@pytest.mark.parametrize(
    ("first", "effect", "robust", "claim", "expected"),
    [
        ("undecided", (-0.07, 0.07), (0.026, 0.014, 0.038), 0.03, "as claimed"),
        ("as claimed", (0.02, 0.04), (0.03, 0.02, 0.04), 0.03, ""),
        ("effect seen", (0.01, 0.03), (0.01, -0.01, 0.03), NAN, "interval contains 0"),
        ("no effect seen", (-0.01, 0.03), (0.01, 0.005, 0.015), NAN, "interval excludes 0"),
        ("no effect seen", (0.001, 0.03), (0.01, 0.005, 0.015), NAN, ""),  # both exclude 0: the correction decides
        ("effect seen", (0.01, 0.03), (NAN, NAN, NAN), NAN, ""),  # too few seeds
    ],
)
def test_the_robust_verdict_is_given_where_it_differs(
    first: str, effect: tuple[float, float], robust: tuple[float, float, float], claim: float, expected: str
) -> None:
    assert robust_verdict(first, effect, robust, claim) == expected


def test_verdicts_in_words() -> None:
    assert in_words("as claimed", 0.03) == "as claimed"
    assert in_words("smaller than claimed", 0.0174) == "smaller than claimed (+0.017)"
    assert in_words("effect seen", 0.02, "interval contains 0") == "effect seen; robust: interval contains 0"
    assert in_words("effect seen", 0.02, "", [(7, "no effect seen")]) == "effect seen; without seed 7: no effect seen"
    both = in_words("undecided", 0.02, "as claimed", [(3, "as claimed"), (5, "as claimed")])
    assert both == "undecided; robust and without seed 3 or 5: as claimed"
    three = in_words("effect seen", 0.02, "", [(seed, "no effect seen") for seed in (3, 7, 9)])
    assert three == "effect seen; without seed 3, 7 or 9: no effect seen"
    many = in_words("effect seen", 0.02, "", [(seed, "no effect seen") for seed in range(4)])
    assert many == "effect seen; without any one of 4 seeds: no effect seen"
