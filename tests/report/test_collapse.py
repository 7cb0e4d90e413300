"""Tests of the table of cells: collapsed runs and the head's loss."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from records import record

from digitcmp.report.loading.loader import read_csv
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy as accuracy_section
from digitcmp.report.sections import sections


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
