"""The section on the test accuracy of each cell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp.report.figures.forest import mark_cell, name_rows, runs_by_cell, size
from digitcmp.report.figures.style import OTHERS, PAGE, TIP, escaped, palette, seeds
from digitcmp.report.formats import ACCURACY, spread
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, accuracy, estimate, named, plain
from digitcmp.report.results import Results
from digitcmp.report.sections.training_pairs import pair_series, published_results
from digitcmp.report.statistics import collapse

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
FIGURE = "Test accuracy of each cell. Filled marks are without the auxiliary loss, open marks with it."
MOST = 55  # cells with a row each in the figure; more would make it too tall


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
    if not results.only_rates and len(pair_series(results)) < len(results.cells):
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


def rows(results: Results) -> pd.DataFrame:
    """Return one row per cell and then one per published result, with the columns `title` and `published`."""
    cells = results.cells.assign(title=results.titles(), published=False)
    works = published_results(results)
    names = {"work": "title", "mean": "test_acc_mean", "std": "test_acc_std"}
    return (
        pd.concat([cells, works.rename(columns=names).assign(published=True)], ignore_index=True)
        if len(works)
        else cells
    )


def draw(results: Results) -> Drawing:
    """Draw the cells and the published results, one row each, or without names if there are more than MOST cells."""
    if len(results.cells) > MOST:
        return draw_sorted(results)
    frame, runs = rows(results), runs_by_cell(results.runs)
    colours = palette(results.cells.model)
    figure = Drawing(figsize=size(frame.title, 0.21 * len(frame)))
    axes = figure.subplots()
    for y, row in enumerate(frame.itertuples()):
        if row.published:
            axes.plot([row.ci_low, row.ci_high], [y, y], color=OTHERS, lw=1.6)
            tip = f"{TIP}{row.title}: {spread(row.test_acc_mean, row.test_acc_std)}"
            axes.plot(row.test_acc_mean, y, "s", color=OTHERS, ms=4, mew=0, gid=tip)
            continue
        mark_cell(axes, row, float(y), colours[row.model], row.title, runs[row.cell])
        if not math.isnan(row.paper_mean):
            tip = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean", gid=tip)
    name_rows(axes, list(frame.title), len(frame) - 0.4)
    published = frame[frame.published]
    if len(published):
        axes.axhline(len(frame) - len(published) - 0.5, color="black", lw=0.6)
        least = min(published.test_acc_mean.min(), results.runs.test_acc.min())  # cuts wide intervals of three runs
        axes.set_xlim(least - 0.01, 1)
    axes.set_xlabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(results.cells.n)} (dots)")
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles=handles[:1], loc="outside lower center")
    return figure


def draw_sorted(results: Results) -> Drawing:
    """Draw many cells without names, sorted by test accuracy."""
    cells = results.cells.sort_values("test_acc_mean", kind="stable").reset_index(drop=True)
    colours = palette(results.cells.model)
    figure = Drawing(figsize=(PAGE, 4.5))
    axes = figure.subplots()
    for (model, aux, label), rows in cells.groupby(["model", "aux", "label"], sort=False):
        shade = colours[str(model)]
        axes.vlines(rows.index, rows.ci_low, rows.ci_high, color=shade, lw=0.5, alpha=0.5)
        fill = "white" if aux else shade
        axes.plot(rows.index, rows.test_acc_mean, "o", color=shade, ms=2.5, mew=0.6, mfc=fill, label=escaped(label))
    axes.set_xlabel(f"{len(cells):,} cells by their test accuracy")
    axes.set_ylabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)}")
    figure.legend(loc="outside lower center", ncols=6)
    return figure
