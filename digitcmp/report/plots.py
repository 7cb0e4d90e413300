"""Figures for a paper, drawn from the tables of a report: each function returns a matplotlib Figure.

A backbone has one colour everywhere (Okabe and Ito's, safe for colour-blind readers); dashed and open marks are with
the auxiliary loss. Widths are those of a column (3.4 inches) or a page (7).
"""

from __future__ import annotations

import itertools
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
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from digitcmp import paper
from digitcmp.report.effects import FAMILIES, arm, at_levels, differing, factorials
from digitcmp.report.tables import names

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
OTHERS = "#7f7f7f"  # what others published
SPARE = ("#b8a800", "#882255", "#44aa99")  # for backbones that are not named above
FIGURE_6 = [(model, False) for model in ("fcnn3", "ws1", "ws2", "ws3")]
FIGURE_7 = [(model, aux) for model, _ in FIGURE_6 for aux in (False, True)]
FEW = 10  # cells whose curves can still be told apart


def figures(
    cells: pd.DataFrame,
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    effects: pd.DataFrame,
    selection: pd.DataFrame,
    pairs: pd.DataFrame,
    others: pd.DataFrame,
) -> dict[str, Figure]:
    """Every figure that the tables of a report can fill, by file name; runs: one row per run (rows of `runs.read`)."""
    colour = colours(cells.model)
    drawn: dict[str, Figure] = {}
    with matplotlib.rc_context(STYLE):
        shown = effects[effects.refused.isna()]
        of_design = shown[shown.family.isin(FAMILIES[:3])]  # main effects and interactions
        if len(selection):
            drawn["learning_rates"] = learning_rates(cells, runs, selection, colour)
        else:
            if len(pairs):
                drawn["pairs"] = pairs_figure(pairs, runs, others, colour)
            if len(pairs) < len(cells):
                drawn["accuracy"] = accuracies(cells, runs, others, colour)
            drawn |= learning_curves(cells, curves, colour)
        if len(of_design):
            drawn |= factorial_figures(cells, runs, shown, colour)
        if len(shown):
            drawn["effects"] = forest(of_design if len(of_design) else shown)  # the others are in the factorial's
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
    if curves.cell.value_counts().max() < 2:
        return drawn
    varied = cells if "hidden" in cells else cells[:0].assign(hidden=None)
    widths = varied[varied.cell.str.contains("hidden=") & ~varied.aux.astype(bool)]
    panels = {model: group for model, group in widths.groupby("model") if len(group) > 1 and group.hidden.is_unique}
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


def point(axes: Axes, row: Any, y: float, shade: str, runs: pd.DataFrame, below: float = 0.22) -> None:
    """One cell at height y: mean, its 95 % interval, and each seed as a dot so much below."""
    one = runs[runs.cell == row.cell]
    axes.plot(one.test_acc, np.full(len(one), y + below), ".", color=shade, ms=2.5, mew=0, alpha=0.7)
    if not math.isnan(row.ci_low):
        axes.plot([row.ci_low, row.ci_high], [y, y], color=shade, lw=1.6)
    axes.plot(row.test_acc_mean, y, "o", color=shade, ms=4.5, mfc="white" if row.aux else shade, mew=1.2)


def accuracies(cells: pd.DataFrame, runs: pd.DataFrame, others: pd.DataFrame, colour: Mapping[str, str]) -> Figure:
    """Test accuracy of every cell: mean, its 95 % interval, each seed as a dot, and what the paper and others got."""
    labels = [*names(cells), *others.work]
    figure = Figure(figsize=(COLUMN if max(map(len, labels)) < LONG else PAGE, 0.8 + 0.21 * len(labels)))
    axes = figure.subplots()
    for y, row in enumerate(cells.itertuples()):
        point(axes, row, y, colour[row.model], runs)
        if not math.isnan(row.paper_mean):
            axes.plot(row.paper_mean, y, "|", color="black", ms=9, mew=1.2, label="the paper's mean")
    for y, row in enumerate(others.itertuples(), start=len(cells)):
        axes.plot([row.ci_low, row.ci_high], [y, y], color=OTHERS, lw=1.6)
        axes.plot(row.mean, y, "s", color=OTHERS, ms=4, mew=0)
    if len(others):
        axes.axhline(len(cells) - 0.5, color="black", lw=0.6)
        axes.set_xlim(min(others["mean"].min(), runs.test_acc.min()) - 0.01, 1)  # three runs have wide intervals
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
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
    published = Line2D([], [], color="black", lw=0.9, ls=":")
    labels = ["selected on validation", "the paper's rate"]
    figure.legend([selected, published], labels, loc="outside upper center", ncols=2)
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


def factorial_figures(
    cells: pd.DataFrame, runs: pd.DataFrame, effects: pd.DataFrame, colour: Mapping[str, str]
) -> dict[str, Figure]:
    """A figure for every whole 2^k design among the cells, by file name."""
    arms = dict(zip(cells.cell.map(arm), cells.itertuples(), strict=True))
    drawn: dict[str, Figure] = {}
    for group, (sharing, aux, ordinal, augment) in factorials(arms).items():
        rows = [
            [arms.get(at_levels(group, (shared, loss, head, more))) for loss, shared in itertools.product(aux, sharing)]
            for more, head in itertools.product(augment, ordinal)
        ]
        if all(all(row) for row in rows):
            drawn[f"factorial_{group[1]}" if drawn else "factorial"] = factorial(rows, runs, effects, colour)
    return drawn


def factorial(
    rows: Sequence[Sequence[Any]], runs: pd.DataFrame, effects: pd.DataFrame, colour: Mapping[str, str]
) -> Figure:
    """Accuracy of the cells of a 2^k design, and what the auxiliary loss and sharing add, with the paper's claims.

    rows: for each augmentation and head, its cells (rows of the table of cells).
    """
    claims = {"auxiliary loss": paper.AUXILIARY_CLAIM.effect, "sharing": paper.SHARING_CLAIM.effect}
    titles = {"auxiliary loss": "what the auxiliary loss adds", "sharing": "what sharing adds"}
    found = {(effect.context, effect.effect): effect for effect in effects.itertuples()}
    panels = [family for family in claims if family in set(effects.family)]
    figure = Figure(figsize=(PAGE, 0.95 + 0.5 * len(rows)))
    axes = figure.subplots(1, 1 + len(panels), sharey=True, width_ratios=[1.3] + [1.0] * len(panels), squeeze=False)[0]
    axes[0].set_title("test accuracy")
    for panel, family in zip(axes[1:], panels, strict=True):
        panel.axvline(0, color="black", lw=0.8)
        panel.axvline(claims[family], color="black", lw=0.9, ls=":")
        panel.set_title(titles[family])
        panel.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    ticks = []
    for y, row in enumerate(rows):
        ticks.append(f"{row[0].head} head" + ",\naugmented" * ("augment=true" in row[0].cell))
        for i, cell in enumerate(row):
            point(axes[0], cell, y + 0.2 * (i - (len(row) - 1) / 2), colour[cell.model], runs, below=0.08)
        drawn = dict.fromkeys(panels, 0)
        for low, high in itertools.combinations(row, 2):
            name = f"{paper.label(high.model, high.aux)} − {paper.label(low.model, low.aux)}"
            if effect := found.get((arm(low.cell)[0], name)):  # equal in all but the loss, or sharing
                panel, shade = axes[1 + panels.index(effect.family)], colour[high.model]
                at = y - 0.12 + 0.24 * drawn[effect.family]
                panel.plot([effect.ci_low, effect.ci_high], [at, at], color=shade, lw=1.6)
                panel.plot(effect.mean, at, "o", color=shade, ms=4.5, mew=1.2, mfc="white" if low.aux else shade)
                drawn[effect.family] += 1
    axes[0].set_yticks(range(len(rows)), [tick.replace("mlp", "MLP") for tick in ticks])
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    for panel in axes:
        panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="y", visible=False)
        for y in range(1, len(rows)):
            panel.axhline(y - 0.5, color="#e6e6e6", lw=0.6)
    marks = {}
    for cell in rows[0]:
        shade = colour[cell.model]
        mark = Line2D([], [], color=shade, marker="o", ms=4.5, mew=1.2, mfc="white" if cell.aux else shade)
        marks[paper.label(cell.model, cell.aux)] = mark
    marks["the paper's claim"] = Line2D([], [], color="black", lw=0.9, ls=":")
    figure.suptitle(f"mean and 95 % interval, {seeds([cell.n for row in rows for cell in row])} (dots)", fontsize=8)
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=len(marks))
    return figure


def pairs_figure(pairs: pd.DataFrame, runs: pd.DataFrame, others: pd.DataFrame, colour: Mapping[str, str]) -> Figure:
    """Test error against training pairs, a line for each series (rows of `tables.pairs`), at the published levels."""
    figure = Figure(figsize=(PAGE, 3.6))
    axes = figure.subplots()
    for series, own in pairs.groupby("series", sort=False):
        first = own.iloc[0]
        shade = colour[first.model]
        one = runs[runs.cell.isin(own.cell)]
        axes.plot(one.train_pairs, 1 - one.test_acc, ".", color=shade, ms=3, mew=0, alpha=0.6)
        axes.plot(
            own.train_pairs,
            1 - own.test_acc_mean,
            marker="s" if first["head"] == "ordinal" else "o",
            color=shade,
            ls=(0, (3, 1.2)) if first.aux else "-",
            ms=4.5,
            mew=1.2,
            mfc="white" if first.aux else shade,
            label=series,
        )
    published = {f"the paper's {name}": paper.ACCURACY[name].mean for name in ("WS3", "AL4")}
    published |= dict(zip(others.work, others["mean"], strict=True))
    if pairs.cell.str.contains("dataset=").any():  # another task
        published = {}
    errors = 1 - np.array([*pairs.test_acc_mean, *published.values()])
    low, high = 0.8 * max(errors.min(), 1e-4), 1.25 * errors.max()
    at = low
    for work, mean in sorted(published.items(), key=lambda one: -one[1]):
        axes.axhline(1 - mean, color=OTHERS, lw=0.6, ls=":")
        axes.plot(1000, 1 - mean, "D", color="black", ms=3.5, mfc="white", mew=0.9, zorder=4)
        at = max(1 - mean, at * (high / low) ** 0.04)  # no label on another
        axes.text(1.015, at, f"{work} {mean:.3f}", transform=axes.get_yaxis_transform(), fontsize=6.5, va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted(set(pairs.train_pairs))
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
