"""Tests of the convergence of each run against hand computations."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from records import grid, parts, record

from digitcmp.report.contrasts.convergence import batch_time, compare, convergence, of_curve, outcomes, sign_test
from digitcmp.report.pages import output
from digitcmp.report.results import Results
from digitcmp.report.sections import convergence as convergence_section
from digitcmp.report.sections import sections

EPOCH = np.arange(1.0, 6)
INF = np.inf


def curve(runs: pd.DataFrame, label: str, seed: int, test: list[float], train: list[float]) -> pd.DataFrame:
    """Return the rows of a run in seed_curves.csv."""
    cell = runs.cell[runs.label == label].iloc[0]
    rows = {"cell": cell, "seed": seed, "epoch": range(1, len(test) + 1), "train_acc": train, "val_acc": 0.5}
    return pd.DataFrame(rows | {"test_acc": test})


@pytest.mark.pure
def test_outcomes_of_a_curve_by_hand() -> None:
    test, train = np.array([0.6, 0.75, 0.79, 0.78, 0.8]), np.array([0.55, 0.7, 0.86, 0.84, 0.9])
    row = of_curve(EPOCH, train, test, 0.55)
    assert (row["epochs_to_75"], row["epochs_to_80"]) == (2, 5)
    # from .55 to .80: 90 % of the way is .775
    assert row["epochs_to_gain"] == 3
    assert row["area"] == pytest.approx(3.72 / 5) and row["gap"] == pytest.approx(0.1)
    assert (row["test_at_train_85"], row["test_at_train_90"]) == (0.79, 0.8)


@pytest.mark.pure
def test_what_is_not_reached_is_not_an_epoch() -> None:
    row = of_curve(EPOCH, np.full(5, 0.6), np.array([0.6, 0.65, 0.7, 0.7, 0.65]), 0.55)
    assert {row[key] for key in ("epochs_to_75", "epochs_to_80", "test_at_train_85", "test_at_train_90")} == {INF}
    assert row["epochs_to_gain"] == 2  # 90 % of its gain of .1 is reached at .64
    collapsed = of_curve(EPOCH, np.full(5, 0.5), np.full(5, 0.55), 0.55)
    assert collapsed["epochs_to_gain"] == INF  # no gain at all
    unknown = of_curve(EPOCH, np.full(5, np.nan), np.full(5, 0.9), np.nan)
    assert np.isnan([unknown[key] for key in ("epochs_to_gain", "gap", "test_at_train_85")]).all()


@pytest.mark.pure
def test_evaluated_every_second_epoch() -> None:
    row = of_curve(np.array([2.0, 4.0]), np.array([0.8, 0.9]), np.array([0.7, 0.8]), 0.55)
    assert (row["epochs_to_75"], row["test_at_train_85"]) == (4, 0.8)


@pytest.mark.pure
def test_the_sign_test_by_hand() -> None:
    # 0 of 5: 2 / 32; 1 of 5: 2 * 6 / 32; an even split and no differences: 1
    assert [sign_test(5, 0), sign_test(1, 4), sign_test(2, 2), sign_test(0, 0)] == pytest.approx([1 / 16, 3 / 8, 1, 1])


@pytest.mark.pure
def test_a_censored_run_has_no_mean_but_a_sign() -> None:
    full = compare("epochs_to_75", np.array([3.0, 4.0, 5.0]), np.array([5.0, 7.0, 9.0]))
    # -2 -3 -4: mean -3, std 1, half-width 4.302653 / sqrt(3)
    assert (full["mean"], full["ci_high"]) == pytest.approx((-3, -3 + 4.302653 / 3**0.5))
    assert (full["less"], full["more"], full["p_sign"]) == (3, 0, 0.25)
    censored = compare("epochs_to_75", np.array([3.0, 4.0, 5.0, INF]), np.array([5.0, INF, 4.0, INF]))
    assert "mean" not in censored and "p" not in censored
    assert (censored["reached_plus"], censored["reached_minus"], censored["n"]) == (3, 2, 4)
    assert (censored["less"], censored["more"], censored["p_sign"]) == (2, 1, 1)


@pytest.mark.pure
def test_at_a_training_accuracy_only_seeds_that_reach_it_on_both_sides_count() -> None:
    row = compare("test_at_train_85", np.array([0.80, 0.82, INF, 0.9]), np.array([0.79, 0.79, 0.7, INF]))
    assert (row["n"], row["reached_plus"], row["reached_minus"]) == (2, 3, 3)
    assert row["mean"] == pytest.approx(0.02) and (row["less"], row["more"]) == (0, 2)
    nobody = compare("test_at_train_85", np.array([INF, INF]), np.array([0.7, 0.8]))
    assert nobody["n"] == 0 and "mean" not in nobody


@pytest.mark.pure
def test_the_time_of_a_batch() -> None:
    run = {"fit_seconds": 5.0, "train_pairs": 1010, "batch_size": 20, "max_steps": None}
    assert batch_time(run, 25) == pytest.approx(1000 * 5 / (25 * 51))
    assert np.isnan(batch_time(run | {"max_steps": 100}, 25))
    assert not np.isnan(batch_time(run | {"max_steps": np.nan}, 25))


def test_contrasts_of_curves_are_paired_by_seed(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "ws1", 0.8, seed=seed)
        record(tmp_path, "ws3", 0.8, seed=seed)
    runs = Results.load([tmp_path]).runs
    curves = pd.concat(
        [
            curve(runs, "WS1", 0, [0.6, 0.7, 0.76, 0.78], [0.6, 0.8, 0.86, 0.9]),
            curve(runs, "WS1", 1, [0.6, 0.7, 0.7, 0.76], [0.6, 0.8, 0.84, 0.86]),
            curve(runs, "WS3", 0, [0.7, 0.76, 0.78, 0.8], [0.7, 0.8, 0.85, 0.88]),
            curve(runs, "WS3", 1, [0.76, 0.77, 0.78, 0.79], [0.7, 0.86, 0.9, 0.9]),
        ]
    )
    table = convergence(runs, curves).set_index("outcome")
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
    for seed in range(2):
        for lr in (1e-3, 2e-3):
            record(tmp_path, "ws3", 0.8, seed=seed, lr=lr)
            record(tmp_path, "ws3", 0.9 + 0.01 * seed, seed=seed, lr=lr, aux=True)
    results = Results.load([tmp_path])
    table = convergence(results.runs, convergence_section.seed_curves(results))
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
    curves = convergence_section.seed_curves(results)
    some = curves[curves.seed != 2]
    table = outcomes(results.runs, some)
    assert len(table) == 8 and {*table.seed} == {0, 1}
    assert {*convergence(results.runs, some).n.dropna()} <= {0, 2}
    assert outcomes(results.runs, some.iloc[:0]).empty and convergence(results.runs, some.iloc[:0]).empty
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
