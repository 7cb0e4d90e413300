"""The tables of a report, defined once for the terminal, Markdown, LaTeX and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from digitcmp import paper
from digitcmp.report.contrasts.effects import differing
from digitcmp.report.contrasts.shared_images import ACCURACY
from digitcmp.report.formats import decimals, interval, p_value, readable, spread
from digitcmp.report.results import Results

PUBLISHED = ("published", "published_low", "published_high")  # the effect between the paper's means
HEAD_LOSS = ("head_loss", "head_loss_low", "head_loss_high")
TWO_SEEDS = "†"  # follows an interval of two seeds
TWO_SEEDS_NOTE = (
    f"{TWO_SEEDS} marks the interval of two seeds. It extends 12.7 standard errors to either side of the mean, and is "
    "hardly informative."
)
LONG, FIRST = 150, 50  # tables with more rows than LONG are cut to FIRST


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: The text above the column.
        read: Returns the text of a row.
        key: The key of the row's value that the column is sorted by.
        left: True to align the column to the left.
    """

    heading: str
    read: Callable[[dict[str, Any]], str]
    key: str
    left: bool = False


class Table(NamedTuple):
    """A table as text, one row per row of a frame.

    Attributes:
        columns: The columns.
        rows: The texts of each row, one per column.
        keys: The values of each row that the columns are sorted by.
        file: The CSV file with all rows, '' if there is none. A table with a file is printed cut if it is long.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    keys: Sequence[Sequence[Any]]
    file: str = ""

    @property
    def first(self) -> Sequence[Sequence[str]]:
        """The rows to print: the first FIRST if there is a file and more than LONG rows."""
        return self.rows[:FIRST] if self.file and len(self.rows) > LONG else self.rows

    @property
    def rest(self) -> str:
        """The note on rows that are not printed, '' if there are none."""
        n, printed = len(self.rows), len(self.first)
        return f"The first {printed} of {n:,} rows. The report's `{self.file}` has all of them." if printed < n else ""


def table(frame: pd.DataFrame, columns: Sequence[Column], file: str = "") -> Table:
    """Return a frame as a table with these columns. Columns that are empty in every row are left out."""
    records = frame.to_dict("records")
    texts = [[column.read(row) for row in records] for column in columns]
    filled = [(column, text) for column, text in zip(columns, texts, strict=True) if any(text)]
    rows = [[text[i] for _, text in filled] for i in range(len(records))]
    keys = [[row[column.key] for column, _ in filled] for row in records]
    return Table([column for column, _ in filled], rows, keys, file)


def effect_format(row: dict[str, Any]) -> str:
    """Return the format of an effect's interval, with a fourth decimal if an end would otherwise read as the claim."""
    ends = [f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"]
    return "+.4f" if f"{row['claim']:.3f}" in ends else "+.3f"


def marked_interval(row: dict[str, Any], form: str) -> str:
    """Format the interval of a row, followed by TWO_SEEDS if n is 2."""
    text = interval(row["ci_low"], row["ci_high"], form)
    return f"{text} {TWO_SEEDS}" if text and row["n"] == 2 else text


def p_values() -> list[Column]:
    """Return the columns of p and of Holm's p."""
    return [
        Column("p", lambda row: p_value(row["p"]), "p"),
        Column("p (Holm)", lambda row: p_value(row["p_holm"]), "p_holm"),
    ]


def companions() -> list[Column]:
    """Return the columns of the robust statistics, q and the share of errors removed."""
    return [
        Column("trimmed", lambda row: estimate(row, "trimmed", "trimmed_low", "trimmed_high"), "trimmed"),
        Column("p (flips)", lambda row: p_value(row["p_flip"]), "p_flip"),
        Column("one seed left out", lambda row: between(row["loo_low"], row["loo_high"]), "loo_low"),
        Column("q", lambda row: p_value(row["q"]), "q"),
        Column("errors removed", lambda row: readable(row["errors_removed"], ".0%"), "errors_removed"),
    ]


def estimate(row: dict[str, Any], mean: str, low: str, high: str) -> str:
    """Format an estimate with its interval: '+0.026 [+0.014, +0.038]', or '' if the estimate is nan."""
    if row[mean] != row[mean]:
        return ""
    return f"{row[mean]:+.3f} {interval(row[low], row[high], '+.3f')}".rstrip()


def between(low: float, high: float) -> str:
    """Format a range: '+0.021 to +0.023', or '' if it is nan."""
    return f"{low:+.3f} to {high:+.3f}" if low == low else ""


def setting(key: str, heading: str = "") -> Column:
    """Return a column of settings or counts."""
    return Column(heading or key, lambda row: readable(row[key]), key)


def name(key: str, heading: str = "") -> Column:
    """Return a column of names, aligned to the left."""
    return setting(key, heading)._replace(left=True)


def measure(heading: str, key: str, form: str = "") -> Column:
    """Return a column of numbers in a format, by default that of accuracies."""
    return Column(heading, lambda row: readable(row[key], form or decimals(row[key])), key)


def accuracy(mean: str = "test_acc_mean", std: str = "test_acc_std") -> list[Column]:
    """Return the columns of n, of the mean with its standard deviation, and of the interval of the mean."""
    return [
        setting("n"),
        Column("test accuracy", lambda row: spread(row[mean], row[std]), mean),
        Column("95 % interval", lambda row: marked_interval(row, decimals(row[mean])), "ci_low"),
    ]


def cells(results: Results) -> Table:
    """Return the table of all cells, with the paper's values."""
    frame = results.cells.assign(difference=results.cells.test_acc_mean - results.cells.paper_mean)
    keys = list(results.cells)
    varied = keys[keys.index("paper_std") + 1 : -1]
    if frame.train_pairs.nunique() > 1:
        varied.insert(0, "train_pairs")
    columns = [name("label", "cell"), setting("lr"), *map(setting, varied), *accuracy()]
    columns.append(Column("collapsed", collapsed_runs, "collapsed"))
    if frame.majority.nunique() > 1 or frame.majority.isna().any():
        columns.append(measure("majority answer", "majority"))
    columns += [measure("validation", "val_acc_mean"), measure("digits", "digit_acc_mean")]
    columns.append(measure("argmax", "argmax_acc_mean"))
    columns.append(Column("the head's loss", lambda row: estimate(row, *HEAD_LOSS), "head_loss"))
    columns.append(measure("parameters", "params", ","))
    columns.append(Column("paper", lambda row: spread(row["paper_mean"], row["paper_std"]), "paper_mean"))
    return table(frame, [*columns, measure("difference", "difference", "+.3f")], "cells.csv")


def collapsed_runs(row: dict[str, Any]) -> str:
    """Format the number of collapsed runs of a cell: '1 of 20', or '' for none."""
    return f"{row['collapsed']} of {row['n']}" if row["collapsed"] else ""


def effects(frame: pd.DataFrame) -> Table:
    """Return the table of all effects that have statistics. Settings that all of them share are left out.

    Args:
        frame: Rows of `effects.effects`.
    """
    frame = frame[frame.refused.isna()]
    columns = [name("effect"), measure("mean", "mean", "+.3f"), name("verdict")._replace(read=verdict)]
    columns.append(name("settings"))
    columns.append(Column("95 % interval", lambda row: marked_interval(row, effect_format(row)), "ci_low"))
    columns += [setting("n"), *p_values(), measure("claim", "claim", "+.2f")]
    columns.append(Column("paper's table", lambda row: estimate(row, *PUBLISHED), "published"))
    columns += [name("family"), *companions()]
    return table(frame.assign(settings=differing(frame.context)), columns, "effects.csv")


def verdict(row: dict[str, Any]) -> str:
    """Return the verdict of an effect without its size, which has its own column."""
    return row["verdict"].replace(f" ({row['mean']:+.3f})", "")


def over_images(results: Results) -> Table:
    """Return the table of accuracies and effects with the intervals over seeds and over test images."""

    def form(row: dict[str, Any]) -> str:
        return decimals(row["mean"]) if row["family"] == ACCURACY else "+.3f"

    columns = [name("effect", "cell or effect"), setting("n"), name("settings")]
    columns.append(Column("mean", lambda row: readable(row["mean"], form(row)), "mean"))
    columns.append(Column("over seeds", lambda row: marked_interval(row, form(row)), "ci_low"))
    both = Column(
        "and test images", lambda row: interval(row["images_low"], row["images_high"], form(row)), "images_low"
    )
    columns += [both, measure("from images", "images_share", ".0%")]
    frame = results.over_images
    contexts = [context if isinstance(context, str) else "" for context in frame.context]  # nan in a CSV file
    return table(frame.assign(settings=differing(contexts)), columns, "test_images.csv")


def averages(results: Results) -> Table:
    """Return the table of main effects and two-way interactions of a large design."""
    columns = [name("effect"), measure("mean", "mean", "+.4f"), name("verdict")]
    columns.append(Column("95 % interval", lambda row: marked_interval(row, "+.4f"), "ci_low"))
    columns += [setting("n"), setting("contexts", "averaged over"), *p_values(), name("order")]
    return table(results.averages, columns, "averages.csv")


def equal_parameters(results: Results) -> Table:
    """Return the table of the effect of sharing at equal parameters."""
    columns = [name("effect"), measure("mean", "mean", "+.3f")]
    columns.append(Column("95 % interval", lambda row: marked_interval(row, "+.3f"), "ci_low"))
    columns += [setting("n"), measure("p", "p", ".3f"), measure("parameters", "params", ",")]
    columns.append(measure("without sharing", "params_unshared", ","))
    return table(results.equal_parameters, columns, "equal_parameters.csv")


def equal_rates(results: Results) -> Table:
    """Return the effects at equal learning rates, one column per effect."""
    frame = results.equal_rates.copy()
    frame["text"] = [f"{row['mean']:+.3f} {marked_interval(row, '+.3f')}".strip() for row in frame.to_dict("records")]
    wide = frame.pivot(index="lr", columns="effect", values="text").fillna("").reset_index()
    return table(wide, [setting("lr"), *map(setting, dict.fromkeys(frame.effect))])


def data_sets(results: Results) -> Table:
    """Return the effects of the auxiliary loss and sharing.

    There is one column per data set and one per difference from the first data set.
    """
    headings, texts = [], []
    for row in results.data_sets.to_dict("records"):
        text = f"{row['mean']:+.3f} {marked_interval(row, '+.3f')}"
        headings.append(f"{row['dataset']} − {row['less']}" if row["less"] else row["dataset"])
        texts.append(f"{text}, p {p_value(row['p_holm'])}" if row["less"] else text)
    keys = ["factor", "effect", "settings", "n"]
    frame = results.data_sets.assign(settings=differing(results.data_sets.settings), heading=headings, text=texts)
    order = pd.MultiIndex.from_frame(frame[keys].drop_duplicates().sort_values("factor", kind="stable"))
    wide = frame.pivot(index=keys, columns="heading", values="text").fillna("").reindex(order)
    columns = sorted(dict.fromkeys(headings), key=lambda heading: " − " in heading)
    return table(wide.reset_index(), [*map(name, keys[:3]), setting("n"), *map(setting, columns)])


def pairs(results: Results) -> Table:
    """Return the test accuracy by number of training pairs, one column per series."""
    frame = results.pairs.assign(value=list(map(spread, results.pairs.test_acc_mean, results.pairs.test_acc_std)))
    wide = frame.pivot(index="train_pairs", columns="series", values="value").fillna("").reset_index()
    return table(wide, [measure("pairs", "train_pairs", ","), *map(setting, dict.fromkeys(frame.series))])


def others(results: Results) -> Table:
    """Return the table of published results."""
    sources = [row.source if row.work in paper.OTHERS else row.work for row in results.others.itertuples()]
    return table(results.others.assign(work=sources), [name("work"), *accuracy("mean", "std")])


def evaluations(results: Results) -> Table:
    """Return the table of later evaluations."""
    columns = [name("title", "cell"), name("dataset", "data"), measure("test pairs", "test_pairs", ",")]
    columns += [setting("tta"), *accuracy()]
    if "order_mean" in results.evaluations:
        columns += [measure("class order", "order_mean", ".2f"), measure("std", "order_std", ".2f")]
        columns.append(Column("complete", complete_orders, "ordered"))
    return table(results.evaluations, columns, "evaluations.csv")


def complete_orders(row: dict[str, Any]) -> str:
    """Format the number of runs with all classes in order: '1 of 2', or '' if no order is known."""
    return f"{row['ordered']} of {row['orders']}" if row["orders"] else ""


def selection(results: Results) -> Table:
    """Return the table of selected learning rates."""
    columns = [name("title", "cell"), setting("rates"), setting("n"), Column("selected lr", selected_rate, "lr")]
    columns += [setting("paper_lr", "paper's lr"), measure("validation", "val_acc")]
    columns += [measure("test accuracy", "test_acc"), setting("oracle_lr", "oracle lr (test)")]
    return table(results.selection, [*columns, measure("oracle test accuracy", "oracle_test_acc")])


def selected_rate(row: dict[str, Any]) -> str:
    """Format a selected learning rate: '0.002', or '0.008 (edge)' if it is the smallest or largest rate tried."""
    return f"{readable(row['lr'])} (edge)" if row["at_edge"] else readable(row["lr"])


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    rule = [":--" if column.left else "--:" for column in table.columns]
    rows = [[column.heading for column in table.columns], rule, *table.first]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"\n{table.rest}\n" if table.rest else "")


def latex(table: Table, caption: str) -> str:
    """Return a table as LaTeX code that needs the package booktabs."""
    special = {"±": r"$\pm$", "−": "$-$", "_": r"\_", "%": r"\%", "<": "$<$", "†": r"\dag"}
    lines = []
    for row in ([column.heading for column in table.columns], *table.rows):
        line = " & ".join(row)
        for letter, command in special.items():
            line = line.replace(letter, command)
        lines.append(f"{line} \\\\\n")
    columns = "".join("l" if column.left else "r" for column in table.columns)
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{lines[0]}\\midrule\n{''.join(lines[1:])}"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def show(table: Table, console: Console) -> None:
    """Print a table. On a terminal, columns that do not fit follow below, each time beside the first column.

    Elsewhere, rows are printed whole, so that a line can be searched for.
    """
    places = column_blocks(table, console.width) if console.is_terminal else [list(range(len(table.columns)))]
    for block in places:
        printed = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for place in block:
            column = table.columns[place]
            printed.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
        for row in table.first:
            printed.add_row(*(Text(row[place]) for place in block))
        printed.width = console.measure(printed, options=console.options.update(max_width=1000)).maximum
        console.print(printed, crop=False)
    if table.rest:
        console.print(table.rest, markup=False)


def column_blocks(table: Table, width: int) -> list[list[int]]:
    """Return the places of the columns that fit side by side into a width, each block beginning with the first one."""
    widths = []
    for place, column in enumerate(table.columns):
        widths.append(2 + max(map(cell_len, [column.heading, *(row[place] for row in table.first)])))
    blocks = [[0]]
    for place in range(1, len(widths)):
        used = sum(widths[other] for other in blocks[-1])
        if len(blocks[-1]) > 1 and used + widths[place] > width:
            blocks.append([0])
        blocks[-1].append(place)
    return blocks
