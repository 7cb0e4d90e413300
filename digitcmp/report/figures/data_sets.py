"""The figure of the effects of the auxiliary loss and sharing on each data set."""

import itertools

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from digitcmp.report.contrasts.effects import differing
from digitcmp.report.figures.style import (
    PAGE,
    added_by,
    escaped,
    mark_interval,
    name_rows,
    seeds,
    separate_rows,
    show_zero,
    sign_ticks,
)

MOST = 75  # marks below each other; more would make the figure too tall
COLOURS, MARKERS = ("#332288", "#44aa99", "#882255", "#b8a800", "#117733"), ("o", "s", "D", "^", "v", "P", "X")


def prepare(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects on each data set with their rows in the figure, the means over networks last.

    Args:
        table: Rows of `data_sets.by_dataset`.

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


def draw(table: pd.DataFrame) -> Figure:
    """Draw the effects on each data set, one panel per factor.

    Args:
        table: Rows of `data_sets.by_dataset`.
    """
    frame = prepare(table)
    frame = frame[frame.row < MOST / max(1, frame.dataset.nunique())]
    styles = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False)  # 35 different pairs
    marks = dict(zip(dict.fromkeys(frame.dataset), styles, strict=False))
    factors = list(dict.fromkeys(frame.factor))
    width = PAGE if len(factors) > 1 else 0.6 * PAGE
    figure = Figure(figsize=(width, 1.1 + 0.15 * len(marks) * (1 + frame.row.max())))
    panels = figure.subplots(1, len(factors), sharex=True, squeeze=False)[0]
    for axes, factor in zip(panels, factors, strict=True):
        rows = frame[frame.factor == factor]
        show_zero(axes)
        for row in rows.itertuples():
            shade, marker = marks[row.dataset]
            tip = f"{row.label}, {row.dataset}: {row.mean:+.4f}"
            mark_interval(axes, row, row.mean, row.y, shade, tip, marker=marker)
        names = list(rows.drop_duplicates("row").sort_values("row").label)
        name_rows(axes, names, len(names) - 0.5, -0.5)
        separate_rows(axes, len(names))
        axes.set_title(added_by(factor))
        sign_ticks(axes)
    handles = [Line2D([], [], color=shade, marker=marker, ms=4.5) for shade, marker in marks.values()]
    heading = "difference in test accuracy, paired by seed," + (" " if len(factors) > 1 else "\n")
    figure.suptitle(f"{heading}mean and 95 % interval, {seeds(frame.n)}", fontsize=8)
    columns = min(len(marks), 3 * len(factors))
    figure.legend(handles, [escaped(name) for name in marks], loc="outside lower center", ncols=columns)
    return figure
