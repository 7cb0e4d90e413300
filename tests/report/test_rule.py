"""Tests of the verdicts on effects."""

import numpy as np
import pytest

from digitcmp.report.statistics.rule import NO_INTERVAL, in_words, robust_verdict, verdict

pytestmark = pytest.mark.pure

NAN = float("nan")


def test_verdicts_on_a_claim() -> None:
    rows = [
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
    ]
    *numbers, expected = zip(*rows, strict=True)
    mean, low, high, claim = map(np.array, numbers)
    assert list(verdict(mean, low, high, 0.01, claim)) == list(expected)


def test_verdicts_without_a_claim_go_by_the_corrected_p() -> None:
    assert list(verdict(0.03, 0.02, 0.04, np.array([0.04, 0.06]), NAN)) == ["effect seen", "no effect seen"]


def test_the_robust_verdict_is_given_where_it_differs() -> None:
    rows = [
        ("undecided", (-0.07, 0.07), (0.026, 0.014, 0.038), 0.03, "as claimed"),
        ("as claimed", (0.02, 0.04), (0.03, 0.02, 0.04), 0.03, ""),
        ("effect seen", (0.01, 0.03), (0.01, -0.01, 0.03), NAN, "interval contains 0"),
        ("no effect seen", (-0.01, 0.03), (0.01, 0.005, 0.015), NAN, "interval excludes 0"),
        ("no effect seen", (0.001, 0.03), (0.01, 0.005, 0.015), NAN, ""),  # both exclude 0: the correction decides
        ("effect seen", (0.01, 0.03), (NAN, NAN, NAN), NAN, ""),  # too few seeds
    ]
    first, effect, robust, claim, expected = zip(*rows, strict=True)
    found = robust_verdict(np.array(first), np.array(effect).T, np.array(robust).T, np.array(claim))
    assert list(found) == list(expected)


def test_verdicts_in_words() -> None:
    assert in_words("as claimed", 0.03) == "as claimed"
    assert in_words("smaller than claimed", 0.0174) == "smaller than claimed (+0.017)"
    assert in_words("effect seen", 0.02, "interval contains 0") == "effect seen; robust: interval contains 0"
    assert in_words("effect seen", 0.02, "", {7: "no effect seen"}) == "effect seen; without seed 7: no effect seen"
    both = in_words("undecided", 0.02, "as claimed", {3: "as claimed", 5: "as claimed"})
    assert both == "undecided; robust and without seed 3 or 5: as claimed"
    three = in_words("effect seen", 0.02, "", dict.fromkeys((3, 7, 9), "no effect seen"))
    assert three == "effect seen; without seed 3, 7 or 9: no effect seen"
    many = in_words("effect seen", 0.02, "", dict.fromkeys(range(4), "no effect seen"))
    assert many == "effect seen; without any one of 4 seeds: no effect seen"
