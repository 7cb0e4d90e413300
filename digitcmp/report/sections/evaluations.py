"""The section on later evaluations of the saved networks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp.report.figures.forest import name_rows
from digitcmp.report.figures.style import COLUMN, PAGE, TIP, escaped, hide_rest, palette, seeds, shades
from digitcmp.report.loading.cells import accuracy_statistics
from digitcmp.report.pages.section import Column, Figure, File, Part, Table, accuracy, named
from digitcmp.report.results import Results
from digitcmp.runs.table import evaluation_table

NOTE = (
    "Evaluations of the saved networks by `digitcmp evaluate`. With *tta*, an output is the mean over the images and "
    "their copies shifted by one pixel."
)
ORDER = (
    "*class order* is Kendall's τ between the numbers of the classes and their positions in the comparisons of test "
    "images. It is 1 if all classes are in order. *complete* counts the runs in which it is 1."
)
FIGURE = (
    "Positions of the classes: the probability that the network puts an image of a class after an image of another "
    "class. Bars are the correct positions. Squares are the ordinal head, open marks the auxiliary loss."
)
TASK = ["cell", "dataset", "test_pairs", "tta"]  # columns that group later evaluations over seeds
PANEL = [*TASK[1:], "names"]  # `names` tells apart data sets of the same name


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of evaluations, its notes and the figure of class orders."""
    archived = results.archived("evaluations.csv")
    evaluated = pd.concat([evaluation_table(results.runs), *archived], ignore_index=True)
    if evaluated.empty:
        return
    runs = of_runs(evaluated)
    yield File.csv("evaluations.csv", evaluated, form=None)
    columns = [named("title", "cell"), named("dataset", "data"), Column("test pairs", "test_pairs", ",")]
    columns += [Column("tta", "tta"), *accuracy()]
    if "class_order" in runs:
        columns += [Column("class order", "order_mean", ".2f"), Column("std", "order_std", ".2f")]
        columns.append(
            Column("complete", "ordered", lambda row: f"{row['ordered']} of {row['orders']}" if row["orders"] else "")
        )
    yield Table.of(over_seeds(runs, results), columns, "evaluations.csv")
    yield NOTE
    if "class_order" in runs:
        yield ORDER
    if "positions" in evaluated:
        yield Figure("class_order", FIGURE, partial(draw, runs, results))


def of_runs(evaluated: pd.DataFrame) -> pd.DataFrame:
    """Return one evaluation per run and TASK, if possible one with an order of the classes.

    If the pairs are drawn with another seed than the run's own, `dataset` includes that seed.
    """
    elsewhere = evaluated.dataset + evaluated.seed.map(", pairs of seed {}".format)
    table = evaluated.assign(dataset=evaluated.dataset.where(evaluated.own_pairs, elsewhere))
    if "class_order" in table:
        table = table.sort_values("class_order", key=pd.isna, kind="stable")
    return table.drop_duplicates([*TASK, "run_seed"]).sort_index()


def over_seeds(runs: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the mean and std over seeds of evaluations, one row per cell and TASK.

    If an order of the classes was requested, `order_mean` and `order_std` are those of Kendall's tau, `ordered` is the
    number of runs in which it is 1, and `orders` the number of runs with an order.
    """
    rows = []
    for (cell, *task), group in runs.groupby(TASK, sort=False):
        row = {"title": results.title_of[cell], **dict(zip(TASK[1:], task, strict=True))} | accuracy_statistics(group)
        if "class_order" in group:
            order = group.class_order.dropna()
            row |= {"order_mean": order.mean(), "order_std": order.std()}
            row |= {"ordered": (order == 1).sum(), "orders": len(order)}
        rows.append(row)
    return pd.DataFrame(rows)


def ordered_classes(runs: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the evaluations with an order of the classes.

    Returns:
        The rows with three more columns: `names`, the classes, `places`, their positions, and `title`, the name of the
        cell. The title leaves out the data set if the cells of each panel are distinct without it.
    """
    runs = runs.dropna(subset="positions")
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


def draw(runs: pd.DataFrame, results: Results) -> Drawing:
    """Draw the position of each class for each cell, with the classes from top to bottom, one panel per data set."""
    frame = ordered_classes(runs, results)
    looks = styles(results, frame)
    titles = list(looks)
    panels = [rows for _, rows in frame.groupby(PANEL, sort=False)]
    columns = min(3, len(panels))
    lines, most = math.ceil(len(panels) / columns), max(map(len, frame.names))
    row = 0.2 * max(1, len(titles) / 3)  # inches per class
    height = 0.7 + 0.14 * len(titles) / 3 + lines * (0.5 + row * most)
    figure = Drawing(figsize=(max(COLUMN, PAGE * columns / 3), height))
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
    figure.suptitle(f"mean of {seeds(frame.groupby(['cell', *PANEL]).size())} (dots)")
    handles = [Line2D([], [], ls="", **look) for look in looks.values()]
    labels = [escaped(title) for title in titles]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(titles)))
    return figure
