"""The report of a small made-up sweep: its tables, what it refuses and what it warns of."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from digitcmp import paper, runs
from digitcmp.config import cell_name, config_hash, defaults
from digitcmp.report import tables
from digitcmp.report.effects import FAMILIES, effects

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make('ws3', 0.9, seed=3)` writes a finished run with test accuracy 0.9 and validation accuracy 0.88."""

    def write(
        model: str, test_acc: float | None, sweep: str = "sweep", val_acc: float | None = None, **changes: Any
    ) -> Path:
        origin = {key: changes.pop(key) for key in ("git_commit", "versions", "device") if key in changes}
        settings = defaults() | {"model": model, "hidden": None, "lr": 1e-3, "seed": 0} | changes
        folder = tmp_path / sweep / cell_name(settings) / f"seed={settings['seed']}"
        (folder / "checkpoints").mkdir(parents=True)
        if test_acc is None:  # a run that was never finished
            return folder
        val_acc = test_acc - 0.02 if val_acc is None else val_acc
        rows = [f"{epoch},{test_acc - 0.1 / epoch},{val_acc - 0.1 / epoch}\n" for epoch in (1, 2, 3)]
        (folder / runs.METRICS).write_text("epoch,test_acc,val_acc\n" + "".join(rows))
        (folder / runs.CHECKPOINT).write_text("weights")
        aux = settings["aux"]
        result = settings | {
            "cell": cell_name(settings),
            "label": paper.label(model, aux, settings["head"]),
            "params": 1000,
            **dict.fromkeys(runs.SCORES, 0.5),
            "test_acc": test_acc,
            "val_acc": val_acc,
            "test_digit_acc": 0.9 if aux else None,
            "test_argmax_acc": 0.95 if aux else None,
            "fit_seconds": 2.0,
            **{"device": "cpu", "git_commit": "abc", "versions": "python 3, torch 2"},
            **origin,
            "config_hash": config_hash(settings),
        }
        runs.record(folder, result)
        return folder

    return write


@pytest.fixture
def grid(make: Make, tmp_path: Path) -> Path:
    """WS1, WS3, AL2 and AL4 x 3 seeds: sharing adds .03 on average, the auxiliary loss .1, both together .01 more."""
    for seed, base in enumerate((0.80, 0.82, 0.81)):
        noise = 0.001 * seed
        make("ws1", base, seed=seed, lr=8e-4)
        make("ws3", base + 0.029 + noise, seed=seed, lr=1.3e-3)
        make("ws1", base + 0.099 + noise, seed=seed, lr=8e-4, aux=True)
        make("ws3", base + 0.140 + noise, seed=seed, lr=2e-3, aux=True)
    return tmp_path / "sweep"


@pytest.fixture
def factorial(make: Make, tmp_path: Path) -> Path:
    """WS1 and WS3, with and without AL, ordinal head and augmentation, x 2 seeds, less what is in `without`.

    Sharing adds .01, AL .04 (.02 with the ordinal head), the ordinal head .06, augmentation .08; the second seed .003
    more in all, and its AL .002 more.
    """
    for shared, aux, ordinal, augment, seed in itertools.product((False, True), repeat=5):
        accuracy = 0.7 + 0.01 * shared + 0.04 * aux + 0.06 * ordinal + 0.08 * augment - 0.02 * aux * ordinal
        make(
            *("ws3" if shared else "ws1", accuracy + 0.003 * seed + 0.002 * seed * aux),
            **{"aux": aux, "head": "ordinal" if ordinal else "mlp", "augment": augment, "seed": int(seed)},
            **{"epochs": 50, "lr": 2e-3 if aux else 1e-3},
        )
    return tmp_path / "sweep"


def report(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "digitcmp.report", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"}, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_cells(grid: Path) -> None:
    table, missing, warnings = tables.load([grid])
    cells = tables.cells(table)
    assert not missing and not warnings
    assert list(cells.label) == ["WS1", "WS3", "AL2", "AL4"]
    assert list(cells)[:7] == ["label", "model", "head", "aux", "lr", "train_pairs", "n"]
    ws1 = cells.iloc[0]
    assert (ws1.n, ws1.test_acc_mean, ws1.test_acc_std) == (3, pytest.approx(0.81), pytest.approx(0.01))
    assert (ws1.ci_low, ws1.ci_high) == pytest.approx((0.81 - 0.0248414, 0.81 + 0.0248414))
    assert (ws1.val_acc_mean, ws1.paper_mean, ws1.paper_std) == (pytest.approx(0.79), 0.827, 0.014)
    assert np.isnan(ws1.test_digit_acc_mean) and cells.test_argmax_acc_mean[3] == pytest.approx(0.95)


def test_effects_against_the_claims(grid: Path) -> None:
    table, missing, _ = tables.load([grid])
    found = effects(table, missing).set_index("effect")
    assert set(found.index) == {"AL2 − WS1", "AL4 − WS3", "WS3 − WS1", "AL4 − AL2", "(AL4 − WS3) − (AL2 − WS1)"}
    assert found.loc["AL2 − WS1", "mean"] == pytest.approx(0.1)
    assert found.loc["AL2 − WS1", "verdict"] == "holds"
    assert found.loc["AL4 − WS3", "verdict"] == "does not hold (+0.111)"
    assert found.loc["WS3 − WS1", "verdict"] == "holds"
    assert found.loc["AL4 − AL2", "verdict"] == "does not hold (+0.041)"
    interaction = found.loc["(AL4 − WS3) − (AL2 − WS1)"]
    assert (interaction["mean"], interaction.verdict) == (pytest.approx(0.011), "no claim")
    # WS3 - WS1: .029 .030 .031, std .001; two tests in the family, of which the other has p 0
    assert found.loc["WS3 − WS1", "p"] == pytest.approx(0.000370, rel=1e-2)
    assert found.loc["WS3 − WS1", "p_holm"] == found.loc["WS3 − WS1", "p"]


def test_effects_only_between_cells_equal_in_all_but_the_ingredient(make: Make, tmp_path: Path) -> None:
    for seed in range(2):
        make("ws3", 0.8, seed=seed, train_pairs=500)
        make("ws3", 0.9, seed=seed, aux=True)
        make("ws3", 0.7 + 0.01 * seed, seed=seed, train_pairs=250)
        make("ws3", 0.8, seed=seed, train_pairs=250, aux=True)
    found = effects(tables.load([tmp_path])[0])
    assert list(found.context) == ["train_pairs=250"]
    assert found["mean"][0] == pytest.approx(0.095)
    assert np.isnan(found.published[0])  # the paper trains on 1,000 pairs


def test_factorial_by_hand(factorial: Path) -> None:
    found = effects(tables.load([factorial])[0])
    found = found[found.family.isin(FAMILIES[:3])].set_index("effect")
    assert len(found) == 15 and list(found.index)[:5] == ["sharing", "AL", "ordinal", "augment", "sharing × AL"]
    assert set(found.context) == {"model=ws1/ws3,epochs=50"}
    expected = dict.fromkeys(found.index, 0.0) | {"sharing": 0.01, "augment": 0.08, "AL × ordinal": -0.02}
    expected |= {"ordinal": 0.05}  # .06 without AL, .04 with it
    expected |= {"AL": 0.031}  # .04 and .02 by head, and .002 for one of two seeds
    assert dict(found["mean"]) == pytest.approx(expected, abs=1e-9)
    low, high = found.ci_low["AL"], found.ci_high["AL"]  # .030 and .032: std .00141, t(.975, 1) = 12.706
    assert (low, high) == pytest.approx((0.031 - 0.012706, 0.031 + 0.012706), abs=1e-6)
    assert found.p["AL"] == pytest.approx(0.0205, abs=1e-4)
    assert found.p_holm["AL"] == found.p["AL"]  # the other three of the family have p 0
    assert list(found.loc[found.p == 1].index) == [name for name, mean in expected.items() if mean == 0]


def test_factorial_of_three_factors(factorial: Path) -> None:
    for folder in factorial.glob("*head=ordinal*"):
        shutil.rmtree(folder)
    found = effects(tables.load([factorial])[0])
    found = found[found.family.isin(FAMILIES[:3])].set_index("effect")
    assert len(found) == 7 and "ordinal" not in found.index
    assert found["mean"]["AL"] == pytest.approx(0.041)


def test_factorial_is_refused_where_a_cell_or_a_seed_is_missing(factorial: Path) -> None:
    table, missing, _ = tables.load([factorial])
    reasons = (
        "different seeds: AL2 and 14 more have 0 1, AL4+ordinal augmented has 1",
        "missing runs: no run of AL4+ordinal augmented is finished",  # nor planned
    )
    for seed, reason in enumerate(reasons):
        gone = table[(table.label == "AL4+ordinal") & table.augment.astype(bool) & (table.seed == seed)]
        table = table.drop(gone.index)
        found = effects(table, missing)
        found = found[found.family.isin(FAMILIES[:3])]
        assert len(found) == 15 and found["mean"].isna().all()
        assert set(found.refused) == {reason}
    folder = next(factorial.glob("model=ws3,aux=false,lr=0.001,augment=true,epochs=50/seed=1"))
    shutil.rmtree(folder)
    folder.mkdir()
    found = effects(*tables.load([factorial])[:2])
    assert set(found[found.family.isin(FAMILIES[:3])].refused) == {"missing runs: WS3 augmented lacks seed=1"}


def test_one_factor_at_a_time_is_no_factorial(make: Make, tmp_path: Path) -> None:
    for seed in range(2):
        for change in ({}, {"aux": True}, {"head": "ordinal"}, {"augment": True}):
            make("ws3", 0.8, seed=seed, **change)
    assert list(effects(tables.load([tmp_path])[0]).effect) == ["AL4 − WS3"]


def test_regularization(make: Make, tmp_path: Path) -> None:
    for seed, aux in itertools.product(range(2), (False, True)):
        make("ws3", 0.8 + 0.01 * seed, seed=seed, aux=aux)
        make("ws3", 0.83 + 0.01 * seed, seed=seed, aux=aux, regularization="dropout")
        make("ws3", 0.79 + 0.01 * seed, seed=seed, aux=aux, regularization="max_pool")
    make("ws2", 0.8, regularization="dropout")  # nothing to compare it with
    found = effects(tables.load([tmp_path])[0])
    found = found[found.family == "regularization"].set_index("effect")
    assert list(found.index) == ["WS3 dropout − WS3", "WS3 max_pool − WS3", "AL4 dropout − AL4", "AL4 max_pool − AL4"]
    assert list(found["mean"]) == pytest.approx([0.03, -0.01, 0.03, -0.01])


def test_pairs(make: Make, tmp_path: Path) -> None:
    for pairs, epochs in ((62, 300), (8000, 3), (1000, 24)):
        for seed in range(2):
            make("ws3", 0.9 - 10 / pairs + 0.01 * seed, train_pairs=pairs, epochs=epochs, seed=seed)
            make("ws3", 0.95 - 10 / pairs, train_pairs=pairs, epochs=epochs, head="ordinal", ema=0.99, seed=seed)
        make("ws2", 0.9, train_pairs=pairs)
        make("ws2", 0.9, train_pairs=pairs, epochs=50)  # two lengths at each number: no series
    make("ws1", 0.9)  # a single number of pairs
    pairs = tables.pairs(tables.cells(tables.load([tmp_path])[0]))
    assert list(pairs.series) == ["WS3"] * 3 + ["WS3+ordinal"] * 3
    assert list(pairs.train_pairs) == [62, 1000, 8000] * 2
    text = tables.pairs_text(pairs)
    assert list(text) == ["pairs", "WS3", "WS3+ordinal"]
    assert list(text.iloc[1]) == ["1,000", "0.895 ± 0.007", "0.940 ± 0.000"]
    report(tmp_path, "--out", tmp_path / "out")
    assert "| 1,000 | 0.895 ± 0.007 | 0.940 ± 0.000 |" in (tmp_path / "out" / "report.md").read_text()
    assert (tmp_path / "out" / "pairs.svg").exists()


def test_cells_of_one_label_are_told_apart_by_their_own_settings(make: Make, tmp_path: Path) -> None:
    for more in ({}, {"ensemble": 3, "tta": True}):
        make("convnet", 0.991, aux=True, head="ordinal", augment=True, re_pair=True, epochs=128, **more)
        make("convnet", 0.987, head="ordinal", augment=True, bins=30, epochs=192, **more)
    make("ws3", 0.8, normalize=False)
    cells = tables.cells(tables.load([tmp_path])[0])
    own = ["convnet+ordinal", "convnet+ordinal ensemble=3, tta"]
    assert tables.names(cells) == ["WS3", *own, *(name.replace("+", "+AL+", 1) for name in own)]
    text = tables.cells_text(cells)
    assert list(text.ensemble) == ["1", "1", "3", "1", "3"]
    assert list(text.tta) == ["false", "false", "true", "false", "true"]
    assert list(text["test accuracy"]) == ["0.800", "0.9870", "0.9870", "0.9910", "0.9910"]


def test_others_stand_beside_results_in_their_reach(make: Make, tmp_path: Path) -> None:
    make("ws3", 0.923, aux=True, sweep="paper")
    make("convnet", 0.99, sweep="other", dataset="kmnist")
    assert tables.others(tables.cells(tables.load([tmp_path])[0])).empty
    make("convnet", 0.95, sweep="beyond")
    others = tables.others(tables.cells(tables.load([tmp_path])[0]))
    assert list(others.work) == [*paper.OTHERS, "the paper's AL4"]
    assert list(tables.others_text(others)["test accuracy"])[::5] == ["0.9826 ± 0.0034", "0.914 ± 0.015"]
    report(tmp_path / "beyond")
    text = (tmp_path / "beyond" / "report" / "report.md").read_text()
    assert "| puckvg/EE-559-Team: shared LeNet" in text


def test_the_command_names_the_seeds_that_are_not_the_experiments(make: Make, tmp_path: Path) -> None:
    for seed in range(11):
        make("ws3", 0.8, sweep="table1", seed=seed)
        if seed in (9, 10):
            report(tmp_path / "table1")
            line = "`python train.py -m experiment=table1" + (" 'seed=range(11)'`" if seed == 10 else "`")
            assert line in (tmp_path / "table1" / "report" / "report.md").read_text()


def test_the_commands_of_several_sweeps_name_their_own_seeds(make: Make, tmp_path: Path) -> None:
    for seed in (0, 1, 4):
        make("ws3", 0.8, sweep="table1", seed=seed)
    for seed in range(10):
        make("ws3", 0.8, sweep="authors", seed=seed, normalize=False)
    report(tmp_path / "table1", tmp_path / "authors")
    text = (tmp_path / "table1" / "report" / "report.md").read_text()
    assert "`python train.py -m experiment=table1 'seed=0,1,4'`" in text
    assert "`python train.py -m experiment=authors`" in text


def test_later_evaluations_have_a_table(make: Make, tmp_path: Path) -> None:
    for seed, accuracy in ((0, 0.8), (1, 0.9)):
        folder = make("ws3", 0.7, seed=seed)
        crc = runs.read_result(folder)["checkpoint_crc"]  # type: ignore[index]
        for name, own, checkpoint in (("a", accuracy, crc), ("b", 0.1, "another")):
            result = {
                "checkpoint_crc": checkpoint,
                "dataset": "mnist",
                "test_pairs": 5000,
                "seed": seed,
                "tta": True,
                "test_acc": own,
            }
            (folder / f"evaluation,{name}.json").write_text(json.dumps(result))
            if name == "a":  # other pairs are another task; a damaged file spoils no report
                other = json.dumps(result | {"seed": 100, "test_acc": 0.6})
                (folder / "evaluation,A.json").write_text(other)
                (folder / "evaluation,c.json").write_text("{")
    report(tmp_path / "sweep")
    text = (tmp_path / "sweep" / "report" / "report.md").read_text()
    assert "| WS3 | mnist | 5,000 | true | 2 | 0.850 ± 0.071 | [0.215, 1.485] |" in text
    assert "| WS3 | mnist, pairs of seed 100 | 5,000 | true | 2 | 0.600 ± 0.000 |" in text
    table = pd.read_csv(tmp_path / "sweep" / "report" / "evaluations.csv")
    own = table[table.own_pairs]
    assert own[["run_seed", "test_acc"]].to_numpy().tolist() == [[0, 0.8], [1, 0.9]]


def test_one_width_of_each_network_is_no_figure5(make: Make, tmp_path: Path) -> None:
    for model, batch_size in (("fcnn1", 10), ("fcnn1", 40), ("ws2", 40)):
        make(model, 0.8, hidden=300, batch_size=batch_size)
    report(tmp_path / "sweep")
    assert not (tmp_path / "sweep" / "report" / "figure5.svg").exists()


def test_refused_where_seeds_differ(make: Make, tmp_path: Path) -> None:
    for seed in (0, 1):
        make("ws3", 0.8, seed=seed)
    for seed in (0, 2):
        make("ws3", 0.9, seed=seed, aux=True)
    found = effects(tables.load([tmp_path])[0])
    assert list(found.refused) == ["different seeds: AL4 has 0 2, WS3 has 0 1"]
    assert found[["n", "mean", "p", "p_holm"]].isna().all(axis=None)
    assert tables.refusals(found) == ["no statistics for AL4 − WS3: different seeds: AL4 has 0 2, WS3 has 0 1"]


def test_refused_for_a_single_seed(make: Make, tmp_path: Path) -> None:
    make("ws3", 0.8)
    make("ws3", 0.9, aux=True)
    assert list(effects(tables.load([tmp_path])[0]).refused) == ["n = 1: an interval needs at least 2 seeds"]


def test_refused_while_runs_are_missing(make: Make, tmp_path: Path) -> None:
    for seed in range(3):
        make("ws3", 0.8 if seed < 2 else None, seed=seed)
        make("ws3", 0.9 if seed < 2 else None, seed=seed, aux=True)
        make("ws2", 0.8 + 0.01 * seed, seed=seed)
        make("fcnn3", None, seed=seed)
    table, missing, _ = tables.load([tmp_path])
    assert len(missing) == 5
    refused = effects(table, missing).set_index("effect").refused
    assert refused["AL4 − WS3"] == "missing runs: AL4 lacks seed=2"
    assert refused["WS2 − FCNN3"] == "missing runs: no run of FCNN3 is finished"


def test_refused_where_the_rate_is_ambiguous(make: Make, tmp_path: Path) -> None:
    for seed in range(2):
        make("ws3", 0.8, seed=seed)
        make("ws3", 0.9, seed=seed, aux=True)
        make("ws3", 0.9, seed=seed, aux=True, lr=2e-3)
    assert list(effects(tables.load([tmp_path])[0]).refused) == ["ambiguous: several learning rates for one network"]


def test_a_damaged_run_is_missing(grid: Path) -> None:
    folder = next(grid.glob("*/seed=1"))
    (folder / runs.METRICS).write_text("cut off")
    table, missing, _ = tables.load([grid])
    assert missing == [folder] and len(table) == 11


def test_a_run_found_twice_counts_once(make: Make, tmp_path: Path) -> None:
    for sweep in ("one", "two"):
        make("ws3", 0.9, sweep=sweep)
    make("ws3", None, sweep="two", seed=1)
    make("ws3", 0.8, sweep="one", seed=1)
    table, missing, warnings = tables.load([tmp_path / "one", tmp_path / "two"])
    assert len(table) == 2 and not warnings
    assert not missing  # seed=1 is finished in the other folder


def test_different_results_of_one_run_are_said(make: Make, tmp_path: Path) -> None:
    make("ws3", 0.9, sweep="one")
    make("ws3", 0.8, sweep="two")
    table, _, warnings = tables.load([tmp_path])
    assert list(table.test_acc) == [0.9]
    assert len(warnings) == 1 and "different results" in warnings[0]
    assert "0.9000" in warnings[0] and "0.8000" in warnings[0]


def test_mixed_versions_commits_and_devices_are_said(make: Make, tmp_path: Path) -> None:
    make("ws3", 0.9, versions="torch 1")
    make("ws3", 0.9, seed=1, versions="torch 2", git_commit="abc-dirty", device="cuda:0")
    warnings = "\n".join(tables.load([tmp_path])[2])
    assert "mixed versions" in warnings and "torch 1 (1 runs); torch 2 (1 runs)" in warnings
    assert "mixed git_commit" in warnings and "mixed device" in warnings
    assert "uncommitted changes: git_commit abc-dirty" in warnings
    done = report(tmp_path)
    assert "WARNING: mixed versions" in done.stdout
    assert "> **Warning:** mixed versions" in (tmp_path / "report" / "report.md").read_text()


def test_selection_looks_at_validation_only(make: Make, tmp_path: Path) -> None:
    for lr, val, test in ((1e-4, 0.80, 0.95), (1e-3, 0.90, 0.85), (2e-3, 0.85, 0.80)):
        make("ws3", test, val_acc=val, lr=lr, aux=True)
    make("ws2", 0.8)  # a single rate: nothing to select
    chosen = tables.selection(tables.cells(tables.load([tmp_path])[0]))
    assert list(chosen.label) == ["AL4"]
    row = chosen.iloc[0]
    assert (row.lr, row.val_acc, row.test_acc) == (1e-3, pytest.approx(0.90), pytest.approx(0.85))
    assert (row.oracle_lr, row.oracle_test_acc, row.paper_lr) == (1e-4, pytest.approx(0.95), 2e-3)
    assert (row.rates, row.at_edge) == (3, False)


def test_settings_that_differ_have_a_column(make: Make, tmp_path: Path) -> None:
    make("fcnn2", 0.8, hidden=[300, 50], sweep="figure")
    make("fcnn2", 0.8, hidden=[300, 150, 50], sweep="figure")
    make("fcnn1", 0.8, hidden=1000, sweep="figure", normalize=False)
    make("fcnn1", 0.8, hidden=200, sweep="figure", normalize=False)
    cells = tables.cells(tables.load([tmp_path])[0])
    assert list(cells.hidden) == ["200", "1000", "300-50", "300-150-50"]  # by number and depth, not as text
    assert list(cells.normalize) == ["false", "false", "true", "true"]
    assert list(cells)[-1] == "cell" and "batch_size" not in cells
    assert list(cells.paper_mean.notna()) == [False, False, False, True]  # Fig. 5 has 300-150-50


def test_order_is_by_value_with_the_default_among_the_others(make: Make, tmp_path: Path) -> None:
    for pairs in (2000, 62, 1000, 250):
        make("ws3", 0.8, train_pairs=pairs, head="ordinal")
        make("ws3", 0.8, train_pairs=pairs)
    cells = tables.cells(tables.load([tmp_path])[0])
    assert list(cells.train_pairs) == [62, 250, 1000, 2000] * 2
    assert list(cells["head"]) == ["mlp"] * 4 + ["ordinal"] * 4


def test_curves(grid: Path) -> None:
    curves = tables.curves(tables.load([grid])[0])
    first = curves[(curves.cell == "model=ws1,aux=false,lr=0.0008") & (curves.epoch == 2)].iloc[0]
    assert (first.n, first.test_acc_mean, first.test_acc_std) == (3, pytest.approx(0.76), pytest.approx(0.01))
    assert len(curves) == 4 * 3


def test_the_whole_report(grid: Path, make: Make) -> None:
    make("ws3", None, seed=3, lr=1.3e-3)
    done = report(grid)
    out = grid / "report"
    names = {"cells.csv", "runs.csv", "curves.csv", "effects.csv", "report.md", "table.tex"}
    figures = {f"{name}.{form}" for name in ("accuracy", "effects", "curves") for form in ("png", "svg")}
    assert {file.name for file in out.iterdir()} == names | figures
    assert "AL4    0.002  3  0.951 ± 0.011  [0.925, 0.977]" in done.stdout  # whole, on 80 columns too
    assert "missing runs: 1;" in done.stdout
    assert (out / "table.tex").read_text().count(r"\bottomrule") == 1
    assert r"0.951 $\pm$ 0.011" in (out / "table.tex").read_text()
    table = pd.read_csv(out / "runs.csv")
    assert len(table) == 12 and set(runs.RESULT_KEYS) <= set(table) and "path" not in table
    text = (out / "report.md").read_text()
    row = (
        "| AL4 | 0.002 | 3 | 0.951 ± 0.011 | [0.925, 0.977] | 0.931 | 0.900 | 0.950 | 1,000 | 0.914 ± 0.015 | +0.037 |"
    )
    assert row in text
    effect = "| auxiliary loss | AL2 − WS1 | 3 | +0.100 | [+0.098, +0.102] | <0.001 | <0.001 | +0.057 | +0.10 | holds |"
    assert effect in text
    assert "no statistics for AL4 − WS3, WS3 − WS1, (AL4 − WS3) − (AL2 − WS1): missing runs: WS3 lacks seed=3" in text
    assert "- model=ws3,aux=false,lr=0.0013/seed=3\n" in text
    for name in figures:
        assert (out / name).stat().st_size > 1000
        assert name.endswith("png") or f"]({name})" in text

    before = {file.name: file.read_bytes() for file in out.iterdir()}
    report(grid)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_figures_of_the_paper_are_drawn_where_their_cells_are(make: Make, tmp_path: Path) -> None:
    for model, aux in paper.CELLS:
        make(model, 0.8, aux=aux, sweep="table")
    for model, hidden in (("fcnn3", 200), ("fcnn3", 500), ("fcnn2", [300, 50]), ("fcnn2", [300, 150, 50])):
        make(model, 0.8, hidden=hidden, sweep="widths")
    for lr in (1e-3, 1e-2):
        make("convnet", 0.8, sweep="rates", lr=lr)
    figures = {}
    for sweep in ("table", "widths", "rates"):
        report(tmp_path / sweep, "--out", tmp_path / "out" / sweep)
        figures[sweep] = {file.stem for file in (tmp_path / "out" / sweep).glob("*.svg")}
    assert figures["table"] == {"accuracy", "figure6", "figure7"}
    assert figures["widths"] == {"accuracy", "figure5"}
    assert figures["rates"] == {"learning_rates"}
    assert not (tmp_path / "table" / "report").exists()


def test_the_figure_of_a_factorial_is_drawn_once_it_is_whole(factorial: Path) -> None:
    report(factorial)
    assert (factorial / "report" / "factorial.svg").exists()
    assert "](factorial.svg)" in (factorial / "report" / "report.md").read_text()
    shutil.rmtree(next(factorial.glob("*augment=true*")))
    report(factorial, "--out", factorial / "out")
    assert not (factorial / "out" / "factorial.svg").exists()


def test_exit_2_and_nothing_written(tmp_path: Path, make: Make) -> None:
    done = report(tmp_path / "nowhere", code=2)
    assert done.stderr == f"{tmp_path / 'nowhere'} is not a folder\n"
    make("ws3", None)
    done = report(tmp_path / "sweep", code=2)
    assert done.stderr == f"no finished run in {tmp_path / 'sweep'}\n"
    assert not (tmp_path / "sweep" / "report").exists()


def test_a_report_that_cannot_be_written_is_one_line(grid: Path) -> None:
    (grid / "report").write_text("a file where the folder should be")
    done = report(grid, code=1)
    assert done.stderr == f"cannot write the report into {grid / 'report'}: File exists\n"


def test_the_end_table_imports_neither_torch_nor_matplotlib() -> None:
    code = "import digitcmp.report.tables, digitcmp.report.effects, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning", "matplotlib", "scipy.stats"} & set(loaded)
    code = "import digitcmp.report.plots, digitcmp.report.__main__, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "matplotlib" in loaded and not {"torch", "lightning"} & set(loaded)


def test_a_table_is_never_cut_short(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_cells(tables.cells(tables.load([grid])[0]), Console(width=40))
    assert "0.914 ± 0.015" in capsys.readouterr().out
