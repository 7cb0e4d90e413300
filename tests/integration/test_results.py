"""Tests of the numbers in README.md and docs/results.md against the CSV files of the committed reports."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
import scipy.stats
from conftest import ROOT
from scipy.stats import t

from digitcmp.report.claims import claims_table, markdown
from digitcmp.report.statistics.estimates import estimate

RESULTS = re.sub(r"\s+", " ", (ROOT / "docs/results.md").read_text())
README = (ROOT / "README.md").read_text()
MULTIRUN = ROOT / "multirun"


def number(value: float, sign: bool = True) -> str:
    """Format a difference as the texts do: +.079, -.004, .003."""
    rounded = Decimal(f"{value:.12g}").quantize(Decimal("0.001"), ROUND_HALF_UP)
    return f"{rounded:{'+' if sign else ''}}".replace("0.", ".", 1)


def interval(row: pd.Series) -> str:
    """Format an effect as the texts do: '+.079 [.073, .085]'."""
    return f"{number(row['mean'])} [{number(row.ci_low, sign=False)}, {number(row.ci_high, sign=False)}]"


def effect(report: str, name: str, context: str = "", table: str = "effects.csv") -> pd.Series:
    """Return the first row of an effect whose context contains `context`; '' excludes tasks and data sets."""
    rows = pd.read_csv(MULTIRUN / report / "report" / table, dtype={"context": str})
    rows = rows[rows.effect == name]
    if "context" in rows and table == "effects.csv":
        texts = rows.context.fillna("")
        rows = rows[texts.str.contains(context) if context else ~texts.str.contains("task=|dataset=")]
    assert len(rows) >= 1, (report, name, context)
    return rows.iloc[0]


TABLE1 = ["AL1 − FCNN3", "AL2 − WS1", "AL3 − WS2", "AL4 − WS3", "WS2 − FCNN3", "WS3 − WS1", "AL3 − AL1", "AL4 − AL2"]
TABLE1 += ["FCNN3 − FCNN1", "mean of WS3 − WS2 and WS1 − FCNN3", "mean of AL4 − AL3 and AL2 − AL1"]
TABLE1 += ["mean of (AL4 − AL3) − (WS3 − WS2) and (AL2 − AL1) − (WS1 − FCNN3)"]
BOTH = ("auxiliary loss", "sharing")
MEANS = {
    "tasks": ["", "task=odd_sum", "task=same", "task=shuffled_leq"],
    "transfer": ["", "dataset=digits", "dataset=fashion_mnist"],
    "order": ["dataset=fashion_mnist$", "task=shuffled_leq"],
}


@pytest.mark.parametrize(
    ("report", "name", "context"),
    [
        *(("table1", name, "") for name in TABLE1),
        *((report, name, context) for report, contexts in MEANS.items() for context in contexts for name in BOTH),
        ("transfer", "auxiliary loss: digits − mnist", ""),
        *(("order", f"{name}: shuffled_leq − leq", "") for name in BOTH),
        *((report, "FCNN3 − FCNN1", "") for report in ("authors", "authors_redrawn")),
        *(
            ("beyond_regularization", f"{label} {layer} − {label}", "")
            for label in ("AL4", "WS3")
            for layer in ("dropout", "dropblock", "max_pool")
        ),
    ],
)
def test_effects(report: str, name: str, context: str) -> None:
    text = interval(effect(report, name, context))
    assert text in RESULTS, (report, name, text)


@pytest.mark.parametrize("effect_name", ["AL1 − FCNN3", "AL4 − WS3", "WS2 − FCNN3", "AL4 − AL2"])
@pytest.mark.parametrize("lr", [5e-5, 5e-4, 2e-3, 8e-3])
def test_equal_rates(lr: float, effect_name: str) -> None:
    rows = pd.read_csv(MULTIRUN / "equal_rates/report/equal_rates.csv")
    assert interval(rows[(rows.effect == effect_name) & (rows.lr == lr)].iloc[0]) in RESULTS


@pytest.mark.parametrize(
    ("report", "name"),
    [*(("lambda", f"aux_weight {level} − 1") for level in ("0.1", "3", "10", "30")), ("resolution", "padding 1 − 0")],
)
def test_averages(report: str, name: str) -> None:
    assert interval(effect(report, name, table="averages.csv")) in RESULTS


def test_equal_parameters() -> None:
    rows = pd.read_csv(MULTIRUN / "parameters/report/equal_parameters.csv")
    low, high = number(rows["mean"].min(), sign=False), number(rows["mean"].max(), sign=False)
    assert f"adds {low} to {high} in eight comparisons" in RESULTS and (rows.ci_low > 0).all() and len(rows) == 8
    assert interval(rows.iloc[0]) in RESULTS


def test_the_heads_loss() -> None:
    cells = pd.read_csv(MULTIRUN / "equal_rates/report/cells.csv")
    cells = cells[cells.label == "AL4"].set_index("lr")
    for lr, text in ((5e-5, "by .185 for AL4"), (2e-3, "by .046 at 2e-3"), (8e-3, "by .011 at 8e-3")):
        assert text.split()[1] == number(cells.loc[lr, "head_loss"], sign=False) and text in RESULTS


def share(report: str, name: str, context: str = "") -> str:
    """Return the share of errors that an effect removes, in per cent."""
    return f"{effect(report, name, context).errors_removed:.0%}".replace("%", " %")


def test_other_tasks() -> None:
    """The collapsed runs and the majority answers."""
    cells = pd.read_csv(MULTIRUN / "tasks/report/cells.csv")
    four = cells[cells.model.isin(NETWORKS)].set_index("task")
    for task, text in (("same", "they have {} to {}."), ("odd_sum", "({} to {}).")):
        aux = four.loc[task][four.loc[task].aux].test_acc_mean
        assert text.format(number(aux.min(), sign=False), number(aux.max(), sign=False)) in RESULTS
    odd = four.loc["odd_sum"]
    assert (odd[~odd.aux].collapsed.sum(), odd[~odd.aux].n.sum(), odd[odd.aux].collapsed.sum()) == (14, 40, 0)
    rates = pd.read_csv(MULTIRUN / "tasks/rates/report/runs.csv").query("task == 'same' and not aux")
    assert not (
        rates.test_acc > rates.majority + 3 * (rates.majority * (1 - rates.majority) / rates.test_pairs) ** 0.5
    ).any()


def test_other_data_sets() -> None:
    """The shares of errors removed."""
    shares = [share("transfer", "auxiliary loss", f"dataset={data}") for data in ("digits", "fashion_mnist")]
    removed = f"{share('transfer', 'auxiliary loss')} of the errors on MNIST, {shares[0]} on the scans and {shares[1]}"
    assert removed in RESULTS


@pytest.mark.parametrize(
    ("report", "family", "column", "text"),
    [
        ("table1_tuned", "auxiliary loss", "mean", "the auxiliary loss adds {} to {}. At these rates"),
        ("table1_tuned", "auxiliary loss", "trimmed", "the trimmed means are {} to {}."),
        ("table1_fresh", "auxiliary loss", "mean", "the auxiliary loss adds {} to {}, sharing"),
        ("table1_fresh", "sharing", "mean", "sharing {} to {} and"),
    ],
)
def test_ranges_of_a_family(report: str, family: str, column: str, text: str) -> None:
    rows = pd.read_csv(MULTIRUN / report / "report/effects.csv")
    values = rows[rows.family == family][column]
    assert text.format(number(values.min(), sign=False), number(values.max(), sign=False)) in RESULTS


def test_the_share_of_the_test_images() -> None:
    rows = pd.read_csv(MULTIRUN / "table1_fresh/report/test_images.csv")
    shares = [rows[flag].images_share for flag in (rows.family == "accuracy", rows.family != "accuracy")]
    ends = [100 * end for share in shares for end in (share.min(), share.max())]
    text = "{:.0f} to {:.0f} % of the variance of an accuracy, but {:.0f} to {:.0f} % of that of an effect"
    assert text.format(*ends) in re.sub(r"\s+", " ", (ROOT / "docs/methods.md").read_text())


def differences(report: str, plus: str, minus: str) -> pd.Series:
    """Return the differences in test accuracy between two cells, by seed. The cells are given by queries of pandas."""
    runs = pd.read_csv(MULTIRUN / report / "report/runs.csv")
    return runs.query(plus).set_index("seed").test_acc - runs.query(minus).set_index("seed").test_acc


@pytest.mark.parametrize(
    ("report", "plus", "minus", "without", "text"),
    [
        ("table1", "label == 'WS3'", "label == 'WS1'", [8], "WS3 − WS1 is {} instead of"),
        ("table1", "label == 'AL2'", "label == 'WS1'", [8], "AL2 − WS1 {} instead of"),
        ("equal_rates", "lr == 8e-3 and label == 'AL1'", "lr == 8e-3 and label == 'FCNN3'", [10], "is {} and"),
        (
            "equal_rates",
            "lr == 5e-5 and label == 'AL1'",
            "lr == 5e-5 and label == 'FCNN3'",
            [12, 19],
            "and {}, and WS2",
        ),
        ("equal_rates", "lr == 8e-3 and label == 'WS2'", "lr == 8e-3 and label == 'FCNN3'", [10], "at 8e-3 is {}."),
    ],
)
def test_effects_without_collapsed_runs(report: str, plus: str, minus: str, without: list[int], text: str) -> None:
    assert text.format(number(differences(report, plus, minus).drop(without).mean())) in RESULTS


def test_one_draw_of_pairs() -> None:
    """Without a collapsed run, and Welch's interval of the difference between the two sweeps."""
    one, ten = (differences(name, "label == 'FCNN3'", "label == 'FCNN1'") for name in ("authors", "authors_redrawn"))
    assert f"by {interval(estimate(one.drop(9).to_numpy()[None]).iloc[0])}" in RESULTS
    low, high = scipy.stats.ttest_ind(one, ten, equal_var=False).confidence_interval()
    assert interval(pd.Series({"mean": one.mean() - ten.mean(), "ci_low": low, "ci_high": high})) in RESULTS


NETWORKS = ("fcnn3", "ws1", "ws2", "ws3")


def mean_effects(report: str, where: str) -> tuple[pd.Series, pd.Series]:
    """Return the auxiliary loss and sharing by seed, each the mean over four pairs of networks."""
    aux = [
        differences(report, f"{where} and model == '{m}' and aux", f"{where} and model == '{m}' and not aux")
        for m in NETWORKS
    ]
    shared = [
        differences(report, f"{where} and model == '{one}' and {flag}", f"{where} and model == '{two}' and {flag}")
        for one, two in (("ws2", "fcnn3"), ("ws3", "ws1"))
        for flag in ("aux", "not aux")
    ]
    return sum(aux) / 4, sum(shared) / 4


def test_means_without_collapsed_runs() -> None:
    lost = [30, 36, 44, 46]
    aux, shared = (by_seed.drop(lost).mean() for by_seed in mean_effects("transfer", "dataset == 'digits'"))
    assert f"adds {number(aux, sign=False)} there and sharing {number(shared, sign=False)}." in RESULTS
    given, other = (mean_effects("order", f"task == '{task}'") for task in ("leq", "shuffled_leq"))
    changes = [number((b - a).drop(19).mean()) for a, b in zip(given, other, strict=True)]
    assert "the differences are {} and {}.".format(*changes) in RESULTS


def test_the_best_recipe_on_further_seeds() -> None:
    row = pd.read_csv(MULTIRUN / "best_fresh/report/test_images.csv").iloc[0]
    cell = pd.read_csv(MULTIRUN / "best_fresh/report/cells.csv").iloc[0]
    ends = [f"{row[end]:.4f}"[1:] for end in ("ci_low", "ci_high", "images_low", "images_high")]
    assert f"has {cell.test_acc_mean:.4f} ± {cell.test_acc_std:.4f}".replace("0.", ".") in RESULTS
    assert "[{}, {}] over seeds and [{}, {}] if it covers the test images too".format(*ends) in RESULTS


def test_convergence_at_the_papers_rates() -> None:
    rows = pd.read_csv(MULTIRUN / "table1_fresh/report/convergence.csv").set_index(["outcome", "effect"])
    for place in (("epochs_to_80", "WS3 − WS1"), ("epochs_to_gain", "WS3 − WS1"), ("epochs_to_gain", "WS2 − FCNN3")):
        row = rows.loc[place]
        assert f"by {-row['mean']:.1f} epochs [{row.ci_low:.1f}, {row.ci_high:.1f}]" in RESULTS
    gains = rows.loc["epochs_to_gain"]
    assert (gains[gains.family == "sharing"].ci_high < 0).sum() == 3


def test_table_i() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| \*\*(\S+)\*\* ± (\S+) \| (\S+) ± (\S+) \|$", README, flags=re.MULTILINE)
    assert len(rows) == 10
    for sweep, columns in (("table1", slice(1, 3)), ("authors", slice(3, 5))):
        cells = pd.read_csv(MULTIRUN / sweep / "report/cells.csv").set_index("label")
        for label, *numbers in ((row[0], *row[columns]) for row in rows):
            cell = cells.loc[label]
            assert numbers == [number(cell.test_acc_mean, False), number(cell.test_acc_std, False)], (sweep, label)


def test_the_page_of_claims_is_that_of_the_reports() -> None:
    table = claims_table(MULTIRUN)
    page = (MULTIRUN / "claims.md").read_text()
    assert max(len(line) for line in page.splitlines() if line.startswith("|")) <= 300
    assert page == markdown(table)


def test_the_readmes_claims() -> None:
    verdicts = {"AL4 − WS3": "smaller", "AL4 − AL2": "as claimed", "AL4 − AL3": "holds", "FCNN3 − FCNN1": "holds"}
    for name, verdict in verdicts.items():
        assert f"| {verdict} | {name}: {interval(effect('table1', name))} |" in README
    garments = interval(effect("transfer", "auxiliary loss: fashion_mnist − mnist"))
    assert f"| holds | auxiliary loss on garments − MNIST: {garments} |" in README
    weight = interval(effect("lambda", "aux_weight 30 − 1", table="averages.csv"))
    assert f"| too small | 30 instead of 1: {weight} |" in README
    runs = pd.read_csv(MULTIRUN / "aux_labels/report/runs.csv").query("model == 'ws3'").set_index("seed")
    gain = runs[runs.aux_labels == "shuffled"].test_acc - runs[~runs.aux].test_acc
    low, high = t.interval(0.95, len(gain) - 1, gain.mean(), gain.sem())
    row = pd.Series({"mean": gain.mean(), "ci_low": low, "ci_high": high})
    assert f"| does not | shuffled digits, WS3: {interval(row)} |" in README


def test_every_experiment_has_its_report() -> None:
    """Every experiment has a committed report, except recipes of single runs and the study of your own images."""
    names = {file.stem for file in (ROOT / "conf/experiment").glob("*.yaml")} - {"best", "best_unlabelled", "study"}
    assert names <= {folder.name for folder in MULTIRUN.iterdir() if (folder / "report").is_dir()}
