"""Tests of the rules: verdicts on effects and collapsed runs."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from digitcmp.report.rule import NO_INTERVAL, base_rate, collapsed, in_words, robust_verdict, verdict

pytestmark = pytest.mark.pure

NAN = float("nan")


def table(*rows: tuple[float, ...]) -> pd.DataFrame:
    """Return effects from their means, the ends of their intervals, their claims, and Holm's p."""
    return pd.DataFrame(rows, columns=["mean", "ci_low", "ci_high", "claim", "p_holm"])


def test_verdicts() -> None:
    rows = [
        (0.03, 0.02, 0.04, "as claimed"),
        (0.036, 0.0301, 0.0416, "as claimed"),  # excludes .03 by .0001: no reason for another verdict
        (0.036, 0.0299, 0.0416, "as claimed"),
        (0.02, 0.015, 0.025, "as claimed"),  # at the margin
        (0.019, 0.014, 0.024, "smaller than claimed"),
        (0.05, 0.04, 0.06, "larger than claimed"),
        (0.045, 0.029, 0.061, "undecided"),  # further than the margin, but contains the claim
        (0.035, 0.004, 0.066, "undecided"),  # .062 wide, twice the claim is .06
        (0.035, 0.005, 0.065, "as claimed"),
        (0.12, 0.07, 0.17, "larger than claimed"),  # wide, but far away
        (0.015, -0.01, 0.04, "undecided"),
        (0.02, 0.0, 0.04, "undecided"),
        (0.005, -0.01, 0.021, "undecided"),  # ends within the margin of the claim
        (0.005, -0.01, 0.019, "no effect seen"),
        (-0.05, -0.06, -0.04, "opposite to the claim"),
        (0.03, NAN, NAN, NO_INTERVAL),
    ]
    found = verdict(table(*((*numbers, 0.03, 0.01) for *numbers, _ in rows)))
    assert list(found) == [expected for *_, expected in rows]
    without_a_claim = table(*((0.03, 0.02, 0.04, NAN, p_holm) for p_holm in (0.04, 0.06)))
    assert list(verdict(without_a_claim)) == ["effect seen", "no effect seen"]


def test_the_robust_verdict_is_given_where_it_differs() -> None:
    rows = [
        ("undecided", (-0.07, 0.07), (0.026, 0.014, 0.038), 0.03, "as claimed"),
        ("as claimed", (0.02, 0.04), (0.03, 0.02, 0.04), 0.03, ""),
        ("effect seen", (0.01, 0.03), (0.01, -0.01, 0.03), NAN, "interval contains 0"),
        ("no effect seen", (-0.01, 0.03), (0.01, 0.005, 0.015), NAN, "interval excludes 0"),
        ("no effect seen", (0.001, 0.03), (0.01, 0.005, 0.015), NAN, ""),  # both exclude 0: the correction decides
        ("effect seen", (0.01, 0.03), (NAN, NAN, NAN), NAN, ""),  # too few seeds
    ]
    first, interval, robust, claim, expected = zip(*rows, strict=True)
    effects = table(*((0, *ends, size, NAN) for ends, size in zip(interval, claim, strict=True)))
    effects[["trimmed", "trimmed_low", "trimmed_high"]] = robust
    assert list(robust_verdict(np.array(first), effects)) == list(expected)


@pytest.mark.parametrize(
    ("first", "robust", "without", "expected"),
    [
        ("as claimed", "", [], "as claimed"),
        ("smaller than claimed", "", [], "smaller than claimed (+0.017)"),
        ("effect seen", "interval contains 0", [], "effect seen; robust: interval contains 0"),
        ("effect seen", "", [7], "effect seen; without seed 7: undecided"),
        ("effect seen", "undecided", [3, 5], "effect seen; robust and without seed 3 or 5: undecided"),
        ("effect seen", "", [3, 7, 9], "effect seen; without seed 3, 7 or 9: undecided"),
        ("effect seen", "", range(4), "effect seen; without any one of 4 seeds: undecided"),
    ],
)
def test_verdicts_in_words(first: str, robust: str, without: Iterable[int], expected: str) -> None:
    assert in_words(first, 0.0174, robust, dict.fromkeys(without, "undecided")) == expected


def runs(*accuracies: float, test_pairs: int = 1000, **columns: object) -> pd.DataFrame:
    """Return runs of one cell."""
    return pd.DataFrame({"cell": "a", "test_acc": accuracies, "test_pairs": test_pairs, **columns})


@pytest.mark.parametrize(
    ("stands", "lost", "others", "columns"),
    [
        # at the base rate: .55 + 3 sqrt(.55 * .45 / 1000) = .55 + 3 * .015732 = .597197
        (0.598, 0.597, [], {}),
        (0.7, 0.699, [], {"test_pairs": 100}),  # .55 + 3 * .049749 = .699247
        # the recorded one counts: .9 + 3 sqrt(.09 / 1000) = .928460
        (0.929, 0.928, [], {"task": "same", "majority": 0.9}),
        (0.94, 0.901, [], {"task": "same"}),  # .9 for ten classes
        (0.6, None, [], {"task": "unknown"}),  # its base rate is unknown
        # far below the cell: the median is .82 and that of the deviations 0 .01 .01 .02 .06 is .01. The standard error
        # is larger, sqrt(.82 * .18 / 1000) = .012149, so the limit is .82 - 5 * .012149 = .82 - .060745
        (0.76, 0.759, [0.82, 0.81, 0.83, 0.84], {}),
        (0.748, None, [0.828] * 3, {"test_pairs": 298}),  # the standard error is .0219: .08 < 5 * .0219
        (0.7, None, [0.75, 0.8, 0.85, 0.9], {}),  # a large spread
        (0.851, 0.849, [0.9] * 3, {"test_pairs": 100_000}),  # the standard error is small and the limit a drop of .05
    ],
)
def test_collapsed(stands: float, lost: float | None, others: list[float], columns: dict[str, Any]) -> None:
    assert not collapsed(runs(stands, *others, **columns)).any()
    if lost:
        assert list(collapsed(runs(lost, *others, **columns))) == [True] + [False] * len(others)


def test_base_rates_and_cells_are_apart() -> None:
    table = runs(0.6, 0.6, 0.6, 0.6).assign(task=[None, "leq", "same", "mine"], majority=[None, 0.56, None, None])
    assert list(base_rate(table).round(2).fillna(-1)) == [0.55, 0.56, 0.9, -1]
    table = pd.concat([runs(0.95, 0.95, 0.95), runs(0.85, 0.85).assign(cell="b")], ignore_index=True)
    assert not collapsed(table).any()
