"""Tests of planned and measured contrasts, on tables of conditions."""

import numpy as np
import pandas as pd
import pytest

from digitcmp.report.contrasts.conditions import distinct
from digitcmp.report.contrasts.contrast import Contrast, interactions, single_effects
from digitcmp.report.contrasts.effects import contrasts, corrected, measured, planned
from digitcmp.report.contrasts.factors import Factor, levels
from digitcmp.report.contrasts.samples import Samples, measure
from digitcmp.report.loading.sources import drop_repeated, level_place

pytestmark = pytest.mark.pure


def frame(*rows: tuple[str, str, str, int, float]) -> pd.DataFrame:
    """Return rows of `conditions` for WS3 with the default head. A row is (aux, epochs, lr, seed, test_acc)."""
    table = pd.DataFrame(rows, columns=["aux", "epochs", "lr", "seed", "test_acc"])
    table.insert(0, "model", "ws3")
    table.insert(2, "head", "")
    return table


CROSSED = frame(
    *[("", "", "0.001", seed, 0.80 + 0.01 * seed) for seed in (0, 1)],
    *[("true", "", "0.002", seed, 0.85 + 0.02 * seed) for seed in (0, 1)],
    *[("", "50", "0.001", seed, 0.82 + 0.01 * seed) for seed in (0, 1)],
    *[("true", "50", "0.002", seed, 0.90 + 0.02 * seed) for seed in (0, 1)],
)


def test_planned_contrasts_are_sorted_by_family_and_context() -> None:
    table = planned(CROSSED)
    assert list(zip(table.family, table.effect, table.context, strict=True)) == [
        ("auxiliary loss", "AL4 − WS3", ""),
        ("auxiliary loss", "AL4 − WS3", "epochs=50"),
        ("epochs", "WS3 epochs=50 − WS3", ""),
        ("epochs", "AL4 epochs=50 − AL4", ""),
        ("interaction", "(AL4 epochs=50 − WS3 epochs=50) − (AL4 − WS3)", ""),
    ]
    assert list(table.claim.notna()) == [True, False, False, False, False]  # the paper claims nothing about 50 epochs


def test_measured_by_hand() -> None:
    # AL4 - WS3 is .05 and .06, at 50 epochs .08 and .09: the interaction is .03 for either seed
    table = corrected(measured(planned(CROSSED), Samples(CROSSED)))
    assert list(table["mean"]) == pytest.approx([0.055, 0.085, 0.02, 0.05, 0.03])
    assert table.p[2:].isna().all() and table.ci_low[2:].isna().all() and list(table.n) == [2] * 5
    assert list(table.verdict)[1:3] == [
        "another recipe: no effect seen",
        "no interval: all differences are equal",
    ]
    # with two tests, q is the larger p for both: it is less than twice the smaller p
    assert list(table.q[:2]) == pytest.approx([0.05772, 0.05772], abs=1e-5) and table.q[2:].isna().all()
    # means .805 and .86: .055 of the errors, 1 - .805; an interaction has no share of errors
    assert table.errors_removed[0] == pytest.approx(0.055 / 0.195) and np.isnan(table.errors_removed[4])
    # std .00707 of two: p of t = .055 / .005 = 11 and .085 / .005 = 17, one degree of freedom; Holm doubles the smaller
    assert list(table.p[:2]) == pytest.approx([0.05772, 0.03740], abs=1e-5)
    assert list(table.p_holm[:2]) == pytest.approx([0.07481, 0.07481], abs=1e-5)


def test_the_key_of_a_contrast_is_that_of_the_interaction_the_other_way_round() -> None:
    conditions = distinct(CROSSED)
    aux, epochs = Factor("auxiliary loss", "aux"), Factor("epochs", "epochs")
    [one], [other] = interactions(conditions, aux, epochs), interactions(conditions, epochs, aux)
    assert one.key == other.key and one.effect != other.effect
    assert len({contrast.key for contrast in contrasts(CROSSED)}) == 5


def test_levels_are_compared_with_the_default_or_else_with_the_first() -> None:
    conditions = distinct(frame(*[("", level, "0.001", 0, 0.8) for level in ("50", "", "75")]))
    factor = Factor("epochs", "epochs")
    assert levels(factor, conditions) == ["", "50", "75"] and levels(factor, conditions[::2]) == ["50", "75"]
    assert [contrast.plus[0]["epochs"] for contrast in single_effects(conditions, factor)] == ["50", "75"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("true", "", "0.001", 1, 0.9)], "different seeds: AL4 has 1, WS3 has 0"),
        ([("true", "", "0.001", 0, np.nan)], "missing runs: no run of AL4 is finished"),
        ([("true", "", "0.001", 0, 0.9), ("true", "", "0.001", 1, np.nan)], "missing runs: AL4 lacks seed=1"),
        ([("true", "", lr, 0, 0.9) for lr in ("0.001", "0.002")], "ambiguous: several learning rates for one network"),
        ([("true", "", "0.001", 0, 0.9)] * 2, "ambiguous: several cells are AL4"),
        ([("true", "", "0.001", 0, 0.9)], "n = 1: an interval needs at least 2 seeds"),
    ],
)
def test_why_a_contrast_is_not_measured(rows: list[tuple[str, str, str, int, float]], reason: str) -> None:
    runs = frame(("", "", "0.001", 0, 0.8), *rows)
    [contrast] = single_effects(distinct(runs), Factor("auxiliary loss", "aux"))
    with pytest.raises(ValueError, match=f"^{reason}$"):
        measure(contrast, Samples(runs))


def test_a_scaled_contrast() -> None:
    """The mean of two effects is (.05 + .08) / 2 = .065 in the first seed and (.06 + .09) / 2 = .075 in the second."""
    off, on, off_50, on_50 = distinct(CROSSED)
    effect = measure(Contrast("", ["aux"], [on, on_50], [off, off_50], 2), Samples(CROSSED))
    assert (effect.mean, effect.n) == (pytest.approx(0.07), 2)
    assert effect.high - effect.low == pytest.approx(2 * 12.7062 * 0.005, abs=1e-5)


def test_levels_are_sorted_by_value() -> None:
    values = [[300, 150, 50], [300, 50], 1000, 200, float("nan")]
    assert sorted(values, key=lambda value: level_place("hidden", value))[1:] == [200, 1000, [300, 50], [300, 150, 50]]
    assert sorted(["mlp", "distance"], key=lambda value: level_place("head", value)) == ["mlp", "distance"]


def test_a_run_that_is_there_twice_counts_once() -> None:
    scores = ["train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "digit_acc", "argmax_acc"]
    runs = [("b", "1", 0.9), ("a", "1", 0.8), ("c", "2", 0.7), ("d", "2", 0.7)]
    table = pd.DataFrame(runs, columns=["path", "config_hash", "test_acc"]).assign(**dict.fromkeys(scores, 0.5))
    once, _, [warning] = drop_repeated(table)
    assert list(once.path) == ["a", "c"]
    assert warning.endswith("of which the first is used: test accuracy 0.8000 in a, 0.9000 in b")
