"""Tests of the effects at equal rates and equal parameters, and of the selected values, by hand and by scipy."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from records import assert_scipys, load, parts, record

from digitcmp.report.figures import save
from digitcmp.report.pages import output
from digitcmp.report.sections import sections
from digitcmp.report.sections.effects import at_equal_parameters
from digitcmp.report.sections.rates import equal_rates
from digitcmp.runs.folder import SELECTION


def test_effects_at_each_common_rate(tmp_path: Path) -> None:
    """AL4 - WS3 is -.01 and .00 at rate .0005, .02 and .03 at .001. Only WS3 has rate .002, only AL4 rate .004."""
    for lr in (5e-4, 1e-3, 2e-3):
        record(tmp_path, "ws3", 0.8, 0.8, lr=lr)
    for lr, accuracy in ((5e-4, 0.79), (1e-3, 0.82), (4e-3, 0.9)):
        record(tmp_path, "ws3", accuracy, accuracy + 0.01, lr=lr, aux=True)
    record(tmp_path, "ws1", 0.9, 0.9, lr=3e-3)
    record(tmp_path, "ws1", 0.9, 0.9, lr=2e-3, aux=True)  # one rate each is no equal rate
    results = load(tmp_path)
    refused = results.effects.set_index("effect").refused
    assert refused["AL4 − WS3"] == "ambiguous: several learning rates for one network"
    table = equal_rates(results.grid)
    assert list(table) == ["family", "effect", "lr", "n", "mean", "ci_low", "ci_high", "p", "p_holm", "refused"]
    table = table[table.family == "auxiliary loss"]
    assert table[["effect", "lr", "n"]].to_numpy().tolist() == [["AL4 − WS3", 0.0005, 2], ["AL4 − WS3", 0.001, 2]]
    assert list(table["mean"]) == pytest.approx([-0.005, 0.025])
    # both have std .00707 over two seeds: half-width 12.7062 * .005; t is 1 and 5 with one degree of freedom
    assert list(table.ci_high - table["mean"]) == pytest.approx([0.063531] * 2, abs=1e-6)
    assert list(table.p) == pytest.approx([0.5, 0.12567], abs=1e-5)
    assert list(table.p_holm) == pytest.approx([0.5, 0.25133], abs=1e-5)
    table, _, figure, *_ = parts(results, "Equal learning rates")
    assert table.rows[1] == ["0.001", "+0.025 [-0.039, +0.089] †"]
    assert figure.name == "equal_rates" and save(figure.draw)["svg"]


def test_other_settings_are_told_apart_and_missing_runs_named(tmp_path: Path) -> None:
    for lr in (1e-3, 2e-3):
        for epochs in (25, 50):
            record(tmp_path, "ws3", 0.8, 0.8, lr=lr, epochs=epochs)
            gone = lr == 2e-3 and epochs == 50
            record(tmp_path, "ws3", 0.85, None if gone else 0.86, lr=lr, epochs=epochs, aux=True)
    results = load(tmp_path)
    table = equal_rates(results.grid)
    measured = table[table.refused.isna()]
    assert list(zip(measured.effect, measured.lr, strict=True)) == [
        ("AL4 − WS3", 0.001),
        ("AL4 − WS3", 0.002),
        ("AL4 − WS3 epochs=50", 0.001),
    ]
    [[line]] = [part for part in parts(results, "Equal learning rates") if isinstance(part, list)]
    assert line.startswith("no statistics for AL4 − WS3 epochs=50 at lr=0.002: missing runs: AL4")
    assert line.endswith("lacks seed=1")


def test_the_committed_search_has_effects_at_equal_rates() -> None:
    """The effects are computed again from the unrounded accuracies of runs.csv."""
    root = ROOT / "multirun/table1_tuned/rates"
    table = equal_rates(load(root).grid).set_index(["lr", "effect"])
    runs = pd.read_csv(root / "report/runs.csv")
    for lr in (5e-5, 8e-3):
        y = runs[runs.lr == lr].pivot(index="seed", columns="label", values="test_acc")
        pairs = [("AL1", "FCNN3"), ("AL4", "WS3"), ("WS3", "WS1"), ("AL4", "AL2")]
        expected = {f"{plus} − {minus}": y[plus] - y[minus] for plus, minus in pairs}
        assert_scipys(table.loc[lr].loc[list(expected)], expected)


def test_a_narrower_network_without_sharing_has_equal_parameters(tmp_path: Path) -> None:
    """WS2 has 103,841 parameters, FCNN3 with 250 units 103,851. WS2 - FCNN3 is .02 and .04: .03 +- .127.

    The plain effect of sharing, WS3 - WS1, is left out.
    """
    record(tmp_path, "ws1", 0.80, 0.81)
    record(tmp_path, "ws3", 0.80, 0.81)
    record(tmp_path, "ws2", 0.82, 0.85, params=103_841)
    record(tmp_path, "fcnn3", 0.81, 0.82, params=207_351)
    record(tmp_path, "fcnn3", 0.80, 0.81, hidden=250, params=103_851)
    record(tmp_path, "fcnn3", 0.80, 0.81, hidden=250, params=103_851, lr=3e-3)  # another rate
    record(tmp_path, "fcnn3", 0.80, 0.81, hidden=250, params=103_851, aux=True)  # another loss
    results = load(tmp_path)
    [row] = at_equal_parameters(results.grid, results.cells).to_dict("records")
    assert "WS2" in row["effect"] and "hidden=250" in row["effect"]
    assert (row["params"], row["params_unshared"], row["n"]) == (103_841, 103_851, 2)
    assert row["mean"] == pytest.approx(0.03)
    assert row["ci_high"] - row["mean"] == pytest.approx(12.7062 * 0.01, rel=1e-4)


def test_the_selected_values_with_their_neighbours(tmp_path: Path) -> None:
    """The report made from its CSV files, without the runs of both stages, has the same section."""
    root = tmp_path / "sweep"
    for model, lr in (("ws2", 1e-3), ("ws3", 4e-3)):
        record(root, model, 0.8, 0.8, lr=lr)
        record(root / "rates", model, 0.9, seed=20, lr=lr)
    (root / "rates" / SELECTION).write_text(
        "cell,option,value,val_acc,lower,lower_val_acc,upper,upper_val_acc,at_end,seeds\n"
        '"model=ws3,aux=false,lr=0.004",lr,0.004,0.7,0.002,0.6,,,True,20\n'
        '"model=ws2,aux=false,lr=0.001",lr,0.001,0.75,0.0005,0.74,0.002,0.71,False,20\n'
        '"model=ws1,aux=false,lr=0.001",lr,0.001,0.75,0.0005,0.74,0.002,0.71,False,20\n'  # no runs yet
    )
    results = load(root)
    assert len(results.runs) == 4
    table, note, *_ = parts(results, "Selected values")
    assert [column.heading for column in table.columns][1:3] == ["selected lr", "validation"]
    assert table.rows == [
        ["WS2", "0.001", "0.750", "0.740 at 0.0005", "0.710 at 0.002"],
        ["WS3", "0.004 (end)", "0.700", "0.600 at 0.002", ""],
    ]
    assert "on seeds 20, which" in note
    output.write(root / "report", output.report_files(results, sections(results)))
    shutil.move(root / "report", tmp_path / "copy")
    again, *_ = parts(load(tmp_path / "copy"), "Selected values")
    assert again.rows == table.rows
