"""Tests of the effects of every factor of a sweep against scipy and hand computations."""

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from records import assert_scipys, grid, load, record, sweep

from digitcmp.models import backbones
from digitcmp.models.heads import HEADS, Head
from digitcmp.report.contrasts.planned import ORDERS
from digitcmp.report.estimates import holm

BOTH = (False, True)


def effects(root: Path, *families: str) -> pd.DataFrame:
    """Return the effects of the runs below `root`, of some families if they are given, indexed by effect."""
    table = load(root).effects
    return (table[table.family.isin(families)] if families else table).set_index("effect")


def means(root: Path, *families: str) -> dict[str, float]:
    return dict(effects(root, *families)["mean"].round(9))


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a user's network with an argument, its counterpart with unshared weights, and a user's head."""

    def pooled(depth: int = 1) -> Any: ...

    def pooled_apart(depth: int = 1) -> Any: ...

    for network in (backbones.Network(pooled, unshared="pooled_apart"), backbones.Network(pooled_apart)):
        monkeypatch.setitem(backbones.NETWORKS, network.name, network)
    monkeypatch.setitem(HEADS, "mine", Head(lambda shape: None, branches_only=False, tasks=None))


def test_the_papers_claims(tmp_path: Path) -> None:
    table = effects(grid(tmp_path))
    assert dict(table.verdict) == {
        "AL2 − WS1": "as claimed",
        "AL4 − WS3": "no interval: all differences are equal",
        "WS3 − WS1": "as claimed",
        "AL4 − AL2": "no interval: all differences are equal",
        "(AL4 − WS3) − (AL2 − WS1)": "effect seen",
    }
    assert list(table["mean"]) == pytest.approx([0.1, 0.111, 0.03, 0.041, 0.011])
    assert np.isnan(table.claim["(AL4 − WS3) − (AL2 − WS1)"])
    # WS3 - WS1: .029 .030 .031, std .001; the other effect of the family has no p
    assert table.p["WS3 − WS1"] == pytest.approx(0.000370, rel=1e-2)
    assert table.p_holm["WS3 − WS1"] == table.p["WS3 − WS1"]


def test_one_collapsed_run_shows_in_all_companions(tmp_path: Path) -> None:
    """WS3 - WS1 is .026 to .034, except in seed 8, where WS3 collapsed. AL4 - AL2 is .030 or .031."""
    record(tmp_path, "ws1", *[0.8] * 10)
    record(tmp_path, "ws3", 0.826, 0.827, 0.828, 0.829, 0.83, 0.831, 0.832, 0.833, 0.55, 0.834)
    record(tmp_path, "ws1", *[0.9] * 10, aux=True)
    record(tmp_path, "ws3", *[0.93, 0.931] * 5, aux=True)
    table = effects(tmp_path)
    row = table.loc["WS3 − WS1"]
    assert row["mean"] == pytest.approx(0.002) and row.ci_low < 0 < row.ci_high
    assert row.trimmed == pytest.approx(0.0295) and row.trimmed_low > 0.02  # the mean of .027 to .032
    # the mean is .27 / 9 without seed 8 and -.014 / 9 without seed 9
    assert (row.loo_high, row.loo_low) == pytest.approx((0.03, -0.014 / 9))
    assert (row.fragile, row.verdict) == ("8", "undecided; robust and without seed 8: as claimed")
    assert row.errors_removed == pytest.approx(0.002 / 0.2)
    other = table.loc["AL4 − AL2"]
    assert pd.isna(other.fragile) and (other.verdict, other.p_flip) == ("as claimed", 2 / 1024)


def test_two_factors_and_their_interaction_are_scipys(tmp_path: Path) -> None:
    """Levels are compared with the default, here the second of three. Holm corrects the two interactions."""
    schedules = ("cosine", "constant", "one_cycle")
    accuracy = np.random.default_rng(1).normal(0.8, 0.01, (3, 2, 4))  # (schedule, augment, seed)
    levels: dict[str, Any] = {"model": ["ws3"], "schedule": schedules, "augment": BOTH, "seed": range(4)}
    sweep(tmp_path, lambda schedule, augment, seed, **_: accuracy[schedules.index(schedule), +augment, seed], **levels)
    table = load(tmp_path).effects.set_index("family")
    assert table.index.value_counts().to_dict() == {"augment": 3, "schedule": 4, "interaction": 2}
    (cosine, cosine_more), (constant, constant_more), (one_cycle, one_cycle_more) = accuracy
    more = constant_more - constant
    table = table[table.context == ""]
    assert_scipys(
        table.loc[["augment", "schedule", "interaction"]].set_index("effect"),
        {
            "WS3 augment − WS3": more,
            "WS3 cosine − WS3": cosine - constant,
            "WS3 one_cycle − WS3": one_cycle - constant,
            "(WS3 augment cosine − WS3 cosine) − (WS3 augment − WS3)": cosine_more - cosine - more,
            "(WS3 augment one_cycle − WS3 one_cycle) − (WS3 augment − WS3)": one_cycle_more - one_cycle - more,
        },
    )
    assert list(table.p_holm["interaction"]) == pytest.approx(holm(table.p["interaction"].to_numpy()))


TWO = (0.8, 0.81)
CASES: dict[str, tuple[list[tuple[str, Sequence[float], dict[str, Any]]], list[tuple[str, str, str, float]]]] = {
    "without the default levels are compared with the first": (
        [("ws3", TWO, {"epochs": epochs}) for epochs in (100, 50, 75)],
        [("epochs", f"WS3 epochs={epochs} − WS3 epochs=50", "", 0) for epochs in (75, 100)],
    ),
    "the sharing and an argument of one's network": (
        [
            ("pooled_apart", (0.7, 0.7), {}),
            ("pooled_apart", (0.73, 0.73), {"depth": 2}),
            ("pooled", (0.72, 0.722), {}),
            ("pooled", (0.76, 0.762), {"depth": 2}),
        ],
        [
            ("sharing", "pooled − pooled_apart", "", 0.021),
            ("sharing", "pooled − pooled_apart", "depth=2", 0.031),
            ("depth", "pooled depth=2 − pooled", "", 0.04),
            ("depth", "pooled_apart depth=2 − pooled_apart", "", 0.03),
            ("interaction", "(pooled depth=2 − pooled) − (pooled_apart depth=2 − pooled_apart)", "", 0.01),
        ],
    ),
    "one's head and backbone": (
        [
            ("pooled", (0.70, 0.71), {}),
            ("pooled", (0.73, 0.74), {"aux": True}),
            ("pooled", (0.72, 0.73), {"head": "mine"}),
            ("ws3", (0.80, 0.81), {}),
            ("ws3", (0.85, 0.86), {"aux": True}),
        ],
        [
            ("auxiliary loss", "AL4 − WS3", "", 0.05),
            ("auxiliary loss", "pooled+AL − pooled", "", 0.03),
            ("backbone", "pooled − WS3", "", -0.1),
            ("backbone", "pooled+AL − AL4", "", -0.12),
            ("head", "pooled+mine − pooled", "", 0.02),
            ("backbone interaction", "(pooled+AL − pooled) − (AL4 − WS3)", "", -0.02),
            ("backbone × auxiliary loss", "(pooled+AL − AL4) − (pooled − WS3)", "", -0.02),
        ],
    ),
    # AL4 - WS3 is .05 and .06 on the task leq, .01 and .04 on same; accuracies of two tasks are not subtracted
    "tasks are compared by what an ingredient adds to each": (
        [
            ("ws3", (0.8, 0.8), {}),
            ("ws3", (0.85, 0.86), {"aux": True}),
            ("ws3", (0.9, 0.9), {"task": "same"}),
            ("ws3", (0.91, 0.94), {"task": "same", "aux": True}),
        ],
        [
            ("auxiliary loss", "AL4 − WS3", "", 0.055),
            ("auxiliary loss", "AL4 − WS3", "task=same", 0.025),
            ("interaction", "(AL4 same − WS3 same) − (AL4 − WS3)", "", -0.03),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_effects_of_a_sweep(case: str, pooled: None, tmp_path: Path) -> None:
    cells, expected = CASES[case]
    for model, accuracies, settings in cells:
        record(tmp_path, model, *accuracies, **settings)
    table = load(tmp_path).effects
    assert list(zip(table.family, table.effect, table.context, table["mean"].round(9), strict=True)) == expected
    claimed = table[table.claim.notna()]  # the paper claims nothing about other tasks, networks and numbers of pairs
    assert {*zip(claimed.effect, claimed.context, strict=True)} <= {("AL4 − WS3", "")}


def test_networks_that_are_not_registered(monkeypatch: pytest.MonkeyPatch, pooled: None, tmp_path: Path) -> None:
    record(tmp_path, "pooled", 0.73, 0.74, depth=1)
    record(tmp_path, "pooled", 0.76, 0.77, depth=2)
    monkeypatch.delitem(backbones.NETWORKS, "pooled")
    assert means(tmp_path) == {"pooled depth=2 − pooled depth=1": 0.03}


def test_factorial_by_hand(tmp_path: Path) -> None:
    """Sharing adds .01, AL .04 (.02 with the ordinal head), the ordinal head .06 and augmentation .08.

    The second seed adds .003 to all cells and .002 more to those with AL.
    """

    def accuracy(model: str, aux: bool, head: str, augment: bool, seed: int, **_: Any) -> float:
        ordinal = head == "ordinal"
        base = 0.7 + 0.01 * (model == "ws3") + 0.04 * aux + 0.06 * ordinal + 0.08 * augment - 0.02 * aux * ordinal
        return base + 0.003 * seed + 0.002 * seed * aux

    two: dict[str, Any] = {"model": ("ws1", "ws3"), "aux": BOTH, "head": ("mlp", "ordinal"), "augment": BOTH}
    table = effects(sweep(tmp_path, accuracy, **two, seed=range(2), epochs=[50]), *ORDERS)
    assert len(table) == 15 and list(table.index)[:5] == ["sharing", "AL", "ordinal", "augment", "sharing × AL"]
    assert set(table.context) == {"model=ws1/ws3,epochs=50"}
    expected = dict.fromkeys(table.index, 0.0) | {"sharing": 0.01, "augment": 0.08, "AL × ordinal": -0.02}
    expected |= {"ordinal": 0.05}  # .06 without AL, .04 with it
    expected |= {"AL": 0.031}  # .04 and .02 by head, and .002 for one of two seeds
    assert dict(table["mean"]) == pytest.approx(expected, abs=1e-9)
    low, high = table.ci_low["AL"], table.ci_high["AL"]  # .030 and .032: std .00141, t(.975, 1) = 12.706
    assert (low, high) == pytest.approx((0.031 - 0.012706, 0.031 + 0.012706), abs=1e-6)
    assert table.p["AL"] == pytest.approx(0.0205, abs=1e-4)
    assert table.p_holm["AL"] == table.p["AL"]  # the other three of the family have equal differences and no p
    assert list(table.index[table.p.notna()]) == ["AL"]

    cell = tmp_path / "model=ws3,aux=true,lr=0.001,augment=true,epochs=50,head=ordinal"
    shutil.rmtree(cell / "seed=0")  # the effects of single cells stay
    table = effects(tmp_path, *ORDERS)
    assert len(table) == 15 and table["mean"].isna().all()
    assert set(table.refused) == {"different seeds: AL2 and 14 more have 0 1, AL4+ordinal augment has 1"}
    shutil.rmtree(cell)
    assert effects(tmp_path, *ORDERS).empty and len(effects(tmp_path, "interaction")) > 0
    for folder in tmp_path.glob("*head=ordinal*"):
        shutil.rmtree(folder)
    table = effects(tmp_path, *ORDERS)
    assert len(table) == 7 and "ordinal" not in table.index and table["mean"]["AL"] == pytest.approx(0.041)


def test_a_factorial_of_ones_factors_and_nothing_else(pooled: None, tmp_path: Path) -> None:
    def accuracy(model: str, aux: bool, head: str, depth: int, seed: int) -> float:
        more = 0.02 * aux + 0.06 * (head == "ordinal") + 0.04 * (depth == 2) + 0.001 * seed
        return 0.7 + 0.01 * (model == "pooled") + more

    two: dict[str, Any] = {"model": ("pooled_apart", "pooled"), "aux": BOTH, "head": ("mlp", "ordinal")}
    table = effects(sweep(tmp_path, accuracy, **two, depth=(1, 2), seed=range(2)), "main effect")
    assert dict(table["mean"].round(9)) == {"sharing": 0.01, "AL": 0.02, "ordinal": 0.06, "depth=2": 0.04}
    assert set(table.context) == {"model=pooled_apart/pooled"}


def test_refused_while_runs_are_missing(tmp_path: Path) -> None:
    """The folder name of WS1's runs has split_letters for split=letters, from which the setting cannot be read."""
    letters = {"dataset": "letters", "cls": "EMNIST", "data_arguments": {"split": "letters"}}
    record(tmp_path, "ws3", 0.8, 0.8, None)
    record(tmp_path, "ws3", 0.9, 0.9, aux=True)
    record(tmp_path, "ws3", None, seed=2, aux=True, begun=False)
    record(tmp_path, "ws2", 0.80, 0.81, 0.82)
    record(tmp_path, "fcnn3", None, None, None)
    record(tmp_path, "fcnn2", 0.80, 0.81, None, hidden=[300, 50])
    record(tmp_path, "fcnn2", 0.80, 0.82, 0.84, hidden=[300, 150, 50])
    record(tmp_path / "letters", "ws1", 0.80, 0.81, 0.82, **letters)
    record(tmp_path / "letters", "ws1", 0.85, 0.86, None, aux=True, **letters)
    [(unread, reason)] = effects(tmp_path / "letters").refused.items()
    assert unread == "AL2 − WS1" and reason.startswith("missing runs: AL2") and "lacks seed=2" in reason
    shutil.rmtree(tmp_path / "letters")
    refused = effects(tmp_path).refused
    assert refused["AL4 − WS3"] == "missing runs: AL4 lacks seed=2"
    assert refused["WS2 − FCNN3"] == "missing runs: FCNN3 lacks seed=0, seed=1, seed=2"
    assert refused["FCNN2 hidden=300-150-50 − FCNN2 hidden=300-50"] == "missing runs: FCNN2 hidden=300-50 lacks seed=2"


def test_effects_on_each_data_set_and_between_them(tmp_path: Path) -> None:
    """The means are over the networks on both data sets. The means and their differences equal those of scipy.

    AL3 is missing on Fashion-MNIST. Only WS3 is on a third data set, and has an ordinal head, without a counterpart.
    """
    sets, networks = ("fashion_mnist", "mnist"), ("ws1", "ws2", "ws3")
    accuracy = np.random.default_rng(2).normal(0.8, 0.01, (2, 3, 2, 4)).round(4)  # (data set, model, aux, seed)
    for i, j, aux in itertools.product(range(2), range(3), BOTH):
        if (i, j, aux) != (0, 1, True):
            record(tmp_path, networks[j], *accuracy[i, j, +aux], aux=aux, dataset=sets[i], lr=1e-3 + i / 1e3)
    record(tmp_path, "ws3", *[0.9] * 4, head="ordinal")
    for aux in BOTH:
        record(tmp_path, "ws3", *[0.9] * 4, dataset="kmnist", aux=aux)
    table = effects(tmp_path, "mean over networks", "between data sets")
    both = accuracy[:, [0, 2]]
    auxiliary = (both[:, :, 1] - both[:, :, 0]).mean(axis=1)  # (data set, seed)
    sharing = (both[:, 1] - both[:, 0]).mean(axis=1)
    assert_scipys(
        table.set_axis((table.index + " " + table.context).str.strip()),
        {
            "auxiliary loss": auxiliary[1],
            "sharing": sharing[1],
            "auxiliary loss dataset=fashion_mnist": auxiliary[0],
            "sharing dataset=fashion_mnist": sharing[0],
            "auxiliary loss: fashion_mnist − mnist": auxiliary[0] - auxiliary[1],
            "sharing: fashion_mnist − mnist": sharing[0] - sharing[1],
        },
    )
    assert list(table.p_holm[4:]) == pytest.approx(holm(table.p[4:].to_numpy()))
    assert effects(grid(tmp_path / "alone")).index.intersection(["auxiliary loss", "sharing"]).empty


def test_a_data_set_is_one_level_however_it_is_said(tmp_path: Path) -> None:
    """The data sets are MNIST, EMNIST letters with its class and arguments, and two .npz files."""
    sets: list[dict[str, Any]] = [{}, {"dataset": "letters", "cls": "EMNIST", "data_arguments": {"split": "letters"}}]
    for name in ("first", "second"):
        (tmp_path / f"{name}.npz").write_text(name)
        sets.append({"dataset": "npz", "file": str(tmp_path / f"{name}.npz"), "side": 14})
    for (i, given), model, aux in itertools.product(enumerate(sets), ("ws1", "ws3"), BOTH):
        accuracy = 0.8 + 0.03 * (model == "ws3") + aux * (0.05 + 0.01 * i)
        record(tmp_path / "sweep", model, accuracy, accuracy + 0.01, aux=aux, **given)
    auxiliary = effects(tmp_path / "sweep", "mean over networks").loc["auxiliary loss"].set_index("context")["mean"]
    assert auxiliary[""] == pytest.approx(0.05) and auxiliary["dataset=letters"] == pytest.approx(0.06)
    assert len(auxiliary) == 4 and sum(name.startswith("dataset=npz ") for name in auxiliary.index) == 2
    assert means(tmp_path / "sweep", "between data sets")["auxiliary loss: letters − mnist"] == 0.01


def test_cnn_and_fcnn_in_the_committed_table() -> None:
    """CNN - FCNN at equal sharing, and what the auxiliary loss adds to it, from the accuracies of runs.csv."""
    y = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").pivot(index="seed", columns="label", values="test_acc")
    (shared, apart), (shared_aux, apart_aux) = (y.WS3 - y.WS2, y.WS1 - y.FCNN3), (y.AL4 - y.AL3, y.AL2 - y.AL1)
    more, more_apart = shared_aux - shared, apart_aux - apart
    table = effects(ROOT / "multirun/table1", "backbone, same sharing", "backbone × auxiliary loss")
    assert_scipys(
        table,
        {
            "WS3 − WS2": shared,
            "WS1 − FCNN3": apart,
            "mean of WS3 − WS2 and WS1 − FCNN3": (shared + apart) / 2,
            "AL4 − AL3": shared_aux,  # AL2 - AL1 is in the family of backbones already
            "mean of AL4 − AL3 and AL2 − AL1": (shared_aux + apart_aux) / 2,
            "(AL4 − AL3) − (WS3 − WS2)": more,
            "(AL2 − AL1) − (WS1 − FCNN3)": more_apart,
            "mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)": (more + more_apart) / 2,
        },
    )
    removed = (shared + apart).mean() / (2 - y.WS2 - y.FCNN3).mean()
    assert table.errors_removed["mean of WS3 − WS2 and WS1 − FCNN3"] == pytest.approx(removed)
