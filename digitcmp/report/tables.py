"""Tables of a sweep: its cells, learning curves and selected rates; as CSV, on the terminal, in Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digitcmp import paper, runs
from digitcmp.config import defaults
from digitcmp.report import stats
from digitcmp.report.effects import arm, differing
from digitcmp.report.effects import settings as settings_of

MADE_WITH = ("versions", "git_commit", "device")


def load(roots: Iterable[Path]) -> tuple[pd.DataFrame, list[Path], list[str]]:
    """The finished runs under these folders in the paper's order, each once; those missing; and what to warn of.

    A run found twice counts once; results that differ for the same configuration and seed are warned of.
    """
    roots, warnings = list(roots), []
    table = runs.read(roots)
    if table.empty:
        return table, [], []
    for key, value in defaults().items():  # a run made before there was such a key had it at its default
        if key in table and value is not None:
            table[key] = table[key].where(table[key].notna(), value).infer_objects()
    table = table.sort_values("path", kind="stable")
    for _, same in table.groupby("config_hash"):
        if len(same[list(runs.SCORES)].drop_duplicates()) > 1:
            found = ", ".join(f"{run.test_acc:.4f} in {run.path}" for run in same.itertuples())
            warnings.append(f"the same run gave different results, the first counts: test accuracy {found}")
    table = table.drop_duplicates("config_hash")
    for key in MADE_WITH:
        counts = table[key].value_counts().sort_index()
        if len(counts) > 1:
            mixed = "; ".join(f"{value} ({n} runs)" for value, n in counts.items())
            warnings.append(f"mixed {key} among these runs, which may round differently: {mixed}")
    if dirty := sorted(commit for commit in table.git_commit.unique() if commit.endswith("-dirty")):
        warnings.append(f"made with uncommitted changes: git_commit {', '.join(dirty)}")
    table = table.iloc[sorted(range(len(table)), key=lambda i: order(table.iloc[i]))].reset_index(drop=True)
    done = set(zip(table.cell, "seed=" + table.seed.astype(str), strict=True))
    missing = [folder for folder in runs.folders(roots) if str(folder) not in set(table.path)]
    return table, [folder for folder in missing if (folder.parent.name, folder.name) not in done], warnings


def order(run: pd.Series) -> tuple[Any, ...]:
    """Sorts runs as the paper lists its cells, then by head, pairs, their other settings, learning rate and seed."""
    cell = (run.model, bool(run.aux))
    rank = paper.CELLS.index(cell) if cell in paper.CELLS else len(paper.CELLS)
    settings: list[tuple[int, list[Any], str]] = []
    first = {"head", "train_pairs"} & set(run.index)
    others = set(run.index) - {"model", "aux", "lr", "seed", "path", *first, *runs.RESULT_KEYS}
    for key in [*sorted(first), *sorted(others)]:
        value = run[key]
        if isinstance(value, bool | np.bool_ | str):  # the default first
            settings.append((int(value != defaults().get(key)), [], str(value)))
        else:  # numbers, lists by their length; null, which is nan beside numbers, before them
            numbers = [one for one in (value if isinstance(value, list) else [value]) if one is not None and one == one]
            settings.append((len(numbers), numbers, ""))
    return rank, *cell, settings, run.lr, run.seed


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """One row per cell of these runs (rows of `runs.read`), in their order: means over its seeds.

    std is the sample standard deviation over seeds, ci_low and ci_high the 95 % t-interval of the mean, both nan for a
    single seed. The paper's values stand beside cells of the paper's networks, data and epochs. Settings that differ
    between the cells have a column each; `cell` is the cell's name.
    """
    listed = {"model", "head", "aux", "lr", "train_pairs", "seed", "path", *runs.RESULT_KEYS}
    settings = table.drop(columns=list(listed & set(table))).map(text)
    varied = [key for key in settings if settings[key].nunique() > 1]
    rows = []
    for name, group in table.groupby("cell", sort=False):
        first = group.iloc[0]
        published = paper.published(first.label) if paper.as_published(settings_of(arm(str(name))[0])) else None
        low, high = stats.mean_interval(group.test_acc.to_numpy(float))
        rows.append(
            {key: first[key] for key in ("label", "model", "head", "aux", "lr", "train_pairs")}
            | {"n": len(group), "test_acc_mean": group.test_acc.mean(), "test_acc_std": group.test_acc.std()}
            | {"ci_low": low, "ci_high": high}
            | {
                f"{key}_mean": group[key].astype(float).mean()
                for key in ("val_acc", "test_digit_acc", "test_argmax_acc")
            }
            | {"params": first.params, "fit_seconds": group.fit_seconds.mean()}
            | {"paper_mean": published.mean if published else np.nan}
            | {"paper_std": published.std if published and published.std is not None else np.nan}
            | {key: settings.loc[group.index[0], key] for key in varied}
            | {"cell": name}
        )
    return pd.DataFrame(rows)


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and std over seeds of every column of metrics.csv, one row per cell and evaluated epoch, and their n."""
    metrics = runs.curves(table).drop(columns=["path", "seed"])
    metrics = metrics[metrics.test_acc.notna()]
    groups = metrics.groupby(["cell", "epoch"], sort=False)
    means = groups.agg(["mean", "std"])
    means.columns = [f"{score}_{statistic}" for score, statistic in means.columns]
    means.insert(0, "n", groups.size())
    return means.reset_index()


def selection(cells: pd.DataFrame) -> pd.DataFrame:
    """For each network with several learning rates, the one with the best mean validation accuracy; empty if none has.

    `test_acc` is that rate's. `oracle_lr` and `oracle_test_acc` are chosen on the test pairs: what peeking would give.
    `at_edge` says that the selected rate is the smallest or the largest tried.
    """
    rows = []
    for (context, model, aux), rates in cells.groupby(cells.cell.map(arm), sort=False):
        if len(rates) < 2:
            continue
        best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
        rows.append(
            {"label": best.label, "model": model, "aux": aux, "context": context, "rates": len(rates)}
            | {"n": rates.n.min(), "lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
            | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan)}
            | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
            | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max())}
        )
    return pd.DataFrame(rows)


def names(cells: pd.DataFrame, without: Sequence[str] = ()) -> list[str]:
    """Each cell's label, and the settings that tell it from the others of that label, less those in `without`."""
    keys = cells.cell.map(arm)
    hidden = {"head", *without}  # the label names the head
    settings = keys.map(lambda key: ",".join(one for one in key[0].split(",") if one.split("=")[0] not in hidden))
    for _, same in settings.groupby(cells.label):
        settings[same.index] = [one.replace("=true", "").replace("regularization=", "") for one in differing(same)]
    rates = np.where(keys.duplicated(keep=False), "lr=" + cells.lr.map(text), "")
    return [" ".join(filter(None, parts)) for parts in zip(cells.label, settings, rates, strict=True)]


def pairs(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of every series over three or more numbers of training pairs, with `series`, its name; or none.

    A series is equal in all but train_pairs, and epochs, which keep the number of steps the same; one with several
    epochs at one number of pairs is none.
    """
    series = cells.assign(series=names(cells, without=("train_pairs", "epochs")))
    found = [
        own.sort_values("train_pairs")
        for _, own in series.groupby("series", sort=False)
        if len(own) >= 3 and own.train_pairs.is_unique
    ]
    return pd.concat(found) if found else series.iloc[:0]


def others(cells: pd.DataFrame) -> pd.DataFrame:
    """What others and the paper published on its task, once a cell of 1,000 MNIST pairs is in their reach; or none.

    Columns: `work mean std source n ci_low ci_high`.
    """
    rows = [
        {"work": work, **one._asdict()}
        | dict(zip(("ci_low", "ci_high"), stats.interval(one.mean, one.std, one.n), strict=True))
        for work, one in (paper.OTHERS | {"the paper's AL4": paper.ACCURACY["AL4"]}).items()
        if one.std is not None
    ]
    found = pd.DataFrame(rows)
    best = cells[(cells.train_pairs == 1000) & ~cells.cell.str.contains("dataset=")].test_acc_mean.max()
    return found if best > min(one.mean for one in paper.OTHERS.values()) else found.iloc[:0]


def evaluations(evaluated: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread over seeds of what digitcmp.evaluate found (rows of `runs.evaluations`), a row per cell and task.

    Columns: `label dataset test_pairs tta n test_acc_mean test_acc_std ci_low ci_high`. A run counts once for a task;
    pairs of another seed than the run's own are another task, and `dataset` says so.
    """
    if evaluated.empty:
        return evaluated
    others = evaluated.dataset + evaluated.seed.map(", pairs of seed {}".format)
    evaluated = evaluated.assign(dataset=evaluated.dataset.where(evaluated.own_pairs, others))
    task = ["cell", "dataset", "test_pairs", "tta"]
    once = evaluated.drop_duplicates([*task, "run_seed"])
    label = dict(zip(cells.cell, names(cells), strict=True))
    rows = []
    for key, group in once.groupby(task, sort=False):
        low, high = stats.mean_interval(group.test_acc.to_numpy(float))
        rows.append(
            {"label": label[key[0]], **dict(zip(task[1:], key[1:], strict=True)), "n": len(group)}
            | {"test_acc_mean": group.test_acc.mean(), "test_acc_std": group.test_acc.std()}
            | {"ci_low": low, "ci_high": high}
        )
    return pd.DataFrame(rows)


def text(value: Any) -> str:
    """A setting or number as it reads in a table: [300, 50] -> '300-50', None -> ''."""
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def spread(mean: float, std: float) -> str:
    """0.845 ± 0.014, 0.9912 ± 0.0011"""
    form = decimals(mean)
    return "" if np.isnan(mean) else f"{mean:{form}}" if np.isnan(std) else f"{mean:{form}} ± {std:{form}}"


def decimals(mean: float) -> str:
    """The format of an accuracy: from 0.98 on, the fourth decimal still is a digit of the error."""
    return ".4f" if mean >= 0.98 else ".3f"


def interval(low: float, high: float, form: str = ".3f") -> str:
    """[0.835, 0.855]"""
    return "" if np.isnan(low) else f"[{low:{form}}, {high:{form}}]"


def score(value: float, form: str = ".3f") -> str:
    """A number, or nothing for nan."""
    return "" if np.isnan(value) else f"{value:{form}}"


def cells_text(cells: pd.DataFrame) -> pd.DataFrame:
    """The table of cells to be read, as text; columns that say nothing are left out."""
    settings = list(cells.columns[cells.columns.get_loc("paper_std") + 1 : -1])
    if cells.train_pairs.nunique() > 1:
        settings.insert(0, "train_pairs")
    rows = [
        {"cell": row.label, "lr": text(row.lr)}
        | {key: text(row[key]) for key in settings}
        | {"n": str(row.n), "test accuracy": spread(row.test_acc_mean, row.test_acc_std)}
        | {"95 % interval": interval(row.ci_low, row.ci_high, decimals(row.test_acc_mean))}
        | {
            name: score(row[f"{key}_mean"], decimals(row[f"{key}_mean"]))
            for name, key in (("validation", "val_acc"), ("digits", "test_digit_acc"), ("argmax", "test_argmax_acc"))
        }
        | {"parameters": f"{row.params:,}", "paper": spread(row.paper_mean, row.paper_std)}
        | {"difference": score(row.test_acc_mean - row.paper_mean, "+.3f")}
        for _, row in cells.iterrows()
    ]
    return filled(pd.DataFrame(rows))


def effects_text(effects: pd.DataFrame) -> pd.DataFrame:
    """The table of effects to be read, as text, without those that are refused."""
    rows = [
        {"family": row.family, "effect": row.effect, "settings": settings, "n": str(row.n)}
        | {"mean": f"{row['mean']:+.3f}", "95 % interval": interval(row.ci_low, row.ci_high, "+.3f")}
        | {"p": p_value(row.p), "p (Holm)": p_value(row.p_holm), "paper's table": score(row.published, "+.3f")}
        | {"claim": score(row.claim, "+.2f"), "verdict": row.verdict}
        for settings, (_, row) in zip(differing(effects.context), effects.iterrows(), strict=True)
        if row.refused is None or row.refused != row.refused
    ]
    return filled(pd.DataFrame(rows))


def pairs_text(pairs: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy by number of training pairs, a column for each series, to be read."""
    values = pairs.assign(value=[spread(row.test_acc_mean, row.test_acc_std) for row in pairs.itertuples()])
    table = values.pivot(index="train_pairs", columns="series", values="value").fillna("")
    table = table[list(dict.fromkeys(pairs.series))].reset_index()
    return table.assign(train_pairs=table.train_pairs.map("{:,}".format)).rename(columns={"train_pairs": "pairs"})


def others_text(others: pd.DataFrame) -> pd.DataFrame:
    """The table of what others published, to be read."""
    rows = [
        {
            "work": row.source if row.work in paper.OTHERS else row.work,
            "n": str(row.n),
            "test accuracy": spread(row.mean, row.std),
        }
        | {"95 % interval": interval(row.ci_low, row.ci_high, decimals(row.mean))}
        for row in others.itertuples(index=False)
    ]
    return pd.DataFrame(rows)


def evaluations_text(evaluations: pd.DataFrame) -> pd.DataFrame:
    """The table of later evaluations to be read, as text."""
    rows = [
        {
            "cell": row.label,
            "data": row.dataset,
            "test pairs": f"{row.test_pairs:,}",
            "tta": text(row.tta),
            "n": str(row.n),
        }
        | {"test accuracy": spread(row.test_acc_mean, row.test_acc_std)}
        | {"95 % interval": interval(row.ci_low, row.ci_high, decimals(row.test_acc_mean))}
        for row in evaluations.itertuples()
    ]
    return pd.DataFrame(rows)


def refusals(effects: pd.DataFrame) -> list[str]:
    """A line for each reason why effects were refused in some context, with the effects."""
    refused = effects[effects.refused.notna()]
    return [
        f"no statistics for {', '.join(rows.effect)}{f' ({context})' if context else ''}: {reason}"
        for (context, reason), rows in refused.groupby(["context", "refused"], sort=False)
    ]


def selection_text(selection: pd.DataFrame) -> pd.DataFrame:
    """The table of selected learning rates to be read, as text."""
    rows = [
        {"cell": row.label, "settings": settings, "rates": str(row.rates), "n": str(row.n)}
        | {"selected lr": text(row.lr) + (" (edge)" if row.at_edge else ""), "paper's lr": text(row.paper_lr)}
        | {"validation": score(row.val_acc), "test accuracy": score(row.test_acc)}
        | {"oracle lr (test)": text(row.oracle_lr), "oracle test accuracy": score(row.oracle_test_acc)}
        for settings, (_, row) in zip(differing(selection.context), selection.iterrows(), strict=True)
    ]
    return filled(pd.DataFrame(rows))


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """Without the columns that are empty in every row."""
    return table.loc[:, (table != "").any()]


def p_value(p: float) -> str:
    """0.031, or <0.001"""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def is_text(name: str) -> bool:
    """Whether a column reads from the left; the others are numbers."""
    return name in ("cell", "family", "effect", "settings", "verdict", "work")


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table of a DataFrame of text."""
    rule = [":--" if is_text(name) else "--:" for name in table]
    rows = [list(table), rule, *table.to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def latex(table: pd.DataFrame, caption: str) -> str:
    """A LaTeX table of a DataFrame of text; needs the package booktabs."""
    special: dict[str, str | int | None] = {"±": r"$\pm$", "−": "$-$", "_": r"\_", "%": r"\%", "<": "$<$"}
    rows = [" & ".join(row).translate(str.maketrans(special)) for row in [list(table), *table.to_numpy()]]
    columns = "".join("l" if is_text(name) else "r" for name in table)
    body = "".join(f"{row} \\\\\n" for row in rows[1:])
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{rows[0]} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def print_table(table: pd.DataFrame, console: Console) -> None:
    """A DataFrame of text on the terminal."""
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in table:
        shown.add_column(name, justify="left" if is_text(name) else "right", no_wrap=True)
    for row in table.to_numpy():
        shown.add_row(*map(Text, row))
    shown.width = console.measure(shown, options=console.options.update(max_width=1000)).maximum  # never cut short
    console.print(shown, crop=False)


def print_cells(cells: pd.DataFrame, console: Console) -> None:
    """The table of cells on the terminal."""
    print_table(cells_text(cells), console)
