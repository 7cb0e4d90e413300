"""The sections on the test accuracy of each cell, and on published results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp import paper
from digitcmp.report.figures.forest import mark_interval, name_rows, size
from digitcmp.report.figures.style import TIP, palette, seeds
from digitcmp.report.formats import ACCURACY, spread
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, accuracy, estimate, named, plain
from digitcmp.report.results import Results
from digitcmp.report.statistics import collapse
from digitcmp.report.statistics.estimates import half_width

LATEX = {"±": r"$\pm$", "−": "$-$", "_": r"\_", "%": r"\%", "<": "$<$", "†": r"\dag"}
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
PUBLISHED = (
    "Published results on the same task: mean ± standard deviation over n runs. The 95 % t-interval of the mean is "
    "computed from these and cut to [0, 1]."
)
FIGURE = "Test accuracy of each cell. Filled marks are without the auxiliary loss, open marks with it."
MOST = 55  # cells in the figure; more would make it too tall
BELOW = 0.22  # rows between the mark of a cell and the dots of its runs


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
    if not results.only_rates and len(results.cells) <= MOST:
        yield Figure("accuracy", FIGURE, partial(draw, results))


def table(results: Results) -> Table:
    """Return the table of all cells, with the paper's values."""
    frame = results.cells.assign(difference=results.cells.test_acc_mean - results.cells.paper_mean)
    keys = list(results.cells)
    varied = keys[keys.index("paper_std") + 1 : -1]
    if frame.train_pairs.nunique() > 1:
        varied.insert(0, "train_pairs")
    columns = [named("label", "cell"), *plain("lr", *varied), *accuracy()]
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


def latex(content: Table, caption: str) -> str:
    """Return a table as LaTeX code that needs the package booktabs."""
    lines = []
    for row in ([column.heading for column in content.columns], *content.rows):
        line = " & ".join(row)
        for letter, command in LATEX.items():
            line = line.replace(letter, command)
        lines.append(f"{line} \\\\\n")
    columns = "".join("l" if column.left else "r" for column in content.columns)
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{lines[0]}\\midrule\n{''.join(lines[1:])}"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def collapsed_runs(results: Results) -> list[str]:
    """Return a line for each cell with collapsed runs."""
    lines = []
    for cell, runs in results.runs[results.collapsed].groupby("cell", sort=False):
        seeds = ", ".join(f"seed {run.seed} ({run.test_acc:.3f})" for run in runs.itertuples())
        lines.append(f"collapsed: {results.title_of[cell]} {seeds}")
    return lines


def draw(results: Results) -> Drawing:
    """Draw the cells, one row each."""
    cells, colours = results.cells.assign(title=results.titles), palette(results.cells.model)
    runs = dict(list(results.runs.groupby("cell")))
    figure = Drawing(figsize=size(cells.title, 0.21 * len(cells)))
    axes = figure.subplots()
    for y, row in enumerate(cells.itertuples()):
        shade = colours[row.model]
        for run in runs[row.cell].itertuples():
            gid = f"{TIP}{row.title}, seed {run.seed}: {run.test_acc:.4f}"
            axes.plot(run.test_acc, y + BELOW, ".", color=shade, ms=2.5, mew=0, alpha=0.7, gid=gid)
        tip = f"{row.title}: {spread(row.test_acc_mean, row.test_acc_std)}"
        mark_interval(axes, row, row.test_acc_mean, float(y), shade, tip, hollow=row.aux)
        if not math.isnan(row.paper_mean):
            tip = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean", gid=tip)
    name_rows(axes, list(cells.title), len(cells) - 0.4)
    axes.set_xlabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)} (dots)")
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles=handles[:1], loc="outside lower center")
    return figure


def published(results: Results) -> Iterator[Part]:
    """Yield the table of published results."""
    works = published_results(results)
    if len(works):
        sources = [row.source if row.work in paper.OTHERS else row.work for row in works.itertuples()]
        yield Table.of(works.assign(work=sources), [named("work"), *accuracy("mean", "std")])
        yield PUBLISHED


def published_results(results: Results) -> pd.DataFrame:
    """Return the published results on the paper's task: columns `work mean std source n ci_low ci_high`.

    Empty unless a cell with 1,000 MNIST pairs has a higher accuracy than the lowest of them.
    """
    works = paper.OTHERS | {"the paper's AL4": paper.ACCURACY["AL4"]}
    table = pd.DataFrame([{"work": work, **other._asdict()} for work, other in works.items()])
    half = half_width(table["std"], table.n)
    table["ci_low"], table["ci_high"] = (table["mean"] - half).clip(0, 1), (table["mean"] + half).clip(0, 1)
    same_task = np.array([not condition.keys() & {"task", "dataset"} for condition in results.changed_settings])
    best = results.cells[same_task & (results.cells.train_pairs == 1000)].test_acc_mean.max()
    return table if best > min(other.mean for other in paper.OTHERS.values()) else table.iloc[:0]
