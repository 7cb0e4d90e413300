"""Rows of the committed reports trained again: fails when a dependency has changed numbers."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

import digitcmp

ROWS = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").set_index("config_hash")


@pytest.mark.parametrize(
    ("model", "aux", "accuracy", "loss"),
    [
        ("fcnn3", False, 0.002, 0.005),  # rounds alike on the processors tried: seeds 0 and 1 to the last digit
        ("ws3", True, 0.013, None),  # the most that a run of table1 moved between two processors and versions of torch
    ],
)
def test_a_committed_row(tmp_path: Path, model: str, aux: bool, accuracy: float, loss: float | None) -> None:
    """Accuracies within so much of the committed ones, losses within such a part of them. Seed 0."""
    result = digitcmp.train(f"model={model}", aux=aux, seed=0, folder=tmp_path)
    row = ROWS.loc[result["config_hash"]]
    for split in ("val", "test"):
        assert result[f"{split}_acc"] == pytest.approx(row[f"{split}_acc"], abs=accuracy)
        assert loss is None or result[f"{split}_loss"] == pytest.approx(row[f"{split}_loss"], rel=loss)
