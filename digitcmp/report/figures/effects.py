"""Each effect with its 95 % interval, by family, beside 0 and the paper's claim."""

import math

import pandas as pd
from matplotlib.figure import Figure

from digitcmp.report.effects import differing
from digitcmp.report.figures.style import EFFECT, escaped, mark_interval, name_rows, seeds, show_zero, size


def prepare(table: pd.DataFrame) -> pd.DataFrame:
    """Place effects from top to bottom.

    Args:
        table: Rows of the table of effects, sorted by family.

    Returns:
        The rows with `label`, their height `y`, and the height `heading` of their family's name.
    """
    labels = []
    for effect, context in zip(table.effect, differing(table.context), strict=True):
        labels.append(f"{effect} {context}".strip())
    heights, headings, y, before = [], [], -1.0, None
    for family in table.family:
        if family != before:
            y += 1.4
            heading, before = y, family
        y += 1
        heights.append(y)
        headings.append(heading)
    return table.assign(label=labels, y=heights, heading=headings)


def draw(table: pd.DataFrame) -> Figure:
    """Draw effects (rows of the table of effects), one row each, and the names of their families."""
    frame = prepare(table)
    families = frame.drop_duplicates("family")
    figure = Figure(figsize=size(frame.label, 0.1 + 0.18 * (len(frame) + 1.4 * len(families))))
    axes = figure.subplots()
    show_zero(axes)
    place = axes.get_yaxis_transform()
    for name, y in zip(families.family, families.heading, strict=True):
        axes.text(-0.02, y, name, transform=place, ha="right", va="center", weight="bold")
    for row in frame.itertuples():
        mark_interval(axes, row, row.mean, row.y, EFFECT, f"{row.label}: {row.mean:+.4f}")
        if not math.isnan(row.published):
            axes.plot(row.published, row.y, "|", color="black", ms=9, mew=1.2, label="the paper's means")
        if not math.isnan(row.claim):
            axes.plot(row.claim, row.y, "D", color="black", mfc="white", ms=4, mew=0.9, label="the paper's claim")
    name_rows(axes, list(frame.label), frame.y.iloc[-1] + 0.7)
    axes.set_yticks(frame.y, [escaped(label) for label in frame.label])
    axes.set_xlabel("difference in test accuracy")
    figure.suptitle(f"paired difference, mean and 95 % interval, {seeds(frame.n)}", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    marks = dict(zip(labels, handles, strict=True))
    if marks:
        figure.legend(marks.values(), marks, loc="outside lower center", ncols=2)
    return figure
