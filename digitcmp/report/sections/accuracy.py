"""The section on the test accuracy of each cell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from digitcmp.report.figures import accuracy
from digitcmp.report.formats import ACCURACY
from digitcmp.report.pages.columns import Column, Table, estimate, name, settings, spread
from digitcmp.report.pages.columns import accuracy as accuracy_columns
from digitcmp.report.pages.markdown import latex
from digitcmp.report.pages.section import Figure, File, Part
from digitcmp.report.results import Results
from digitcmp.report.statistics import collapse

CAPTION = r"Test accuracy, mean $\pm$ standard deviation over seeds"
NOTE = (
    "*test accuracy* is the mean ± sample standard deviation over seeds, with the 95 % t-interval of the mean, cut to "
    "[0, 1]. *validation* is the mean accuracy on the validation pairs. *digits* is the test accuracy of the digit "
    "head, *argmax* that of comparing its two predicted digits. *paper* is the published value, if the paper has this "
    "network on this task. *difference* is our mean minus the paper's."
)
HEAD_LOSS = (
    "*the head's loss* is the accuracy of comparing the two predicted digits (*argmax*) minus the accuracy of the "
    "trained head, paired by seed, with the 95 % t-interval. If it is large, the comparison head limits the network, "
    "not the recognition of the digits. If the interval contains 0, no loss is seen."
)
FIGURE = "Test accuracy of each cell. Filled marks are without the auxiliary loss, open marks with it."


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of cells, its notes, the collapsed runs and the figure."""
    cells = table(results)
    yield File.csv("cells.csv", results.cells)
    yield File("table.tex", latex(cells, CAPTION))
    yield cells
    yield NOTE
    if lines := collapsed_runs(results):
        yield collapse.RULE
        yield lines
    if results.cells.head_loss.notna().any():
        yield HEAD_LOSS
    if not results.only_rates and len(results.pairs) < len(results.cells):
        yield Figure("accuracy", FIGURE, partial(accuracy.draw, results))


def table(results: Results) -> Table:
    """Return the table of all cells, with the paper's values."""
    frame = results.cells.assign(difference=results.cells.test_acc_mean - results.cells.paper_mean)
    keys = list(results.cells)
    varied = keys[keys.index("paper_std") + 1 : -1]
    if frame.train_pairs.nunique() > 1:
        varied.insert(0, "train_pairs")
    columns = [name("label", "cell"), *settings("lr", *varied), *accuracy_columns()]
    columns.append(
        Column("collapsed", "collapsed", lambda row: f"{row['collapsed']} of {row['n']}" if row["collapsed"] else "")
    )
    if frame.majority.nunique() > 1 or frame.majority.isna().any():
        columns.append(Column("majority answer", "majority", ACCURACY))
    columns += [
        Column("validation", "val_acc_mean", ACCURACY),
        Column("digits", "digit_acc_mean", ACCURACY),
        Column("argmax", "argmax_acc_mean", ACCURACY),
        estimate("the head's loss", "head_loss"),
        Column("parameters", "params", ","),
        Column("paper", "paper_mean", lambda row: spread(row["paper_mean"], row["paper_std"])),
        Column("difference", "difference", "+.3f"),
    ]
    return Table.of(frame, columns, "cells.csv")


def collapsed_runs(results: Results) -> list[str]:
    """Return a line for each cell with collapsed runs."""
    titles = dict(zip(results.cells.cell, results.titles(), strict=True))
    lines = []
    for cell, runs in results.runs[results.collapsed].groupby("cell", sort=False):
        seeds = ", ".join(f"seed {run.seed} ({run.test_acc:.3f})" for run in runs.itertuples())
        lines.append(f"collapsed: {titles[cell]} {seeds}")
    return lines
