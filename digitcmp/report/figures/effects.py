"""The figure of effects: each with its 95 % interval, by family, with the paper's claim."""

import math
import re
from collections.abc import Iterable

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from digitcmp.report.contrasts.averages import MAIN
from digitcmp.report.contrasts.effects import differing
from digitcmp.report.figures.style import escaped, mark_interval, name_rows, seeds, show_zero, size
from digitcmp.report.pages.verdicts import colour, kind

MOST = 50  # rows; more would make the figure too tall


def prepare(table: pd.DataFrame) -> pd.DataFrame:
    """Return effects with their heights in the figure, from top to bottom.

    Args:
        table: Rows of the table of effects, sorted by family.

    Returns:
        The rows with three more columns: `label`, `y`, the height of the mark, and `heading`, the height of the name
        of the family.
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


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of a large design in the form of effects.

    Args:
        table: Rows of `averages.averages`.

    Returns:
        The main effects, and the interactions with the smallest p up to MOST rows.
    """
    table = table.rename(columns={"order": "family"}).assign(context="", published=math.nan, claim=math.nan)
    main = table[table.family == MAIN].head(MOST)
    others = table[table.family != MAIN].sort_values("p", kind="stable").head(max(0, MOST - len(main)))
    return pd.concat([main, others.sort_index()])


def verdict_marks(verdicts: Iterable[object]) -> dict[str, Line2D]:
    """Return a mark for each colour of some verdicts, by the names of the verdicts in that colour."""
    names_by_colour: dict[str, list[str]] = {}
    for verdict in verdicts:
        names = names_by_colour.setdefault(colour(verdict), [])
        if (name := re.split(r" \(|[;:]", str(verdict))[0]) not in names:
            names.append(name)
    marks = {}
    for shade, names in names_by_colour.items():
        marks[", ".join(names)] = Line2D([], [], color=shade, marker="o", ms=4.5, lw=1.6)
    return marks


def draw(table: pd.DataFrame) -> Figure:
    """Draw effects, one row each, below the names of their families.

    Args:
        table: Rows of the table of effects.
    """
    frame = prepare(table)
    families = frame.drop_duplicates("family")
    figure = Figure(figsize=size(frame.label, 0.1 + 0.18 * (len(frame) + 1.4 * len(families))))
    axes = figure.subplots()
    show_zero(axes)
    place = axes.get_yaxis_transform()
    for name, y in zip(families.family, families.heading, strict=True):
        axes.text(-0.02, y, name, transform=place, ha="right", va="center", weight="bold")
    for row in frame.itertuples():
        tip = f"{row.label}: {row.mean:+.4f}, {row.verdict}" if kind(row.verdict) else f"{row.label}: {row.mean:+.4f}"
        mark_interval(axes, row, row.mean, row.y, colour(row.verdict), tip)
        if not math.isnan(row.published):
            axes.plot(row.published, row.y, "|", color="black", ms=9, mew=1.2, label="the paper's means")
        if not math.isnan(row.claim):
            axes.plot(row.claim, row.y, "D", color="black", mfc="white", ms=4, mew=0.9, label="the paper's claim")
    name_rows(axes, list(frame.label), frame.y.iloc[-1] + 0.7)
    axes.set_yticks(frame.y, [escaped(label) for label in frame.label])
    axes.set_xlabel("difference in test accuracy")
    figure.suptitle(f"paired difference, mean and 95 % interval, {seeds(frame.n)}", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    marks = verdict_marks(frame.verdict) | dict(zip(labels, handles, strict=True))
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=2)
    return figure
