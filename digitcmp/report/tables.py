"""The tables of a report to be read: each described once, for the terminal, Markdown, LaTeX and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from digitcmp import paper
from digitcmp.report.effects import differing
from digitcmp.report.formats import decimals, interval, p_value, readable, spread
from digitcmp.report.results import Results

TWO_SEEDS = "†"  # behind an interval of two seeds
TWO_SEEDS_NOTE = (
    f"{TWO_SEEDS} of two seeds: the t-interval of two values reaches 12.7 standard errors to either side of "
    "their mean, and says little."
)


class Column(NamedTuple):
    """A column: its heading, what a row reads in it, the row's key it is sorted by ('': that text), where it aligns."""

    heading: str
    read: Callable[[dict[str, Any]], str]
    key: str = ""
    left: bool = False


class Table(NamedTuple):
    """Texts to be read, a row per row of a frame, and the values that each column is sorted by."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    keys: Sequence[Sequence[Any]]


def table(frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """A frame as these columns read it, without those that are empty in every row."""
    records = frame.to_dict("records")
    columns = [column for column in columns if any(column.read(row) for row in records)]
    rows = [[column.read(row) for column in columns] for row in records]
    return Table(columns, rows, [[row[column.key] if column.key else "" for column in columns] for row in records])


def effect_format(row: dict[str, Any]) -> str:
    """Return the format of an effect's interval: one more decimal where an end would otherwise read as the claim."""
    ends = [f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"]
    return "+.4f" if f"{row['claim']:.3f}" in ends else "+.3f"


def marked_interval(row: dict[str, Any], form: str) -> str:
    """Format the interval of a row, with a dagger if it is of two seeds."""
    text = interval(row["ci_low"], row["ci_high"], form)
    return f"{text} {TWO_SEEDS}" if text and row["n"] == 2 else text


def p_values() -> list[Column]:
    """Return the columns of p, alone and corrected."""
    return [
        Column("p", lambda row: p_value(row["p"]), "p"),
        Column("p (Holm)", lambda row: p_value(row["p_holm"]), "p_holm"),
    ]


def setting(key: str, heading: str = "", left: bool = False) -> Column:
    """Return a column of settings, counts or names."""
    return Column(heading or key, lambda row: readable(row[key]), key, left)


def measure(heading: str, key: str, form: str = "") -> Column:
    """Return a column of numbers in this format, or of accuracies by default."""
    return Column(heading, lambda row: readable(row[key], form or decimals(row[key])), key)


def accuracy(mean: str = "test_acc_mean", std: str = "test_acc_std") -> list[Column]:
    """Seeds, mean and std, and the interval of the mean."""
    return [
        setting("n"),
        Column("test accuracy", lambda row: spread(row[mean], row[std]), mean),
        Column("95 % interval", lambda row: marked_interval(row, decimals(row[mean])), "ci_low"),
    ]


def cells(results: Results) -> Table:
    """Every cell beside what the paper has of it."""
    frame = results.cells.assign(difference=results.cells.test_acc_mean - results.cells.paper_mean)
    varied = list(results.cells.columns[results.cells.columns.get_loc("paper_std") + 1 : -1])
    varied = ["train_pairs"] * (frame.train_pairs.nunique() > 1) + varied
    scores = {"validation": "val_acc", "digits": "digit_acc", "argmax": "argmax_acc"}
    columns = [
        *(setting("label", "cell", left=True), setting("lr"), *map(setting, varied), *accuracy()),
        *(measure(heading, f"{key}_mean") for heading, key in scores.items()),
        measure("parameters", "params", ","),
        Column("paper", lambda row: spread(row["paper_mean"], row["paper_std"]), "paper_mean"),
        measure("difference", "difference", "+.3f"),
    ]
    return table(frame, columns)


def effects(results: Results) -> Table:
    """Every effect that is not refused, less the settings that all of them have."""
    frame = results.effects[results.effects.refused.isna()]
    columns = [
        *(setting("family", left=True), setting("effect", left=True), setting("settings", left=True), setting("n")),
        measure("mean", "mean", "+.3f"),
        Column("95 % interval", lambda row: marked_interval(row, effect_format(row)), "ci_low"),
        *p_values(),
        *(
            measure("paper's table", "published", "+.3f"),
            measure("claim", "claim", "+.2f"),
            setting("verdict", left=True),
        ),
    ]
    return table(frame.assign(settings=differing(frame.context)), columns)


def data_sets(results: Results) -> Table:
    """What the auxiliary loss and sharing add, a column for each data set and for its difference from the first."""
    keys, frame = ["factor", "effect", "settings", "n"], results.data_sets
    headings = [" − ".join(filter(None, names)) for names in zip(frame.dataset, frame.less, strict=True)]
    texts = [f"{row['mean']:+.3f} {marked_interval(row, '+.3f')}" for row in frame.to_dict("records")]
    frame = frame.assign(settings=differing(frame.settings), heading=headings, text=texts)
    frame["text"] += [f", p {p_value(row.p_holm)}" if row.less else "" for row in frame.itertuples()]
    wide = frame.pivot(index=keys, columns="heading", values="text").fillna("")
    wide = wide.reindex(pd.MultiIndex.from_frame(frame[keys].drop_duplicates().sort_values("factor", kind="stable")))
    columns = sorted(dict.fromkeys(headings), key=lambda heading: " − " in heading)
    return table(wide.reset_index(), [*(setting(key, left=True) for key in keys[:3]), *map(setting, ["n", *columns])])


def pairs(results: Results) -> Table:
    """Test accuracy by number of training pairs, a column for each series."""
    frame = results.pairs.assign(value=list(map(spread, results.pairs.test_acc_mean, results.pairs.test_acc_std)))
    wide = frame.pivot(index="train_pairs", columns="series", values="value").fillna("").reset_index()
    series = [setting(name) for name in dict.fromkeys(frame.series)]
    return table(wide, [measure("pairs", "train_pairs", ","), *series])


def others(results: Results) -> Table:
    """What others published."""
    sources = [row.source if row.work in paper.OTHERS else row.work for row in results.others.itertuples()]
    return table(results.others.assign(work=sources), [setting("work", left=True), *accuracy("mean", "std")])


def evaluations(results: Results) -> Table:
    """The later evaluations."""
    columns = [setting("title", "cell", left=True), setting("dataset", "data", left=True)]
    columns += [measure("test pairs", "test_pairs", ","), setting("tta"), *accuracy()]
    if "order_mean" in results.evaluations:
        columns += [measure("class order", "order_mean", ".2f"), measure("std", "order_std", ".2f")]
        columns.append(
            Column("complete", lambda row: f"{row['ordered']} of {row['orders']}" * bool(row["orders"]), "ordered")
        )
    return table(results.evaluations, columns)


def selection(results: Results) -> Table:
    """The selected learning rates."""
    columns = [
        *(setting("title", "cell", left=True), setting("rates"), setting("n")),
        Column("selected lr", lambda row: readable(row["lr"]) + " (edge)" * row["at_edge"], "lr"),
        *(setting("paper_lr", "paper's lr"), measure("validation", "val_acc"), measure("test accuracy", "test_acc")),
        setting("oracle_lr", "oracle lr (test)"),
        measure("oracle test accuracy", "oracle_test_acc"),
    ]
    return table(results.selection, columns)


def markdown(table: Table) -> str:
    """A table in Markdown."""
    rule = [":--" if column.left else "--:" for column in table.columns]
    rows = [[column.heading for column in table.columns], rule, *table.rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def latex(table: Table, caption: str) -> str:
    """A table in LaTeX; needs the package booktabs."""
    special: dict[str, str | int | None] = {"±": r"$\pm$", "−": "$-$", "_": r"\_", "%": r"\%", "<": "$<$", "†": r"\dag"}
    heading, *rows = (
        " & ".join(row).translate(str.maketrans(special))
        for row in ([column.heading for column in table.columns], *table.rows)
    )
    columns = "".join("l" if column.left else "r" for column in table.columns)
    body = "".join(f"{row} \\\\\n" for row in rows)
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{heading} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def show(table: Table, console: Console) -> None:
    """A table on the terminal."""
    shown = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns:
        shown.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*map(Text, row))
    shown.width = console.measure(shown, options=console.options.update(max_width=1000)).maximum  # never cut short
    console.print(shown, crop=False)
