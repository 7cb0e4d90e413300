"""The section on numeric settings: means over their levels, a figure for each setting."""

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp.report.cells import default, literal, titles
from digitcmp.report.contrasts.cell_grid import Contrast, Grid, applied
from digitcmp.report.estimates import estimate, mean_accuracy
from digitcmp.report.figures import PAGE, Palette, draw_series, palette, shaded
from digitcmp.report.formats import seeds
from digitcmp.report.loader import TEXTS
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results

LEAST_LEVELS = 3  # the smallest number of levels of a series
MOST_SERIES = 12  # the largest number of series in a figure; more are averaged over the other settings
SAME_STEPS = 1.1  # the largest ratio between numbers of steps that count as equal
OUTCOMES_BY_SETTING = {"batch_size": ("test_acc", "fit_seconds")}  # that of other settings is test_acc
NO_LEVELS = {"data_seed"}  # numeric settings without an order
FIGURE = (
    "Means by {}. The cells of a line have all other settings in common except the learning rate. If there are many "
    "such lines, each line is a mean over the other settings. Dashed lines and open marks are with the auxiliary loss. "
    "An interval may extend below the axis."
)
NAMES = {"lr": "learning rate", "test_acc": "test accuracy", "fit_seconds": "seconds of training per run"}

NumericLevels = dict[int, float]  # the level of a setting by the row of the grid
Rows = list[int]  # the cells of a series, by level in ascending order


def parts(results: Results) -> Iterator[Part]:
    """Yield a figure for each setting with a series of levels."""
    for factor, rows in series(results.runs).groupby("factor"):
        draw_factor = partial(draw, str(factor), rows, palette(results.cells.model))
        yield Figure(f"levels_{factor}", FIGURE.format(factor), draw_factor)


def series(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each outcome at each level of every numeric setting with three or more levels.

    The cells of a series are equal in all other settings except the learning rate, which belongs to the recipe. For
    batch_size and train_pairs there are also series with an equal number of steps and different epochs. If a setting
    has more than MOST_SERIES, those of each network with the most common levels are averaged, for each seed.

    Returns:
        `factor series model aux level outcome n mean ci_low ci_high`, one row per series, level and outcome: the mean
        over n seeds with its 95 % t-interval.
    """
    grid = Grid(runs)
    cells = grid.cells[~grid.repeated[: len(grid.cells)]]  # the others have several runs of one seed
    first = runs.drop_duplicates("cell").set_index("cell").loc[grid.names[: len(grid.cells)]].reset_index()
    steps = step_classes(first.epochs * -(-first.train_pairs // first.batch_size))
    tables = []
    for key in sorted({*cells} - TEXTS - NO_LEVELS):
        levels = numeric_levels(cells, key)
        if len({*levels.values()}) < LEAST_LEVELS:
            continue
        lines = grouped(cells.loc[list(levels)], levels, steps, key)
        names = series_names(lines, cells, first.label, key) if lines else []
        if len(lines) > MOST_SERIES:
            lines, names = by_network(lines, levels, first.label)
        for name, rows in zip(names, lines, strict=True):
            cell, means = first.loc[rows[0]], level_means(grid, rows, levels, key)
            tables.append(means.assign(factor=key, series=name, model=cell.model, aux=bool(cell.aux)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["factor"])


def numeric_levels(cells: pd.DataFrame, key: str) -> NumericLevels:
    """Return the level of a setting in each cell, for the cells in which it is a number."""
    levels = {}
    for row, level, model in zip(cells.index, cells[key], cells.model, strict=True):
        value = literal(level) if level else default(key, model)
        if isinstance(value, int | float) and not isinstance(value, bool):
            levels[row] = float(value)
    return levels


def step_classes(steps: pd.Series) -> pd.Series:
    """Return a class for each cell by its number of steps. Numbers of steps within SAME_STEPS share a class."""
    ordered = steps.sort_values(kind="stable")
    return (ordered > SAME_STEPS * ordered.shift(fill_value=0)).cumsum()


def grouped(settings: pd.DataFrame, levels: NumericLevels, steps: pd.Series, key: str) -> list[Rows]:
    """Return the cells of each series of the setting `key`.

    Args:
        settings: The settings of each cell that has a level, as text.
        levels: The levels.
        steps: The class of each cell by its number of steps.
    """
    others = settings.drop(columns=key)
    recipes = others.drop(columns="lr", errors="ignore")
    lines = equal_cells(recipes, levels)
    placed = {row for rows in lines for row in rows}
    lines += [rows for rows in equal_cells(others, levels) if placed.isdisjoint(rows)]  # at an equal rate
    if key in ("batch_size", "train_pairs"):
        at_steps = recipes.drop(columns="epochs", errors="ignore").assign(steps=steps)
        lines += [rows for rows in equal_cells(at_steps, levels) if rows not in lines]
    return lines


def equal_cells(settings: pd.DataFrame, levels: NumericLevels) -> list[Rows]:
    """Return the groups of cells with equal settings that have LEAST_LEVELS or more levels, each in one cell."""
    lines = [sorted(cells.index, key=levels.__getitem__) for _, cells in settings.groupby(list(settings), sort=False)]
    return [rows for rows in lines if len(rows) >= LEAST_LEVELS and len({levels[row] for row in rows}) == len(rows)]


def series_names(lines: Sequence[Rows], settings: pd.DataFrame, labels: pd.Series, key: str) -> list[str]:
    """Return the name of each series, its title by the settings that its cells have in common."""
    shared, at_steps = [], []
    for rows in lines:
        cells = settings.loc[rows]
        shared.append({name: level for name, level in cells.iloc[0].items() if level and cells[name].nunique() == 1})
        at_steps.append(key != "epochs" and "epochs" in cells and cells.epochs.nunique() > 1)
    rates = [levels.pop("lr", "") for levels in shared]
    names = titles([labels[rows[0]] for rows in lines], [key] * len(lines), shared, rates)
    return [f"{name} at equal steps" if steps else name for name, steps in zip(names, at_steps, strict=True)]


def by_network(lines: Sequence[Rows], levels: NumericLevels, labels: pd.Series) -> tuple[list[Rows], list[str]]:
    """Return the cells of all series of each network that have its most common levels, and a name for each network."""
    by_label: dict[str, dict[tuple[float, ...], list[Rows]]] = {}
    for rows in lines:
        at = tuple(levels[row] for row in rows)
        by_label.setdefault(labels[rows[0]], {}).setdefault(at, []).append(rows)
    several = {label: max(by_levels.values(), key=len) for label, by_levels in by_label.items()}
    names = [f"{label}, mean of {len(all_)}" if len(all_) > 1 else label for label, all_ in several.items()]
    return [list(dict.fromkeys(itertools.chain(*all_))) for all_ in several.values()], names


def level_means(grid: Grid, rows: Rows, levels: NumericLevels, key: str) -> pd.DataFrame:
    """Return a row for each level and outcome of a series, averaged over the cells of a level for each seed.

    The mean over a level is a contrast of its cells. A seed that one of them lacks is left out.
    """
    by_level: dict[float, Rows] = {}
    for row in rows:
        by_level.setdefault(levels[row], []).append(row)
    contrasts = [Contrast(key, "", "", dict.fromkeys(cells, 1 / len(cells))) for _, cells in sorted(by_level.items())]
    tables = []
    for outcome in OUTCOMES_BY_SETTING.get(key, ("test_acc",)):
        y = applied(grid.matrix(contrasts), grid.outcome(grid.runs[outcome].astype(float)))
        means = estimate(y) if outcome == "fit_seconds" else mean_accuracy(y)
        tables.append(means.assign(level=sorted(by_level), outcome=outcome))
    return pd.concat(tables)


def draw(factor: str, table: pd.DataFrame, colours: Palette) -> Drawing:
    """Draw the series of one setting, one panel per outcome."""
    lines = shaded(table, "series", colours)
    outcomes, hollow = table.outcome.unique(), {*table.series[table.aux]}
    columns = max(1, min(4, int(100 / (8 + max(map(len, lines))))))
    figure = Drawing(figsize=(PAGE, 2.9 + 0.15 * math.ceil(len(lines) / columns)))
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for axes, outcome in zip(panels, outcomes, strict=True):
        form = ".4f" if outcome == "test_acc" else ".3g"
        draw_series(axes, table[table.outcome == outcome], lines, hollow, factor, form)
        axes.set_xlabel(NAMES.get(factor, factor))
        axes.set_ylabel(NAMES[outcome])
        if outcome == "fit_seconds":
            axes.set_ylim(bottom=0)
    figure.suptitle(f"mean and 95 % interval, {seeds(table.n)}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return figure
