"""The figure of test error by number of training pairs, with the published results."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from digitcmp import paper
from digitcmp.report.figures.style import DASHED, OTHERS, PAGE, TIP, escaped, palette, seeds
from digitcmp.report.results import Results

ERRORS = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002]  # ticks
GAP = 0.04  # the smallest distance between two labels, as a share of the axis


def published(results: Results) -> pd.DataFrame:
    """Return the published results on the same task, as columns `work mean`, by descending accuracy.

    Returns:
        An empty frame if the runs are of another task or data set.
    """
    others = results.others[["work", "mean"]]
    papers = [{"work": f"the paper's {name}", "mean": paper.ACCURACY[name].mean} for name in ("WS3", "AL4")]
    table = pd.concat([pd.DataFrame(papers), others], ignore_index=True).drop_duplicates("work", keep="last")
    if any({"dataset", "task"} & condition.keys() for condition in results.changed_settings):
        table = table.iloc[:0]
    return table.sort_values("mean", ascending=False, kind="stable")


def limits(errors: np.ndarray) -> tuple[float, float]:
    """Return the lower and upper limit of a logarithmic axis that holds these errors."""
    return 0.8 * max(errors.min(), 1e-4), 1.25 * errors.max()


def label_heights(errors: list[float], low: float, high: float) -> list[float]:
    """Return the heights of the labels of errors, ascending, on an axis from `low` to `high`, so that none overlap."""
    heights, height = [], low
    for error in errors:
        height = max(error, height * (high / low) ** GAP)
        heights.append(height)
    return heights


def draw_series(axes: Axes, series: str, cells: pd.DataFrame, runs: pd.DataFrame, colour: str) -> None:
    """Draw the mean errors of a series with their 95 % intervals, and each seed as a dot."""
    first = cells.iloc[0]
    axes.plot(runs.train_pairs, 1 - runs.test_acc, ".", color=colour, ms=3, mew=0, alpha=0.6)
    style: Any = {"marker": "s" if first["head"] == "ordinal" else "o", "ms": 4.5, "mew": 1.2}
    style |= {"color": colour, "mfc": "white" if first.aux else colour, "ls": DASHED if first.aux else "-"}
    axes.plot(cells.train_pairs, 1 - cells.test_acc_mean, label=escaped(series), **style)
    lowest = np.maximum(1 - cells.ci_high, 1e-4)  # the axis is logarithmic
    axes.vlines(cells.train_pairs, lowest, np.maximum(1 - cells.ci_low, 1e-4), color=colour, lw=1.1, alpha=0.75)
    for row in cells.itertuples():
        error = f"{1 - row.test_acc_mean:.4f} ± {row.test_acc_std:.4f}"
        tip = f"{TIP}{series}, {row.train_pairs:,} pairs: error {error}"
        axes.plot(row.train_pairs, 1 - row.test_acc_mean, "o", ms=7, alpha=0, gid=tip)


def draw_published(axes: Axes, table: pd.DataFrame, low: float, high: float) -> None:
    """Draw the published results as horizontal lines, each with its name on the right.

    Args:
        table: Rows of `published`.
        low: The lower limit of the axis.
        high: The upper limit.
    """
    heights = label_heights([1 - mean for mean in table["mean"]], low, high)
    place = axes.get_yaxis_transform()
    for work, mean, height in zip(table.work, table["mean"], heights, strict=True):
        axes.axhline(1 - mean, color=OTHERS, lw=0.6, ls=":")
        axes.plot(1000, 1 - mean, "D", color="black", ms=3.5, mfc="white", mew=0.9, zorder=4)
        axes.text(1.015, height, f"{work} {mean:.3f}", transform=place, fontsize=6.5, va="center")


def draw(results: Results) -> Figure:
    """Draw one line per series of `results.pairs`, and the published results from 1,000 pairs."""
    pairs, others = results.pairs, published(results)
    colours = palette(results.cells.model)
    figure = Figure(figsize=(PAGE, 3.6))
    axes = figure.subplots()
    for series, cells in pairs.groupby("series", sort=False):
        runs = results.runs[results.runs.cell.isin(cells.cell)]
        draw_series(axes, str(series), cells, runs, colours[cells.model.iloc[0]])
    low, high = limits(1 - np.array([*pairs.test_acc_mean, *others["mean"]]))
    draw_published(axes, others, low, high)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({*pairs.train_pairs})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_yticks(ERRORS)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("training pairs")
    axes.set_ylabel("test error (1 − accuracy)")
    figure.suptitle(
        f"mean and 95 % interval, {seeds(pairs.n)} (dots); diamonds: published, from 1,000 pairs", fontsize=8
    )
    figure.legend(loc="outside lower center", ncols=4)
    return figure
