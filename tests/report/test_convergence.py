"""Tests of the convergence of each run against hand computations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from records import grid, load, parts, record

from digitcmp.report.contrasts.cell_grid import Grid
from digitcmp.report.contrasts.planned import claim_contrasts
from digitcmp.report.sections import convergence as convergence_section
from digitcmp.report.sections.convergence import CURVE, convergence, of_outcome, outcomes

INF, NAN = np.inf, np.nan


def curve(cell: str, seed: int, test: list[float], train: list[float]) -> pd.DataFrame:
    """Return the rows of a run in seed_curves.csv, in another order."""
    rows = {"cell": cell, "seed": seed, "epoch": range(1, len(test) + 1), "test_acc": test, "train_acc": train}
    return pd.DataFrame(rows).iloc[::-1]


@pytest.mark.pure
def test_outcomes_of_curves_by_hand() -> None:
    curves = [
        curve("a", 0, [0.6, 0.75, 0.79, 0.78, 0.8], [0.55, 0.7, 0.86, 0.84, 0.9]),
        curve("a", 1, [0.6, 0.65, 0.7, 0.7, 0.65], [0.6] * 5),
        curve("a", 2, [0.55] * 5, [0.5] * 5),
        curve("a", 3, [0.9] * 5, [NAN] * 5),
    ]
    runs = pd.DataFrame({"cell": "a", "seed": range(4), "majority": [0.55, 0.55, 0.55, NAN], "task": "mine"})
    runs = runs.assign(fit_seconds=5.0, train_pairs=1010, batch_size=20, max_steps=[NAN, NAN, NAN, 100])
    table = outcomes(runs, pd.concat(curves))
    assert list(table.epochs_to_75) == [2, INF, INF, 1] and list(table.epochs_to_80) == [5, INF, INF, 1]
    # 90 % of the way from .55 to .80 is .775 and to .65 it is .64; the third has no gain at all
    assert list(table.epochs_to_gain) == pytest.approx([3, 2, INF, NAN], nan_ok=True)
    assert list(table.area) == pytest.approx([3.72 / 5, 0.66, 0.55, 0.9])
    assert list(table.gap) == pytest.approx([0.1, -0.05, -0.05, NAN], nan_ok=True)
    assert list(table.test_at_train_85) == pytest.approx([0.79, INF, INF, NAN], nan_ok=True)
    assert list(table.test_at_train_90) == pytest.approx([0.8, INF, INF, NAN], nan_ok=True)
    # 51 batches in each of five epochs, unknown if an epoch need not be one pass
    assert list(table.batch_ms) == pytest.approx([1000 * 5 / (5 * 51)] * 3 + [NAN], nan_ok=True)


def compared(outcome: str, plus: list[float], minus: list[float]) -> pd.Series:
    """Return the row of `convergence` of an outcome of AL4 and WS3 by seed."""
    runs = pd.DataFrame({"model": "ws3", "head": "mlp", "lr": 1e-3, "aux": [True] * len(plus) + [False] * len(minus)})
    grid_of = Grid(runs.assign(cell=runs.aux.astype(str), seed=[*range(len(plus)), *range(len(minus))]))
    return of_outcome(grid_of, claim_contrasts(grid_of), outcome, pd.Series(plus + minus)).iloc[0]


@pytest.mark.pure
def test_a_censored_run_has_no_mean_but_a_sign() -> None:
    """At a training accuracy, only the seeds that reach it on both sides count."""
    full = compared("epochs_to_75", [3, 4, 5], [5, 7, 9])
    # -2 -3 -4: mean -3, std 1, half-width 4.302653 / sqrt(3)
    assert (full["mean"], full["ci_high"]) == pytest.approx((-3, -3 + 4.302653 / 3**0.5))
    assert (full["less"], full["more"], full["p_sign"], full["plus"]) == (3, 0, 0.25, 4)
    censored = compared("epochs_to_75", [3, 4, 5, INF], [5, INF, 4, INF])
    assert censored[["plus", "minus", "mean", "p"]].isna().all()
    assert (censored["reached_plus"], censored["reached_minus"], censored["n"]) == (3, 2, 4)
    assert (censored["less"], censored["more"], censored["p_sign"]) == (2, 1, 1)
    row = compared("test_at_train_85", [0.80, 0.82, INF, 0.9], [0.79, 0.79, 0.7, INF])
    assert (row["n"], row["reached_plus"], row["reached_minus"]) == (2, 3, 3)
    assert row["mean"] == pytest.approx(0.02) and (row["less"], row["more"]) == (0, 2)
    assert compared("area", [0.5, 0.6], [0.5, 0.6])["p_sign"] == 1
    nobody = compared("test_at_train_85", [INF, INF], [0.7, 0.8])
    assert nobody["n"] == 0 and np.isnan(nobody["mean"])


def test_contrasts_of_curves_are_paired_by_seed(tmp_path: Path) -> None:
    for model in ("ws1", "ws3"):
        record(tmp_path, model, 0.8, 0.8)
    runs = load(tmp_path).runs
    ws1, ws3 = runs.cell.unique()
    curves = [
        curve(ws1, 0, [0.6, 0.7, 0.76, 0.78], [0.6, 0.8, 0.86, 0.9]),
        curve(ws1, 1, [0.6, 0.7, 0.7, 0.76], [0.6, 0.8, 0.84, 0.86]),
        curve(ws3, 0, [0.7, 0.76, 0.78, 0.8], [0.7, 0.8, 0.85, 0.88]),
        curve(ws3, 1, [0.76, 0.77, 0.78, 0.79], [0.7, 0.86, 0.9, 0.9]),
    ]
    table = convergence(runs, outcomes(runs, pd.concat(curves))).set_index("outcome")
    assert {*table.effect} == {"WS3 − WS1"} and {*table.family} == {"sharing"}
    # the differences are 2 - 3 and 1 - 4
    assert table["mean"]["epochs_to_75"] == pytest.approx(-2) and table.n["epochs_to_75"] == 2
    assert table.p["epochs_to_75"] == table.p_holm["epochs_to_75"] == pytest.approx(2 * np.arctan(1 / 2) / np.pi)
    # .80 is reached once, by WS3
    assert np.isnan(table["mean"]["epochs_to_80"])
    assert list(table.loc["epochs_to_80", ["reached_plus", "reached_minus", "less", "more"]]) == [1, 0, 1, 0]
    # the areas are .76 and .775 for WS3, .71 and .69 for WS1
    assert table["mean"]["area"] == pytest.approx((0.05 + 0.085) / 2)
    assert table["mean"]["gap"] == pytest.approx((0.08 - 0.12 + 0.11 - 0.1) / 2)
    assert table["mean"]["test_at_train_85"] == pytest.approx((0.78 - 0.76 + 0.77 - 0.76) / 2)
    assert table.n["test_at_train_90"] == 0  # only seed 0 of WS1 and seed 1 of WS3 reach it
    assert {*table.params_plus} == {1000} and {*table.batch_ms_plus} == {1000 * 2 / (4 * 50)}


def test_the_table_of_convergence(tmp_path: Path) -> None:
    table = parts(load(grid(tmp_path)), "Convergence")[0]
    headings = [column.heading for column in table.columns]
    assert headings[:5] == ["cell", "n", "epochs to .75", "to .80", "to 90 % of its gain"]
    assert "gap" not in headings  # this sweep has no training accuracies
    # the curves of WS1 are .70 .75 .767, .72 .77 .787 and .71 .76 .777: .75 in epoch 2, never .80; 90 % of the way
    # from .55 to the last accuracy is .745, .763 and .754
    assert table.rows[0][:5] == ["WS1", "3", "2.0", "0 of 3", "2.0"]


def test_runs_without_a_complete_curve_have_no_outcome(tmp_path: Path) -> None:
    """The first epoch at an accuracy is unknown unless every epoch was evaluated."""
    results = load(grid(tmp_path))
    curves = results.metrics.reindex(columns=list(CURVE))
    table = outcomes(results.runs, curves[(curves.seed != 2) | (curves.epoch == 3)])
    assert len(table) == 8 and {*table.seed} == {0, 1}
    assert {*convergence(results.runs, table).n.dropna()} <= {0, 2}
    for part in (curves.iloc[:0], curves[curves.epoch != 2]):
        none = outcomes(results.runs, part)
        assert none.empty and convergence(results.runs, none).empty
    unknown = {"outcome": "area", "mean": NAN, "less": 1, "more": 0, "n": 2, "p_sign": 1.0}
    assert convergence_section.difference(unknown)
