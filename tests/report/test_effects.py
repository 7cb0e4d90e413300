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
from records import factorial, grid, record

from digitcmp.models import backbones
from digitcmp.models.heads import HEADS, Head
from digitcmp.report.contrasts.planned import ORDERS
from digitcmp.report.results import Results


def effects(root: Path, family: str = "") -> pd.DataFrame:
    """Return the effects of the runs below `root`, of one family if it is given, indexed by effect."""
    table = Results.load([root]).effects
    return (table[table.family == family] if family else table).set_index("effect")


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
    sharing = ["WS3 − WS1", "AL4 − AL2"]
    assert list(table.index) == ["AL2 − WS1", "AL4 − WS3", *sharing, "(AL4 − WS3) − (AL2 − WS1)"]
    assert table["mean"]["AL2 − WS1"] == pytest.approx(0.1)
    assert dict(table.verdict) == {
        "AL2 − WS1": "as claimed",
        "AL4 − WS3": "no interval: all differences are equal",
        "WS3 − WS1": "as claimed",
        "AL4 − AL2": "no interval: all differences are equal",
        "(AL4 − WS3) − (AL2 − WS1)": "effect seen",
    }
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
    for seed, aux in itertools.product(range(2), (False, True)):
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
    row = effects(tmp_path).loc["WS3 − WS1"]
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
    other = effects(tmp_path).loc["AL4 − AL2"]
    assert np.isnan(other.fragile) if other.fragile is not None else True
    assert other.verdict == "as claimed" and other.p_flip == 2 / 1024


def test_the_papers_own_interval_stands_beside_its_means(tmp_path: Path) -> None:
    """Table I has WS2 .845 +- .014 and FCNN3 .831 +- .008, ten runs each. WS3 has no published standard deviation."""
    for seed, model in itertools.product(range(2), ("fcnn3", "ws2", "ws1", "ws3")):
        record(tmp_path, model, 0.8 + 0.01 * seed, seed=seed)
    table = effects(tmp_path)
    row = table.loc["WS2 − FCNN3"]
    error = ((0.014**2 + 0.008**2) / 10) ** 0.5
    freedom = (0.014**2 + 0.008**2) ** 2 / ((0.014**4 + 0.008**4) / 9)
    half = scipy.stats.t.ppf(0.975, freedom) * error
    assert (row.published_low, row.published_high) == pytest.approx((0.014 - half, 0.014 + half))
    assert table.published["WS3 − WS1"] == pytest.approx(0.026) and np.isnan(table.published_low["WS3 − WS1"])


def test_a_factor_of_three_levels_is_compared_with_its_default(tmp_path: Path) -> None:
    accuracy = np.random.default_rng(0).normal(0.8, 0.01, (3, 5))
    for (level, schedule), seed in itertools.product(enumerate(("cosine", "constant", "one_cycle")), range(5)):
        record(tmp_path, "ws3", float(accuracy[level, seed]), seed=seed, schedule=schedule)
    table = effects(tmp_path)
    assert list(table.index) == ["WS3 cosine − WS3", "WS3 one_cycle − WS3"] and {*table.family} == {"schedule"}
    tests = [scipy.stats.ttest_rel(accuracy[level], accuracy[1]) for level in (0, 2)]
    assert list(table["mean"]) == pytest.approx([np.mean(accuracy[level] - accuracy[1]) for level in (0, 2)])
    assert list(table.p) == pytest.approx([test.pvalue for test in tests], rel=1e-6)
    low, high = zip(*(test.confidence_interval() for test in tests), strict=True)
    assert list(table.ci_low) == pytest.approx(low) and list(table.ci_high) == pytest.approx(high)
    smaller, larger = sorted(test.pvalue for test in tests)
    assert sorted(table.p_holm) == pytest.approx([min(2 * smaller, 1), max(2 * smaller, larger)], rel=1e-6)


def test_without_the_default_levels_are_compared_with_the_first(tmp_path: Path) -> None:
    for epochs, seed in itertools.product((100, 50, 75), range(2)):
        record(tmp_path, "ws3", 0.8 + epochs / 1000 + 0.01 * seed, seed=seed, epochs=epochs)
    table = effects(tmp_path)
    assert list(table.index) == ["WS3 epochs=75 − WS3 epochs=50", "WS3 epochs=100 − WS3 epochs=50"]
    assert list(table["mean"]) == pytest.approx([0.025, 0.05])


def test_two_factors_and_their_interaction(tmp_path: Path) -> None:
    accuracy = np.random.default_rng(1).normal(0.8, 0.01, (2, 3, 4))
    for (i, augment), (j, epochs), seed in itertools.product(
        enumerate((False, True)), enumerate((25, 50, 75)), range(4)
    ):
        record(tmp_path, "ws3", float(accuracy[i, j, seed]), seed=seed, augment=augment, epochs=epochs)
    table = effects(tmp_path)
    assert table.family.value_counts().to_dict() == {"augment": 3, "epochs": 4, "interaction": 2}
    for j, epochs in ((1, 50), (2, 75)):
        row = table.loc[f"(WS3 augment epochs={epochs} − WS3 epochs={epochs}) − (WS3 augment − WS3)"]
        test = scipy.stats.ttest_1samp(accuracy[1, j] - accuracy[0, j] - accuracy[1, 0] + accuracy[0, 0], 0)
        assert (row["mean"], row.p) == (pytest.approx(test._estimate), pytest.approx(test.pvalue, rel=1e-6))


def test_an_interaction_needs_all_four_cells(tmp_path: Path) -> None:
    for seed, (augment, epochs) in itertools.product(range(2), ((False, 25), (True, 25), (False, 50))):
        record(tmp_path, "ws3", 0.8 + 0.01 * seed, seed=seed, augment=augment, epochs=epochs)
    assert list(effects(tmp_path).index) == ["WS3 augment − WS3", "WS3 epochs=50 − WS3"]


def test_sharing_and_arguments_of_ones_network(pooled: None, tmp_path: Path) -> None:
    for seed, shared, deep in itertools.product(range(3), (False, True), (False, True)):
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
        for aux in (False, True):
            record(tmp_path, "pooled", 0.7 + 0.03 * aux + 0.01 * seed, seed=seed, aux=aux)
            record(tmp_path, "ws3", 0.8 + 0.05 * aux + 0.01 * seed, seed=seed, aux=aux)
        record(tmp_path, "pooled", 0.72 + 0.01 * seed, seed=seed, head="mine")
    table = effects(tmp_path)
    assert list(table[table.family == "head"].index) == ["pooled+mine − pooled"]
    assert list(table[table.family == "backbone"].index) == ["pooled − WS3", "pooled+AL − AL4"]
    assert table["mean"]["pooled − WS3"] == pytest.approx(-0.1)
    interaction = table[table.family == "backbone interaction"]
    assert list(interaction.index) == ["(pooled+AL − pooled) − (AL4 − WS3)"]
    assert list(interaction["mean"]) == pytest.approx([-0.02])
    assert np.isnan(table.claim["pooled+AL − pooled"]) and table.claim["AL4 − WS3"] == 0.1


def test_networks_that_are_not_registered(monkeypatch: pytest.MonkeyPatch, pooled: None, tmp_path: Path) -> None:
    for seed, depth in itertools.product(range(2), (1, 2)):
        record(tmp_path, "pooled", 0.7 + 0.03 * depth + 0.01 * seed, seed=seed, depth=depth)
    monkeypatch.delitem(backbones.NETWORKS, "pooled")
    table = effects(tmp_path)
    assert list(table.index) == ["pooled depth=2 − pooled depth=1"] and table["mean"].iloc[0] == pytest.approx(0.03)


def test_learning_rates(tmp_path: Path) -> None:
    for seed, lr in itertools.product(range(2), (1e-4, 2e-3, 1e-2)):
        record(tmp_path, "ws3", 0.8 + lr + 0.01 * seed, seed=seed, lr=lr, aux=True)
    table = effects(tmp_path)  # the paper's rate for AL4 is 0.002
    assert list(table.index) == ["AL4 lr=0.0001 − AL4 lr=0.002", "AL4 lr=0.01 − AL4 lr=0.002"]
    assert list(table["mean"]) == pytest.approx([-0.0019, 0.008])


def test_only_between_cells_equal_in_all_but_the_factor(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "ws3", 0.8, seed=seed, train_pairs=500)
        record(tmp_path, "ws3", 0.9, seed=seed, aux=True)
        record(tmp_path, "ws3", 0.7 + 0.01 * seed, seed=seed, train_pairs=250)
        record(tmp_path, "ws3", 0.8, seed=seed, train_pairs=250, aux=True)
    table = effects(tmp_path, "auxiliary loss")
    assert list(table.context) == ["train_pairs=250"] and table["mean"].iloc[0] == pytest.approx(0.095)


def test_factorial_by_hand(tmp_path: Path) -> None:
    table = effects(factorial(tmp_path))
    table = table[table.family.isin(ORDERS)]
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


def test_factorial_of_three_factors(tmp_path: Path) -> None:
    for folder in factorial(tmp_path).glob("*head=ordinal*"):
        shutil.rmtree(folder)
    table = effects(tmp_path)
    table = table[table.family.isin(ORDERS)]
    assert len(table) == 7 and "ordinal" not in table.index
    assert table["mean"]["AL"] == pytest.approx(0.041)


def test_factorial_of_ones_factors(pooled: None, tmp_path: Path) -> None:
    for seed, shared, aux, depth in itertools.product(range(2), (False, True), (False, True), (1, 2)):
        accuracy = 0.7 + 0.01 * shared + 0.02 * aux + 0.04 * (depth == 2) + 0.001 * seed
        record(tmp_path, "pooled" if shared else "pooled_apart", accuracy, seed=seed, aux=aux, depth=depth)
    table = effects(tmp_path, "main effect")
    assert dict(table["mean"]) == pytest.approx({"sharing": 0.01, "AL": 0.02, "depth=2": 0.04})
    assert set(table.context) == {"model=pooled_apart/pooled"}


def test_factorial_is_refused_where_a_cell_or_a_seed_is_missing(tmp_path: Path) -> None:
    factorial(tmp_path)
    gone = "model=ws3,aux=true,lr=0.002,augment=true,epochs=50,head=ordinal"
    for seed, reason in enumerate(
        (
            "different seeds: AL2 and 14 more have 0 1, AL4+ordinal augment has 1",
            "missing runs: no run of AL4+ordinal augment is finished",  # both of its runs are deleted
        )
    ):
        shutil.rmtree(tmp_path / gone / f"seed={seed}")
        table = effects(tmp_path)
        table = table[table.family.isin(ORDERS)]
        assert len(table) == 15 and table["mean"].isna().all()
        assert set(table.refused) == {reason}


def test_one_factor_at_a_time_is_no_factorial(tmp_path: Path) -> None:
    for seed in range(2):
        for change in ({}, {"aux": True}, {"head": "ordinal"}, {"augment": True}):
            record(tmp_path, "ws3", 0.8, seed=seed, **change)
    assert list(effects(tmp_path).index) == ["AL4 − WS3", "WS3 augment − WS3", "WS3+ordinal − WS3"]


def test_refused_where_seeds_differ(tmp_path: Path) -> None:
    for seed in (0, 1):
        record(tmp_path, "ws3", 0.8, seed=seed)
    for seed in (0, 2):
        record(tmp_path, "ws3", 0.9, seed=seed, aux=True)
    table = effects(tmp_path)
    assert list(table.refused) == ["different seeds: AL4 has 0 2, WS3 has 0 1"]
    assert table[["n", "mean", "p", "p_holm", "verdict"]].isna().all(axis=None)


def test_refused_for_a_single_seed(tmp_path: Path) -> None:
    record(tmp_path, "ws3", 0.8)
    record(tmp_path, "ws3", 0.9, aux=True)
    assert list(effects(tmp_path).refused) == ["n = 1: an interval needs at least 2 seeds"]


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
    assert refused["WS2 − FCNN3"] == "missing runs: no run of FCNN3 is finished"
    assert refused["FCNN2 hidden=300-150-50 − FCNN2 hidden=300-50"] == "missing runs: FCNN2 hidden=300-50 lacks seed=2"


def test_refused_where_the_rate_is_ambiguous(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "ws3", 0.8, seed=seed)
        record(tmp_path, "ws3", 0.9, seed=seed, aux=True)
        record(tmp_path, "ws3", 0.9, seed=seed, aux=True, lr=2e-3)
    assert list(effects(tmp_path, "auxiliary loss").refused) == ["ambiguous: several learning rates for one network"]


def two_data_sets(root: Path) -> np.ndarray:
    """Write WS1, WS2 and WS3 with and without the auxiliary loss, with 4 seeds, on Fashion-MNIST and MNIST.

    AL3 is missing on Fashion-MNIST. WS3 also has an ordinal head, which has no counterpart.

    Returns:
        The accuracies (data set, model, aux, seed).
    """
    accuracy = np.random.default_rng(2).normal(0.8, 0.01, (2, 3, 2, 4)).round(4)
    for (i, dataset), (j, model), aux, seed in itertools.product(
        enumerate(("fashion_mnist", "mnist")), enumerate(("ws1", "ws2", "ws3")), (False, True), range(4)
    ):
        if (dataset, model, aux) != ("fashion_mnist", "ws2", True):
            record(
                root,
                model,
                float(accuracy[i, j, int(aux), seed]),
                aux=aux,
                seed=seed,
                dataset=dataset,
                lr=1e-3 + i / 1e3,
            )
            if model == "ws3" and not aux:
                record(root, model, 0.9, head="ordinal", seed=seed, dataset=dataset)
    return accuracy


def test_effects_on_each_data_set_and_between_them(tmp_path: Path) -> None:
    """The means are over the networks on both data sets. The means and their differences equal those of scipy."""
    accuracy = two_data_sets(tmp_path)
    results = Results.load([tmp_path])
    table = results.effects[results.effects.family.isin(["mean over networks", "between data sets"])]
    names = table.effect + table.context.map(lambda context: f" {context}".rstrip())
    assert list(names) == [
        *("auxiliary loss", "sharing", "auxiliary loss dataset=fashion_mnist", "sharing dataset=fashion_mnist"),
        *("auxiliary loss: fashion_mnist − mnist", "sharing: fashion_mnist − mnist"),
    ]
    both = accuracy[:, [0, 2]]
    auxiliary = (both[:, :, 1] - both[:, :, 0]).mean(axis=1)  # (data set, seed)
    sharing = (both[:, 1] - both[:, 0]).mean(axis=1)
    expected = [
        auxiliary[1],
        sharing[1],
        auxiliary[0],
        sharing[0],
        auxiliary[0] - auxiliary[1],
        sharing[0] - sharing[1],
    ]
    tests = [scipy.stats.ttest_1samp(values, 0) for values in expected]
    assert list(table["mean"]) == pytest.approx([values.mean() for values in expected])
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
    for (i, given), (j, model), aux, seed in itertools.product(
        enumerate(sets), enumerate(("ws1", "ws3")), (False, True), range(3)
    ):
        accuracy = 0.8 + 0.01 * seed + 0.03 * j + aux * (0.05 + 0.01 * i)
        record(tmp_path / "sweep", model, accuracy, aux=aux, seed=seed, **given)
    means = effects(tmp_path / "sweep", "mean over networks")
    auxiliary = means.loc["auxiliary loss"].set_index("context")["mean"]
    assert auxiliary[""] == pytest.approx(0.05) and auxiliary["dataset=letters"] == pytest.approx(0.06)
    assert len(auxiliary) == 4 and sum(name.startswith("dataset=npz ") for name in auxiliary.index) == 2
    more = effects(tmp_path / "sweep", "between data sets")["mean"]
    assert more["auxiliary loss: letters − mnist"] == pytest.approx(0.01)


def test_pairs_of_networks_on_other_data_sets_keep_their_means_and_differences(tmp_path: Path) -> None:
    """Only WS3 is also on a third data set, digits. The means and differences of the other two data sets remain."""
    for dataset, model, aux, seed in itertools.product(
        ("fashion_mnist", "kmnist", "digits"), ("ws1", "ws3"), (False, True), range(3)
    ):
        if (model, dataset) != ("ws1", "digits"):
            pairs = {"train_pairs": 400, "val_pairs": 200, "test_pairs": 200}
            accuracy = 0.8 + 0.01 * seed + aux * (0.1 if dataset == "digits" else 0.05)
            record(tmp_path, model, accuracy, aux=aux, seed=seed, dataset=dataset, **pairs)
    more = effects(tmp_path, "between data sets")["mean"]
    assert more["auxiliary loss: kmnist − fashion_mnist"] == pytest.approx(0)
    assert not any("digits" in effect for effect in more.index)


def test_the_name_of_an_unfinished_run_need_not_say_its_settings(tmp_path: Path) -> None:
    """The folder name has split_letters for split=letters, from which the setting cannot be read."""
    letters = {"dataset": "letters", "cls": "EMNIST", "data_arguments": {"split": "letters"}}
    for aux, seed in itertools.product((False, True), range(3)):
        record(
            tmp_path,
            "ws3",
            None if seed == 2 and aux else 0.8 + 0.05 * aux + 0.01 * seed,
            aux=aux,
            seed=seed,
            **letters,
        )
    table = effects(tmp_path)
    assert list(table.index) == ["AL4 − WS3"]
    assert table.refused["AL4 − WS3"].startswith("missing runs: AL4") and "lacks seed=2" in table.refused["AL4 − WS3"]


def test_a_factorial_of_nothing_but_model_aux_and_head(tmp_path: Path) -> None:
    for shared, aux, ordinal, seed in itertools.product((False, True), repeat=4):
        accuracy = 0.7 + 0.01 * shared + 0.04 * aux + 0.06 * ordinal + 0.003 * seed
        record(
            *(tmp_path, "ws3" if shared else "ws1", accuracy),
            **{"aux": aux, "head": "ordinal" if ordinal else "mlp", "seed": int(seed)},
        )
    table = effects(tmp_path, "main effect")
    assert dict(table["mean"]) == pytest.approx({"sharing": 0.01, "AL": 0.04, "ordinal": 0.06})


def test_tasks_are_compared_by_what_an_ingredient_adds_to_each(tmp_path: Path) -> None:
    """AL4 - WS3 is .05 and .06 on the task leq, .01 and .04 on same. No contrast subtracts accuracies of two tasks."""
    for task, auxiliary, base in (("leq", (0.05, 0.06), 0.8), ("same", (0.01, 0.04), 0.9)):
        for seed, effect in enumerate(auxiliary):
            record(tmp_path, "ws3", base, seed=seed, task=task)
            record(tmp_path, "ws3", base + effect, seed=seed, task=task, aux=True)
    results = Results.load([tmp_path])
    table = results.effects
    assert list(zip(table.family, table.effect, table.context, strict=True)) == [
        ("auxiliary loss", "AL4 − WS3", ""),
        ("auxiliary loss", "AL4 − WS3", "task=same"),
        ("interaction", "(AL4 same − WS3 same) − (AL4 − WS3)", ""),
    ]
    assert list(table["mean"]) == pytest.approx([0.055, 0.025, -0.03])
    assert list(table.claim.notna()) == [True, False, False] and not table.verdict.str.contains("recipe").any()


def test_tasks_on_data_sets_are_questions_of_their_own(tmp_path: Path) -> None:
    """The auxiliary loss adds .05, .01 more on the second task and .01 more on the second data set."""
    for (i, task), (j, dataset), model, aux, seed in itertools.product(
        enumerate(("leq", "odd_sum")), enumerate(("mnist", "fashion_mnist")), ("ws1", "ws3"), (False, True), range(2)
    ):
        accuracy = 0.6 + 0.1 * i + aux * (0.05 + 0.01 * i + 0.01 * j + 0.001 * seed) + 0.01 * seed
        record(tmp_path, model, accuracy, task=task, dataset=dataset, aux=aux, seed=seed)
    results = Results.load([tmp_path])
    assert "task" not in {*results.effects.family} and "backbone interaction" not in {*results.effects.family}
    more = effects(tmp_path, "between data sets")["mean"].filter(like="auxiliary")
    assert dict(more.round(9)) == {
        "auxiliary loss: odd_sum, mnist − leq, mnist": 0.01,
        "auxiliary loss: leq, fashion_mnist − leq, mnist": 0.01,
        "auxiliary loss: odd_sum, fashion_mnist − leq, mnist": 0.02,
    }


def test_the_task_is_no_factor_of_a_design(tmp_path: Path) -> None:
    for shared, aux, task, seed in itertools.product((False, True), (False, True), ("leq", "same"), range(2)):
        accuracy = 0.7 + 0.01 * shared + 0.04 * aux + 0.1 * (task == "same") + 0.003 * seed
        record(tmp_path, "ws3" if shared else "ws1", accuracy, aux=aux, task=task, seed=seed)
    assert not {*effects(tmp_path).family} & {*ORDERS}


def test_kinds_of_backbones_at_equal_sharing(tmp_path: Path) -> None:
    """CNN - FCNN is .01 with sharing, .03 without, .002 more in seed 1. The auxiliary loss adds .02 and .04."""
    for seed in range(2):
        for aux in (False, True):
            base = 0.8 + 0.05 * aux + 0.01 * seed
            for model, more in (("fcnn3", 0), ("ws2", 0.005), ("fcnn1", -0.05)):
                if model != "fcnn1" or not aux:
                    record(tmp_path, model, base + more, aux=aux, seed=seed)
            record(tmp_path, "ws3", base + 0.005 + 0.01 + 0.002 * seed + 0.02 * aux, aux=aux, seed=seed)
            record(tmp_path, "ws1", base + 0.03 + 0.002 * seed + 0.04 * aux, aux=aux, seed=seed)
    table = effects(tmp_path)
    single = table[table.family == "backbone, same sharing"]
    assert dict(single["mean"].round(9)) == {
        "WS3 − WS2": 0.011,
        "WS1 − FCNN3": 0.031,
        "AL4 − AL3": 0.031,
        "mean of WS3 − WS2 and WS1 − FCNN3": 0.021,
        "mean of AL4 − AL3 and AL2 − AL1": 0.051,
    }  # AL2 - AL1 is in the family of backbones already
    assert table["mean"]["AL2 − AL1"] == pytest.approx(0.071) and table.family["AL2 − AL1"] == "backbone"
    more = table[table.family == "backbone × auxiliary loss"]
    assert dict(more["mean"].round(9)) == {
        "(AL4 − AL3) − (WS3 − WS2)": 0.02,
        "(AL2 − AL1) − (WS1 − FCNN3)": 0.04,
        "mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)": 0.03,
    }
    # .021 of the mean error of WS2 and FCNN3, 1 - (.81 + .805) / 2
    assert single.errors_removed["mean of WS3 − WS2 and WS1 − FCNN3"] == pytest.approx(0.021 / 0.1925)


def test_cnn_and_fcnn_in_the_committed_table() -> None:
    """The auxiliary loss increases CNN - FCNN by .027, computed from the unrounded accuracies of runs.csv."""
    runs = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").pivot(index="seed", columns="label", values="test_acc")
    more = (runs.AL4 - runs.AL3 + runs.AL2 - runs.AL1 - (runs.WS3 - runs.WS2 + runs.WS1 - runs.FCNN3)) / 2
    test = scipy.stats.ttest_1samp(more, 0)
    table = effects(ROOT / "multirun/table1", "backbone × auxiliary loss")
    row = table.loc["mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)"]
    assert (row["mean"], row.ci_low, row.ci_high) == pytest.approx((more.mean(), *test.confidence_interval()))
    assert round(row["mean"], 3) == 0.027
