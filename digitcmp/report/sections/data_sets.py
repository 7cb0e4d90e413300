"""The section on the effects of the auxiliary loss and sharing on each data set."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp.report.contrasts.planned import differing
from digitcmp.report.figures.forest import mark_interval, name_rows, separate_rows, show_zero, sign_ticks
from digitcmp.report.figures.style import PAGE, added_by, escaped, seeds
from digitcmp.report.formats import P_VALUE, interval, to_text
from digitcmp.report.pages.section import Figure, Part, Table, named, plain
from digitcmp.report.results import Results

NOTE = (
    "Effects of the auxiliary loss and sharing on test accuracy for each data set, and their differences from the "
    "first data set: mean and 95 % t-interval, paired by seed. p is Holm's p. That of a mean over networks is "
    "corrected among the differences between data sets, that of a pair of networks among all interactions."
)
FIGURE = "Effects of the auxiliary loss and sharing on test accuracy, for each data set."
MOST = 75  # marks below each other; more would make the figure too tall
COLOURS, MARKERS = ("#332288", "#44aa99", "#882255", "#b8a800", "#117733"), ("o", "s", "D", "^", "v", "P", "X")


def parts(results: Results) -> Iterator[Part]:
    """Yield the table, with a column per data set and per difference from the first one, and the figure."""
    frame = results.data_sets
    if frame.empty:
        return
    headings, texts = [], []
    for row in frame.itertuples():
        text = f"{row.mean:+.3f} {interval(row.ci_low, row.ci_high, '+.3f', row.n)}"
        headings.append(f"{row.dataset} − {row.less}" if row.less else row.dataset)
        texts.append(f"{text}, p {to_text(row.p_holm, P_VALUE)}" if row.less else text)
    keys = ["factor", "effect", "settings", "n"]
    table = frame.assign(settings=differing(frame.settings), heading=headings, text=texts)
    order = pd.MultiIndex.from_frame(table[keys].drop_duplicates().sort_values("factor", kind="stable"))
    wide = table.pivot(index=keys, columns="heading", values="text").fillna("").reindex(order)
    columns = sorted(dict.fromkeys(headings), key=lambda heading: " − " in heading)
    yield Table.of(wide.reset_index(), [*map(named, keys[:3]), *plain("n", *columns)])
    yield NOTE
    if results.averages.empty:
        yield Figure("data_sets", FIGURE, partial(draw, frame))


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects on each data set with their rows in the figure, the means over networks last.

    Args:
        table: Rows of `tables.by_question`.

    Returns:
        The rows without the differences between data sets, with three more columns: `label`, `row`, the place of the
        label within its factor, and `y`, the height of the mark.
    """
    frame = table[table.less == ""]
    labels = []
    for effect, settings in zip(frame.effect, differing(frame.settings), strict=True):
        labels.append(f"{effect} {settings}".strip())
    frame = frame.assign(label=labels, row=0)
    for _, rows in frame.groupby("factor"):
        names = sorted(dict.fromkeys(rows.label), key=lambda name: name.startswith("mean of"))
        frame.loc[rows.index, "row"] = rows.label.map(names.index)
    datasets = list(dict.fromkeys(frame.dataset))
    offsets = [0.6 * ((1 + datasets.index(dataset)) / (1 + len(datasets)) - 0.5) for dataset in frame.dataset]
    return frame.assign(y=frame.row + offsets)


def draw(table: pd.DataFrame) -> Drawing:
    """Draw the effects on each data set, one panel per factor.

    Args:
        table: Rows of `tables.by_question`.
    """
    frame = rows(table)
    frame = frame[frame.row < MOST / max(1, frame.dataset.nunique())]
    styles = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False)  # 35 different pairs
    marks = dict(zip(dict.fromkeys(frame.dataset), styles, strict=False))
    factors = list(dict.fromkeys(frame.factor))
    width = PAGE if len(factors) > 1 else 0.6 * PAGE
    figure = Drawing(figsize=(width, 1.1 + 0.15 * len(marks) * (1 + frame.row.max())))
    panels = figure.subplots(1, len(factors), sharex=True, squeeze=False)[0]
    for axes, factor in zip(panels, factors, strict=True):
        panel = frame[frame.factor == factor]
        show_zero(axes)
        for row in panel.itertuples():
            shade, marker = marks[row.dataset]
            tip = f"{row.label}, {row.dataset}: {row.mean:+.4f}"
            mark_interval(axes, row, row.mean, row.y, shade, tip, marker=marker)
        names = list(panel.drop_duplicates("row").sort_values("row").label)
        name_rows(axes, names, len(names) - 0.5, -0.5)
        separate_rows(axes, len(names))
        axes.set_title(added_by(factor))
        sign_ticks(axes)
    handles = [Line2D([], [], color=shade, marker=marker, ms=4.5) for shade, marker in marks.values()]
    heading = "difference in test accuracy, paired by seed," + (" " if len(factors) > 1 else "\n")
    figure.suptitle(f"{heading}mean and 95 % interval, {seeds(frame.n)}")
    columns = min(len(marks), 3 * len(factors))
    figure.legend(handles, [escaped(name) for name in marks], loc="outside lower center", ncols=columns)
    return figure
