"""Tests of collapsed runs and of the head's loss against hand computations."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from records import record

from digitcmp.report.loading.loader import read_csv
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy as accuracy_section
from digitcmp.report.sections import sections
from digitcmp.report.statistics.collapse import base_rate, collapsed


def runs(*accuracies: float, test_pairs: int = 1000, **columns: object) -> pd.DataFrame:
    """Return runs of one cell."""
    return pd.DataFrame({"cell": "a", "test_acc": accuracies, "test_pairs": test_pairs, **columns})


@pytest.mark.pure
def test_a_run_at_the_base_rate_collapsed() -> None:
    # .55 + 3 sqrt(.55 * .45 / 1000) = .55 + 3 * .015732 = .597197
    assert list(collapsed(runs(0.548, 0.597, 0.598))) == [True, True, False]
    # with 100 pairs the standard error is .049749 and the limit .699247
    assert list(collapsed(runs(0.699, 0.7, test_pairs=100))) == [True, False]


@pytest.mark.pure
def test_the_recorded_base_rate_counts() -> None:
    # .9 + 3 sqrt(.09 / 1000) = .928460
    assert list(collapsed(runs(0.901, 0.928, 0.929, task="same", majority=0.9))) == [True, True, False]
    assert list(collapsed(runs(0.901, 0.94, task="same"))) == [True, False]  # .9 for ten classes
    assert list(collapsed(runs(0.6, 0.61, task="unknown"))) == [False, False]  # its base rate is unknown
    table = runs(0.6, 0.6, 0.6, 0.6).assign(task=[None, "leq", "same", "mine"], majority=[None, 0.56, None, None])
    assert list(base_rate(table).round(2).fillna(-1)) == [0.55, 0.56, 0.9, -1]


@pytest.mark.pure
def test_a_run_far_below_its_cell_collapsed() -> None:
    # the median is .82 and that of the deviations 0 .01 .01 .02 .146 is .01; the standard error is larger,
    # sqrt(.82 * .18 / 1000) = .012149, so the limit is .82 - 5 * .012149 = .82 - .060745
    assert list(collapsed(runs(0.82, 0.81, 0.83, 0.84, 0.674))) == [False] * 4 + [True]
    assert not collapsed(runs(0.82, 0.81, 0.83, 0.84, 0.76)).any()  # .060 below
    assert collapsed(runs(0.82, 0.81, 0.83, 0.84, 0.759)).sum() == 1
    # with 298 test pairs the standard error is .0219: .08 < 5 * .0219; then a cell with a large spread
    assert not collapsed(runs(0.828, 0.828, 0.828, 0.748, test_pairs=298)).any()
    assert not collapsed(runs(0.7, 0.75, 0.8, 0.85, 0.9)).any()
    # with 100,000 pairs the standard error is small and the limit is a drop of .05
    assert not collapsed(runs(0.9, 0.9, 0.9, 0.851, test_pairs=100_000)).any()
    assert collapsed(runs(0.9, 0.9, 0.9, 0.849, test_pairs=100_000)).sum() == 1


@pytest.mark.pure
def test_cells_are_apart() -> None:
    table = pd.concat([runs(0.95, 0.95, 0.95), runs(0.85, 0.85).assign(cell="b")], ignore_index=True)
    assert not collapsed(table).any()


def test_collapsed_runs_are_counted_named_and_no_setting(tmp_path: Path) -> None:
    from digitcmp.report.pages import output

    for seed, accuracy in enumerate((0.82, 0.83, 0.81, 0.56)):
        record(tmp_path, "ws3", accuracy, seed=seed)
        record(tmp_path, "ws1", 0.8, seed=seed)
    results = Results.load([tmp_path])
    assert list(results.cells.collapsed) == [0, 1]
    table = accuracy_section.table(results)
    place = [column.heading for column in table.columns].index("collapsed")
    assert [row[place] for row in table.rows] == ["", "1 of 4"]
    [section] = [section for section in sections(results) if section.title == "Accuracy"]
    assert ["collapsed: WS3 seed 3 (0.560)"] in section.parts
    files = output.report_files(results, sections(results))
    output.write(tmp_path / "report", files)
    assert list(read_csv(tmp_path / "report/runs.csv").collapsed) == [False] * 7 + [True]
    for folder in tmp_path.glob("model=*"):
        shutil.rmtree(folder)
    again = Results.load([tmp_path])  # the column is derived again
    assert "collapsed" not in again.runs and list(again.cells.collapsed) == [0, 1]
    assert again.changed_settings == results.changed_settings


def test_the_heads_loss_by_hand(tmp_path: Path) -> None:
    """argmax_acc is .95 in every run: .05, .06 and .07 above the test accuracies .90, .89 and .88."""
    for seed in range(3):
        record(tmp_path, "ws3", 0.9 - 0.01 * seed, seed=seed, aux=True)
        record(tmp_path, "ws3", 0.8, seed=seed)
    record(tmp_path, "ws1", 0.9, aux=True)
    cells = Results.load([tmp_path]).cells.set_index("label")
    row = cells.loc["AL4"]
    half = 4.302653 * 0.01 / 3**0.5
    assert (row.head_loss, row.head_loss_low, row.head_loss_high) == pytest.approx((0.06, 0.06 - half, 0.06 + half))
    assert cells[["head_loss", "head_loss_low"]].loc["WS3"].isna().all()
    assert cells.head_loss["AL2"] == pytest.approx(0.05) and pd.isna(cells.head_loss_low["AL2"])
