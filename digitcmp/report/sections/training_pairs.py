"""The sections on published results and on test accuracy by number of training pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import NullLocator

from digitcmp import paper
from digitcmp.report.figures.style import DASHED, OTHERS, PAGE, TIP, escaped, palette, seeds
from digitcmp.report.formats import spread
from digitcmp.report.pages.section import Column, Figure, Part, Table, accuracy, named, plain
from digitcmp.report.results import Results
from digitcmp.report.statistics.estimates import half_width

PUBLISHED = (
    "Published results on the same task: mean ± standard deviation over n runs. The 95 % t-interval of the mean is "
    "computed from these and cut to [0, 1]."
)
NOTE = "Test accuracy by number of training pairs."
FIGURE = (
    "Test error by number of training pairs. Filled marks are without the auxiliary loss, open marks and dashed lines "
    "with it. Squares are the ordinal head."
)
TICKS = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002]  # errors
LEAST = 1e-4  # the smallest error of the logarithmic axis
GAP = 0.04  # the smallest distance between two labels, as a share of the axis


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


def parts(results: Results) -> Iterator[Part]:
    """Yield the table by number of training pairs, one column per series, and the figure."""
    frame = pair_series(results)
    if frame.empty:
        return
    frame = frame.assign(value=list(map(spread, frame.test_acc_mean, frame.test_acc_std)))
    wide = frame.pivot(index="train_pairs", columns="series", values="value").fillna("").reset_index()
    yield Table.of(wide, [Column("pairs", "train_pairs", ","), *plain(*dict.fromkeys(frame.series))])
    yield NOTE
    if not results.only_rates:
        yield Figure("pairs", FIGURE, partial(draw, frame, results))


def pair_series(results: Results) -> pd.DataFrame:
    """Return the cells of each series over three or more numbers of training pairs, with `series`, its name.

    The cells of a series differ only in train_pairs and epochs. Cells with several numbers of epochs at one number of
    pairs are not a series.
    """
    cells = results.cells.assign(series=results.titles("train_pairs", "epochs"))
    groups = cells.groupby("series", sort=False).train_pairs
    cells = cells[(groups.transform("size") >= 3) & (groups.transform("nunique") == groups.transform("size"))]
    order = cells.series.map({name: i for i, name in enumerate(dict.fromkeys(cells.series))})
    return cells.assign(order=order).sort_values(["order", "train_pairs"]).drop(columns="order")


def draw(pairs: pd.DataFrame, results: Results) -> Drawing:
    """Draw the test error of each series by number of training pairs, and the published results from 1,000 pairs."""
    others, colours = published_marks(results), palette(results.cells.model)
    figure = Drawing(figsize=(PAGE, 3.6))
    axes = figure.subplots()
    for series, cells in pairs.groupby("series", sort=False):
        runs = results.runs[results.runs.cell.isin(cells.cell)]
        draw_series(axes, str(series), cells, runs, colours[cells.model.iloc[0]])
    errors = 1 - np.array([*pairs.test_acc_mean, *others["mean"]])
    low, high = 0.8 * max(errors.min(), LEAST), 1.25 * errors.max()
    heights = label_heights(list(1 - others["mean"]), low, high)
    for work, mean, height in zip(others.work, others["mean"], heights, strict=True):
        axes.axhline(1 - mean, color=OTHERS, lw=0.6, ls=":")
        axes.plot(1000, 1 - mean, "D", color="black", ms=3.5, mfc="white", mew=0.9, zorder=4)
        place = axes.get_yaxis_transform()
        axes.text(1.015, height, f"{work} {mean:.3f}", transform=place, fontsize=6.5, va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({*pairs.train_pairs})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_yticks(TICKS)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("training pairs")
    axes.set_ylabel("test error (1 − accuracy)")
    figure.suptitle(f"mean and 95 % interval, {seeds(pairs.n)} (dots); diamonds: published, from 1,000 pairs")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def published_marks(results: Results) -> pd.DataFrame:
    """Return `work mean` of the published results and of the paper's WS3 and AL4, by descending accuracy.

    Empty if the runs are of another task or data set.
    """
    papers = [{"work": f"the paper's {name}", "mean": paper.ACCURACY[name].mean} for name in ("WS3", "AL4")]
    table = pd.concat([pd.DataFrame(papers), published_results(results)[["work", "mean"]]], ignore_index=True)
    table = table.drop_duplicates("work", keep="last")
    if any({"dataset", "task"} & condition.keys() for condition in results.changed_settings):
        table = table.iloc[:0]
    return table.sort_values("mean", ascending=False, kind="stable")


def label_heights(errors: Sequence[float], low: float, high: float) -> list[float]:
    """Return the heights of the labels of errors, ascending, on an axis from `low` to `high`, so that none overlap."""
    heights, height = [], low
    for error in errors:
        height = max(error, height * (high / low) ** GAP)
        heights.append(height)
    return heights


def draw_series(axes: Axes, series: str, cells: pd.DataFrame, runs: pd.DataFrame, colour: str) -> None:
    """Draw the mean errors of a series with their 95 % intervals, and each run as a dot."""
    first = cells.iloc[0]
    axes.plot(runs.train_pairs, 1 - runs.test_acc, ".", color=colour, ms=3, mew=0, alpha=0.6)
    style: Any = {"marker": "s" if first["head"] == "ordinal" else "o", "ms": 4.5, "mew": 1.2}
    style |= {"color": colour, "mfc": "white" if first.aux else colour, "ls": DASHED if first.aux else "-"}
    axes.plot(cells.train_pairs, 1 - cells.test_acc_mean, label=escaped(series), **style)
    lowest = np.maximum(1 - cells.ci_high, LEAST)
    axes.vlines(cells.train_pairs, lowest, np.maximum(1 - cells.ci_low, LEAST), color=colour, lw=1.1, alpha=0.75)
    for row in cells.itertuples():
        error = f"{1 - row.test_acc_mean:.4f} ± {row.test_acc_std:.4f}"
        tip = f"{TIP}{series}, {row.train_pairs:,} pairs: error {error}"
        axes.plot(row.train_pairs, 1 - row.test_acc_mean, "o", ms=7, alpha=0, gid=tip)
