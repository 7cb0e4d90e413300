"""Rows of means with their 95 % intervals, one below the other."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from digitcmp.report.figures.style import COLUMN, DOTTED, PAGE, TIP, escaped
from digitcmp.report.formats import interval

LETTER = 0.062  # inches per letter of a label


def size(labels: Iterable[str], rows: float) -> tuple[float, float]:
    """Return the width and height in inches of a figure with these row labels and `rows` inches of rows."""
    return float(np.clip(2.2 + LETTER * max(map(len, labels)), COLUMN, PAGE)), 0.8 + rows


def mark_interval(axes: Axes, row: Any, mean: float, y: float, shade: str, tip: str, hollow: bool = False) -> None:
    """Draw a mean at height y and its 95 % interval, dotted for two seeds.

    Args:
        row: A row with `ci_low`, `ci_high` and `n`.
        tip: The tip of the mark, before its interval and n.
        hollow: True for an open mark.
    """
    axes.plot([row.ci_low, row.ci_high], [y, y], color=shade, lw=1.6, ls=DOTTED if row.n == 2 else "-")
    limits = interval(row.ci_low, row.ci_high)
    if limits:
        tip += f", 95 % interval {limits}"
    gid = f"{TIP}{tip}, n = {row.n}"
    axes.plot(mean, y, "o", color=shade, ms=4.5, mew=1.2, mfc="white" if hollow else shade, gid=gid)


def name_rows(axes: Axes, labels: Sequence[str], bottom: float) -> None:
    """Label the rows of the vertical axis with names, from top to bottom."""
    axes.set_yticks(range(len(labels)), [escaped(label) for label in labels])
    axes.set_ylim(bottom, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
