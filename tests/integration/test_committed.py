"""Tests of the committed reports: rows trained again, which detect changed dependencies, and the selected rates."""

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Run

import digitcmp
from digitcmp.report.results import Results
from digitcmp.report.sections.rates import selection

ROWS = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").set_index("config_hash")


@pytest.mark.parametrize(
    ("model", "aux", "accuracy", "loss"),
    [
        ("fcnn3", False, 0.002, 0.005),  # seeds 0 and 1 are equal to the last digit on all processors tried
        ("ws3", True, 0.013, None),  # the largest change of a table1 run between two processors and versions of torch
    ],
)
def test_a_committed_row(tmp_path: Path, model: str, aux: bool, accuracy: float, loss: float | None) -> None:
    """Seed 0 has the committed accuracies within `accuracy` and the committed losses within the relative `loss`."""
    result = digitcmp.train(f"model={model}", aux=aux, seed=0, folder=tmp_path)
    row = ROWS.loc[result["config_hash"]]
    for split in ("val", "test"):
        assert result[f"{split}_acc"] == pytest.approx(row[f"{split}_acc"], abs=accuracy)
        assert loss is None or result[f"{split}_loss"] == pytest.approx(row[f"{split}_loss"], rel=loss)


@pytest.mark.parametrize(
    ("search", "experiment"),
    [
        ("lr_search", "table1_tuned"),
        ("lr_search", "table1_tuned_fresh"),
        ("transfer_rates", "transfer"),
        ("transfer_fresh_rates", "transfer_fresh"),
        ("tasks_rates", "tasks_tuned"),
    ],
)
def test_an_experiment_has_the_rates_that_its_search_selects(search: str, experiment: str, train: Run) -> None:
    """Cells are compared without `val_pairs` and `resplit`, in which a search may differ."""
    results = Results.load([ROOT / "multirun" / search])
    rates = results.cells.set_index("cell").lr
    selected = {cell for row in selection(results).itertuples() for cell in row.cells if rates[cell] == row.lr}
    lines = train(f"experiment={experiment}", "dry_run=true").stdout.splitlines()
    cells = {word for line in lines for word in line.split() if word.startswith("model=")}
    assert {*map(without_pairs, cells)} == {*map(without_pairs, selected)}


def without_pairs(cell: str) -> str:
    """Return the name of a cell without `val_pairs` and `resplit`."""
    return re.sub(r",(val_pairs=\d+|resplit=true)", "", cell)
