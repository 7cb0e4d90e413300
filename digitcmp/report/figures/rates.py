"""The figures of learning rates: validation accuracy by rate, and effects at equal rates."""

import math
import textwrap

import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from digitcmp.report.contrasts.contrast import CLAIMS
from digitcmp.report.figures.levels import apart, mark_levels, number_levels, show_means
from digitcmp.report.figures.style import (
    DASHED,
    DOTTED,
    EFFECT,
    PAGE,
    TIP,
    added_by,
    escaped,
    hide_rest,
    palette,
    seeds,
    shades,
)
from digitcmp.report.results import Results

MOST = 40  # panels; more would make the figure too tall
TITLE_WIDTH = 24  # letters above a panel
MOST_EFFECTS = 12  # lines in both panels; more cannot be told apart, and their legend leaves no room


def draw(results: Results) -> Figure:
    """Draw the validation accuracy by rate, mean and seeds, one panel per network with several rates."""
    selection, cells = results.selection.head(MOST), results.cells
    colours = palette(cells.model)
    columns = min(5, math.ceil(len(selection) / (1 if len(selection) < 4 else 2)))
    lines = math.ceil(len(selection) / columns)
    titles = [textwrap.fill(title, TITLE_WIDTH) for title in selection.title]
    further = max(title.count("\n") for title in titles)
    figure = Figure(figsize=(PAGE * max(columns, 2) / 5, 0.5 + (1.45 + 0.13 * further) * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, chosen, title in zip(panels.flat, selection.itertuples(), titles, strict=False):
        shade, rates = colours[chosen.model], cells[cells.cell.isin(chosen.cells)].sort_values("lr")
        runs = results.runs[results.runs.cell.isin(chosen.cells)]
        axes.plot(runs.lr, runs.val_acc, ".", color=shade, ms=2.5, mew=0, alpha=0.6)
        axes.plot(rates.lr, rates.val_acc_mean, color=shade, ls=DASHED if chosen.aux else "-")
        for rate in rates.itertuples():
            tip = f"{TIP}{chosen.title}, lr {rate.lr:g}: validation {rate.val_acc_mean:.3f}"
            axes.plot(rate.lr, rate.val_acc_mean, "o", ms=5.5, alpha=0, gid=tip)
        axes.plot(chosen.lr, chosen.val_acc, "o", color=shade, ms=5.5, mfc="white", mew=1.4)
        if not math.isnan(chosen.paper_lr):
            axes.axvline(chosen.paper_lr, color="black", lw=0.9, ls=":")
        axes.set_title(escaped(title))
        axes.set_xscale("log")
        axes.minorticks_off()  # those of many panels enlarge the page by a sixth
    hide_rest(list(panels.flat), len(selection))
    cut = f"; the first {MOST} of {len(results.selection)}" if len(results.selection) > MOST else ""
    figure.supxlabel(f"learning rate ({seeds(cells.n)}, dots{cut})", fontsize=8)
    figure.supylabel("validation accuracy", fontsize=8)
    panels.flat[0].set_ylim(bottom=math.floor(50 * cells.val_acc_mean.min() - 1) / 50)
    selected = Line2D([], [], color="black", ls="", marker="o", ms=5.5, mfc="white", mew=1.4)
    published = Line2D([], [], color="black", lw=0.9, ls=":")
    labels = ["selected on validation", "the paper's rate"]
    figure.legend([selected, published], labels, loc="outside upper center", ncols=2)
    return figure


def draw_effects(table: pd.DataFrame, cells: pd.DataFrame) -> Figure:
    """Draw effects at equal learning rates, one panel per family and one line per effect, with the paper's claim.

    Args:
        table: Columns `family effect lr n mean ci_low ci_high`.
        cells: The cells, with `label` and `model`, from which an effect has its colour.
    """
    colours = palette(cells.model)
    labels = {label: colours[model] for label, model in zip(cells.label, cells.model, strict=True)}
    families = list(dict.fromkeys(table.family))
    longest = max(table[table.family == family].effect.nunique() for family in families)
    figure = Figure(figsize=(PAGE, 3.0 + 0.14 * longest))
    panels = figure.subplots(1, len(families), sharex=True, squeeze=False)[0]
    for axes, family in zip(panels, families, strict=True):
        rows = table[table.family == family].assign(level=lambda frame: frame.lr)
        levels = sorted({*rows.lr})
        axes.axhline(0, color="black", lw=0.8)
        if family in CLAIMS:
            axes.axhline(CLAIMS[family], color="black", lw=0.9, ls=DOTTED, label="the paper's claim")
        names = list(dict.fromkeys(rows.effect))
        spare = shades(EFFECT, len(names))
        for i, (name, other) in enumerate(zip(names, spare, strict=True)):
            first = name.split(" ")[0]
            shade = to_rgb(labels[first]) if first in labels else other
            points = rows[rows.effect == name]
            place = apart(points.level, levels, (i - (len(names) - 1) / 2) / len(names))
            mark_levels(axes, points.assign(place=place), name, "lr=", shade, hollow="AL" in first, form="+.4f")
        number_levels(axes, levels)
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:+.3g}" if y else "0")
        axes.set_title(added_by(family))
        axes.set_xlabel("learning rate of both")
        show_means(axes, rows)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=6.5, ncols=2)
    panels[0].set_ylabel("difference in test accuracy")
    figure.suptitle(f"at equal learning rates, paired by seed: mean and 95 % interval, {seeds(table.n)}", fontsize=8)
    return figure
