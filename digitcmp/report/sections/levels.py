"""The section on numeric settings: means over their levels, a figure for each setting."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from digitcmp.report.figures import PAGE, Palette, draw_series, palette, shaded
from digitcmp.report.formats import seeds, to_text
from digitcmp.report.loading.settings import NO_SETTING, changed, default, level_name
from digitcmp.report.pages.section import Figure, Part
from digitcmp.report.results import Results
from digitcmp.report.statistics.estimates import estimate, mean_accuracy

LEAST = 3  # the smallest number of levels of a series
MOST = 12  # the largest number of series in a figure; more are averaged over the other settings
SAME_STEPS = 1.1  # the largest ratio between numbers of steps that count as equal
OUTCOMES = {"batch_size": ("test_acc", "fit_seconds")}  # by setting; that of other settings is test_acc
NO_FACTOR = {"seed", "data_seed"}
COLUMNS = ("factor", "series", "model", "aux", "level", "outcome", "n", "mean", "ci_low", "ci_high")
FIGURE = (
    "Means by {}. The cells of a line have all other settings in common except the learning rate. If there are many "
    "such lines, each line is a mean over the other settings. Dashed lines and open marks are with the auxiliary loss. "
    "An interval may extend below the axis."
)
NAMES = {"lr": "learning rate", "test_acc": "test accuracy", "fit_seconds": "seconds of training per run"}

Levels = Mapping[str, float]  # the level of each cell, by its name
Members = list[str]  # the cells of a series, by level in ascending order


def parts(results: Results) -> Iterator[Part]:
    """Yield a figure for each setting with a series of levels."""
    for factor, rows in series(results.runs).groupby("factor"):
        yield Figure(
            f"levels_{factor}", FIGURE.format(factor), partial(draw, str(factor), rows, palette(results.cells.model))
        )


def series(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each outcome at each level of every numeric setting with three or more levels.

    The cells of a series are equal in all other settings except the learning rate, which belongs to the recipe. For
    batch_size and train_pairs there are also series with an equal number of steps and different epochs. If a setting
    has more than MOST series, those of each network with the most common levels are averaged, for each seed.

    Returns:
        COLUMNS, one row per series, level and outcome: the mean over n seeds with its 95 % t-interval.
    """
    records = {run["cell"]: run for run in runs.drop_duplicates("cell").to_dict("records")}
    rows = [changed(record) | {"lr": to_text(record["lr"])} for record in records.values()]
    settings = pd.DataFrame(rows, index=list(records)).fillna("").sort_index(axis=1)  # '' for the default
    labels = {cell: record["label"] for cell, record in records.items()}
    steps = {cell: run["epochs"] * -(-run["train_pairs"] // run["batch_size"]) for cell, run in records.items()}
    tables = []
    for key in sorted({*runs} - {*NO_SETTING, *NO_FACTOR}):
        levels = numeric_levels(records, key)
        if len({*levels.values()}) < LEAST:
            continue
        found = grouped(settings.loc[list(levels)], levels, step_classes(steps), key)
        names = series_names(found, settings, labels, key) if found else []
        if len(found) > MOST:
            found, names = by_network(found, levels, labels)
        for name, members in zip(names, found, strict=True):
            ours = runs[runs.cell.isin(members)]
            tables.append(measured(ours.assign(level=ours.cell.map(levels)), key, name))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def numeric_levels(records: Mapping[str, Mapping[str, Any]], key: str) -> Levels:
    """Return the level of a setting in each cell, for the cells in which it is a number."""
    levels = {}
    for cell, record in records.items():
        value = record[key]
        if value is None or value != value:
            value = default(key, record["model"])
        if isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_):
            levels[cell] = float(value)
    return levels


def step_classes(steps: Mapping[str, int]) -> dict[str, int]:
    """Return a class for each cell by its number of steps. Numbers of steps within SAME_STEPS share a class."""
    ordered = pd.Series(steps).sort_values(kind="stable")
    return (ordered > SAME_STEPS * ordered.shift(fill_value=0)).cumsum().to_dict()


def grouped(settings: pd.DataFrame, levels: Levels, steps: Mapping[str, int], key: str) -> list[Members]:
    """Return the cells of each series of a setting.

    Args:
        settings: The settings of each cell that has a level, as text.
        levels: The levels.
        steps: The class of each cell by its number of steps.
        key: The setting.
    """
    others = settings.drop(columns=key, errors="ignore")
    recipes = others.drop(columns="lr", errors="ignore")
    found = equal_cells(recipes, levels)
    placed = {cell for members in found for cell in members}
    found += [members for members in equal_cells(others, levels) if placed.isdisjoint(members)]  # at an equal rate
    if key in ("batch_size", "train_pairs"):
        at_steps = recipes.drop(columns="epochs", errors="ignore").assign(steps=recipes.index.map(steps))
        found += [members for members in equal_cells(at_steps, levels) if members not in found]
    return found


def equal_cells(settings: pd.DataFrame, levels: Levels) -> list[Members]:
    """Return the groups of cells with equal settings that have LEAST or more levels, each in one cell."""
    groups = [sorted(cells.index, key=levels.__getitem__) for _, cells in settings.groupby(list(settings), sort=False)]
    return [cells for cells in groups if len(cells) >= LEAST and len({levels[cell] for cell in cells}) == len(cells)]


def series_names(found: Sequence[Members], settings: pd.DataFrame, labels: Mapping[str, str], key: str) -> list[str]:
    """Return the name of each series: its label and the settings in which the series differ."""
    rows = []
    for members in found:
        cells = settings.loc[members]
        rows.append(cells.iloc[0].where(cells.nunique() == 1, ""))
    common = pd.DataFrame(rows).reset_index(drop=True)
    rates = common.groupby(list(common.columns.drop("lr")), sort=False).lr.transform("nunique")
    telling = common.loc[:, common.nunique() > 1].drop(columns=["model", "aux", "head", "lr"], errors="ignore")
    names = []
    for i, members in enumerate(found):
        differing = [level_name(name, level) for name, level in telling.loc[i].items() if level]
        if rates[i] > 1 and common.lr[i]:
            differing.append(level_name("lr", common.lr[i]))
        parts = [labels[members[0]], ", ".join(differing)]
        if key != "epochs" and "epochs" in settings and settings.epochs[members].nunique() > 1:
            parts.append("at equal steps")
        names.append(" ".join(filter(None, parts)))
    return names


def by_network(found: Sequence[Members], levels: Levels, labels: Mapping[str, str]) -> tuple[list[Members], list[str]]:
    """Return the cells of all series of each network that have its most common levels, and a name for each network."""
    by_label: dict[str, dict[tuple[float, ...], list[Members]]] = {}
    for members in found:
        at = tuple(levels[cell] for cell in members)
        by_label.setdefault(labels[members[0]], {}).setdefault(at, []).append(members)
    several = {label: max(by_levels.values(), key=len) for label, by_levels in by_label.items()}
    names = [f"{label}, mean of {len(all_)}" if len(all_) > 1 else label for label, all_ in several.items()]
    return [list(dict.fromkeys(cell for members in all_ for cell in members)) for all_ in several.values()], names


def measured(runs: pd.DataFrame, key: str, name: str) -> pd.DataFrame:
    """Return a row for each level and outcome of some cells, averaged over the cells of a level for each seed.

    Args:
        runs: The runs, with the column `level`. A seed that some of them lack is left out if several are averaged.
        key: The setting.
        name: The name of the series.
    """
    counts = runs.groupby("seed").size()
    if runs.duplicated(["level", "seed"]).any():
        runs = runs[runs.seed.isin(counts.index[counts == counts.max()])]
    tables = []
    for outcome in OUTCOMES.get(key, ("test_acc",)):
        y = runs.astype({outcome: float}).pivot_table(outcome, "level", "seed")
        means = estimate(y.to_numpy()) if outcome == "fit_seconds" else mean_accuracy(y.to_numpy())
        first = {"factor": key, "series": name, "model": runs.model.iloc[0], "aux": bool(runs.aux.iloc[0])}
        tables.append(means.assign(**first, level=y.index, outcome=outcome)[list(COLUMNS)])
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
