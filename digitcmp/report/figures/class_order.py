"""The figure of class orders: the position of each class, mean and seeds, one panel per data set."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from digitcmp.report.figures.style import COLUMN, PAGE, TIP, escaped, hide_rest, name_rows, palette, seeds, shades
from digitcmp.report.results import Results

PANEL = ["dataset", "test_pairs", "tta", "names"]  # `names` tells apart data sets of the same name


def prepare(results: Results) -> pd.DataFrame:
    """Return the rows of `results.tasks` that have an order of the classes, one per run and task.

    Returns:
        The rows with three more columns: `names`, the classes, `places`, their positions, and `title`, the name of the
        cell. The title leaves out the data set if the cells of each panel are distinct without it.
    """
    runs = results.tasks.dropna(subset="positions")
    positions = [json.loads(text) for text in runs.positions]
    names, places = [tuple(order) for order in positions], [tuple(order.values()) for order in positions]
    runs = runs.assign(names=names, places=places)
    for titles in (results.titles("dataset"), results.titles()):
        runs = runs.assign(title=runs.cell.map(dict(zip(results.cells.cell, titles, strict=True))))
        panels = runs.groupby(PANEL, sort=False)
        if (panels.title.nunique() == panels.cell.nunique()).all():
            break
    return runs


def styles(results: Results, frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the style of the mark of each title, in the order of the titles."""
    cells = results.cells.set_index("cell").loc[frame.cell].assign(title=list(frame.title)).drop_duplicates("title")
    colours = palette(results.cells.model)
    found: dict[str, dict[str, Any]] = dict.fromkeys(cells.title, {})
    for model, of_model in cells.groupby("model", sort=False):
        for cell, shade in zip(of_model.to_dict("records"), shades(colours[str(model)], len(of_model)), strict=True):
            marker = "s" if cell["head"] == "ordinal" else "o"
            fill = "white" if cell["aux"] else shade
            found[cell["title"]] = {"color": shade, "mfc": fill, "ms": 4, "mew": 1, "marker": marker}
    return found


def draw(results: Results) -> Figure:
    """Draw the position of each class for each cell, with the classes from top to bottom."""
    frame = prepare(results)
    looks = styles(results, frame)
    titles = list(looks)
    panels = [rows for _, rows in frame.groupby(PANEL, sort=False)]
    columns = min(3, len(panels))
    lines, most = math.ceil(len(panels) / columns), max(map(len, frame.names))
    row = 0.2 * max(1, len(titles) / 3)  # inches per class
    height = 0.7 + 0.14 * len(titles) / 3 + lines * (0.5 + row * most)
    figure = Figure(figsize=(max(COLUMN, PAGE * columns / 3), height))
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, rows in zip(grid.flat, panels, strict=False):
        first, names = rows.iloc[0], rows.names.iloc[0]
        for y in range(len(names)):
            axes.plot(y / max(1, len(names) - 1), y, "|", color="black", ms=9, mew=1.0)
        for title, of_cell in rows.groupby("title", sort=False):
            look, offset = looks[title], 0.8 * ((titles.index(title) + 0.5) / len(titles) - 0.5)
            for y, (name, place) in enumerate(zip(names, np.array(list(of_cell.places)).T, strict=True)):
                axes.plot(place, [y + offset] * len(place), ".", color=look["color"], ms=2.5, mew=0, alpha=0.6)
                axes.plot(place.mean(), y + offset, gid=f"{TIP}{title}, {name}: {place.mean():.3f}", **look)
        name_rows(axes, names, len(names) - 0.4)
        heading = f"{first.dataset}, {first.test_pairs:,} pairs"
        axes.set_title(escaped(f"{heading}, tta" if first.tta else heading))
        axes.set_xlim(-0.03, 1.03)
        axes.set_xlabel("P(after another class)")
    hide_rest(list(grid.flat), len(panels))
    n = frame.groupby(["cell", *PANEL]).size()
    figure.suptitle(f"mean of {seeds(n)} (dots)", fontsize=8)
    handles = [Line2D([], [], ls="", **look) for look in looks.values()]
    labels = [escaped(title) for title in titles]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(titles)))
    return figure
