"""The figure of a factorial design: its cells, and the effects of the auxiliary loss and sharing."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp import paper
from digitcmp.report.contrasts.factors import CLAIMS
from digitcmp.report.contrasts.grid import Levels
from digitcmp.report.contrasts.planned import Design, designs
from digitcmp.report.figures.forest import (
    mark_cell,
    mark_interval,
    name_rows,
    runs_by_cell,
    separate_rows,
    show_zero,
    sign_ticks,
)
from digitcmp.report.figures.style import PAGE, added_by, palette, seeds
from digitcmp.report.loading.settings import level_name
from digitcmp.report.results import Results

MOST = 22  # rows; more would make the figure too tall
INGREDIENTS = ("aux", "model")  # settings whose levels are marks; those of other settings are rows
DOTTED: Any = {"color": "black", "lw": 0.9, "ls": ":"}


class Prepared(NamedTuple):
    """The data of the figure of a design.

    Attributes:
        rows: The names of its rows, from top to bottom.
        families: The families of effects that have a panel.
        cells: The table of cells, with the height `y`.
        effects: The table of effects, with the height `y`, `row`, `model`, the network of the first side, and `aux`,
            True if the second side has the auxiliary loss.
    """

    rows: list[str]
    families: list[str]
    cells: pd.DataFrame
    effects: pd.DataFrame


def prepared_designs(results: Results) -> Iterator[tuple[str, Prepared]]:
    """Yield each complete 2^k design that varies the auxiliary loss or sharing, with its model from the second on."""
    first = True
    for design in designs(results.grid):
        prepared = prepare(design, results)
        if prepared and len(prepared.rows) <= MOST:
            yield "" if first else results.grid.levels[design.cells[0]]["model"], prepared
            first = False


def prepare(design: Design, results: Results) -> Prepared | None:
    """Return the cells and single effects of a design in rows, one row per combination of the other factors.

    Returns:
        None if a cell is missing, or if the design varies neither the auxiliary loss nor sharing.
    """
    grid, by_name = results.grid, results.cells.set_index("cell", drop=False)
    others = [key for key in design.varied if key not in INGREDIENTS]
    if len(others) == len(design.varied) or not all(grid.names[row] in by_name.index for row in design.cells):
        return None
    known = single_effects(results.effects)
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in design.cells:
        groups.setdefault(tuple(grid.levels[row][key] for key in others), []).append(row)
    cells, effects = [], []
    for y, group in enumerate(groups.values()):
        group.sort(key=lambda row: grid.levels[row]["aux"])  # cells without the auxiliary loss first
        drawn = dict.fromkeys(CLAIMS, 0)
        for i, high in enumerate(group):
            cell = by_name.loc[grid.names[high]].to_dict()
            cells.append(cell | {"y": y + 0.2 * (i - (len(group) - 1) / 2)})
            for low in group:
                if effect := known.get((high, low)):
                    mark = {"model": grid.levels[high]["model"], "aux": bool(grid.levels[low]["aux"]), "row": y}
                    effects.append(effect | mark | {"y": y - 0.12 + 0.24 * drawn[effect["family"]]})
                    drawn[effect["family"]] += 1
    rows = [row_name(grid.levels[group[0]], others) for group in groups.values()]
    present = {effect["family"] for effect in known.values()}
    families = [family for family in CLAIMS if family in present]
    columns = [*results.effects, "model", "aux", "row", "y"]
    return Prepared(rows, families, pd.DataFrame(cells), pd.DataFrame(effects, columns=columns))


def single_effects(table: pd.DataFrame) -> dict[tuple[int, ...], dict[str, Any]]:
    """Return the effects of the auxiliary loss and sharing by the rows of their two cells."""
    rows = table[table.refused.isna() & table.family.isin(CLAIMS)].to_dict("records")
    return {tuple(row["contrast"].weights): row for row in rows}


def row_name(levels: Levels, keys: Iterable[str]) -> str:
    """Return the names of the levels of some settings, one per line: 'MLP head,\\naugment'."""
    names = {key: level_name(key, levels[key]) for key in keys}
    if "head" in names:
        names["head"] = f"{levels['head'] or 'MLP'} head"
    return ",\n".join(name for name in names.values() if name) or "plain"


def draw(prepared: Prepared, results: Results) -> Drawing:
    """Draw the test accuracy of the cells and, one panel each, the effects of the auxiliary loss and sharing."""
    rows, families, cells, effects = prepared
    colours = palette(results.cells.model)
    figure = Drawing(figsize=(PAGE, 0.95 + 0.5 * len(rows)))
    ratios = [1.3] + [1.0] * len(families)
    first, *panels = figure.subplots(1, 1 + len(families), sharey=True, width_ratios=ratios, squeeze=False)[0]
    first.set_title("test accuracy")
    runs = runs_by_cell(results.runs)
    marks: dict[str, Line2D] = {}
    for row in cells.itertuples():
        shade = colours[row.model]
        mark_cell(first, row, row.y, shade, row.label, runs[row.cell], below=0.08)
        fill = "white" if row.aux else shade
        marks[paper.label(row.model, row.aux)] = Line2D([], [], color=shade, marker="o", ms=4.5, mew=1.2, mfc=fill)
    for axes, family in zip(panels, families, strict=True):
        show_zero(axes)
        axes.set_title(added_by(family))
        for row in effects[effects.family == family].itertuples():
            tip = f"{row.effect}: {row.mean:+.4f}"
            mark_interval(axes, row, row.mean, row.y, colours[row.model], tip, hollow=row.aux)
            axes.plot([row.claim] * 2, [row.row - 0.45, row.row + 0.45], **DOTTED)
    for axes in (first, *panels):
        name_rows(axes, rows, len(rows) - 0.5, -0.5)
        separate_rows(axes, len(rows))
    for axes in panels:
        sign_ticks(axes)
    marks["the paper's claim"] = Line2D([], [], **DOTTED)
    figure.suptitle(f"mean and 95 % interval, {seeds(cells.n)} (dots)")
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=len(marks))
    return figure
