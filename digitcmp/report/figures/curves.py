"""Learning curves: the mean over seeds by epoch, with a band of one standard deviation."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from digitcmp.report.figures.style import DASHED, TIP, Palette, escaped, shades
from digitcmp.report.formats import spread


def draw_curves(axes: Axes, cells: pd.DataFrame, curves: pd.DataFrame, colours: Palette, heading: str = "") -> None:
    """Draw the curves of some cells, in shades of one colour for each network.

    Args:
        cells: Rows of the table of cells, with `title`.
        curves: `cell epoch test_acc_mean test_acc_std`. The axis ends at the last epoch of any cell.
        colours: The colour of each backbone.
        heading: The heading of the panel.
    """
    for row, shade, curve in shaded(cells, curves, colours):
        mean, std = curve.test_acc_mean, curve.test_acc_std.fillna(0)
        axes.plot(curve.epoch, mean, color=shade, label=escaped(row.title), ls=DASHED if row.aux else "-")
        axes.fill_between(curve.epoch, mean - std, mean + std, color=shade, alpha=0.11, lw=0)
        for epoch in curve.itertuples():
            tip = f"{TIP}{row.title}, epoch {epoch.epoch}: {spread(epoch.test_acc_mean, epoch.test_acc_std)}"
            axes.plot(epoch.epoch, epoch.test_acc_mean, "o", color=shade, ms=6, alpha=0, gid=tip)
    axes.set_title(heading)
    axes.set_xlabel("epoch")
    last = int(curves.epoch.max())
    axes.set_xlim(1, last)
    axes.set_xticks([1, *(tick for tick in MaxNLocator(5, integer=True).tick_values(1, last) if 1 < tick <= last)])


def shaded(cells: pd.DataFrame, curves: pd.DataFrame, colours: Palette) -> Iterator[tuple[Any, Any, pd.DataFrame]]:
    """Yield the cells in drawing order, each with its shade and its curve."""
    by_cell = {cell: curve for cell, curve in curves[curves.cell.isin(cells.cell)].groupby("cell", sort=False)}
    for _, group in cells.groupby(["model", "aux"], sort=False):
        for row, shade in zip(group.itertuples(), shades(colours[group.model.iloc[0]], len(group)), strict=True):
            yield row, shade, by_cell.get(row.cell, curves.iloc[:0])
