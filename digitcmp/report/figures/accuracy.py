"""The figure of test accuracy: mean, 95 % interval and seeds of each cell, with the published results."""

import math

import pandas as pd
from matplotlib.figure import Figure

from digitcmp.report.figures.style import (
    OTHERS,
    PAGE,
    TIP,
    escaped,
    mark_cell,
    name_rows,
    palette,
    runs_by_cell,
    seeds,
    size,
)
from digitcmp.report.formats import spread
from digitcmp.report.results import Results

MOST = 55  # cells with a row each; more would make the figure too tall


def prepare(results: Results) -> pd.DataFrame:
    """Return one row per cell and then one per published result, with the columns `title` and `published`."""
    cells = results.cells.assign(title=results.titles(), published=False)
    if results.others.empty:
        return cells
    names = {"work": "title", "mean": "test_acc_mean", "std": "test_acc_std"}
    return pd.concat([cells, results.others.rename(columns=names).assign(published=True)], ignore_index=True)


def draw(results: Results) -> Figure:
    """Draw the cells and the published results, one row each, or without names if there are more than MOST cells."""
    if len(results.cells) > MOST:
        return draw_sorted(results)
    frame, runs = prepare(results), runs_by_cell(results.runs)
    colours = palette(results.cells.model)
    figure = Figure(figsize=size(frame.title, 0.21 * len(frame)))
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
    figure.suptitle(f"mean and 95 % interval, {seeds(results.cells.n)} (dots)", fontsize=8)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles=handles[:1], loc="outside lower center")
    return figure


def draw_sorted(results: Results) -> Figure:
    """Draw many cells without names, sorted by test accuracy."""
    cells = results.cells.sort_values("test_acc_mean", kind="stable").reset_index(drop=True)
    colours = palette(results.cells.model)
    figure = Figure(figsize=(PAGE, 4.5))
    axes = figure.subplots()
    for (model, aux, label), rows in cells.groupby(["model", "aux", "label"], sort=False):
        shade = colours[str(model)]
        axes.vlines(rows.index, rows.ci_low, rows.ci_high, color=shade, lw=0.5, alpha=0.5)
        fill = "white" if aux else shade
        axes.plot(rows.index, rows.test_acc_mean, "o", color=shade, ms=2.5, mew=0.6, mfc=fill, label=escaped(label))
    axes.set_xlabel(f"{len(cells):,} cells by their test accuracy")
    axes.set_ylabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)}", fontsize=8)
    figure.legend(loc="outside lower center", ncols=6)
    return figure
