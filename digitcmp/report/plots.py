"""Figures for a paper, drawn from the tables of a report: each function returns a matplotlib Figure.

A backbone has one colour everywhere (Okabe and Ito's, safe for colour-blind readers); dashed and open marks are with
the auxiliary loss. Widths are those of a column (3.4 inches) or a page (7).
"""

from __future__ import annotations

import math
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
from matplotlib.ticker import MaxNLocator, NullFormatter

from digitcmp.report.effects import arm, differing
from digitcmp.report.tables import text

STYLE: Any = {  # matplotlib types its keys one by one
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same file everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.3,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 200,
    "svg.hashsalt": "digitcmp",  # the same figure is the same file
}
COLUMN, PAGE, LONG = 3.4, 7.0, 30  # inches, inches, and letters of a name that needs a page
COLOURS = {  # merged: black and grey; dense: blues; convolutional: oranges; the shared one is the stronger
    "fcnn1": "#000000",
    "fcnn2": "#8c8c8c",
    "fcnn3": "#56b4e9",
    "ws1": "#e69f00",
    "ws2": "#0072b2",
    "ws3": "#d55e00",
    "convnet": "#009e73",
    "convnet2": "#cc79a7",
}
SPARE = ("#b8a800", "#882255", "#44aa99")  # for backbones that are not named above
FIGURE_6 = [(model, False) for model in ("fcnn3", "ws1", "ws2", "ws3")]
FIGURE_7 = [(model, aux) for model, _ in FIGURE_6 for aux in (False, True)]
FEW = 10  # cells whose curves can still be told apart


def figures(
    cells: pd.DataFrame, curves: pd.DataFrame, runs: pd.DataFrame, effects: pd.DataFrame, selection: pd.DataFrame
) -> dict[str, Figure]:
    """Every figure that the tables of a report can fill, by file name; runs: one row per run (rows of `runs.read`)."""
    colour = colours(cells.model)
    drawn: dict[str, Figure] = {}
    with matplotlib.rc_context(STYLE):
        if len(selection):
            drawn["learning_rates"] = learning_rates(cells, runs, selection, colour)
        else:
            drawn["accuracy"] = accuracies(cells, runs, colour)
            drawn |= learning_curves(cells, curves, colour)
        if (shown := effects[effects.refused.isna()]).size:
            drawn["effects"] = forest(shown)
    return drawn


def save(figure: Figure, form: str) -> bytes:
    """The figure as 'png' or 'svg', the same bytes whenever it is drawn."""
    metadata = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
    with matplotlib.rc_context(STYLE), BytesIO() as file:
        figure.savefig(file, format=form, metadata=metadata)
        return file.getvalue()


def colours(models: Iterable[str]) -> dict[str, str]:
    """A colour for each backbone; those unknown here take the spare ones in alphabetical order."""
    unknown = sorted(set(models) - COLOURS.keys())
    return COLOURS | {model: SPARE[i % len(SPARE)] for i, model in enumerate(unknown)}


def shades(colour: str, n: int) -> list[tuple[float, ...]]:
    """n shades of a colour, from light to dark; one is the colour itself."""
    base = np.array(to_rgb(colour))
    if n == 1:
        return [tuple(base)]
    light, dark = (1 + base) / 2, base / 5
    return [tuple(light + t * (dark - light)) for t in np.linspace(0, 1, n)]


def seeds(n: Sequence[int] | pd.Series) -> str:
    """'n = 10 seeds', 'n = 2 to 3 seeds'"""
    low, high = min(n), max(n)
    return f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds"


def names(cells: pd.DataFrame) -> list[str]:
    """Label, and the settings that tell this cell from the others, those left out that none differs in."""
    keys = cells.cell.map(arm)
    rates = keys.duplicated(keep=False)
    lr = [f"lr={text(value)}" if several else "" for several, value in zip(rates, cells.lr, strict=True)]
    settings = [[one for one in context.split(",") if not one.startswith("head=")] for context, *_ in keys]
    own = differing(map(",".join, settings))  # the label names the head
    return [" ".join(filter(None, parts)) for parts in zip(cells.label, own, lr, strict=True)]


def band(axes: Axes, curve: pd.DataFrame, colour: object, label: str, dashed: bool = False) -> None:
    """Mean test accuracy of one cell per epoch, and one std over seeds either side of it."""
    axes.plot(curve.epoch, curve.test_acc_mean, color=colour, label=label, ls=(0, (3, 1.2)) if dashed else "-")
    std = curve.test_acc_std.fillna(0)
    low, high = curve.test_acc_mean - std, curve.test_acc_mean + std
    axes.fill_between(curve.epoch, low, high, color=colour, alpha=0.11, lw=0)


def epochs(axes: Axes, last: int) -> None:
    axes.set_xlabel("epoch")
    axes.set_xlim(1, last)
    axes.set_xticks([1, *(tick for tick in MaxNLocator(5, integer=True).tick_values(1, last) if 1 < tick <= last)])


def learning_curves(cells: pd.DataFrame, curves: pd.DataFrame, colour: Mapping[str, str]) -> dict[str, Figure]:
    """Figs. 5, 6 and 7 of the paper wherever their cells are in the table; of a few other cells, one plain figure."""
    drawn: dict[str, Figure] = {}
    if curves.epoch.nunique() < 2:
        return drawn
    widths = cells[cells.cell.str.contains("hidden=") & ~cells.aux.astype(bool)]
    panels = {model: group for model, group in widths.groupby("model") if len(group) > 1}
    if panels.keys() & {"fcnn1", "fcnn2", "fcnn3"}:
        drawn["figure5"] = figure5(
            {model: panels[model] for model in ("fcnn3", "fcnn1", "fcnn2") if model in panels}, curves, colour
        )
    contexts = cells.cell.map(lambda cell: arm(cell)[0])
    groups = cells.groupby(contexts, sort=False)
    titles = dict(zip(groups.groups, differing(groups.groups), strict=True))
    for context, group in groups:
        rows = {(row.model, row.aux): row for row in group.itertuples()}
        for name, wanted in (("figure6", FIGURE_6), ("figure7", FIGURE_7)):
            if set(wanted) <= rows.keys():
                file = f"{name}_{context}" if name in drawn else name
                drawn[file] = compared([rows[arm] for arm in wanted], curves, colour, titles[context])
    if not drawn and len(cells) <= FEW:
        drawn["curves"] = compared(list(cells.itertuples()), curves, colour, "", names(cells))
    return drawn


def figure5(panels: Mapping[str, pd.DataFrame], curves: pd.DataFrame, colour: Mapping[str, str]) -> Figure:
    """Fig. 5: test accuracy per epoch of the dense networks by width or depth, a panel for each."""
    titles = {"fcnn3": "FCNN3, branch width", "fcnn1": "FCNN1, width", "fcnn2": "merged, depth"}
    figure = Figure(figsize=(PAGE * len(panels) / 3, 2.5))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (model, cells) in zip(axes, panels.items(), strict=True):
        for row, shade in zip(cells.itertuples(), shades(colour[model], len(cells)), strict=True):
            hidden = row.hidden if model != "fcnn2" else f"L = {row.hidden.count('-') + 1}: {row.hidden}"
            band(panel, curves[curves.cell == row.cell], shade, hidden)
        panel.set_title(f"{titles[model]} ({seeds(cells.n)})")
        panel.legend(loc="lower right", ncols=2 if len(cells) > 3 else 1)
        epochs(panel, curves.epoch.max())
    axes[0].set_ylabel("test accuracy (mean ± std)")
    return figure


def compared(
    rows: Sequence[Any], curves: pd.DataFrame, colour: Mapping[str, str], context: str, labels: Sequence[str] = ()
) -> Figure:
    """Test accuracy per epoch of some cells (rows of the table of cells), as in Figs. 6 and 7."""
    figure = Figure(figsize=(COLUMN, 3.0))
    axes = figure.subplots()
    kinds = [(row.model, row.aux) for row in rows]
    for i, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        shade = shades(colour[row.model], kinds.count(kind))[kinds[:i].count(kind)]
        band(axes, curves[curves.cell == row.cell], shade, labels[i] if labels else row.label, row.aux)
        if not math.isnan(row.paper_mean):
            axes.plot(
                1.02,
                row.paper_mean,
                "<",
                color=shade,
                ms=3.5,
                mfc="white" if row.aux else shade,
                clip_on=False,
                transform=axes.get_yaxis_transform(),
            )
    title = f"mean ± std, {seeds([row.n for row in rows])}"
    if any(not math.isnan(row.paper_mean) for row in rows):
        title += "; ◂ the paper's result"
    figure.suptitle(f"{title}\n{context}" if context else title, fontsize=8)
    axes.set_ylabel("test accuracy")
    epochs(axes, curves.epoch.max())
    longest = max(len(label) for label in labels) if labels else 5
    figure.legend(loc="outside lower center", ncols=4 if longest < 8 else 2 if longest < 24 else 1)
    return figure


def accuracies(cells: pd.DataFrame, runs: pd.DataFrame, colour: Mapping[str, str]) -> Figure:
    """Test accuracy of every cell: mean, its 95 % interval, each seed as a dot, and the paper's value."""
    labels = names(cells)
    figure = Figure(figsize=(COLUMN if max(map(len, labels)) < LONG else PAGE, 0.8 + 0.21 * len(cells)))
    axes = figure.subplots()
    for y, row in enumerate(cells.itertuples()):
        shade = colour[row.model]
        one = runs[runs.cell == row.cell]
        axes.plot(one.test_acc, np.full(len(one), y + 0.22), ".", color=shade, ms=2.5, mew=0, alpha=0.7)
        if not math.isnan(row.ci_low):
            axes.plot([row.ci_low, row.ci_high], [y, y], color=shade, lw=1.6)
        axes.plot(row.test_acc_mean, y, "o", color=shade, ms=4.5, mfc="white" if row.aux else shade, mew=1.2)
        if not math.isnan(row.paper_mean):
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean")
    axes.set_yticks(range(len(cells)), labels)
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("test accuracy")
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)} (dots)", fontsize=8)
    if handles := axes.get_legend_handles_labels()[0][:1]:
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def learning_rates(
    cells: pd.DataFrame, runs: pd.DataFrame, selection: pd.DataFrame, colour: Mapping[str, str]
) -> Figure:
    """Validation accuracy against the learning rate, a panel per network; the selected and the paper's rate marked."""
    columns = min(5, math.ceil(len(selection) / (1 if len(selection) < 4 else 2)))
    lines = math.ceil(len(selection) / columns)
    figure = Figure(figsize=(PAGE * max(columns, 2) / 5, 0.5 + 1.45 * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    keys = cells.cell.map(arm)
    own_settings = differing(selection.context)
    for axes, chosen, settings in zip(panels.flat, selection.itertuples(), own_settings, strict=False):
        shade = colour[chosen.model]
        own = cells[[key == (chosen.context, chosen.model, chosen.aux) for key in keys]].sort_values("lr")
        for seed in runs[runs.cell.isin(own.cell)].itertuples():
            axes.plot(seed.lr, seed.val_acc, ".", color=shade, ms=2.5, mew=0, alpha=0.6)
        axes.plot(own.lr, own.val_acc_mean, color=shade, ls=(0, (3, 1.2)) if chosen.aux else "-")
        axes.plot(chosen.lr, chosen.val_acc, "o", color=shade, ms=5.5, mfc="white", mew=1.4)
        if not math.isnan(chosen.paper_lr):
            axes.axvline(chosen.paper_lr, color="black", lw=0.9, ls=":")
        axes.set_title(f"{chosen.label} {settings}".strip())
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in panels.flat[len(selection) :]:
        axes.set_axis_off()
    figure.supxlabel(f"learning rate ({seeds(cells.n)}, dots)", fontsize=8)
    figure.supylabel("validation accuracy", fontsize=8)
    panels.flat[0].set_ylim(bottom=math.floor(50 * cells.val_acc_mean.min() - 1) / 50)
    selected = Line2D([], [], color="black", ls="", marker="o", ms=5.5, mfc="white", mew=1.4)
    paper = Line2D([], [], color="black", lw=0.9, ls=":")
    labels = ["selected on validation", "the paper's rate"]
    figure.legend([selected, paper], labels, loc="outside upper center", ncols=2)
    return figure


def forest(effects: pd.DataFrame) -> Figure:
    """Each effect (rows of the table of effects) with its 95 % interval, by family, beside 0 and the paper's claim."""
    settings = differing(effects.context)
    ticks, y = [], -1.0
    figure = Figure(
        figsize=(
            COLUMN if max(map(len, settings)) < LONG - 12 else PAGE,
            0.9 + 0.18 * (len(effects) + 1.4 * effects.family.nunique()),
        )
    )
    axes = figure.subplots()
    axes.axvline(0, color="black", lw=0.8)
    for family, rows in effects.assign(settings=settings).groupby("family", sort=False):
        y += 1.4
        axes.text(-0.02, y, str(family), transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        for row in rows.itertuples():
            y += 1
            ticks.append((y, f"{row.effect} {row.settings}".strip()))
            axes.plot([row.ci_low, row.ci_high], [y, y], color=COLOURS["ws2"], lw=1.6)
            axes.plot(row.mean, y, "o", color=COLOURS["ws2"], ms=4.5)
            if not math.isnan(row.published):
                axes.plot(row.published, y, "|", color="black", ms=9, mew=1.2, label="the paper's means")
            if not math.isnan(row.claim):
                axes.plot(row.claim, y, "D", color="black", mfc="white", ms=4, mew=0.9, label="the paper's claim")
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set_ylim(y + 0.7, -0.4)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("difference in test accuracy")
    axes.tick_params(axis="y", length=0)
    figure.suptitle(f"paired difference, mean and 95 % interval, {seeds(effects.n)}", fontsize=8)
    marks = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if marks:
        figure.legend(handles=list(marks.values()), loc="outside lower center", ncols=2)
    return figure
