"""The section with the learning curves: Figs. 5, 6 and 7 of the paper if their cells exist, otherwise one figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from digitcmp.report.contrasts.cell_grid import changed_levels
from digitcmp.report.figures.style import COLUMN, DASHED, PAGE, TIP, Palette, escaped, palette, seeds, shades
from digitcmp.report.formats import spread
from digitcmp.report.loading.settings import level_name
from digitcmp.report.pages.section import Figure, File, Part
from digitcmp.report.results import Results

CAPTIONS = {
    "figure5": "Fig. 5 of the paper: the dense networks by width and depth.",
    "figure6": "Fig. 6 of the paper: weight sharing.",
    "figure7": "Fig. 7 of the paper: the auxiliary loss. Dashed lines are with it.",
    "curves": "Test accuracy by epoch. Dashed lines are with the auxiliary loss.",
}
SHARING = ("FCNN3", "WS1", "WS2", "WS3")
FIGURES = {"figure6": SHARING, "figure7": (*SHARING, "AL1", "AL2", "AL3", "AL4")}
PANELS = {"fcnn3": "FCNN3, branch width", "fcnn1": "FCNN1, width", "fcnn2": "merged, depth"}  # of Fig. 5
FEW = 10  # more curves cannot be told apart


def parts(results: Results) -> Iterator[Part]:
    """Yield the figures, in the order of CAPTIONS."""
    curves = mean_curves(results)
    yield File.csv("curves.csv", curves)
    if results.only_rates or curves.cell.value_counts().max() < 2:
        return
    for figure, draw in figures(curves, results):
        yield Figure(figure, CAPTIONS[figure], draw)


def mean_curves(results: Results) -> pd.DataFrame:
    """Return the mean and std over seeds of every column of metrics.csv, and n: one row per cell and evaluated epoch.

    If several folders have a cell, its curve is that of the first folder.
    """
    tables = results.archived("curves.csv")
    if len(results.metrics):
        groups = results.metrics.drop(columns=["path", "seed"]).groupby(["cell", "epoch"], sort=False)
        means = groups.agg(["mean", "std"])
        means.columns = [f"{score}_{statistic}" for score, statistic in means.columns]
        means.insert(0, "n", groups.size())
        tables.insert(0, means.reset_index())
    curves = pd.concat(tables, ignore_index=True).drop_duplicates(["cell", "epoch"])
    return curves[curves.cell.isin(results.cells.cell)]


def figures(curves: pd.DataFrame, results: Results) -> Iterator[tuple[str, Callable[[], Drawing]]]:
    """Yield the name of each figure of the paper whose cells exist, and the function that draws it.

    If none of them do, yield one figure of at most FEW cells.
    """
    panels, found = widths(results), comparisons(results)
    if panels:
        yield "figure5", partial(draw_widths, panels, curves, results)
    for name, (context, cells) in found.items():
        yield name, partial(draw_cells, cells, curves, results, context)
    cells = results.cells.assign(title=results.titles)
    if not panels and not found and len(cells) <= FEW:
        yield "curves", partial(draw_cells, cells, curves, results)


def widths(results: Results) -> dict[str, pd.DataFrame]:
    """Return the cells of each panel of Fig. 5, with `title`: the widths of a network without the auxiliary loss."""
    if "hidden" not in results.cells:
        return {}
    chosen = results.cells[["hidden" in changed and "aux" not in changed for changed in results.changed_settings]]
    panels = {}
    for model in PANELS:
        cells = chosen[chosen.model == model]
        if len(cells) > 1 and cells.hidden.is_unique:
            titles = list(cells.hidden)
            if model == "fcnn2":
                titles = [f"L = {hidden.count('-') + 1}: {hidden}" for hidden in titles]
            panels[model] = cells.assign(title=titles)
    return panels


def comparisons(results: Results) -> dict[str, tuple[str, pd.DataFrame]]:
    """Return the cells, with `title`, of Figs. 6 and 7 by name, for the first set of other settings that has them.

    Before the cells stand these settings, '' if all cells have the same.
    """
    contexts = []
    for condition in results.changed_settings:
        contexts.append(", ".join(level_name(key, value) for key, value in changed_levels(condition).items()))
    several = len({*contexts}) > 1
    found: dict[str, tuple[str, pd.DataFrame]] = {}
    for context, group in results.cells.groupby(pd.Series(contexts, index=results.cells.index), sort=False):
        for name, labels in FIGURES.items():
            if name not in found and {*labels} <= {*group.label} and group.label.is_unique:
                cells = group.set_index("label", drop=False).loc[list(labels)]
                found[name] = str(context) if several else "", cells.assign(title=cells.label)
    return found


def curve_seeds(curves: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Return the number of seeds of the curves of these cells as text."""
    return seeds(curves[curves.cell.isin(cells.cell)].n)


def draw_widths(panels: dict[str, pd.DataFrame], curves: pd.DataFrame, results: Results) -> Drawing:
    """Draw Fig. 5, one panel per network."""
    colours = palette(results.cells.model)
    figure = Drawing(figsize=(PAGE * len(panels) / 3, 2.5))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (model, cells) in zip(grid, panels.items(), strict=True):
        draw_curves(axes, cells, curves, colours, f"{PANELS[model]} ({curve_seeds(curves, cells)})")
        axes.legend(loc="lower right", ncols=2 if len(cells) > 3 else 1)
    grid[0].set_ylabel("test accuracy (mean ± std)")
    return figure


def draw_cells(cells: pd.DataFrame, curves: pd.DataFrame, results: Results, context: str = "") -> Drawing:
    """Draw the curves of some cells with the paper's results on the right, as in Figs. 6 and 7."""
    colours, published = palette(results.cells.model), cells[cells.paper_mean.notna()]
    figure = Drawing(figsize=(COLUMN, 3.0))
    axes = figure.subplots()
    draw_curves(axes, cells, curves, colours)
    for row in published.itertuples():
        shade = colours[row.model]
        style: Any = {"color": shade, "mfc": "white" if row.aux else shade, "clip_on": False}
        style["gid"] = f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
        axes.plot(1.02, row.paper_mean, "<", ms=3.5, transform=axes.get_yaxis_transform(), **style)
    heading = f"mean ± std, {curve_seeds(curves, cells)}"
    if len(published):
        heading += "; ◂ the paper's result"
    figure.suptitle(f"{heading}\n{context}".strip())
    axes.set_ylabel("test accuracy")
    longest = cells.title.str.len().max()
    figure.legend(loc="outside lower center", ncols=4 if longest < 8 else 2 if longest < 24 else 1)
    return figure


def draw_curves(axes: Axes, cells: pd.DataFrame, curves: pd.DataFrame, colours: Palette, heading: str = "") -> None:
    """Draw the curves of some cells, in shades of one colour for each network.

    Args:
        cells: Rows of the table of cells, with `title`.
        curves: `cell epoch test_acc_mean test_acc_std`. The axis ends at the last epoch of any cell.
        colours: The colour of each backbone.
        heading: The heading of the panel.
    """
    for row, shade in shaded(cells, colours):
        curve = curves[curves.cell == row.cell]
        mean, std = curve.test_acc_mean, curve.test_acc_std.fillna(0)
        axes.plot(curve.epoch, mean, color=shade, label=escaped(row.title), ls=DASHED if row.aux else "-")
        axes.fill_between(curve.epoch, mean - std, mean + std, color=shade, alpha=0.11, lw=0)
        for epoch in curve.itertuples():
            tip = f"{TIP}{row.title}, epoch {epoch.epoch}: {spread(epoch.test_acc_mean, epoch.test_acc_std)}"
            axes.plot(epoch.epoch, epoch.test_acc_mean, "o", color=shade, ms=6, alpha=0, gid=tip)
    axes.set_title(heading)
    axes.set_xlabel("epoch")
    last = int(curves.epoch.max())
    axes.set_xlim(1, last)
    axes.set_xticks([1, *(tick for tick in MaxNLocator(5, integer=True).tick_values(1, last) if 1 < tick <= last)])


def shaded(cells: pd.DataFrame, colours: Palette) -> Iterator[tuple[Any, Any]]:
    """Yield the cells in drawing order, each with its shade."""
    for _, group in cells.groupby(["model", "aux"], sort=False):
        yield from zip(group.itertuples(), shades(colours[group.model.iloc[0]], len(group)), strict=True)
