"""Tests of the effects at equal learning rates, against hand computations and the committed search."""

from pathlib import Path

import pandas as pd
import pytest
import scipy.stats
from conftest import ROOT
from records import parts, record

from digitcmp.report.contrasts.accuracy_effects import equal_rates
from digitcmp.report.figures import save
from digitcmp.report.results import Results


def test_effects_at_each_common_rate(tmp_path: Path) -> None:
    """AL4 - WS3 is -.01 and .00 at rate .0005, .02 and .03 at .001. Only WS3 has rate .002, only AL4 rate .004."""
    for seed in range(2):
        for lr, more in ((5e-4, -0.01), (1e-3, 0.02)):
            record(tmp_path, "ws3", 0.8, seed=seed, lr=lr)
            record(tmp_path, "ws3", 0.8 + more + 0.01 * seed, seed=seed, lr=lr, aux=True)
        record(tmp_path, "ws3", 0.8, seed=seed, lr=2e-3)
        record(tmp_path, "ws3", 0.9, seed=seed, lr=4e-3, aux=True)
    results = Results.load([tmp_path])
    assert list(results.effects[results.effects.family == "auxiliary loss"].refused) == [
        "ambiguous: several learning rates for one network"
    ]
    table = equal_rates(results.grid)
    assert list(table) == ["family", "effect", "lr", "n", "mean", "ci_low", "ci_high", "p", "p_holm", "refused"]
    assert list(table[["family", "effect", "lr", "n"]].itertuples(index=False, name=None)) == [
        ("auxiliary loss", "AL4 − WS3", 0.0005, 2),
        ("auxiliary loss", "AL4 − WS3", 0.001, 2),
    ]
    assert list(table["mean"]) == pytest.approx([-0.005, 0.025])
    # both have std .00707 over two seeds: half-width 12.7062 * .005; t is 1 and 5 with one degree of freedom
    assert list(table.ci_high - table["mean"]) == pytest.approx([0.063531] * 2, abs=1e-6)
    assert list(table.p) == pytest.approx([0.5, 0.12567], abs=1e-5)
    assert list(table.p_holm) == pytest.approx([0.5, 0.25133], abs=1e-5)
    table, _, figure, *_ = parts(results, "Equal learning rates")
    assert table.rows[1] == ["0.001", "+0.025 [-0.039, +0.089] †"]
    assert figure.name == "equal_rates" and save(figure.draw)["svg"]


def test_one_rate_each_is_no_equal_rate(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "ws3", 0.8, seed=seed, lr=1e-3)
        record(tmp_path, "ws3", 0.9, seed=seed, lr=1e-3, aux=True)
        record(tmp_path, "ws1", 0.9, seed=seed, lr=2e-3, aux=True)
    assert equal_rates(Results.load([tmp_path]).grid).empty


def test_other_settings_are_told_apart_and_missing_runs_named(tmp_path: Path) -> None:
    for seed in range(2):
        for lr in (1e-3, 2e-3):
            for epochs in (25, 50):
                for aux in (False, True):
                    gone = lr == 2e-3 and epochs == 50 and aux and seed
                    accuracy = None if gone else 0.8 + 0.01 * seed * aux + 0.05 * aux
                    record(tmp_path, "ws3", accuracy, seed=seed, lr=lr, aux=aux, epochs=epochs)
    results = Results.load([tmp_path])
    table = equal_rates(results.grid)
    measured = table[table.refused.isna()]
    assert list(zip(measured.effect, measured.lr, strict=True)) == [
        ("AL4 − WS3", 0.001),
        ("AL4 − WS3", 0.002),
        ("AL4 − WS3 epochs=50", 0.001),
    ]
    [lines] = [part for part in parts(results, "Equal learning rates") if isinstance(part, list)]
    [line] = lines
    assert line.startswith("no statistics for AL4 − WS3 epochs=50 at lr=0.002: missing runs: AL4")
    assert line.endswith("lacks seed=1")


def test_the_committed_search_has_effects_at_equal_rates() -> None:
    table = equal_rates(Results.load([ROOT / "multirun/table1_tuned/rates"]).grid)
    table = table.set_index(["effect", "lr"])
    runs = pd.read_csv(ROOT / "multirun/table1_tuned/rates/report/runs.csv")
    for lr in (5e-5, 8e-3):
        at_rate = runs[runs.lr == lr].pivot(index="seed", columns="label", values="test_acc")
        test = scipy.stats.ttest_rel(at_rate.AL4, at_rate.WS3)
        row = table.loc["AL4 − WS3", lr]
        assert (row["mean"], row.p) == pytest.approx(((at_rate.AL4 - at_rate.WS3).mean(), test.pvalue))
    assert {*table.index.get_level_values("effect")} >= {"AL1 − FCNN3", "AL4 − AL2", "WS3 − WS1"}
