"""Tests of contrasts as rows of weights over the cells of a grid."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from digitcmp.report.contrasts import planned
from digitcmp.report.contrasts.accuracy_effects import effects, measured
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, applied, sides
from digitcmp.report.contrasts.planned import Factor, crossed, levels
from digitcmp.report.loading.loader import drop_repeated, level_place

pytestmark = pytest.mark.pure
AUX, EPOCHS = Factor("auxiliary loss", "aux"), Factor("epochs", "epochs")


def table(*rows: tuple[bool, int, float, int, float], **settings: Any) -> pd.DataFrame:
    """Return runs of WS3. A row is (aux, epochs, lr, seed, test_acc)."""
    runs = pd.DataFrame(rows, columns=["aux", "epochs", "lr", "seed", "test_acc"]).assign(model="ws3", head="mlp")
    names = runs.aux.astype(str) + "," + runs.epochs.astype(str) + "," + runs.lr.astype(str)
    return runs.assign(cell=names, **settings)


CROSSED = table(
    *[(False, 25, 0.001, seed, 0.80 + 0.01 * seed) for seed in (0, 1)],
    *[(True, 25, 0.002, seed, 0.85 + 0.02 * seed) for seed in (0, 1)],
    *[(False, 50, 0.001, seed, 0.82 + 0.01 * seed) for seed in (0, 1)],
    *[(True, 50, 0.002, seed, 0.90 + 0.02 * seed) for seed in (0, 1)],
)


def test_planned_contrasts_are_sorted_by_family_and_context() -> None:
    found = planned.effects(Grid(CROSSED))
    assert [(contrast.family, contrast.effect, contrast.context) for contrast in found] == [
        ("auxiliary loss", "AL4 − WS3", ""),
        ("auxiliary loss", "AL4 − WS3", "epochs=50"),
        ("epochs", "WS3 epochs=50 − WS3", ""),
        ("epochs", "AL4 epochs=50 − AL4", ""),
        ("interaction", "(AL4 epochs=50 − WS3 epochs=50) − (AL4 − WS3)", ""),
    ]
    assert [dict(contrast.weights) for contrast in found][1::3] == [{3: 1, 2: -1}, {3: 1, 1: -1, 2: -1, 0: 1}]


def test_effects_by_hand() -> None:
    # AL4 - WS3 is .05 and .06, at 50 epochs .08 and .09: the interaction is .03 for either seed
    found = effects(Grid(CROSSED))
    assert list(found["mean"]) == pytest.approx([0.055, 0.085, 0.02, 0.05, 0.03])
    assert found.p[2:].isna().all() and found.ci_low[2:].isna().all() and list(found.n) == [2] * 5
    assert list(found.claim.notna()) == [True, False, False, False, False]  # the paper claims nothing about 50 epochs
    assert list(found.verdict)[1:3] == ["another recipe: no effect seen", "no interval: all differences are equal"]
    # with two tests, q is the larger p for both: it is less than twice the smaller p
    assert list(found.q[:2]) == pytest.approx([0.05772, 0.05772], abs=1e-5) and found.q[2:].isna().all()
    # means .805 and .86: .055 of the errors, 1 - .805; an interaction has no share of errors
    assert found.errors_removed[0] == pytest.approx(0.055 / 0.195) and np.isnan(found.errors_removed[4])
    # std .00707 of two: p of t = .055 / .005 = 11 and .085 / .005 = 17, one degree of freedom; Holm doubles the smaller
    assert list(found.p[:2]) == pytest.approx([0.05772, 0.03740], abs=1e-5)
    assert list(found.p_holm[:2]) == pytest.approx([0.07481, 0.07481], abs=1e-5)


def test_the_order_of_two_factors_does_not_change_an_interaction() -> None:
    grid = Grid(CROSSED)
    [one], [other] = (list(crossed(grid, grid.conditions, *pair)) for pair in ((AUX, EPOCHS), (EPOCHS, AUX)))
    assert one.weights == other.weights and one.effect != other.effect


def test_levels_are_compared_with_the_default_or_else_with_the_first() -> None:
    grid = Grid(table(*[(False, epochs, 0.001, 0, 0.8) for epochs in (50, 25, 75)]))
    assert levels(EPOCHS, [*grid.levels.values()]) == ["", "50", "75"]
    assert levels(EPOCHS, [*grid.levels.values()][::2]) == ["50", "75"]
    assert [grid.levels[one.first]["epochs"] for one in crossed(grid, grid.conditions, EPOCHS)] == ["50", "75"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(True, 0.001, 1)], "different seeds: AL4 has 1, WS3 has 0"),
        ([(True, lr, 0) for lr in (0.001, 0.002)], "ambiguous: several learning rates for one network"),
        ([(True, 0.001, 0)] * 2, "ambiguous: several cells are AL4"),
        ([(True, 0.001, 0)], "n = 1: an interval needs at least 2 seeds"),
    ],
)
def test_why_a_contrast_is_refused(rows: list[tuple[bool, float, int]], reason: str) -> None:
    runs = table((False, 25, 0.001, 0, 0.8), *[(aux, 25, lr, seed, 0.9) for aux, lr, seed in rows])
    found = effects(Grid(runs))
    refused = found[found.family == "auxiliary loss"]
    assert list(refused.refused) == [reason] and refused[["n", "mean", "p", "verdict"]].isna().all(axis=None)


def test_an_outcome_is_an_argument_and_weights_are_any_numbers() -> None:
    """The mean of two effects is (.05 + .08) / 2 = .065 in the first seed and (.06 + .09) / 2 = .075 in the second."""
    grid = Grid(CROSSED)
    contrast = Contrast("", "mean", "", {0: -0.5, 1: 0.5, 2: -0.5, 3: 0.5})
    for scale in (1, 100):
        plus, minus = sides(grid.matrix([contrast]), grid.outcome(scale * grid.runs.test_acc))
        row = measured([contrast], plus - minus).iloc[0]
        assert (row["mean"], row.n) == (pytest.approx(scale * 0.07), 2)
        assert row.ci_high - row.ci_low == pytest.approx(scale * 2 * 12.7062 * 0.005, rel=1e-5)


def test_only_cells_with_a_weight_matter() -> None:
    grid = Grid(CROSSED)
    weights = grid.matrix([Contrast("", "", "", {0: 1.0, 1: -1.0}), Contrast("", "", "", {2: 1.0})])
    y = np.array([[1.0, 2.0], [np.inf, 1.0], [np.nan, 3.0], [np.nan, np.inf]])
    found = applied(weights, y)
    assert found[0, 0] == np.inf and found[0, 1] == 1 and np.isnan(found[1, 0]) and found[1, 1] == 3


def test_levels_are_sorted_by_value() -> None:
    values = [[300, 150, 50], [300, 50], 1000, 200, float("nan")]
    assert sorted(values, key=lambda value: level_place("hidden", value))[1:] == [200, 1000, [300, 50], [300, 150, 50]]
    assert sorted(["mlp", "distance"], key=lambda value: level_place("head", value)) == ["mlp", "distance"]


def test_a_run_that_is_there_twice_counts_once() -> None:
    scores = ["train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "digit_acc", "argmax_acc"]
    runs = [("b", "1", 0.9), ("a", "1", 0.8), ("c", "2", 0.7), ("d", "2", 0.7)]
    frame = pd.DataFrame(runs, columns=["path", "config_hash", "test_acc"]).assign(**dict.fromkeys(scores, 0.5))
    once, [warning, twice] = drop_repeated(frame)
    assert list(once.path) == ["a", "c"]
    assert warning.endswith("of which the first is used: test accuracy 0.8000 in a, 0.9000 in b")
    assert twice == "2 runs are in several folders and are counted once, without b, d"
