"""The figure of a numeric setting: mean and 95 % interval of each series by level, one panel per outcome."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from digitcmp.report.figures.style import DASHED, PAGE, TIP, Palette, escaped, palette, seeds, shades
from digitcmp.report.formats import interval, to_text
from digitcmp.report.results import Results

NAMES = {"lr": "learning rate", "test_acc": "test accuracy", "fit_seconds": "seconds of training per run"}
SPREAD = 8  # the largest ratio between levels for which the axis is always linear
TICKS = 9  # more levels are not all named on the axis
WIDTH = 0.02  # the width of the marks of a level, as a share of the axis


def is_logarithmic(levels: Sequence[float]) -> bool:
    """Return True if levels, ascending, span a ratio above SPREAD and are more even in their logarithms."""
    if levels[0] <= 0 or levels[-1] <= SPREAD * levels[0]:
        return False
    gaps, ratios = np.diff(levels), np.diff(np.log(levels))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


def styled(table: pd.DataFrame, colours: Palette) -> Iterator[tuple[str, pd.DataFrame, tuple[float, ...]]]:
    """Yield the name, the rows and the colour of each series. Series of one network have shades of its colour."""
    for (model, _), rows in table.groupby(["model", "aux"], sort=False):
        names = list(dict.fromkeys(rows.series))
        for name, shade in zip(names, shades(colours[str(model)], len(names)), strict=True):
            yield name, rows[rows.series == name], shade


def draw_factor(factor: str, table: pd.DataFrame, results: Results) -> Figure:
    """Draw the series of one factor."""
    colours = palette(results.cells.model)
    outcomes, names = list(dict.fromkeys(table.outcome)), list(dict.fromkeys(table.series))
    columns = max(1, min(4, int(100 / (8 + max(map(len, names))))))
    figure = Figure(figsize=(PAGE, 2.9 + 0.15 * math.ceil(len(names) / columns)))
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for axes, outcome in zip(panels, outcomes, strict=True):
        rows = table[table.outcome == outcome]
        form = ".4f" if outcome == "test_acc" else ".3g"
        levels = sorted({*rows.level})
        for i, (name, points, shade) in enumerate(styled(rows, colours)):
            aux = bool(points.aux.iloc[0])
            place = apart(points.level, levels, (i - (len(names) - 1) / 2) / len(names))
            mark_levels(axes, points.assign(place=place), name, f"{factor}=", shade, aux, form)
        number_levels(axes, levels)
        show_means(axes, rows)
        axes.set_xlabel(NAMES.get(factor, factor))
        axes.set_ylabel(NAMES[outcome])
        if outcome == "fit_seconds":
            axes.set_ylim(bottom=0)
    figure.suptitle(f"mean and 95 % interval, {seeds(table.n)}", fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def mark_levels(
    axes: Axes, points: pd.DataFrame, name: str, level: str, shade: tuple[float, ...], hollow: bool, form: str
) -> None:
    """Draw the means of one series as marks on a line, each with its 95 % interval.

    Args:
        points: Rows with `level mean ci_low ci_high n`, and their `place` on the axis.
        name: The name of the series.
        level: The prefix of a level in the tips, such as 'lr='.
        hollow: True for open marks and a dashed line.
        form: The format of the values in the tips.
    """
    points = points.sort_values("level")
    axes.vlines(points.place, points.ci_low, points.ci_high, color=shade, lw=1.1, alpha=0.75)
    fill = "white" if hollow else shade
    line = DASHED if hollow else "-"
    axes.plot(points.place, points["mean"], "o", color=shade, ls=line, ms=4, mew=1.1, mfc=fill, label=escaped(name))
    for row in points.itertuples():
        limits = interval(row.ci_low, row.ci_high, form)
        tip = f"{TIP}{name}, {level}{to_text(row.level)}: {row.mean:{form}}"
        tip += f", 95 % interval {limits}" if limits else ""
        axes.plot(row.place, row.mean, "o", ms=7, alpha=0, gid=f"{tip}, n = {row.n}")


def apart(places: pd.Series, levels: Sequence[float], share: float) -> pd.Series:
    """Shift the marks of a series along the axis, so that marks of several series at one level do not overlap.

    Args:
        places: The level of each mark.
        levels: All levels, ascending.
        share: The shift, from -0.5 to 0.5, as a share of WIDTH.
    """
    if is_logarithmic(levels):
        return places * (levels[-1] / levels[0]) ** (WIDTH * share)
    return places + WIDTH * share * (levels[-1] - levels[0])


def show_means(axes: Axes, rows: pd.DataFrame) -> None:
    """Limit the vertical axis to all means and, below them, half of the range that the means span."""
    lowest, highest = rows["mean"].min(), rows["mean"].max()
    bottom = lowest - 0.5 * (highest - lowest) - 0.002
    if bottom > rows.ci_low.min():
        axes.set_ylim(bottom=bottom)


def number_levels(axes: Axes, levels: Sequence[float]) -> None:
    """Label the horizontal axis with levels, ascending, and make it logarithmic if `is_logarithmic` is true of them."""
    if is_logarithmic(levels):
        axes.set_xscale("log")
    if len(levels) <= TICKS:
        axes.set_xticks(levels, [f"{level:,.12g}" if level >= 1000 else to_text(level) for level in levels])
        axes.xaxis.set_minor_locator(NullLocator())
        crowded = sum(len(to_text(level)) for level in levels) > 40
        axes.tick_params(axis="x", rotation=45 if crowded else 0)
