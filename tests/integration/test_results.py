"""Tests of the numbers in README.md and docs/results.md against the CSV files of the committed reports."""

import itertools
import re

import pandas as pd
import pytest
import scipy.stats
from conftest import ROOT

from digitcmp.report.claims import claims_table, markdown
from digitcmp.report.estimates import estimate
from digitcmp.report.evidence import number

RESULTS = re.sub(r"\s+", " ", (ROOT / "docs/results.md").read_text())
README = (ROOT / "README.md").read_text()
MULTIRUN = ROOT / "multirun"
BOTH = ("auxiliary loss", "sharing")
NETWORKS = ("fcnn3", "ws1", "ws2", "ws3")


def read(report: str, name: str) -> pd.DataFrame:
    """Return a CSV file of a committed report."""
    return pd.read_csv(MULTIRUN / report / f"report/{name}.csv", dtype={"context": str})


def size(value: float) -> str:
    """Format a number as the texts do: .003."""
    return number(value).lstrip("+")


def interval(row: pd.Series) -> str:
    """Format an effect as the texts do: '+.079 [.073, .085]'."""
    return f"{number(row['mean'])} [{size(row['ci_low'])}, {size(row['ci_high'])}]"


def effect(report: str, name: str, context: str = "", table: str = "effects") -> pd.Series:
    """Return the first row of an effect whose context contains `context`; '' excludes tasks and data sets."""
    rows = read(report, table)
    rows = rows[rows.effect == name]
    if "context" in rows:
        texts = rows.context.fillna("")
        rows = rows[texts.str.contains(context) if context else ~texts.str.contains("task=|dataset=")]
    return rows.iloc[0]


TABLE1 = ["AL1 − FCNN3", "AL2 − WS1", "AL3 − WS2", "AL4 − WS3", "WS2 − FCNN3", "WS3 − WS1", "AL3 − AL1", "AL4 − AL2"]
TABLE1 += ["FCNN3 − FCNN1", "mean of WS3 − WS2 and WS1 − FCNN3", "mean of AL4 − AL3 and AL2 − AL1"]
TABLE1 += ["mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)"]
MEANS = {
    "tasks": ["", "task=odd_sum", "task=same", "task=shuffled_leq"],
    "transfer": ["", "dataset=digits", "dataset=fashion_mnist"],
    "order": ["dataset=fashion_mnist$", "task=shuffled_leq"],
}
LAYERS = ("dropout", "dropblock", "max_pool")


@pytest.mark.parametrize(
    "place",
    [
        *(("table1", name) for name in TABLE1),
        *((report, name, context) for report, contexts in MEANS.items() for context in contexts for name in BOTH),
        ("transfer", "auxiliary loss: digits − mnist"),
        *(("order", f"{name}: shuffled_leq − leq") for name in BOTH),
        *((report, "FCNN3 − FCNN1") for report in ("authors", "authors_redrawn")),
        *(("beyond_regularization", f"{label} {layer} − {label}") for label in ("AL4", "WS3") for layer in LAYERS),
        *(("lambda", f"aux_weight {level} − 1", "", "averages") for level in ("0.1", "3", "10", "30")),
        ("resolution", "padding 1 − 0", "", "averages"),
    ],
)
def test_effects(place: tuple[str, ...]) -> None:
    assert interval(effect(*place)) in RESULTS


def test_equal_rates_and_parameters() -> None:
    rows = read("equal_rates", "equal_rates").set_index(["effect", "lr"])
    effects = ("AL1 − FCNN3", "AL4 − WS3", "WS2 − FCNN3", "AL4 − AL2")
    for place in itertools.product(effects, (5e-5, 5e-4, 2e-3, 8e-3)):
        assert interval(rows.loc[place]) in RESULTS
    rows = read("parameters", "equal_parameters")
    assert f"adds {size(rows['mean'].min())} to {size(rows['mean'].max())} in eight comparisons" in RESULTS
    assert interval(rows.iloc[0]) in RESULTS and (rows.ci_low > 0).all() and len(rows) == 8


def test_the_heads_loss() -> None:
    loss = read("equal_rates", "cells").query("label == 'AL4'").set_index("lr").head_loss
    for lr, text in ((5e-5, "by {} for AL4"), (2e-3, "by {} at 2e-3"), (8e-3, "by {} at 8e-3")):
        assert text.format(size(loss[lr])) in RESULTS


def test_other_tasks_and_data_sets() -> None:
    """The collapsed runs, the majority answers and the shares of errors removed."""
    four = read("tasks", "cells").query(f"model in {NETWORKS}").set_index("task")
    for task, text in (("same", "they have {} to {}."), ("odd_sum", "({} to {}).")):
        aux = four.loc[task][four.loc[task].aux].test_acc_mean
        assert text.format(size(aux.min()), size(aux.max())) in RESULTS
    odd = four.loc["odd_sum"]
    assert (odd[~odd.aux].collapsed.sum(), odd[~odd.aux].n.sum(), odd[odd.aux].collapsed.sum()) == (14, 40, 0)
    rates = read("tasks/rates", "runs").query("task == 'same' and not aux")
    error = (rates.majority * (1 - rates.majority) / rates.test_pairs) ** 0.5
    assert not (rates.test_acc > rates.majority + 3 * error).any()
    contexts = ("", "dataset=digits", "dataset=fashion_mnist")
    shares = [100 * effect("transfer", "auxiliary loss", context).errors_removed for context in contexts]
    text = "{:.0f} % of the errors on MNIST, {:.0f} % on the scans and {:.0f} %"
    assert text.format(*shares) in RESULTS


def test_ranges_of_a_family() -> None:
    for report, family, column, text in (
        ("table1_tuned", "auxiliary loss", "mean", "the auxiliary loss adds {} to {}. At these rates"),
        ("table1_tuned", "auxiliary loss", "trimmed", "the trimmed means are {} to {}."),
        ("table1_fresh", "auxiliary loss", "mean", "the auxiliary loss adds {} to {}, sharing"),
        ("table1_fresh", "sharing", "mean", "sharing {} to {} and"),
    ):
        values = read(report, "effects").query(f"family == '{family}'")[column]
        assert text.format(size(values.min()), size(values.max())) in RESULTS


def test_the_share_of_the_test_images() -> None:
    rows = read("table1_fresh", "test_images")
    shares = [rows[flag].images_share for flag in (rows.family == "accuracy", rows.family != "accuracy")]
    ends = [100 * end for share in shares for end in (share.min(), share.max())]
    text = "{:.0f} to {:.0f} % of the variance of an accuracy, but {:.0f} to {:.0f} % of that of an effect"
    assert text.format(*ends) in re.sub(r"\s+", " ", (ROOT / "docs/methods.md").read_text())


def differences(report: str, plus: str, minus: str) -> pd.Series:
    """Return the differences in test accuracy between two cells, by seed. The cells are given by queries of pandas."""
    runs = read(report, "runs")
    return runs.query(plus).set_index("seed").test_acc - runs.query(minus).set_index("seed").test_acc


def test_effects_without_collapsed_runs() -> None:
    for report, where, plus, minus, without, text in (
        ("table1", "", "WS3", "WS1", [8], "WS3 − WS1 is {} instead of"),
        ("table1", "", "AL2", "WS1", [8], "AL2 − WS1 {} instead of"),
        ("equal_rates", "lr == 8e-3 and ", "AL1", "FCNN3", [10], "is {} and"),
        ("equal_rates", "lr == 5e-5 and ", "AL1", "FCNN3", [12, 19], "and {}, and WS2"),
        ("equal_rates", "lr == 8e-3 and ", "WS2", "FCNN3", [10], "at 8e-3 is {}."),
    ):
        by_seed = differences(report, f"{where}label == '{plus}'", f"{where}label == '{minus}'")
        assert text.format(number(by_seed.drop(without).mean())) in RESULTS


def test_one_draw_of_pairs() -> None:
    """Without a collapsed run, and Welch's interval of the difference between the two sweeps."""
    one, ten = (differences(name, "label == 'FCNN3'", "label == 'FCNN1'") for name in ("authors", "authors_redrawn"))
    assert f"by {interval(estimate(one.drop(9).to_numpy()[None]).iloc[0])}" in RESULTS
    low, high = scipy.stats.ttest_ind(one, ten, equal_var=False).confidence_interval()
    assert interval(pd.Series({"mean": one.mean() - ten.mean(), "ci_low": low, "ci_high": high})) in RESULTS


def mean_effects(report: str, where: str) -> tuple[pd.Series, pd.Series]:
    """Return the auxiliary loss and sharing by seed, each the mean over four pairs of networks."""
    one = f"{where} and model == "
    aux = [differences(report, f"{one}'{model}' and aux", f"{one}'{model}' and not aux") for model in NETWORKS]
    shared = [
        differences(report, f"{one}'{model}' and {flag}", f"{one}'{other}' and {flag}")
        for model, other in (("ws2", "fcnn3"), ("ws3", "ws1"))
        for flag in ("aux", "not aux")
    ]
    return sum(aux) / 4, sum(shared) / 4


def test_means_without_collapsed_runs() -> None:
    lost = [30, 36, 44, 46]
    aux, shared = (size(by_seed.drop(lost).mean()) for by_seed in mean_effects("transfer", "dataset == 'digits'"))
    assert f"adds {aux} there and sharing {shared}." in RESULTS
    given, other = (mean_effects("order", f"task == '{task}'") for task in ("leq", "shuffled_leq"))
    changes = [number((b - a).drop(19).mean()) for a, b in zip(given, other, strict=True)]
    assert "the differences are {} and {}.".format(*changes) in RESULTS


def test_the_best_recipe_on_further_seeds() -> None:
    row, cell = read("best_fresh", "test_images").iloc[0], read("best_fresh", "cells").iloc[0]
    ends = [f"{row[end]:.4f}"[1:] for end in ("ci_low", "ci_high", "images_low", "images_high")]
    assert f"has {cell.test_acc_mean:.4f} ± {cell.test_acc_std:.4f}".replace("0.", ".") in RESULTS
    assert "[{}, {}] over seeds and [{}, {}] if it covers the test images too".format(*ends) in RESULTS


def test_convergence_at_the_papers_rates() -> None:
    rows = read("table1_fresh", "convergence").set_index(["outcome", "effect"])
    for place in (("epochs_to_80", "WS3 − WS1"), ("epochs_to_gain", "WS3 − WS1"), ("epochs_to_gain", "WS2 − FCNN3")):
        row = rows.loc[place]
        assert f"by {-row['mean']:.1f} epochs [{row.ci_low:.1f}, {row.ci_high:.1f}]" in RESULTS
    gains = rows.loc["epochs_to_gain"]
    assert (gains[gains.family == "sharing"].ci_high < 0).sum() == 3


def test_table_i() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| \*\*(\S+)\*\* ± (\S+) \| (\S+) ± (\S+) \|$", README, flags=re.MULTILINE)
    assert len(rows) == 10
    for sweep, columns in (("table1", slice(1, 3)), ("authors", slice(3, 5))):
        cells = read(sweep, "cells").set_index("label")
        for row in rows:
            cell = cells.loc[row[0]]
            assert row[columns] == (size(cell.test_acc_mean), size(cell.test_acc_std)), (sweep, row[0])


def test_the_page_of_claims_is_that_of_the_reports() -> None:
    page = (MULTIRUN / "claims.md").read_text()
    assert max(len(line) for line in page.splitlines() if line.startswith("|")) <= 300
    assert page == markdown(claims_table(MULTIRUN))


def test_the_readmes_claims() -> None:
    verdicts = {"AL4 − WS3": "smaller", "AL4 − AL2": "as claimed", "AL4 − AL3": "holds", "FCNN3 − FCNN1": "holds"}
    for name, verdict in verdicts.items():
        assert f"| {verdict} | {name}: {interval(effect('table1', name))} |" in README
    garments = interval(effect("transfer", "auxiliary loss: fashion_mnist − mnist"))
    assert f"| holds | auxiliary loss on garments − MNIST: {garments} |" in README
    weight = interval(effect("lambda", "aux_weight 30 − 1", table="averages"))
    assert f"| too small | 30 instead of 1: {weight} |" in README
    gain = differences("aux_labels", "model == 'ws3' and aux_labels == 'shuffled'", "model == 'ws3' and not aux")
    assert f"| does not | shuffled digits, WS3: {interval(estimate(gain.to_numpy()[None]).iloc[0])} |" in README


def test_every_experiment_has_its_report() -> None:
    """Every experiment has a committed report, except recipes of single runs and the study of your own images."""
    names = {file.stem for file in (ROOT / "conf/experiment").glob("*.yaml")} - {"best", "best_unlabelled", "study"}
    assert names <= {folder.name for folder in MULTIRUN.iterdir() if (folder / "report").is_dir()}
