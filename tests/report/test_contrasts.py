"""Tests of contrasts as rows of weights over the cells of a grid."""

import numpy as np
import pandas as pd
import pytest

from digitcmp.report.contrasts.accuracy_effects import effects
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, applied
from digitcmp.report.contrasts.planned import Factor, crossed
from digitcmp.report.loader import drop_repeated

pytestmark = pytest.mark.pure
AUX, EPOCHS = Factor("auxiliary loss", "aux"), Factor("epochs", "epochs")


def grid(*rows: tuple[bool, int, float, int, float]) -> Grid:
    """Return the grid of runs of WS3. A row is (aux, epochs, lr, seed, test_acc)."""
    runs = pd.DataFrame(rows, columns=["aux", "epochs", "lr", "seed", "test_acc"]).assign(model="ws3", head="mlp")
    return Grid(runs.assign(cell=runs.aux.astype(str) + "," + runs.epochs.astype(str) + "," + runs.lr.astype(str)))


CROSSED = grid(
    *[(False, 25, 0.001, seed, 0.80 + 0.01 * seed) for seed in (0, 1)],
    *[(True, 25, 0.002, seed, 0.85 + 0.02 * seed) for seed in (0, 1)],
    *[(False, 50, 0.001, seed, 0.82 + 0.01 * seed) for seed in (0, 1)],
    *[(True, 50, 0.002, seed, 0.90 + 0.02 * seed) for seed in (0, 1)],
)


def test_effects_by_hand() -> None:
    # AL4 - WS3 is .05 and .06, at 50 epochs .08 and .09: the interaction is .03 for either seed
    found = effects(CROSSED)
    assert found[["family", "effect", "context"]].to_numpy().tolist() == [
        ["auxiliary loss", "AL4 − WS3", ""],
        ["auxiliary loss", "AL4 − WS3", "epochs=50"],
        ["epochs", "WS3 epochs=50 − WS3", ""],
        ["epochs", "AL4 epochs=50 − AL4", ""],
        ["interaction", "(AL4 epochs=50 − WS3 epochs=50) − (AL4 − WS3)", ""],
    ]
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
    [one], [other] = (list(crossed(CROSSED, CROSSED.conditions, *pair)) for pair in ((AUX, EPOCHS), (EPOCHS, AUX)))
    assert one.weights == other.weights and one.effect != other.effect


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(0.001, 1), (0.001, 2)], "different seeds: AL4 has 1 2, WS3 has 0"),
        ([(0.001, 0), (0.002, 0)], "ambiguous: several learning rates for one network"),
        ([(0.001, 0), (0.001, 0)], "ambiguous: several cells are AL4"),
        ([(0.001, 0)], "n = 1: an interval needs at least 2 seeds"),
    ],
)
def test_why_a_contrast_is_refused(rows: list[tuple[float, int]], reason: str) -> None:
    found = effects(grid((False, 25, 0.001, 0, 0.8), *[(True, 25, lr, seed, 0.9) for lr, seed in rows]))
    refused = found[found.family == "auxiliary loss"]
    assert list(refused.refused) == [reason]
    assert refused[["n", "mean", "p", "p_holm", "verdict"]].isna().all(axis=None)


def test_only_cells_with_a_weight_matter() -> None:
    weights = CROSSED.matrix([Contrast("", "", "", {0: 1.0, 1: -1.0}), Contrast("", "", "", {2: 1.0})])
    y = np.array([[1.0, 2.0], [np.inf, 1.0], [np.nan, 3.0], [np.nan, np.inf]])
    np.testing.assert_array_equal(applied(weights, y), [[np.inf, 1], [np.nan, 3]])


def test_a_run_that_is_there_twice_counts_once() -> None:
    scores = ["train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "digit_acc", "argmax_acc"]
    runs = [("b", "1", 0.9), ("a", "1", 0.8), ("c", "2", 0.7), ("d", "2", 0.7)]
    frame = pd.DataFrame(runs, columns=["path", "config_hash", "test_acc"]).assign(**dict.fromkeys(scores, 0.5))
    once, [warning, twice] = drop_repeated(frame)
    assert list(once.path) == ["a", "c"]
    assert warning.endswith("of which the first is used: test accuracy 0.8000 in a, 0.9000 in b")
    assert twice == "2 runs are in several folders and are counted once, without b, d"
