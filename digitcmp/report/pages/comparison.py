"""The comparison of two sweeps: differences in configuration, code and versions, and in the test accuracy."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from digitcmp.report.contrasts.cell_grid import Grid, cell_name
from digitcmp.report.contrasts.factors import NO_FACTOR
from digitcmp.report.contrasts.tables import common_cells
from digitcmp.report.formats import ACCURACY, to_text
from digitcmp.report.loading.provenance import MADE_WITH, digests
from digitcmp.report.loading.settings import default
from digitcmp.report.pages.section import P_VALUES, TWO_SEEDS_NOTE, Column, Table, named, t_interval
from digitcmp.report.pages.terminal import show_table
from digitcmp.report.results import Results

Row = tuple[str, str, str]  # the name of a property, and its value in each of two sweeps


def compare(first: Results, second: Results) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Compare two sweeps.

    Returns:
        A frame of the differences, with the columns `what first second`: settings, versions and code with one value
        in each sweep.
        A frame of the common cells, with the columns `cell n same first second mean ci_low ci_high p p_holm`. Cells
        are matched by all other settings and the learning rate. The differences are second minus first, paired by
        seed. `same` counts the seeds with the same test accuracy. The statistics are nan for a single seed.
        A list with a line for each cell that only one sweep has.
    """
    named = {"first": first.runs, "second": second.runs}
    runs = [runs.assign(sweep=sweep, cell=f"{sweep} " + runs.cell) for sweep, runs in named.items()]
    grid = Grid(pd.concat(runs, ignore_index=True))
    left, right = (grid.cells[grid.cells.sweep == sweep].drop(columns="sweep") for sweep in named)
    settings = different_settings(left, right)
    before, now = origins(first), origins(second)
    made = [(key, text, now[key]) for key, text in before.items() if key in now and text != now[key]]
    hidden = [key for key in settings if key not in NO_FACTOR]  # cells of two tasks never match
    keys = [key for key in left if key not in hidden]
    varied = [key for key in keys if grid.cells[key].nunique() > 1]
    lacking = [f"only in {first.roots[0]}: {cell}" for cell in cells_without(left, right, keys, varied)]
    lacking += [f"only in {second.roots[0]}: {cell}" for cell in cells_without(right, left, keys, varied)]
    differences = pd.DataFrame([*settings.values(), *made], columns=["what", "first", "second"])
    return differences, common_cells(grid, hidden, varied), lacking


def different_settings(left: pd.DataFrame, right: pd.DataFrame) -> dict[str, Row]:
    """Return the settings that have a single level in each of two sweeps, if the levels differ.

    Args:
        left: The levels of the cells of the first sweep.
        right: The levels of the cells of the second sweep.

    Returns:
        The rows by setting.
    """
    found = {}
    for key in left:
        before, now = left[key].unique(), right[key].unique()
        if len(before) == len(now) == 1 and before[0] != now[0]:
            standard = to_text(default(key, left.model.iloc[0])) or "null"
            found[key] = (key, before[0] or standard, now[0] or standard)
    return found


def origins(side: Results) -> dict[str, str]:
    """Return the versions, commits, devices and code of a sweep, by name."""
    runs = side.runs
    made = {key: ", ".join(sorted(runs[key].dropna().unique())) if key in runs else "" for key in MADE_WITH}
    made["code"] = f"{runs.code.notna().sum()} of {len(runs)} recorded" if side.code else "not recorded"
    return made | {f"code of {file}": ", ".join(sorted(found)) for file, found in sorted(digests(side.code).items())}


def cells_without(left: pd.DataFrame, right: pd.DataFrame, keys: list[str], varied: list[str]) -> list[str]:
    """Return the names of the cells of `left` that `right` does not have.

    Args:
        left: The levels of the cells of one sweep.
        right: The levels of the cells of the other.
        keys: The settings that the cells are matched by.
        varied: The settings that name a cell.
    """
    there = set(right[keys].itertuples(index=False, name=None))
    names = []
    for cell in left.drop_duplicates(keys).to_dict("records"):
        if tuple(cell[key] for key in keys) not in there:
            names.append(cell_name(cell, varied))
    return names


def show(first: Results, second: Results, console: Console) -> None:
    """Print the comparison of two sweeps on the terminal."""
    differences, cells, lacking = compare(first, second)
    a, b = str(first.roots[0]), str(second.roots[0])
    if differences.empty:
        console.print("the same configuration, code and versions")
    else:
        columns = [named("what", "difference"), named("first", a), named("second", b)]
        show_table(Table.of(differences, columns), console)
    console.print()
    if cells.empty:
        console.print("no cell and seed in common")
    else:
        columns = [named("cell"), Column("n", "n"), Column("same accuracy", "same"), Column(a, "first", ACCURACY)]
        columns += [Column(b, "second", ACCURACY), Column("difference", "mean", "+.4f"), t_interval("+.4f"), *P_VALUES]
        show_table(Table.of(cells, columns), console)
        console.print(f"\n{cells.same.sum()} of {cells.n.sum()} runs have the same test accuracy in both")
        if (cells.n == 2).any():
            console.print(TWO_SEEDS_NOTE)
    for line in lacking:
        console.print(line, markup=False)
