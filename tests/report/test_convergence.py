"""Tests of the convergence of each run against hand computations."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from records import grid, parts, record, sweep

from digitcmp.report.contrasts.cell_grid import Grid
from digitcmp.report.contrasts.convergence_effects import CURVE, convergence, of_outcome, outcomes
from digitcmp.report.contrasts.planned import claim_contrasts
from digitcmp.report.pages import output
from digitcmp.report.results import Results
from digitcmp.report.sections import convergence as convergence_section
from digitcmp.report.sections import sections

INF = np.inf


def curve(runs: pd.DataFrame, label: str, seed: int, test: list[float], train: list[float]) -> pd.DataFrame:
    """Return the rows of a run in seed_curves.csv."""
    cell = runs.cell[runs.label == label].iloc[0]
    rows = {"cell": cell, "seed": seed, "epoch": range(1, len(test) + 1), "train_acc": train, "val_acc": 0.5}
    return pd.DataFrame(rows | {"test_acc": test})


def of_curves(*curves: tuple[list[float], list[float], float]) -> pd.DataFrame:
    """Return the outcomes of runs from their test accuracies, training accuracies and shares of the majority."""
    runs = pd.DataFrame({"cell": "a", "seed": range(len(curves)), "majority": [base for *_, base in curves]})
    runs = runs.assign(task="mine", fit_seconds=5.0, train_pairs=1010, batch_size=20)
    tables = []
    for seed, (test, train, _) in enumerate(curves):
        rows = {"cell": "a", "seed": seed, "epoch": range(1, len(test) + 1), "test_acc": test, "train_acc": train}
        tables.append(pd.DataFrame(rows).iloc[::-1])  # in any order
    return outcomes(runs, pd.concat(tables))


@pytest.mark.pure
def test_outcomes_of_curves_by_hand() -> None:
    none, nan = [0.5] * 5, [np.nan] * 5
    table = of_curves(
        ([0.6, 0.75, 0.79, 0.78, 0.8], [0.55, 0.7, 0.86, 0.84, 0.9], 0.55),
        ([0.6, 0.65, 0.7, 0.7, 0.65], [0.6] * 5, 0.55),
        ([0.55] * 5, none, 0.55),
        ([0.9] * 5, nan, np.nan),
    )
    assert list(table.epochs_to_75) == [2, INF, INF, 1] and list(table.epochs_to_80) == [5, INF, INF, 1]
    # 90 % of the way from .55 to .80 is .775 and to .65 it is .64; the third has no gain at all
    assert list(table.epochs_to_gain[:3]) == [3, 2, INF] and np.isnan(table.epochs_to_gain[3])
    assert list(table.area) == pytest.approx([3.72 / 5, 0.66, 0.55, 0.9])
    assert list(table.gap[:3]) == pytest.approx([0.1, -0.05, -0.05]) and np.isnan(table.gap[3])
    assert list(table.test_at_train_85[:3]) == [0.79, INF, INF] and np.isnan(table.test_at_train_85[3])
    assert list(table.test_at_train_90[:3]) == [0.8, INF, INF]
    assert list(table.batch_ms) == pytest.approx([1000 * 5 / (5 * 51)] * 4)


@pytest.mark.pure
def test_the_time_of_a_batch_is_unknown_if_an_epoch_is_not_one_pass() -> None:
    curves = pd.DataFrame({"cell": "a", "seed": [0, 1], "epoch": 1, "test_acc": 0.8, "train_acc": 0.8})
    runs = pd.DataFrame({"cell": "a", "seed": [0, 1], "fit_seconds": 5.0, "train_pairs": 1000, "batch_size": 20})
    table = outcomes(runs.assign(max_steps=[np.nan, 100]), curves)
    assert table.batch_ms[0] == 100 and np.isnan(table.batch_ms[1])


def compared(outcome: str, plus: list[float], minus: list[float]) -> pd.Series:
    """Return the row of `convergence` of an outcome of AL4 and WS3 by seed."""
    runs = pd.DataFrame({"model": "ws3", "head": "mlp", "lr": 1e-3, "aux": [True] * len(plus) + [False] * len(minus)})
    grid_of = Grid(runs.assign(cell=runs.aux.astype(str), seed=[*range(len(plus)), *range(len(minus))]))
    return of_outcome(grid_of, claim_contrasts(grid_of), outcome, pd.Series(plus + minus)).iloc[0]


@pytest.mark.pure
def test_a_censored_run_has_no_mean_but_a_sign() -> None:
    full = compared("epochs_to_75", [3, 4, 5], [5, 7, 9])
    # -2 -3 -4: mean -3, std 1, half-width 4.302653 / sqrt(3)
    assert (full["mean"], full["ci_high"]) == pytest.approx((-3, -3 + 4.302653 / 3**0.5))
    assert (full["less"], full["more"], full["p_sign"], full["plus"]) == (3, 0, 0.25, 4)
    censored = compared("epochs_to_75", [3, 4, 5, INF], [5, INF, 4, INF])
    assert censored[["plus", "minus", "mean", "p"]].isna().all()
    assert (censored["reached_plus"], censored["reached_minus"], censored["n"]) == (3, 2, 4)
    assert (censored["less"], censored["more"], censored["p_sign"]) == (2, 1, 1)


@pytest.mark.pure
def test_at_a_training_accuracy_only_seeds_that_reach_it_on_both_sides_count() -> None:
    row = compared("test_at_train_85", [0.80, 0.82, INF, 0.9], [0.79, 0.79, 0.7, INF])
    assert (row["n"], row["reached_plus"], row["reached_minus"]) == (2, 3, 3)
    assert row["mean"] == pytest.approx(0.02) and (row["less"], row["more"]) == (0, 2)
    nobody = compared("test_at_train_85", [INF, INF], [0.7, 0.8])
    assert nobody["n"] == 0 and np.isnan(nobody["mean"])


def test_contrasts_of_curves_are_paired_by_seed(tmp_path: Path) -> None:
    runs = Results.load([sweep(tmp_path, lambda **_: 0.8, model=("ws1", "ws3"), seed=range(2))]).runs
    curves = pd.concat(
        [
            curve(runs, "WS1", 0, [0.6, 0.7, 0.76, 0.78], [0.6, 0.8, 0.86, 0.9]),
            curve(runs, "WS1", 1, [0.6, 0.7, 0.7, 0.76], [0.6, 0.8, 0.84, 0.86]),
            curve(runs, "WS3", 0, [0.7, 0.76, 0.78, 0.8], [0.7, 0.8, 0.85, 0.88]),
            curve(runs, "WS3", 1, [0.76, 0.77, 0.78, 0.79], [0.7, 0.86, 0.9, 0.9]),
        ]
    )
    table = convergence(runs, outcomes(runs, curves)).set_index("outcome")
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


def test_curves_at_equal_rates(tmp_path: Path) -> None:
    rates: dict[str, Any] = {"lr": (1e-3, 2e-3), "aux": (False, True), "seed": range(2)}
    sweep(tmp_path, lambda aux, seed, **_: 0.9 + 0.01 * seed if aux else 0.8, model=["ws3"], **rates)
    results = Results.load([tmp_path])
    table = convergence(results.runs, outcomes(results.runs, results.metrics.reindex(columns=list(CURVE))))
    area = table[table.outcome == "area"]
    assert list(zip(area.effect, area.lr, strict=True)) == [("AL4 − WS3", 0.001), ("AL4 − WS3", 0.002)]
    # all curves are test_acc - .1 / epoch, so the areas differ by .10 and .11
    assert list(area["mean"]) == pytest.approx([0.105, 0.105])


def test_a_report_keeps_the_curves_of_its_runs(tmp_path: Path) -> None:
    sweep = grid(tmp_path)
    results = Results.load([sweep])
    files = output.report_files(results, sections(results))
    table = parts(results, "Convergence")[0]
    headings = [column.heading for column in table.columns]
    assert headings[:5] == ["cell", "n", "epochs to .75", "to .80", "to 90 % of its gain"]
    assert "gap" not in headings  # this sweep has no training accuracies
    # the curves of WS1 are .70 .75 .767, .72 .77 .787 and .71 .76 .777: .75 in epoch 2, never .80; 90 % of the way
    # from .55 to the last accuracy is .745, .763 and .754
    assert table.rows[0][:5] == ["WS1", "3", "2.0", "0 of 3", "2.0"]
    output.write(sweep / "report", files)
    table = pd.read_csv(sweep / "report/seed_curves.csv")
    assert list(table) == ["cell", "seed", "epoch", "train_acc", "val_acc", "test_acc"] and len(table) == 12 * 3
    for folder in sweep.glob("model=*"):
        shutil.rmtree(folder)
    again = output.report_files(Results.load([sweep]), sections(Results.load([sweep])))
    for name in ("seed_curves.csv", "convergence.csv"):
        assert again[name] == files[name]
    (sweep / "report/seed_curves.csv").unlink()  # a report of an earlier version
    assert "Convergence" not in [content.title for content in sections(Results.load([sweep]))]


def test_runs_without_a_curve_have_no_outcome(tmp_path: Path) -> None:
    results = Results.load([grid(tmp_path)])
    curves = results.metrics.reindex(columns=list(CURVE))
    some = curves[curves.seed != 2]
    table = outcomes(results.runs, some)
    assert len(table) == 8 and {*table.seed} == {0, 1}
    assert {*convergence(results.runs, table).n.dropna()} <= {0, 2}
    none = outcomes(results.runs, some.iloc[:0])
    assert none.empty and convergence(results.runs, none).empty
    assert convergence_section.difference(
        {"outcome": "area", "mean": np.nan, "less": 1, "more": 0, "n": 2, "p_sign": 1.0}
    )


def test_a_run_evaluated_only_at_its_end_has_no_outcome(tmp_path: Path) -> None:
    """The first epoch at an accuracy is unknown unless every epoch was evaluated."""
    record(tmp_path, "ws3", 0.9)
    runs = Results.load([tmp_path]).runs
    whole = curve(runs, "WS3", 0, [0.6, 0.8, 0.9], [0.7, 0.8, 0.9])
    assert len(outcomes(runs, whole)) == 1
    assert outcomes(runs, whole.tail(1)).empty and outcomes(runs, whole.iloc[::2]).empty
