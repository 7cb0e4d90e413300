"""The section with a figure for each numeric setting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp.report.figures.lines import apart, mark_levels, number_levels, show_means
from digitcmp.report.figures.style import PAGE, Palette, palette, seeds, shades
from digitcmp.report.loading.series import series
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results

FIGURE = (
    "Means by {}. The cells of a line have all other settings in common except the learning rate. If there are many "
    "such lines, each line is a mean over the other settings. Dashed lines and open marks are with the auxiliary loss. "
    "An interval may extend below the axis."
)
NAMES = {"lr": "learning rate", "test_acc": "test accuracy", "fit_seconds": "seconds of training per run"}


def parts(results: Results) -> Iterator[Part]:
    """Yield a figure for each setting with a series of levels."""
    for factor, rows in series(results.runs).groupby("factor"):
        yield Figure(f"levels_{factor}", FIGURE.format(factor), partial(draw, str(factor), rows, results))


def draw(factor: str, table: pd.DataFrame, results: Results) -> Drawing:
    """Draw the series of one setting, one panel per outcome."""
    colours = palette(results.cells.model)
    outcomes, names = list(dict.fromkeys(table.outcome)), list(dict.fromkeys(table.series))
    columns = max(1, min(4, int(100 / (8 + max(map(len, names))))))
    figure = Drawing(figsize=(PAGE, 2.9 + 0.15 * math.ceil(len(names) / columns)))
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for axes, outcome in zip(panels, outcomes, strict=True):
        rows = table[table.outcome == outcome]
        levels = sorted({*rows.level})
        for i, (name, points, shade) in enumerate(styled(rows, colours)):
            place = apart(points.level, levels, (i - (len(names) - 1) / 2) / len(names))
            hollow, form = bool(points.aux.iloc[0]), ".4f" if outcome == "test_acc" else ".3g"
            mark_levels(axes, points.assign(place=place), name, f"{factor}=", shade, hollow, form)
        number_levels(axes, levels)
        show_means(axes, rows)
        axes.set_xlabel(NAMES.get(factor, factor))
        axes.set_ylabel(NAMES[outcome])
        if outcome == "fit_seconds":
            axes.set_ylim(bottom=0)
    figure.suptitle(f"mean and 95 % interval, {seeds(table.n)}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def styled(table: pd.DataFrame, colours: Palette) -> Iterator[tuple[str, pd.DataFrame, tuple[float, ...]]]:
    """Yield the name, the rows and the colour of each series. Series of one network have shades of its colour."""
    for (model, _), rows in table.groupby(["model", "aux"], sort=False):
        names = list(dict.fromkeys(rows.series))
        for name, shade in zip(names, shades(colours[str(model)], len(names)), strict=True):
            yield name, rows[rows.series == name], shade
