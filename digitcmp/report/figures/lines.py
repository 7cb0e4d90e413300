"""Lines over the levels of a numeric setting, with 95 % intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from digitcmp.report.figures.style import DASHED, TIP, escaped
from digitcmp.report.formats import interval, to_text

SPREAD = 8  # the largest ratio between levels for which the axis is always linear
TICKS = 9  # more levels are not all named on the axis
WIDTH = 0.02  # the width of the marks of a level, as a share of the axis


def is_logarithmic(levels: Sequence[float]) -> bool:
    """Return True if levels, ascending, span a ratio above SPREAD and are more even in their logarithms."""
    if levels[0] <= 0 or levels[-1] <= SPREAD * levels[0]:
        return False
    gaps, ratios = np.diff(levels), np.diff(np.log(levels))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


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
    fill, line = ("white", DASHED) if hollow else (shade, "-")
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
