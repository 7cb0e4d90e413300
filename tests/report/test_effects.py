"""Tests of the effects of every factor of a sweep against scipy and hand computations."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from conftest import ROOT
from records import factorial, grid, record, sweep

from digitcmp.models import backbones
from digitcmp.models.heads import HEADS, Head
from digitcmp.report.contrasts.planned import ORDERS
from digitcmp.report.results import Results

BOTH = (False, True)


def effects(root: Path, *families: str) -> pd.DataFrame:
    """Return the effects of the runs below `root`, of some families if they are given, indexed by effect."""
    table = Results.load([root]).effects
    return (table[table.family.isin(families)] if families else table).set_index("effect")


def means(root: Path, *families: str) -> dict[str, float]:
    return dict(effects(root, *families)["mean"].round(9))


def register(monkeypatch: pytest.MonkeyPatch, builder: Any, **facts: Any) -> None:
    """Register a user's network for one test."""
    network = backbones.Network(builder, **facts)
    monkeypatch.setitem(backbones.NETWORKS, network.name, network)


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a network with an argument and its counterpart with unshared weights."""

    def pooled(depth: int = 1) -> Any: ...

    def pooled_apart(depth: int = 1) -> Any: ...

    register(monkeypatch, pooled, unshared="pooled_apart")
    register(monkeypatch, pooled_apart)


def test_the_papers_claims(tmp_path: Path) -> None:
    table = effects(grid(tmp_path))
    assert dict(table.verdict) == {
        "AL2 − WS1": "as claimed",
        "AL4 − WS3": "no interval: all differences are equal",
        "WS3 − WS1": "as claimed",
        "AL4 − AL2": "no interval: all differences are equal",
        "(AL4 − WS3) − (AL2 − WS1)": "effect seen",
    }
    assert table["mean"]["AL2 − WS1"] == pytest.approx(0.1)
    interaction = table.loc["(AL4 − WS3) − (AL2 − WS1)"]
    assert interaction["mean"] == pytest.approx(0.011) and np.isnan(interaction.claim)
    # WS3 - WS1: .029 .030 .031, std .001; the other effect of the family has no p
    assert table.p["WS3 − WS1"] == pytest.approx(0.000370, rel=1e-2)
    assert table.p_holm["WS3 − WS1"] == table.p["WS3 − WS1"]
    assert table.published["WS3 − WS1"] == pytest.approx(0.853 - 0.827)


@pytest.mark.parametrize(
    ("changes", "claim", "published"),
    [
        ({}, 0.1, 0.061),
        ({"normalize": False, "test_pairs": 500}, 0.1, 0.061),
        ({"epochs": 50, "augment": True}, None, None),  # the paper's network and task with another recipe
        ({"train_pairs": 500}, None, None),
        ({"dataset": "kmnist"}, None, None),
        ({"head": "ordinal"}, None, None),
        ({"regularization": "dropout"}, None, None),
    ],
)
def test_claims_stand_beside_the_papers_networks_on_its_task(
    changes: dict[str, Any], claim: float | None, published: float | None, tmp_path: Path
) -> None:
    for seed, aux in itertools.product(range(2), BOTH):
        record(tmp_path, "ws3", 0.8 + 0.01 * seed + 0.05 * aux, seed=seed, aux=aux, **changes)
    row = effects(tmp_path).loc["AL4 − WS3"]
    assert [None if np.isnan(value) else round(value, 3) for value in (row.claim, row.published)] == [claim, published]
    assert row.verdict.startswith("another recipe") == ("epochs" in changes)


def test_one_collapsed_run_shows_in_all_companions(tmp_path: Path) -> None:
    """WS3 - WS1 is .026 to .034, except in seed 8, where WS3 collapsed. AL4 - AL2 is .030 or .031."""
    differences = [0.026, 0.027, 0.028, 0.029, 0.03, 0.031, 0.032, 0.033, -0.25, 0.034]
    for seed, difference in enumerate(differences):
        record(tmp_path, "ws1", 0.8, seed=seed)
        record(tmp_path, "ws3", 0.8 + difference, seed=seed)
        record(tmp_path, "ws1", 0.9, seed=seed, aux=True)
        record(tmp_path, "ws3", 0.93 + 0.001 * (seed % 2), seed=seed, aux=True)
    table = effects(tmp_path)
    row = table.loc["WS3 − WS1"]
    assert row["mean"] == pytest.approx(0.002) and row.ci_low < 0 < row.ci_high
    assert row.trimmed == pytest.approx(0.0295) and row.trimmed_low > 0.02  # the mean of .027 to .032
    # the mean is .27 / 9 without seed 8 and -.014 / 9 without seed 9
    assert (row.loo_high, row.loo_low) == pytest.approx((0.03, -0.014 / 9))
    assert row.fragile == "8"
    assert row.verdict == "undecided; robust and without seed 8: as claimed"
    # the differences sum to .27 - .25 = .02; p is the share of sign flips whose sum is as far from 0
    flips = np.array(list(itertools.product((-1, 1), repeat=10))) @ np.array(differences)
    assert row.p_flip == np.mean(np.abs(flips) >= 0.02 - 1e-9)
    assert row.errors_removed == pytest.approx(0.002 / 0.2)
    other = table.loc["AL4 − AL2"]
    assert pd.isna(other.fragile) and (other.verdict, other.p_flip) == ("as claimed", 2 / 1024)


def test_the_papers_own_interval_stands_beside_its_means(tmp_path: Path) -> None:
    """Table I has WS2 .845 +- .014 and FCNN3 .831 +- .008, ten runs each. WS3 has no published standard deviation."""
    sweep(tmp_path, lambda seed, **_: 0.8 + 0.01 * seed, seed=range(2), model=("fcnn3", "ws2", "ws1", "ws3"))
    table = effects(tmp_path)
    row = table.loc["WS2 − FCNN3"]
    error = ((0.014**2 + 0.008**2) / 10) ** 0.5
    freedom = (0.014**2 + 0.008**2) ** 2 / ((0.014**4 + 0.008**4) / 9)
    half = scipy.stats.t.ppf(0.975, freedom) * error
    assert (row.published_low, row.published_high) == pytest.approx((0.014 - half, 0.014 + half))
    assert table.published["WS3 − WS1"] == pytest.approx(0.026) and np.isnan(table.published_low["WS3 − WS1"])


def test_a_factor_of_three_levels_is_compared_with_its_default(tmp_path: Path) -> None:
    schedules = ("cosine", "constant", "one_cycle")
    accuracy = dict(zip(schedules, np.random.default_rng(0).normal(0.8, 0.01, (3, 5)), strict=True))
    sweep(
        tmp_path, lambda schedule, seed, **_: accuracy[schedule][seed], model=["ws3"], schedule=schedules, seed=range(5)
    )
    table = effects(tmp_path)
    assert list(table.index) == ["WS3 cosine − WS3", "WS3 one_cycle − WS3"] and {*table.family} == {"schedule"}
    tests = [scipy.stats.ttest_rel(accuracy[schedule], accuracy["constant"]) for schedule in ("cosine", "one_cycle")]
    assert list(table["mean"]) == pytest.approx([test._estimate for test in tests])
    assert list(table.p) == pytest.approx([test.pvalue for test in tests], rel=1e-6)
    low, high = zip(*(test.confidence_interval() for test in tests), strict=True)
    assert list(table.ci_low) == pytest.approx(low) and list(table.ci_high) == pytest.approx(high)
    smaller, larger = sorted(test.pvalue for test in tests)
    assert sorted(table.p_holm) == pytest.approx([min(2 * smaller, 1), max(2 * smaller, larger)], rel=1e-6)


@pytest.mark.parametrize(
    ("key", "levels", "expected"),
    [
        ("epochs", (100, 50, 75), {"WS3 epochs=75 − WS3 epochs=50": 25, "WS3 epochs=100 − WS3 epochs=50": 50}),
        ("lr", (1e-4, 1.3e-3, 1e-2), {"WS3 lr=0.0001 − WS3 lr=0.0013": -0.0012, "WS3 lr=0.01 − WS3 lr=0.0013": 0.0087}),
    ],
)
def test_without_the_default_levels_are_compared_with_the_first_and_rates_with_the_papers(
    tmp_path: Path, key: str, levels: tuple[float, ...], expected: dict[str, float]
) -> None:
    settings = {"model": ["ws3"], key: levels, "seed": range(2)}
    sweep(tmp_path, lambda **run: 0.8 + run[key] / 1000 + 0.01 * run["seed"], **settings)
    assert means(tmp_path) == pytest.approx({effect: mean / 1000 for effect, mean in expected.items()}, abs=1e-9)


def test_two_factors_and_their_interaction(tmp_path: Path) -> None:
    accuracy = np.random.default_rng(1).normal(0.8, 0.01, (2, 3, 4))
    levels: dict[str, Any] = {"model": ["ws3"], "augment": BOTH, "epochs": (25, 50, 75), "seed": range(4)}
    sweep(tmp_path, lambda model, augment, epochs, seed: accuracy[int(augment), epochs // 25 - 1, seed], **levels)
    table = effects(tmp_path)
    assert table.family.value_counts().to_dict() == {"augment": 3, "epochs": 4, "interaction": 2}
    for j, epochs in ((1, 50), (2, 75)):
        row = table.loc[f"(WS3 augment epochs={epochs} − WS3 epochs={epochs}) − (WS3 augment − WS3)"]
        test = scipy.stats.ttest_1samp(accuracy[1, j] - accuracy[0, j] - accuracy[1, 0] + accuracy[0, 0], 0)
        assert (row["mean"], row.p) == (pytest.approx(test._estimate), pytest.approx(test.pvalue, rel=1e-6))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (({}, {"augment": True}, {"epochs": 50}), ["WS3 augment − WS3", "WS3 epochs=50 − WS3"]),
        (
            ({}, {"aux": True}, {"head": "ordinal"}, {"augment": True}),
            ["AL4 − WS3", "WS3 augment − WS3", "WS3+ordinal − WS3"],
        ),
    ],
)
def test_one_factor_at_a_time_has_no_interaction(
    tmp_path: Path, changes: tuple[dict[str, Any], ...], expected: list[str]
) -> None:
    for seed, change in itertools.product(range(2), changes):
        record(tmp_path, "ws3", 0.8 + 0.01 * seed, seed=seed, **change)
    assert list(effects(tmp_path).index) == expected


def test_sharing_and_arguments_of_ones_network(pooled: None, tmp_path: Path) -> None:
    for seed, shared, deep in itertools.product(range(3), BOTH, BOTH):
        accuracy = 0.7 + 0.02 * shared + 0.03 * deep + 0.01 * shared * deep + 0.001 * seed * shared
        record(tmp_path, "pooled" if shared else "pooled_apart", accuracy, seed=seed, **({"depth": 2} if deep else {}))
    table = effects(tmp_path)
    assert list(zip(table.family, table.index, table.context, table["mean"].round(9), strict=True)) == [
        ("sharing", "pooled − pooled_apart", "", 0.021),
        ("sharing", "pooled − pooled_apart", "depth=2", 0.031),
        ("depth", "pooled depth=2 − pooled", "", 0.04),
        ("depth", "pooled_apart depth=2 − pooled_apart", "", 0.03),
        ("interaction", "(pooled depth=2 − pooled) − (pooled_apart depth=2 − pooled_apart)", "", 0.01),
    ]


def test_ones_head_and_backbone(monkeypatch: pytest.MonkeyPatch, pooled: None, tmp_path: Path) -> None:
    monkeypatch.setitem(HEADS, "mine", Head(lambda shape: None, branches_only=False, tasks=None))
    for seed in range(2):
        for aux in BOTH:
            record(tmp_path, "pooled", 0.7 + 0.03 * aux + 0.01 * seed, seed=seed, aux=aux)
            record(tmp_path, "ws3", 0.8 + 0.05 * aux + 0.01 * seed, seed=seed, aux=aux)
        record(tmp_path, "pooled", 0.72 + 0.01 * seed, seed=seed, head="mine")
    assert means(tmp_path, "head", "backbone", "backbone interaction") == {
        "pooled+mine − pooled": 0.02,
        "pooled − WS3": -0.1,
        "pooled+AL − AL4": -0.12,
        "(pooled+AL − pooled) − (AL4 − WS3)": -0.02,
    }
    claim = effects(tmp_path).claim
    assert np.isnan(claim["pooled+AL − pooled"]) and claim["AL4 − WS3"] == 0.1


def test_networks_that_are_not_registered(monkeypatch: pytest.MonkeyPatch, pooled: None, tmp_path: Path) -> None:
    for seed, depth in itertools.product(range(2), (1, 2)):
        record(tmp_path, "pooled", 0.7 + 0.03 * depth + 0.01 * seed, seed=seed, depth=depth)
    monkeypatch.delitem(backbones.NETWORKS, "pooled")
    assert means(tmp_path) == {"pooled depth=2 − pooled depth=1": 0.03}


def test_only_between_cells_equal_in_all_but_the_factor(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "ws3", 0.8, seed=seed, train_pairs=500)
        record(tmp_path, "ws3", 0.9, seed=seed, aux=True)
        record(tmp_path, "ws3", 0.7 + 0.01 * seed, seed=seed, train_pairs=250)
        record(tmp_path, "ws3", 0.8, seed=seed, train_pairs=250, aux=True)
    table = effects(tmp_path, "auxiliary loss")
    assert list(table.context) == ["train_pairs=250"] and table["mean"].iloc[0] == pytest.approx(0.095)


def test_factorial_by_hand(tmp_path: Path) -> None:
    table = effects(factorial(tmp_path), *ORDERS)
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

    for folder in tmp_path.glob("*head=ordinal*"):
        shutil.rmtree(folder)
    table = effects(tmp_path, *ORDERS)
    assert len(table) == 7 and "ordinal" not in table.index and table["mean"]["AL"] == pytest.approx(0.041)


def test_factorial_of_ones_factors(pooled: None, tmp_path: Path) -> None:
    def accuracy(model: str, aux: bool, depth: int, seed: int) -> float:
        return 0.7 + 0.01 * (model == "pooled") + 0.02 * aux + 0.04 * (depth == 2) + 0.001 * seed

    sweep(tmp_path, accuracy, model=("pooled_apart", "pooled"), aux=BOTH, depth=(1, 2), seed=range(2))
    assert means(tmp_path, "main effect") == {"sharing": 0.01, "AL": 0.02, "depth=2": 0.04}
    assert set(effects(tmp_path, "main effect").context) == {"model=pooled_apart/pooled"}


def test_factorial_is_refused_where_a_seed_is_missing(tmp_path: Path) -> None:
    """Without a run of one cell, there is no factorial. Its other cells keep their effects."""
    cell = factorial(tmp_path) / "model=ws3,aux=true,lr=0.001,augment=true,epochs=50,head=ordinal"
    shutil.rmtree(cell / "seed=0")
    table = effects(tmp_path, *ORDERS)
    assert len(table) == 15 and table["mean"].isna().all()
    assert set(table.refused) == {"different seeds: AL2 and 14 more have 0 1, AL4+ordinal augment has 1"}
    shutil.rmtree(cell)
    assert effects(tmp_path, *ORDERS).empty and len(effects(tmp_path, "interaction")) > 0


def test_refused_where_seeds_differ(tmp_path: Path) -> None:
    for seed, aux in ((0, False), (1, False), (0, True), (2, True)):
        record(tmp_path, "ws3", 0.8, seed=seed, aux=aux)
    table = effects(tmp_path)
    assert list(table.refused) == ["different seeds: AL4 has 0 2, WS3 has 0 1"]
    assert table[["n", "mean", "p", "p_holm", "verdict"]].isna().all(axis=None)


def test_refused_while_runs_are_missing(tmp_path: Path) -> None:
    for seed in range(3):
        record(tmp_path, "ws3", 0.8 if seed < 2 else None, seed=seed)
        record(tmp_path, "ws3", 0.9 if seed < 2 else None, seed=seed, aux=True, begun=seed < 2)
        record(tmp_path, "ws2", 0.8 + 0.01 * seed, seed=seed)
        record(tmp_path, "fcnn3", None, seed=seed)
        record(tmp_path, "fcnn2", 0.8 + 0.01 * seed if seed < 2 else None, seed=seed, hidden=[300, 50])
        record(tmp_path, "fcnn2", 0.8 + 0.02 * seed, seed=seed, hidden=[300, 150, 50])
    refused = effects(tmp_path).refused
    assert refused["AL4 − WS3"] == "missing runs: AL4 lacks seed=2"
    assert refused["WS2 − FCNN3"] == "missing runs: FCNN3 lacks seed=0, seed=1, seed=2"
    assert refused["FCNN2 hidden=300-150-50 − FCNN2 hidden=300-50"] == "missing runs: FCNN2 hidden=300-50 lacks seed=2"


def test_effects_on_each_data_set_and_between_them(tmp_path: Path) -> None:
    """The means are over the networks on both data sets. The means and their differences equal those of scipy.

    AL3 is missing on Fashion-MNIST. WS3 also has an ordinal head, which has no counterpart.
    """
    sets, networks = ("fashion_mnist", "mnist"), ("ws1", "ws2", "ws3")
    accuracy = np.random.default_rng(2).normal(0.8, 0.01, (2, 3, 2, 4)).round(4)  # (data set, model, aux, seed)
    for i, j, aux, seed in itertools.product(range(2), range(3), BOTH, range(4)):
        if (i, j, aux) != (0, 1, True):
            settings: dict[str, Any] = {"seed": seed, "dataset": sets[i], "lr": 1e-3 + i / 1e3}
            record(tmp_path, networks[j], float(accuracy[i, j, int(aux), seed]), aux=aux, **settings)
            if j == 2 and not aux:
                record(tmp_path, "ws3", 0.9, head="ordinal", **settings)
    table = Results.load([tmp_path]).effects
    table = table[table.family.isin(["mean over networks", "between data sets"])]
    names = table.effect + table.context.map(lambda context: f" {context}".rstrip())
    both = accuracy[:, [0, 2]]
    auxiliary = (both[:, :, 1] - both[:, :, 0]).mean(axis=1)  # (data set, seed)
    sharing = (both[:, 1] - both[:, 0]).mean(axis=1)
    expected = {
        "auxiliary loss": auxiliary[1],
        "sharing": sharing[1],
        "auxiliary loss dataset=fashion_mnist": auxiliary[0],
        "sharing dataset=fashion_mnist": sharing[0],
        "auxiliary loss: fashion_mnist − mnist": auxiliary[0] - auxiliary[1],
        "sharing: fashion_mnist − mnist": sharing[0] - sharing[1],
    }
    assert list(names) == list(expected)
    tests = [scipy.stats.ttest_1samp(values, 0) for values in expected.values()]
    assert list(table["mean"]) == pytest.approx([test._estimate for test in tests])
    assert list(table.p) == pytest.approx([test.pvalue for test in tests])
    assert list(table.ci_high) == pytest.approx([test.confidence_interval().high for test in tests])
    smaller, larger = sorted(test.pvalue for test in tests[4:])
    assert sorted(table.p_holm[4:]) == pytest.approx([min(2 * smaller, 1), max(min(2 * smaller, 1), larger)])

    assert effects(grid(tmp_path / "alone")).index.intersection(["auxiliary loss", "sharing"]).empty


def test_a_data_set_is_one_level_however_it_is_said(tmp_path: Path) -> None:
    """The data sets are MNIST, EMNIST letters with its class and arguments, and two .npz files."""
    sets: list[dict[str, Any]] = [{}, {"dataset": "letters", "cls": "EMNIST", "data_arguments": {"split": "letters"}}]
    for name in ("first", "second"):
        (tmp_path / f"{name}.npz").write_text(name)
        sets.append({"dataset": "npz", "file": str(tmp_path / f"{name}.npz"), "side": 14})
    for (i, given), model, aux, seed in itertools.product(enumerate(sets), ("ws1", "ws3"), BOTH, range(3)):
        accuracy = 0.8 + 0.01 * seed + 0.03 * (model == "ws3") + aux * (0.05 + 0.01 * i)
        record(tmp_path / "sweep", model, accuracy, aux=aux, seed=seed, **given)
    auxiliary = effects(tmp_path / "sweep", "mean over networks").loc["auxiliary loss"].set_index("context")["mean"]
    assert auxiliary[""] == pytest.approx(0.05) and auxiliary["dataset=letters"] == pytest.approx(0.06)
    assert len(auxiliary) == 4 and sum(name.startswith("dataset=npz ") for name in auxiliary.index) == 2
    assert means(tmp_path / "sweep", "between data sets")["auxiliary loss: letters − mnist"] == 0.01


def test_pairs_of_networks_on_other_data_sets_keep_their_means_and_differences(tmp_path: Path) -> None:
    """Only WS3 is also on a third data set, digits. The means and differences of the other two data sets remain."""
    pairs = {"train_pairs": 400, "val_pairs": 200, "test_pairs": 200}
    sets = ("fashion_mnist", "kmnist", "digits")
    for dataset, model, aux, seed in itertools.product(sets, ("ws1", "ws3"), BOTH, range(3)):
        if (model, dataset) != ("ws1", "digits"):
            accuracy = 0.8 + 0.01 * seed + aux * (0.1 if dataset == "digits" else 0.05)
            record(tmp_path, model, accuracy, aux=aux, seed=seed, dataset=dataset, **pairs)
    more = means(tmp_path, "between data sets")
    assert more["auxiliary loss: kmnist − fashion_mnist"] == 0 and not any("digits" in effect for effect in more)


def test_the_name_of_an_unfinished_run_need_not_say_its_settings(tmp_path: Path) -> None:
    """The folder name has split_letters for split=letters, from which the setting cannot be read."""
    letters = {"dataset": "letters", "cls": "EMNIST", "data_arguments": {"split": "letters"}}
    for aux, seed in itertools.product(BOTH, range(3)):
        accuracy = None if seed == 2 and aux else 0.8 + 0.05 * aux + 0.01 * seed
        record(tmp_path, "ws3", accuracy, aux=aux, seed=seed, **letters)
    table = effects(tmp_path)
    assert list(table.index) == ["AL4 − WS3"]
    assert table.refused["AL4 − WS3"].startswith("missing runs: AL4") and "lacks seed=2" in table.refused["AL4 − WS3"]


def test_a_factorial_of_nothing_but_model_aux_and_head(tmp_path: Path) -> None:
    def accuracy(model: str, aux: bool, head: str, seed: int) -> float:
        return 0.7 + 0.01 * (model == "ws3") + 0.04 * aux + 0.06 * (head == "ordinal") + 0.003 * seed

    sweep(tmp_path, accuracy, model=("ws1", "ws3"), aux=BOTH, head=("mlp", "ordinal"), seed=range(2))
    assert means(tmp_path, "main effect") == {"sharing": 0.01, "AL": 0.04, "ordinal": 0.06}


def test_tasks_are_compared_by_what_an_ingredient_adds_to_each(tmp_path: Path) -> None:
    """AL4 - WS3 is .05 and .06 on the task leq, .01 and .04 on same. No contrast subtracts accuracies of two tasks."""
    for task, auxiliary, base in (("leq", (0.05, 0.06), 0.8), ("same", (0.01, 0.04), 0.9)):
        for seed, effect in enumerate(auxiliary):
            record(tmp_path, "ws3", base, seed=seed, task=task)
            record(tmp_path, "ws3", base + effect, seed=seed, task=task, aux=True)
    table = effects(tmp_path)
    assert list(zip(table.family, table.index, table.context, table["mean"].round(9), strict=True)) == [
        ("auxiliary loss", "AL4 − WS3", "", 0.055),
        ("auxiliary loss", "AL4 − WS3", "task=same", 0.025),
        ("interaction", "(AL4 same − WS3 same) − (AL4 − WS3)", "", -0.03),
    ]
    assert list(table.claim.notna()) == [True, False, False] and not table.verdict.str.contains("recipe").any()


def test_tasks_on_data_sets_are_questions_of_their_own(tmp_path: Path) -> None:
    """The auxiliary loss adds .05, .01 more on the second task and .01 more on the second data set."""

    def accuracy(task: str, dataset: str, model: str, aux: bool, seed: int) -> float:
        i, j = task == "odd_sum", dataset == "fashion_mnist"
        return 0.6 + 0.1 * i + aux * (0.05 + 0.01 * i + 0.01 * j + 0.001 * seed) + 0.01 * seed

    questions: dict[str, Any] = {"task": ("leq", "odd_sum"), "dataset": ("mnist", "fashion_mnist")}
    sweep(tmp_path, accuracy, **questions, model=("ws1", "ws3"), aux=BOTH, seed=range(2))
    assert not {"task", "backbone interaction"} & {*effects(tmp_path).family}
    assert not any("odd_sum" in effect for effect in effects(tmp_path, *ORDERS).index)  # no factor of a design
    more = means(tmp_path, "between data sets")
    assert {name: mean for name, mean in more.items() if name.startswith("aux")} == {
        "auxiliary loss: odd_sum, mnist − leq, mnist": 0.01,
        "auxiliary loss: leq, fashion_mnist − leq, mnist": 0.01,
        "auxiliary loss: odd_sum, fashion_mnist − leq, mnist": 0.02,
    }


def test_kinds_of_backbones_at_equal_sharing(tmp_path: Path) -> None:
    """CNN - FCNN is .01 with sharing, .03 without, .002 more in seed 1. The auxiliary loss adds .02 and .04."""
    for seed, aux in itertools.product(range(2), BOTH):
        base = 0.8 + 0.05 * aux + 0.01 * seed
        for model, more in (("fcnn3", 0), ("ws2", 0.005), ("fcnn1", -0.05)):
            if model != "fcnn1" or not aux:
                record(tmp_path, model, base + more, aux=aux, seed=seed)
        record(tmp_path, "ws3", base + 0.005 + 0.01 + 0.002 * seed + 0.02 * aux, aux=aux, seed=seed)
        record(tmp_path, "ws1", base + 0.03 + 0.002 * seed + 0.04 * aux, aux=aux, seed=seed)
    assert means(tmp_path, "backbone, same sharing", "backbone × auxiliary loss") == {
        "WS3 − WS2": 0.011,
        "WS1 − FCNN3": 0.031,
        "AL4 − AL3": 0.031,
        "mean of WS3 − WS2 and WS1 − FCNN3": 0.021,
        "mean of AL4 − AL3 and AL2 − AL1": 0.051,
        "(AL4 − AL3) − (WS3 − WS2)": 0.02,
        "(AL2 − AL1) − (WS1 − FCNN3)": 0.04,
        "mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)": 0.03,
    }  # AL2 - AL1 is in the family of backbones already
    assert means(tmp_path, "backbone")["AL2 − AL1"] == 0.071
    # .021 of the mean error of WS2 and FCNN3, 1 - (.81 + .805) / 2
    removed = effects(tmp_path).errors_removed["mean of WS3 − WS2 and WS1 − FCNN3"]
    assert removed == pytest.approx(0.021 / 0.1925)


def test_cnn_and_fcnn_in_the_committed_table() -> None:
    """The auxiliary loss increases CNN - FCNN by .027, computed from the unrounded accuracies of runs.csv."""
    runs = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").pivot(index="seed", columns="label", values="test_acc")
    more = (runs.AL4 - runs.AL3 + runs.AL2 - runs.AL1 - (runs.WS3 - runs.WS2 + runs.WS1 - runs.FCNN3)) / 2
    test = scipy.stats.ttest_1samp(more, 0)
    table = effects(ROOT / "multirun/table1", "backbone × auxiliary loss")
    row = table.loc["mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)"]
    assert (row["mean"], row.ci_low, row.ci_high) == pytest.approx((more.mean(), *test.confidence_interval()))
    assert round(row["mean"], 3) == 0.027
