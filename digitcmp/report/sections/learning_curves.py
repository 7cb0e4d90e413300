"""The section with the learning curves: Figs. 5, 6 and 7 of the paper if their cells exist, otherwise one figure."""

from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from digitcmp.report.cells import changed_levels, level_name
from digitcmp.report.figures import COLUMN, DASHED, PAGE, TIP, Palette, escaped, palette, shaded
from digitcmp.report.formats import seeds, spread
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
MOST_CURVES = 10  # more curves cannot be told apart


def parts(results: Results) -> Iterator[Part]:
    """Yield the figures of the paper whose cells exist. If none do, yield one figure of at most MOST_CURVES cells."""
    curves, cells = mean_curves(results), results.cells
    yield File.csv("curves.csv", curves)
    if results.only_rates or curves.cell.value_counts().max() < 2:
        return
    colours = palette(cells.model)
    drawn = {name: partial(draw_cells, *group, curves, colours) for name, group in comparisons(results).items()}
    if panels := widths(results):
        drawn = {"figure5": partial(draw_widths, panels, curves, colours)} | drawn
    if not drawn and len(cells) <= MOST_CURVES:
        drawn = {"curves": partial(draw_cells, cells, "", curves, colours)}
    for name, draw in drawn.items():
        yield Figure(name, CAPTIONS[name], draw)


def mean_curves(results: Results) -> pd.DataFrame:
    """Return the mean and std over seeds of every column of metrics.csv, and n: one row per cell and evaluated epoch.

    If several folders have a cell, its curve is that of the first folder.
    """
    means = pd.DataFrame()
    if len(results.metrics):
        groups = results.metrics.drop(columns=["path", "seed"]).groupby(["cell", "epoch"], sort=False)
        means = groups.agg(["mean", "std"])
        means.columns = [f"{score}_{statistic}" for score, statistic in means.columns]
        means.insert(0, "n", groups.size())
        means = means.reset_index()
    return results.collected("curves.csv", means, ["cell", "epoch"])


def widths(results: Results) -> dict[str, pd.DataFrame]:
    """Return the cells of each panel of Fig. 5: the widths of a network without the auxiliary loss, as `title`."""
    if "hidden" not in results.cells:
        return {}
    chosen = results.cells[["hidden" in changed and "aux" not in changed for changed in results.changed_settings]]
    panels = {}
    for model in PANELS:
        cells = chosen[chosen.model == model]
        if len(cells) > 1 and cells.hidden.is_unique:
            depths = "L = " + (cells.hidden.str.count("-") + 1).astype(str) + ": " + cells.hidden
            panels[model] = cells.assign(title=depths if model == "fcnn2" else cells.hidden)
    return panels


def comparisons(results: Results) -> dict[str, tuple[pd.DataFrame, str]]:
    """Return the cells of Figs. 6 and 7 by name, for the first set of other settings that has them.

    After the cells stand these settings, '' if all cells have the same.
    """
    contexts = []
    for condition in results.changed_settings:
        contexts.append(", ".join(level_name(key, value) for key, value in changed_levels(condition).items()))
    cells = results.cells.assign(title=results.cells.label, context=contexts)
    cells_of: dict[str, tuple[pd.DataFrame, str]] = {}
    for context, group in cells.groupby("context", sort=False):
        for name, labels in FIGURES.items():
            if name not in cells_of and {*labels} <= {*group.label} and group.label.is_unique:
                ours = group.set_index("label", drop=False).loc[list(labels)]
                cells_of[name] = ours, str(context) if cells.context.nunique() > 1 else ""
    return cells_of


def draw_widths(panels: dict[str, pd.DataFrame], curves: pd.DataFrame, colours: Palette) -> Drawing:
    """Draw Fig. 5, one panel per network."""
    figure = Drawing(figsize=(PAGE * len(panels) / 3, 2.5))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (model, cells) in zip(grid, panels.items(), strict=True):
        draw_curves(axes, cells, curves, colours)
        n = curves[curves.cell.isin(cells.cell)].n
        axes.set_title(f"{PANELS[model]} ({seeds(n)})")
        axes.legend(loc="lower right", ncols=2 if len(cells) > 3 else 1)
    grid[0].set_ylabel("test accuracy (mean ± std)")
    return figure


def draw_cells(cells: pd.DataFrame, context: str, curves: pd.DataFrame, colours: Palette) -> Drawing:
    """Draw the curves of some cells with the paper's results on the right, as in Figs. 6 and 7."""
    published = cells[cells.paper_mean.notna()]
    figure = Drawing(figsize=(COLUMN, 3.0))
    axes = figure.subplots()
    draw_curves(axes, cells, curves, colours)
    place = axes.get_yaxis_transform()
    for row in published.itertuples():
        shade, tip = colours[row.model], f"{TIP}the paper's {row.label}: {spread(row.paper_mean, row.paper_std)}"
        fill = "white" if row.aux else shade
        axes.plot(1.02, row.paper_mean, "<", ms=3.5, color=shade, mfc=fill, gid=tip, transform=place, clip_on=False)
    heading = f"mean ± std, {seeds(curves[curves.cell.isin(cells.cell)].n)}"
    if len(published):
        heading += "; ◂ the paper's result"
    figure.suptitle(f"{heading}\n{context}".strip())
    axes.set_ylabel("test accuracy")
    longest = cells.title.str.len().max()
    figure.legend(loc="outside lower center", ncols=4 if longest < 8 else 2 if longest < 24 else 1)
    return figure


def draw_curves(axes: Axes, cells: pd.DataFrame, curves: pd.DataFrame, colours: Palette) -> None:
    """Draw the curves of some cells, in shades of one colour for each network.

    The axis ends at the last epoch of any curve: `cell epoch test_acc_mean test_acc_std`.
    """
    rows = {row.cell: row for row in cells.itertuples()}
    for cell, shade in shaded(cells, "cell", colours).items():
        row, curve = rows[cell], curves[curves.cell == cell]
        mean, std = curve.test_acc_mean, curve.test_acc_std.fillna(0)
        axes.plot(curve.epoch, mean, color=shade, label=escaped(row.title), ls=DASHED if row.aux else "-")
        axes.fill_between(curve.epoch, mean - std, mean + std, color=shade, alpha=0.11, lw=0)
        for epoch in curve.itertuples():
            tip = f"{TIP}{row.title}, epoch {epoch.epoch}: {spread(epoch.test_acc_mean, epoch.test_acc_std)}"
            axes.plot(epoch.epoch, epoch.test_acc_mean, "o", color=shade, ms=6, alpha=0, gid=tip)
    axes.set_xlabel("epoch")
    last = int(curves.epoch.max())
    axes.set_xlim(1, last)
    axes.set_xticks([1, *(tick for tick in MaxNLocator(5, integer=True).tick_values(1, last) if 1 < tick <= last)])
