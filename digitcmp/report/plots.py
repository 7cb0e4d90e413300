"""Figures for a paper, drawn from the tables of a report: each function returns a matplotlib Figure.

A backbone has one colour everywhere (Okabe and Ito's, safe for colour-blind readers); dashed and open marks are with
the auxiliary loss. Widths are those of a column (3.4 inches) or a page (7). What the page says of a mark is its gid.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from digitcmp import paper
from digitcmp.report.conditions import Condition, conditions, distinct, settings
from digitcmp.report.contrasts import CLAIMS, ORDERS
from digitcmp.report.designs import designs
from digitcmp.report.effects import differing
from digitcmp.report.formats import interval, spread
from digitcmp.report.results import Results
from digitcmp.report.settings import level_name

STYLE: Any = {  # matplotlib types its keys one by one
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same file everywhere
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 8),
    **dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("axes.grid", "axes.axisbelow", "figure.constrained_layout.use"), True),
    **{"grid.color": "#e6e6e6", "grid.linewidth": 0.5, "lines.linewidth": 1.3, "savefig.dpi": 200},
    **{"legend.handlelength": 1.8, "legend.borderaxespad": 0.3, "legend.labelspacing": 0.3},
    "svg.hashsalt": "digitcmp",  # the same figure is the same file
}
COLUMN, PAGE = 3.4, 7.0  # inches
LETTER = 0.062  # inches of a letter of a label
COLOURS = {  # merged: black and grey; dense: blues; convolutional: oranges; the shared one is the stronger
    **{
        "fcnn1": "#000000",
        "fcnn2": "#8c8c8c",
        "fcnn3": "#56b4e9",
        "ws1": "#e69f00",
        "ws2": "#0072b2",
        "ws3": "#d55e00",
    },
    **{"convnet": "#009e73", "convnet2": "#cc79a7"},
}
SPARE = ("#b8a800", "#882255", "#44aa99")  # for backbones that are not named above
DATASETS, MARKERS = ("#332288", "#44aa99", "#882255", "#b8a800", "#117733"), ("o", "s", "D", "^", "v", "P", "X")
OTHERS = "#7f7f7f"  # what others published
DASHED = (0, (3, 1.2))
FIGURES: dict[str, tuple[str, ...]] = {"figure6": ("FCNN3", "WS1", "WS2", "WS3")}
FIGURES["figure7"] = (*FIGURES["figure6"], "AL1", "AL2", "AL3", "AL4")
PANELS = {"fcnn3": "FCNN3, branch width", "fcnn1": "FCNN1, width", "fcnn2": "merged, depth"}  # of Fig. 5
FEW = 10  # cells whose curves can still be told apart
TIP = "tip:"


def figures(results: Results) -> dict[str, Figure]:
    """Every figure that the tables of a report can fill, by file name."""
    unknown = sorted({*results.cells.model} - COLOURS.keys())
    colour = COLOURS | {model: SPARE[i % len(SPARE)] for i, model in enumerate(unknown)}
    drawn: dict[str, Figure] = {}
    with matplotlib.rc_context(STYLE):
        measured = results.effects[results.effects.refused.isna() & (results.effects.family != "lr")]
        design = measured[measured.family.isin(ORDERS)]
        if len(results.selection):
            drawn["learning_rates"] = learning_rates(results, colour)
        if len(results.selection) == 0 or results.selection.rates.sum() < len(results.cells):
            if len(results.pairs):
                drawn["pairs"] = training_pairs(results, colour)
            if len(results.pairs) < len(results.cells):
                drawn["accuracy"] = accuracies(results, colour)
            drawn |= learning_curves(results, colour)
        if "positions" in results.evaluated:
            drawn["class_order"] = class_order(results, colour)
        drawn |= factorials(results, colour)
        if len(results.data_sets):  # the others are in the table
            drawn["data_sets"] = data_sets(results)
        elif len(measured):
            drawn["effects"] = forest(design if len(design) else measured)  # the others are in the factorial's
    return drawn


def save(figure: Figure, form: str) -> bytes:
    """The figure as 'png', 'svg' or 'page', an SVG whose marks keep their tips; the same bytes whenever it is drawn."""
    metadata = {"Software": None} if form == "png" else dict.fromkeys(("Date", "Creator", "Format", "Type"))
    for artist in figure.findobj(lambda artist: artist.get_alpha() == 0):  # is there for its tip alone
        artist.set_visible(form == "page")
    with matplotlib.rc_context(STYLE), BytesIO() as file:
        figure.savefig(file, format="png" if form == "png" else "svg", metadata=metadata)
        content = file.getvalue()
    return re.sub(rb' id="tip:[^"]*"', b"", content) if form == "svg" else content


def shades(colour: str, n: int) -> list[tuple[float, ...]]:
    """n shades of a colour, from light to dark; one is the colour itself."""
    base = np.array(to_rgb(colour))
    light, dark = (1 + base) / 2, base / 5
    return [tuple(base)] if n == 1 else [tuple(light + t * (dark - light)) for t in np.linspace(0, 1, n)]


def escaped(text: str) -> str:
    """A text in which a dollar is a dollar, and begins no formula."""
    return text.replace("$", r"\$")


def seeds(n: pd.Series | Sequence[int]) -> str:
    """'n = 10 seeds', 'n = 2 to 3 seeds'"""
    low, high = min(n), max(n)
    return f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds"


def size(labels: Iterable[str], rows: float) -> tuple[float, float]:
    """Inches of a figure with these labels on the left and so many rows."""
    return float(np.clip(2.2 + LETTER * max(map(len, labels)), COLUMN, PAGE)), 0.8 + rows


def mark(
    axes: Axes, row: Any, mean: float, y: float, shade: str, tip: str, hollow: bool = False, marker: str = "o"
) -> None:
    """A mean at height y and its 95 % interval, dotted where it is of two seeds."""
    axes.plot([row.ci_low, row.ci_high], [y, y], color=shade, lw=1.6, ls=(0, (1, 1)) if row.n == 2 else "-")
    limits = interval(row.ci_low, row.ci_high)
    limits = limits and f", 95 % interval {limits}"
    tip = f"{TIP}{tip}{limits}, n = {row.n}"
    axes.plot(mean, y, marker, color=shade, ms=4.5, mew=1.2, mfc="white" if hollow else shade, gid=tip)


def cell_mark(axes: Axes, row: Any, y: float, shade: str, title: str, runs: pd.DataFrame, below: float = 0.22) -> None:
    """A cell (row of the table of cells) at height y, and each of its seeds as a dot so much below."""
    for run in runs[runs.cell == row.cell].itertuples():
        gid = f"{TIP}{title}, seed {run.seed}: {run.test_acc:.4f}"
        axes.plot(run.test_acc, y + below, ".", color=shade, ms=2.5, mew=0, alpha=0.7, gid=gid)
    tip = f"{title}: {spread(row.test_acc_mean, row.test_acc_std)}"
    mark(axes, row, row.test_acc_mean, y, shade, tip, hollow=row.aux)


def listed(axes: Axes, labels: Sequence[str], bottom: float) -> None:
    """An axis of names, from top to bottom."""
    axes.set_yticks(range(len(labels)), list(map(escaped, labels)))
    axes.set_ylim(bottom, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def accuracies(results: Results, colour: Mapping[str, str]) -> Figure:
    """Test accuracy of every cell: mean, its 95 % interval, each seed as a dot, and what the paper and others got."""
    cells, others, titles = results.cells, results.others, results.titles()
    labels = [*titles, *others.work]
    figure = Figure(figsize=size(labels, 0.21 * len(labels)))
    axes = figure.subplots()
    for y, row in enumerate(cells.itertuples()):
        cell_mark(axes, row, float(y), colour[row.model], titles[y], results.runs)
        if not math.isnan(row.paper_mean):
            tip = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean", gid=tip)
    for y, row in enumerate(others.itertuples(), start=len(cells)):
        axes.plot([row.ci_low, row.ci_high], [y, y], color=OTHERS, lw=1.6)
        tip = f"{TIP}{row.work}: {spread(row.mean, row.std)}"
        axes.plot(row.mean, y, "s", color=OTHERS, ms=4, mew=0, gid=tip)
    listed(axes, labels, len(labels) - 0.4)
    if len(others):
        axes.axhline(len(cells) - 0.5, color="black", lw=0.6)
        least = min(others["mean"].min(), results.runs.test_acc.min())  # three runs have wide intervals
        axes.set_xlim(least - 0.01, 1)
    axes.set_xlabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)} (dots)", fontsize=8)
    if handles := axes.get_legend_handles_labels()[0][:1]:
        figure.legend(handles=handles, loc="outside lower center")
    return figure


def forest(table: pd.DataFrame) -> Figure:
    """Each effect (rows of the table of effects) with its 95 % interval, by family, beside 0 and the paper's claim."""
    labels = [" ".join(names).strip() for names in zip(table.effect, differing(table.context), strict=True)]
    figure = Figure(figsize=size(labels, 0.1 + 0.18 * (len(table) + 1.4 * table.family.nunique())))
    axes = figure.subplots()
    axes.axvline(0, color="black", lw=0.8)
    ticks, y = [], -1.0
    for family, rows in table.assign(label=labels).groupby("family", sort=False):
        y += 1.4
        axes.text(-0.02, y, str(family), transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        for row in rows.itertuples():
            y += 1
            ticks.append(y)
            mark(axes, row, row.mean, y, COLOURS["ws2"], f"{row.label}: {row.mean:+.4f}")
            if not math.isnan(row.published):
                axes.plot(row.published, y, "|", color="black", ms=9, mew=1.2, label="the paper's means")
            if not math.isnan(row.claim):
                axes.plot(row.claim, y, "D", color="black", mfc="white", ms=4, mew=0.9, label="the paper's claim")
    listed(axes, labels, y + 0.7)
    axes.set_yticks(ticks, list(map(escaped, labels)))
    axes.set_xlabel("difference in test accuracy")
    figure.suptitle(f"paired difference, mean and 95 % interval, {seeds(table.n)}", fontsize=8)
    marks = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if marks:
        figure.legend(marks.values(), marks, loc="outside lower center", ncols=2)
    return figure


def data_sets(results: Results) -> Figure:
    """What the auxiliary loss and sharing add on each data set, a panel each: pairs of networks and their mean."""
    frame = results.data_sets[results.data_sets.less == ""]
    labels = list(map(" ".join, zip(frame.effect, differing(frame.settings), strict=True)))
    frame = frame.assign(label=[label.strip() for label in labels])
    styles = zip(itertools.cycle(DATASETS), itertools.cycle(MARKERS), strict=False)  # 5 x 7 different ones
    marks = dict(zip(dict.fromkeys(frame.dataset), styles, strict=False))
    panels = {factor: rows for factor, rows in frame.groupby("factor", sort=False)}
    longest = max(rows.label.nunique() for rows in panels.values())
    figure = Figure(figsize=(PAGE if len(panels) > 1 else 0.6 * PAGE, 1.1 + 0.15 * len(marks) * longest))
    for axes, (factor, rows) in zip(
        figure.subplots(1, len(panels), sharex=True, squeeze=False)[0], panels.items(), strict=True
    ):
        names = sorted(dict.fromkeys(rows.label), key=lambda name: name.startswith("mean of"))
        axes.axvline(0, color="black", lw=0.8)
        for row in rows.itertuples():
            shade, marker = marks[row.dataset]
            y = names.index(row.label) + 0.6 * ((1 + list(marks).index(row.dataset)) / (1 + len(marks)) - 0.5)
            mark(axes, row, row.mean, y, shade, f"{row.label}, {row.dataset}: {row.mean:+.4f}", marker=marker)
        listed(axes, names, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        for y in range(1, len(names)):
            axes.axhline(y - 0.5, color="#e6e6e6", lw=0.6)
        axes.set_title(f"what {'the ' * (factor != 'sharing')}{factor} adds")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    handles = [Line2D([], [], color=shade, marker=marker, ms=4.5) for shade, marker in marks.values()]
    heading = "difference in test accuracy, paired by seed," + (" " if len(panels) > 1 else "\n")
    figure.suptitle(f"{heading}mean and 95 % interval, {seeds(frame.n)}", fontsize=8)
    columns = min(len(marks), 3 * len(panels))
    figure.legend(handles, list(map(escaped, marks)), loc="outside lower center", ncols=columns)
    return figure


def class_order(results: Results, colour: Mapping[str, str]) -> Figure:
    """Where each run's comparisons put the classes, a panel per data set: mean over seeds, each seed as a dot."""
    runs = results.tasks.dropna(subset="positions")
    names = [tuple(json.loads(positions)) for positions in runs.positions]
    task = ["dataset", "test_pairs", "tta", "names"]  # two files may be data sets of one name
    for titles in (results.titles("dataset"), results.titles()):  # the short ones, if they tell a panel's cells apart
        runs = runs.assign(names=names, title=runs.cell.map(dict(zip(results.cells.cell, titles, strict=True))))
        panels = [rows for _, rows in runs.groupby(task, sort=False)]
        if all(rows.title.nunique() == rows.cell.nunique() for rows in panels):
            break
    cells = results.cells.set_index("cell").loc[runs.cell].assign(title=list(runs.title)).drop_duplicates("title")
    titles, styles = list(cells.title), dict[str, Any]()
    for model, kind in cells.groupby("model", sort=False):
        for cell, shade in zip(kind.to_dict("records"), shades(colour[str(model)], len(kind)), strict=True):
            style = {"color": shade, "mfc": "white" if cell["aux"] else shade, "ms": 4, "mew": 1}
            styles[cell["title"]] = style | {"marker": "s" if cell["head"] == "ordinal" else "o"}
    columns, row = min(3, len(panels)), 0.2 * max(1, len(titles) / 3)
    lines, most = math.ceil(len(panels) / columns), max(len(rows.names.iloc[0]) for rows in panels)
    height = 0.7 + 0.14 * len(titles) / 3 + lines * (0.5 + row * most)
    figure = Figure(figsize=(max(COLUMN, PAGE * columns / 3), height))
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, rows in zip(grid.flat, panels, strict=False):
        first, names = rows.iloc[0], rows.names.iloc[0]
        for y in range(len(names)):
            axes.plot(y / max(1, len(names) - 1), y, "|", color="black", ms=9, mew=1.0)
        for title, of_cell in rows.groupby("title", sort=False):
            offset, style = 0.8 * ((titles.index(title) + 0.5) / len(titles) - 0.5), styles[title]
            places = np.array([list(json.loads(positions).values()) for positions in of_cell.positions])
            for y, (name, place) in enumerate(zip(names, places.T, strict=True)):
                axes.plot(place, [y + offset] * len(place), ".", color=style["color"], ms=2.5, mew=0, alpha=0.6)
                axes.plot(place.mean(), y + offset, gid=f"{TIP}{title}, {name}: {place.mean():.3f}", **style)
        listed(axes, names, len(names) - 0.4)
        axes.set_title(escaped(f"{first.dataset}, {first.test_pairs:,} pairs{', tta' * bool(first.tta)}"))
        axes.set_xlim(-0.03, 1.03)
        axes.set_xlabel("P(after another class)")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    n = runs.groupby(["cell", *task]).size()
    figure.suptitle(f"mean of {seeds(n)} (dots)", fontsize=8)
    handles = [Line2D([], [], ls="", **styles[title]) for title in titles]
    figure.legend(handles, list(map(escaped, titles)), loc="outside lower center", ncols=min(3, len(titles)))
    return figure


def curves(axes: Axes, cells: pd.DataFrame, results: Results, colour: Mapping[str, str], heading: str) -> None:
    """Test accuracy per epoch of some cells (rows of `cells`, with `title`): mean, and one std to either side."""
    for _, kind in cells.groupby(["model", "aux"], sort=False):
        for row, shade in zip(kind.itertuples(), shades(colour[kind.model.iloc[0]], len(kind)), strict=True):
            curve = results.curves[results.curves.cell == row.cell]
            mean, std = curve.test_acc_mean, curve.test_acc_std.fillna(0)
            axes.plot(curve.epoch, mean, color=shade, label=escaped(row.title), ls=DASHED if row.aux else "-")
            axes.fill_between(curve.epoch, mean - std, mean + std, color=shade, alpha=0.11, lw=0)
            for epoch in curve.itertuples():
                tip = f"{TIP}{row.title}, epoch {epoch.epoch}: {spread(epoch.test_acc_mean, epoch.test_acc_std)}"
                axes.plot(epoch.epoch, epoch.test_acc_mean, "o", color=shade, ms=6, alpha=0, gid=tip)
    axes.set_title(heading)
    axes.set_xlabel("epoch")
    last = int(results.curves.epoch.max())
    axes.set_xlim(1, last)
    axes.set_xticks([1, *(tick for tick in MaxNLocator(5, integer=True).tick_values(1, last) if 1 < tick <= last)])


def curve_seeds(results: Results, cells: pd.DataFrame) -> pd.Series:
    """How many seeds the curves of these cells are of: of a cell that is in two folders, those of the first."""
    return results.curves[results.curves.cell.isin(cells.cell)].n


def learning_curves(results: Results, colour: Mapping[str, str]) -> dict[str, Figure]:
    """Figs. 5, 6 and 7 of the paper wherever their cells are in the table; of a few other cells, one plain figure."""
    cells = results.cells.assign(title=results.titles())
    drawn: dict[str, Figure] = {}
    if results.curves.cell.value_counts().max() < 2:
        return drawn
    chosen = [
        "hidden" in condition and "aux" not in condition and "hidden" in cells for condition in results.changed_settings
    ]
    panels = {model: group for model, group in cells[chosen].groupby("model") if len(group) > 1}
    panels = {model: panels[model] for model in PANELS if model in panels and panels[model].hidden.is_unique}
    if panels:
        drawn["figure5"] = Figure(figsize=(PAGE * len(panels) / 3, 2.5))
        axes = drawn["figure5"].subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for panel, (model, group) in zip(axes, panels.items(), strict=True):
            depths = [f"L = {hidden.count('-') + 1}: {hidden}" for hidden in group.hidden]
            group = group.assign(title=depths if model == "fcnn2" else group.hidden)
            curves(panel, group, results, colour, f"{PANELS[model]} ({seeds(curve_seeds(results, group))})")
            panel.legend(loc="lower right", ncols=2 if len(group) > 3 else 1)
        axes[0].set_ylabel("test accuracy (mean ± std)")
    contexts = [", ".join(level_name(*item) for item in settings(row).items()) for row in results.changed_settings]
    for context, group in cells.groupby(pd.Series(contexts, index=cells.index), sort=False):
        for name, labels in FIGURES.items():
            if {*labels} <= {*group.label} and group.label.is_unique:
                ours = group.set_index("label", drop=False).loc[list(labels)]
                told = context if len({*contexts}) > 1 else ""
                file = f"{name}_{context}" if name in drawn else name
                drawn[file] = compared(ours.assign(title=ours.label), results, colour, told)
    if not drawn and len(cells) <= FEW:
        drawn["curves"] = compared(cells, results, colour, "")
    return drawn


def compared(cells: pd.DataFrame, results: Results, colour: Mapping[str, str], context: str) -> Figure:
    """Test accuracy per epoch of some cells beside the paper's results, as in Figs. 6 and 7."""
    figure = Figure(figsize=(COLUMN, 3.0))
    axes = figure.subplots()
    curves(axes, cells, results, colour, "")
    for row in cells[cells.paper_mean.notna()].itertuples():
        tip = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
        style: Any = {"color": colour[row.model], "mfc": "white" if row.aux else colour[row.model], "clip_on": False}
        axes.plot(1.02, row.paper_mean, "<", ms=3.5, transform=axes.get_yaxis_transform(), gid=tip, **style)
    heading = f"mean ± std, {seeds(curve_seeds(results, cells))}" + "; ◂ the paper's result" * bool(
        cells.paper_mean.notna().any()
    )
    figure.suptitle(f"{heading}\n{context}".strip(), fontsize=8)
    axes.set_ylabel("test accuracy")
    longest = cells.title.str.len().max()
    figure.legend(loc="outside lower center", ncols=4 if longest < 8 else 2 if longest < 24 else 1)
    return figure


def learning_rates(results: Results, colour: Mapping[str, str]) -> Figure:
    """Validation accuracy against the learning rate, a panel per network; the selected and the paper's rate marked."""
    selection, cells = results.selection, results.cells
    columns = min(5, math.ceil(len(selection) / (1 if len(selection) < 4 else 2)))
    lines = math.ceil(len(selection) / columns)
    figure = Figure(figsize=(PAGE * max(columns, 2) / 5, 0.5 + 1.45 * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, chosen in zip(panels.flat, selection.itertuples(), strict=False):
        shade, rates = colour[chosen.model], cells[cells.cell.isin(chosen.cells)].sort_values("lr")
        runs = results.runs[results.runs.cell.isin(chosen.cells)]
        axes.plot(runs.lr, runs.val_acc, ".", color=shade, ms=2.5, mew=0, alpha=0.6)
        axes.plot(rates.lr, rates.val_acc_mean, color=shade, ls=DASHED if chosen.aux else "-")
        for rate in rates.itertuples():
            tip = f"{TIP}{chosen.title}, lr {rate.lr:g}: validation {rate.val_acc_mean:.3f}"
            axes.plot(rate.lr, rate.val_acc_mean, "o", ms=5.5, alpha=0, gid=tip)
        axes.plot(chosen.lr, chosen.val_acc, "o", color=shade, ms=5.5, mfc="white", mew=1.4)
        if not math.isnan(chosen.paper_lr):
            axes.axvline(chosen.paper_lr, color="black", lw=0.9, ls=":")
        axes.set_title(escaped(chosen.title))
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in panels.flat[len(selection) :]:
        axes.set_axis_off()
    figure.supxlabel(f"learning rate ({seeds(cells.n)}, dots)", fontsize=8)
    figure.supylabel("validation accuracy", fontsize=8)
    panels.flat[0].set_ylim(bottom=math.floor(50 * cells.val_acc_mean.min() - 1) / 50)
    selected = Line2D([], [], color="black", ls="", marker="o", ms=5.5, mfc="white", mew=1.4)
    published = Line2D([], [], color="black", lw=0.9, ls=":")
    labels = ["selected on validation", "the paper's rate"]
    figure.legend([selected, published], labels, loc="outside upper center", ncols=2)
    return figure


def factorials(results: Results, colour: Mapping[str, str]) -> dict[str, Figure]:
    """A figure for every 2^k design with the auxiliary loss or sharing whose cells are all there, by file name."""
    places = {tuple(sorted(condition.items())): i for i, condition in enumerate(results.changed_settings)}
    drawn: dict[str, Figure] = {}
    for varied, design in designs(distinct(conditions(results.runs))):
        keys = [tuple(sorted(item for item in cell.items() if item[1])) for cell in design]
        cells = [(cell, places.get(key)) for cell, key in zip(design, keys, strict=True)]
        rest = [column for column in varied if column not in ("aux", "model", "shared")]
        if len(rest) < len(varied) and all(place is not None for _, place in cells):
            rows: dict[str, list[tuple[Condition, Any]]] = {}
            for cell, place in cells:
                rows.setdefault(factor_title(cell, rest), []).append((cell, results.cells.iloc[place]))
            drawn[f"factorial_{design[0]['model']}" if drawn else "factorial"] = factorial(rows, results, colour)
    return drawn


def factor_title(cell: Condition, columns: Iterable[str]) -> str:
    """'MLP head,\naugment': its levels in these columns."""
    levels = {column: level_name(column, cell[column]) for column in columns}
    if "head" in levels:
        levels["head"] = f"{cell['head'] or 'MLP'} head"
    return ",\n".join(filter(None, levels.values())) or "plain"


def factorial(
    rows: Mapping[str, Sequence[tuple[Condition, Any]]], results: Results, colour: Mapping[str, str]
) -> Figure:
    """Accuracy of the cells of a 2^k design, and what the auxiliary loss and sharing add, with the paper's claims.

    rows: by the levels of the other factors, its conditions with their rows of the table of cells.
    """
    table = results.effects
    single = [(row.contrast.plus, row.contrast.minus, row) for row in table[table.refused.isna()].itertuples()]
    panels = [family for family in CLAIMS if family in {row.family for *_, row in single}]
    figure = Figure(figsize=(PAGE, 0.95 + 0.5 * len(rows)))
    axes = figure.subplots(1, 1 + len(panels), sharey=True, width_ratios=[1.3] + [1.0] * len(panels), squeeze=False)[0]
    axes[0].set_title("test accuracy")
    for panel, family in zip(axes[1:], panels, strict=True):
        panel.axvline(0, color="black", lw=0.8)
        panel.set_title(f"what {'the ' * (family != 'sharing')}{family} adds")
    marks: dict[str, Line2D] = {}
    for y, cells in enumerate(sorted(row, key=lambda cell: cell[1].aux) for row in rows.values()):
        drawn = dict.fromkeys(panels, 0)
        for i, (condition, row) in enumerate(cells):
            shade, label = colour[row.model], paper.label(row.model, row.aux)
            cell_mark(axes[0], row, y + 0.2 * (i - (len(cells) - 1) / 2), shade, row.label, results.runs, below=0.08)
            marks[label] = Line2D([], [], color=shade, marker="o", ms=4.5, mew=1.2, mfc="white" if row.aux else shade)
            for other, low in cells:
                for effect in [row for plus, minus, row in single if (plus, minus) == ([condition], [other])]:
                    panel, at = axes[1 + panels.index(effect.family)], y - 0.12 + 0.24 * drawn[effect.family]
                    mark(panel, effect, effect.mean, at, shade, f"{effect.effect}: {effect.mean:+.4f}", low.aux)
                    panel.plot([effect.claim] * 2, [y - 0.45, y + 0.45], color="black", lw=0.9, ls=":")
                    drawn[effect.family] += 1
    for panel in axes:
        listed(panel, list(rows), len(rows) - 0.5)
        panel.set_ylim(len(rows) - 0.5, -0.5)
        for y in range(1, len(rows)):
            panel.axhline(y - 0.5, color="#e6e6e6", lw=0.6)
    for panel in axes[1:]:
        panel.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    marks["the paper's claim"] = Line2D([], [], color="black", lw=0.9, ls=":")
    n = [row.n for cells in rows.values() for _, row in cells]
    figure.suptitle(f"mean and 95 % interval, {seeds(n)} (dots)", fontsize=8)
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=len(marks))
    return figure


def training_pairs(results: Results, colour: Mapping[str, str]) -> Figure:
    """Test error against training pairs, a line for each series (rows of `pairs`), at the published levels."""
    pairs, others = results.pairs, results.others
    figure = Figure(figsize=(PAGE, 3.6))
    axes = figure.subplots()
    for series, cells in pairs.groupby("series", sort=False):
        first = cells.iloc[0]
        shade, hollow = colour[first.model], "white" if first.aux else colour[first.model]
        runs = results.runs[results.runs.cell.isin(cells.cell)]
        axes.plot(runs.train_pairs, 1 - runs.test_acc, ".", color=shade, ms=3, mew=0, alpha=0.6)
        style: Any = {"marker": "s" if first["head"] == "ordinal" else "o", "ms": 4.5, "mew": 1.2, "mfc": hollow}
        style |= {"color": shade, "ls": DASHED if first.aux else "-", "label": escaped(series)}
        axes.plot(cells.train_pairs, 1 - cells.test_acc_mean, **style)
        for row in cells.itertuples():
            tip = f"{series}, {row.train_pairs:,} pairs: error {1 - row.test_acc_mean:.4f} ± {row.test_acc_std:.4f}"
            axes.plot(row.train_pairs, 1 - row.test_acc_mean, "o", ms=7, alpha=0, gid=TIP + tip)
    published = {f"the paper's {name}": paper.ACCURACY[name].mean for name in ("WS3", "AL4")}
    published |= dict(zip(others.work, others["mean"], strict=True))
    if any({"dataset", "task"} & condition.keys() for condition in results.changed_settings):
        published = {}
    errors = 1 - np.array([*pairs.test_acc_mean, *published.values()])
    low, high = 0.8 * max(errors.min(), 1e-4), 1.25 * errors.max()
    at = low
    for work, mean in sorted(published.items(), key=lambda item: -item[1]):
        axes.axhline(1 - mean, color=OTHERS, lw=0.6, ls=":")
        axes.plot(1000, 1 - mean, "D", color="black", ms=3.5, mfc="white", mew=0.9, zorder=4)
        at = max(1 - mean, at * (high / low) ** 0.04)  # no label on another
        axes.text(1.015, at, f"{work} {mean:.3f}", transform=axes.get_yaxis_transform(), fontsize=6.5, va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({*pairs.train_pairs})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_yticks([0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002])
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("training pairs")
    axes.set_ylabel("test error (1 − accuracy)")
    figure.suptitle(f"mean of {seeds(pairs.n)} (dots); diamonds: published, from 1,000 pairs", fontsize=8)
    figure.legend(loc="outside lower center", ncols=4)
    return figure
