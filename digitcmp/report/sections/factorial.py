"""The figure of a factorial design: its cells, and the effects of the auxiliary loss and sharing."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from digitcmp import paper
from digitcmp.report.contrasts.conditions import Condition, conditions, distinct, group_by, identity
from digitcmp.report.contrasts.contrast import CLAIMS
from digitcmp.report.contrasts.designs import Design, designs
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
INGREDIENTS = ("aux", "model", "shared")  # settings whose levels are marks; those of other settings are rows
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
    for design in designs(distinct(conditions(results.runs))):
        prepared = prepare(design, results)
        if prepared and len(prepared.rows) <= MOST:
            yield "" if first else design.cells[0]["model"], prepared
            first = False


def prepare(design: Design, results: Results) -> Prepared | None:
    """Return the cells and single effects of a design in rows, one row per combination of the other factors.

    Returns:
        None if a cell is missing, or if the design varies neither the auxiliary loss nor sharing.
    """
    places = {frozenset(changed.items()): i for i, changed in enumerate(results.changed_settings)}
    keys = [frozenset((key, level) for key, level in cell.items() if level) for cell in design.cells]
    others = [key for key in design.varied if key not in INGREDIENTS]
    if len(others) == len(design.varied) or not places.keys() >= {*keys}:
        return None
    place = {identity(cell): places[key] for cell, key in zip(design.cells, keys, strict=True)}
    known = single_effects(results.effects)
    groups = group_by(design.cells, others)
    cells, effects = [], []
    for y, group in enumerate(groups):
        group.sort(key=lambda cell: cell["aux"])  # cells without the auxiliary loss first
        drawn = dict.fromkeys(CLAIMS, 0)
        for i, high in enumerate(group):
            cell = results.cells.iloc[place[identity(high)]].to_dict()
            cells.append(cell | {"y": y + 0.2 * (i - (len(group) - 1) / 2)})
            for low in group:
                if effect := known.get((identity(high), identity(low))):
                    mark = {"model": high["model"], "aux": bool(low["aux"]), "row": y}
                    effects.append(effect | mark | {"y": y - 0.12 + 0.24 * drawn[effect["family"]]})
                    drawn[effect["family"]] += 1
    rows = [row_name(group[0], others) for group in groups]
    present = {effect["family"] for effect in known.values()}
    families = [family for family in CLAIMS if family in present]
    columns = [*results.effects, "model", "aux", "row", "y"]
    return Prepared(rows, families, pd.DataFrame(cells), pd.DataFrame(effects, columns=columns))


def single_effects(table: pd.DataFrame) -> dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, Any]]:
    """Return the effects of the auxiliary loss and sharing by their two conditions."""
    found = {}
    for row in table[table.refused.isna() & table.family.isin(CLAIMS)].to_dict("records"):
        contrast = row["contrast"]
        found[identity(contrast.plus[0]), identity(contrast.minus[0])] = row
    return found


def row_name(condition: Condition, keys: Iterable[str]) -> str:
    """Return the names of the levels of some settings, one per line: 'MLP head,\\naugment'."""
    names = {key: level_name(key, condition[key]) for key in keys}
    if "head" in names:
        names["head"] = f"{condition['head'] or 'MLP'} head"
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
