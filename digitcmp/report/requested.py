"""The contrast between two given cells, paired by seed."""

from __future__ import annotations

from difflib import get_close_matches

import pandas as pd

from digitcmp.errors import ConfigError, listed
from digitcmp.report.contrasts.accuracy_effects import effects
from digitcmp.report.contrasts.cell_grid import Contrast, Grid
from digitcmp.report.results import Results

FAMILY = "requested"


def find_cell(results: Results, given: str) -> str:
    """Return the name of the cell with a given title, label or name, in upper or lower case.

    Raises:
        ConfigError: There is no such cell, or several.
    """
    names: dict[str, list[str]] = {}
    for cell, title, label in zip(results.cells.cell, results.cells.title, results.cells.label, strict=True):
        for name in {cell, title, label}:
            names.setdefault(name, []).append(cell)
    found = names.get(given) or [cell for name in names if name.lower() == given.lower() for cell in names[name]]
    if not found:
        near = get_close_matches(given, names, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"The first cell is {results.cells.title[0]!r}."
        raise ConfigError(
            f"{given!r} is not a cell of this report; a title, label or name of a cell is expected. {hint}"
        )
    if len({*found}) > 1:
        several = listed([repr(results.title_of[cell]) for cell in dict.fromkeys(found)])
        raise ConfigError(f"{given!r} names {len({*found})} cells; one is expected. Choose from {several}")
    return found[0]


def contrast(results: Results, first: str, second: str) -> tuple[pd.DataFrame, list[str]]:
    """Measure the test accuracy of one cell minus that of another, over their common seeds.

    Args:
        results: The runs.
        first: The title, label or name of a cell.
        second: The title, label or name of the cell that is subtracted.

    Returns:
        A frame with one row of `effects.effects`, and a line for each cell with seeds that the other lacks.

    Raises:
        ConfigError: A name is not that of one cell, both cells are the same, or they share fewer than two seeds.
    """
    cells = [find_cell(results, given) for given in (first, second)]
    names = [results.title_of[cell] for cell in cells]
    if cells[0] == cells[1]:
        raise ConfigError(f"{first!r} and {second!r} are the same cell; two cells are expected")
    seeds = [{*results.runs.seed[results.runs.cell == cell]} for cell in cells]
    common = seeds[0] & seeds[1]
    if len(common) < 2:
        raise ConfigError(f"{names[0]} and {names[1]} have {len(common)} seeds in common; 2 or more are expected")
    notes = []
    for name, alone in zip(names, (seeds[0] - common, seeds[1] - common), strict=True):
        if alone:
            notes.append(f"not paired: {name} seed={','.join(map(str, sorted(alone)))}")
    grid = Grid(results.runs[results.runs.cell.isin(cells) & results.runs.seed.isin(common)])
    weights = {grid.names.index(cell): weight for cell, weight in zip(cells, (1.0, -1.0), strict=True)}
    return effects(grid, [Contrast(FAMILY, f"{names[0]} − {names[1]}", "", weights)]), notes
