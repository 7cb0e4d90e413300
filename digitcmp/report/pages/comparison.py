"""The comparison of two sweeps: differences in configuration, code and versions, and in the test accuracy."""

import pandas as pd
from rich.console import Console

from digitcmp.report.cells import default
from digitcmp.report.contrasts.accuracy_effects import NUMBERS, accuracies, measured
from digitcmp.report.contrasts.cell_grid import Grid, cell_name
from digitcmp.report.contrasts.planned import INCOMPARABLE, Factor, crossed
from digitcmp.report.formats import ACCURACY, to_text
from digitcmp.report.loader import MADE_WITH
from digitcmp.report.pages.section import P_VALUES, TWO_SEEDS_NOTE, Column, Table, named, t_interval
from digitcmp.report.results import Results


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
    sweeps = {"first": first, "second": second}
    runs = [side.runs.assign(sweep=name, cell=f"{name} " + side.runs.cell) for name, side in sweeps.items()]
    grid = Grid(pd.concat(runs, ignore_index=True))
    before, now = (properties(side, grid.cells[grid.cells.sweep == name]) for name, side in sweeps.items())
    changed = [key for key in before if key in now and before[key] != now[key]]
    hidden = [key for key in changed if key in grid.cells and key not in INCOMPARABLE]  # cells of two tasks never match
    keys = [key for key in grid.cells if key not in (*hidden, "sweep")]
    varied = [key for key in keys if grid.cells[key].nunique() > 1]
    alone = grid.cells.drop_duplicates(keys, keep=False).to_dict("records")
    lacking = [f"only in {sweeps[cell['sweep']].roots[0]}: {cell_name(cell, varied)}" for cell in alone]
    differences = pd.DataFrame([(key, before[key], now[key]) for key in changed], columns=["what", "first", "second"])
    contrasts = list(crossed(grid, grid.cells[[*keys, "sweep"]], Factor("", "sweep", (*sweeps,))))
    plus, minus = accuracies(grid, contrasts)
    table = measured(contrasts, plus - minus).assign(same=(plus == minus).sum(axis=1))
    table["cell"] = [cell_name(grid.levels[contrast.first], varied) for contrast in contrasts]
    table["second"], table["first"] = (pd.DataFrame(side).mean(axis=1) for side in (plus, minus))
    columns = ["cell", "n", "same", "first", "second", *NUMBERS[1:]]
    return differences, table.loc[table.n > 0, columns].reset_index(drop=True), lacking


def properties(side: Results, cells: pd.DataFrame) -> dict[str, str]:
    """Return the settings that have one level in a sweep, and its versions, commits, devices and code, by name.

    Args:
        side: The sweep.
        cells: The levels of its cells.
    """
    runs = side.runs
    single = cells.iloc[0][cells.nunique() == 1].drop("sweep")
    values = {key: level or to_text(default(key, cells.model.iloc[0])) or "null" for key, level in single.items()}
    values |= {key: ", ".join(sorted(runs[key].dropna().unique())) if key in runs else "" for key in MADE_WITH}
    values["code"] = f"{runs.code.notna().sum()} of {len(runs)} recorded" if len(side.code) else "not recorded"
    digests = side.code.groupby("function").digest.unique()
    return values | {f"code of {file}": ", ".join(sorted(several)) for file, several in digests.items()}


def show(first: Results, second: Results, console: Console) -> None:
    """Print the comparison of two sweeps on the terminal."""
    differences, cells, lacking = compare(first, second)
    a, b = str(first.roots[0]), str(second.roots[0])
    if differences.empty:
        console.print("the same configuration, code and versions")
    else:
        Table.of(differences, [named("what", "difference"), named("first", a), named("second", b)]).show(console)
    console.print()
    if cells.empty:
        console.print("no cell and seed in common")
    else:
        columns = [named("cell"), Column("n", "n"), Column("same accuracy", "same"), Column(a, "first", ACCURACY)]
        columns += [Column(b, "second", ACCURACY), Column("difference", "mean", "+.4f"), t_interval("+.4f"), *P_VALUES]
        Table.of(cells, columns).show(console)
        console.print(f"\n{cells.same.sum()} of {cells.n.sum()} runs have the same test accuracy in both")
        if (cells.n == 2).any():
            console.print(TWO_SEEDS_NOTE)
    for line in lacking:
        console.print(line, markup=False)
