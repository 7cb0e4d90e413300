"""The sections on learning rates: selected on validation pairs, and effects at equal rates."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp import paper
from digitcmp.report.contrasts import tables
from digitcmp.report.contrasts.cell_grid import changed_levels
from digitcmp.report.contrasts.factors import CLAIMS
from digitcmp.report.figures.lines import apart, mark_levels, number_levels, show_means
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
from digitcmp.report.formats import ACCURACY, interval, to_text
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, named, plain
from digitcmp.report.results import Results

SELECTED = (
    "The selected rate has the highest mean accuracy on the validation pairs. *oracle* is the rate that the test pairs "
    "would select, for comparison only. *(edge)* marks the smallest or largest rate tried."
)
SELECTED_FIGURE = (
    "Mean validation accuracy by learning rate. Dashed lines are with the auxiliary loss. A collapsed seed below the "
    "axis is not drawn, but the mean includes it."
)
EQUAL = (
    "Effects of the auxiliary loss and sharing on test accuracy, with the same learning rate for both networks: mean "
    "and 95 % t-interval, paired by seed. `equal_rates.csv` also has n, p and Holm's p. Holm's p is corrected inside "
    "each of the two families, over all networks and rates."
)
EQUAL_FIGURE = "Effects of the auxiliary loss and sharing, with the same learning rate for both networks."
MOST = 40  # panels; more would make the figure too tall
TITLE_WIDTH = 24  # letters above a panel
MOST_EFFECTS = 12  # lines in both panels; more cannot be told apart, and their legend leaves no room


def selected(results: Results) -> Iterator[Part]:
    """Yield the table of selected learning rates and the figure."""
    frame = selection(results)
    if frame.empty:
        return
    columns = [
        named("title", "cell"),
        *plain("rates", "n"),
        Column("selected lr", "lr", lambda row: to_text(row["lr"]) + (" (edge)" if row["at_edge"] else "")),
        Column("paper's lr", "paper_lr"),
        Column("validation", "val_acc", ACCURACY),
        Column("test accuracy", "test_acc", ACCURACY),
        Column("oracle lr (test)", "oracle_lr"),
        Column("oracle test accuracy", "oracle_test_acc", ACCURACY),
    ]
    yield Table.of(frame, columns)
    yield SELECTED
    yield Figure("learning_rates", SELECTED_FIGURE, partial(draw_selection, frame, results))


def selection(results: Results) -> pd.DataFrame:
    """Return the learning rate with the highest mean validation accuracy, one row per condition with several rates.

    `title` names the condition and `cells` lists its cells. `test_acc` is that of the selected rate. `oracle_lr` and
    `oracle_test_acc` are those of the rate with the highest test accuracy, for comparison only. `at_edge` is True if
    the selected rate is the smallest or largest tried. Empty if no condition has several rates.
    """
    cells = results.cells
    titles = pd.Series([title.rpartition(" lr=")[0] for title in results.titles], index=cells.index)
    rows = []
    for title, rates in cells[titles != ""].groupby(titles, sort=False):
        best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
        changed = changed_levels(results.changed_settings[best.name])
        claimed = best["head"] == "mlp" and paper.claimed(best.model, bool(best.aux), changed)
        rows.append(
            {"title": title, "model": best.model, "aux": best.aux, "rates": len(rates), "n": rates.n.min()}
            | {"lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
            | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan) if claimed else np.nan}
            | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
            | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max()), "cells": list(rates.cell)}
        )
    return pd.DataFrame(rows)


def draw_selection(table: pd.DataFrame, results: Results) -> Drawing:
    """Draw the validation accuracy by rate, mean and seeds, one panel per network with several rates."""
    selection, cells = table.head(MOST), results.cells
    colours = palette(cells.model)
    columns = min(5, math.ceil(len(selection) / (1 if len(selection) < 4 else 2)))
    lines = math.ceil(len(selection) / columns)
    titles = [textwrap.fill(title, TITLE_WIDTH) for title in selection.title]
    further = max(title.count("\n") for title in titles)
    figure = Drawing(figsize=(PAGE * max(columns, 2) / 5, 0.5 + (1.45 + 0.13 * further) * lines))
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
    cut = f"; the first {MOST} of {len(table)}" if len(table) > MOST else ""
    figure.supxlabel(f"learning rate ({seeds(cells.n)}, dots{cut})")
    figure.supylabel("validation accuracy")
    panels.flat[0].set_ylim(bottom=math.floor(50 * cells.val_acc_mean.min() - 1) / 50)
    marks = {
        "selected on validation": Line2D([], [], color="black", ls="", marker="o", ms=5.5, mfc="white", mew=1.4),
        "the paper's rate": Line2D([], [], color="black", lw=0.9, ls=":"),
    }
    figure.legend(marks.values(), marks, loc="outside upper center", ncols=2)
    return figure


def equal(results: Results) -> Iterator[Part]:
    """Yield the table of effects at equal rates, one column per effect, the figure and the effects without numbers."""
    frame, refused = effects_at_equal_rates(results)
    if frame.empty:
        return
    yield File.csv("equal_rates.csv", frame)
    texts = []
    for row in frame.itertuples():
        texts.append(f"{row.mean:+.3f} {interval(row.ci_low, row.ci_high, '+.3f', row.n)}".strip())
    wide = frame.assign(text=texts).pivot(index="lr", columns="effect", values="text").fillna("").reset_index()
    yield Table.of(wide, plain("lr", *dict.fromkeys(frame.effect)))
    yield EQUAL
    if frame.effect.nunique() <= MOST_EFFECTS:
        yield Figure("equal_rates", EQUAL_FIGURE, partial(draw_effects, frame, results.cells))
    yield [f"no statistics for {row.effect} at lr={row.lr:g}: {row.refused}" for row in refused.itertuples()]


def effects_at_equal_rates(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the effects at equal learning rates: those with statistics, and those without."""
    table = tables.equal_rates(results.grid)
    measured = table.refused.isna()
    return table[measured].drop(columns="refused"), table[~measured]


def draw_effects(table: pd.DataFrame, cells: pd.DataFrame) -> Drawing:
    """Draw effects at equal learning rates, one panel per family and one line per effect, with the paper's claim.

    An effect has the colour of its first network.
    """
    colours = palette(cells.model)
    labels = {label: colours[model] for label, model in zip(cells.label, cells.model, strict=True)}
    families = list(dict.fromkeys(table.family))
    longest = max(table[table.family == family].effect.nunique() for family in families)
    figure = Drawing(figsize=(PAGE, 3.0 + 0.14 * longest))
    panels = figure.subplots(1, len(families), sharex=True, squeeze=False)[0]
    for axes, family in zip(panels, families, strict=True):
        rows = table[table.family == family].assign(level=lambda frame: frame.lr)
        levels = sorted({*rows.lr})
        axes.axhline(0, color="black", lw=0.8)
        if family in CLAIMS:
            axes.axhline(CLAIMS[family], color="black", lw=0.9, ls=DOTTED, label="the paper's claim")
        names = list(dict.fromkeys(rows.effect))
        for i, (name, other) in enumerate(zip(names, shades(EFFECT, len(names)), strict=True)):
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
    figure.suptitle(f"at equal learning rates, paired by seed: mean and 95 % interval, {seeds(table.n)}")
    return figure
