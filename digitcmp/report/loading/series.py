"""Series over the levels of a numeric setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import NO_SETTING, changed, default, level_name
from digitcmp.report.statistics.estimates import estimate, mean_accuracy

LEAST = 3  # the smallest number of levels of a series
MOST = 12  # the largest number of series in a figure; more are averaged over the other settings
SAME_STEPS = 1.1  # the largest ratio between numbers of steps that count as equal
OUTCOMES = {"batch_size": ("test_acc", "fit_seconds")}  # by setting; that of other settings is test_acc
NO_FACTOR = {"seed", "data_seed"}
COLUMNS = ("factor", "series", "model", "aux", "level", "outcome", "n", "mean", "ci_low", "ci_high")


def series(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each outcome at each level of every numeric setting with three or more levels.

    The cells of a series are equal in all other settings except the learning rate, which belongs to the recipe. For
    batch_size and train_pairs there are also series with an equal number of steps and different epochs. If a setting
    has more than MOST series, those of each network with the most common levels are averaged, for each seed.

    Returns:
        COLUMNS, one row per series, level and outcome: the mean over n seeds with its 95 % t-interval.
    """
    records = runs.drop_duplicates("cell").to_dict("records")
    cells = {record["cell"]: changed(record) | {"lr": to_text(record["lr"])} for record in records}
    labels = {record["cell"]: record["label"] for record in records}
    tables = [pd.DataFrame(columns=list(COLUMNS))]
    for key in sorted({*runs} - {*NO_SETTING, *NO_FACTOR}):
        levels = numeric_levels(records, key)
        if len({*levels.values()}) < LEAST:
            continue
        found = grouped(cells, records, levels, key)
        names = series_names(found, cells, labels, key)
        if len(found) > MOST:
            found, names = by_network(found, levels, labels)
        for name, members in zip(names, found, strict=True):
            ours = runs[runs.cell.isin(members)]
            tables.append(measured(ours.assign(level=ours.cell.map(levels)), key, name))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def numeric_levels(records: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    """Return the level of a setting in each cell, for the cells in which it is a number."""
    levels = {}
    for record in records:
        value = record[key]
        if value is None or value is np.nan or value != value:
            value = default(key, record["model"])
        if isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_):
            levels[record["cell"]] = float(value)
    return levels


def grouped(
    cells: Mapping[str, Mapping[str, str]],
    records: Sequence[Mapping[str, Any]],
    levels: Mapping[str, float],
    key: str,
) -> list[list[str]]:
    """Return the cells of each series of a setting, by level in ascending order."""
    steps = step_classes({r["cell"]: r["epochs"] * -(-r["train_pairs"] // r["batch_size"]) for r in records})
    attempts = [({key, "lr"}, False), ({key}, False)]  # first at any learning rate, then at an equal one
    if key in ("batch_size", "train_pairs"):
        attempts.append(({key, "lr", "epochs"}, True))  # at equal steps
    found: list[list[str]] = []
    for hidden, at_steps in attempts:
        placed = {cell for members in found for cell in members if not at_steps}
        groups: dict[tuple[frozenset[tuple[str, str]], int], list[str]] = {}
        for cell in levels:
            rest = frozenset((name, level) for name, level in cells[cell].items() if name not in hidden)
            groups.setdefault((rest, steps[cell] if at_steps else 0), []).append(cell)
        for members in groups.values():
            members.sort(key=levels.__getitem__)
            if is_series(members, levels) and not placed.intersection(members) and members not in found:
                found.append(members)
    return found


def is_series(members: Sequence[str], levels: Mapping[str, float]) -> bool:
    """Return True if these cells have LEAST or more levels, each in one cell."""
    return len(members) >= LEAST and len({levels[cell] for cell in members}) == len(members)


def step_classes(steps: Mapping[str, int]) -> dict[str, int]:
    """Return a class for each cell by its number of steps. Numbers of steps within SAME_STEPS share a class."""
    numbers, last, before = {}, 0, 0.0
    for cell, n in sorted(steps.items(), key=lambda item: item[1]):
        last += n > SAME_STEPS * before
        numbers[cell], before = last, n
    return numbers


def series_names(
    found: Sequence[Sequence[str]], cells: Mapping[str, Mapping[str, str]], labels: Mapping[str, str], key: str
) -> list[str]:
    """Return the name of each series: its label and the settings in which the series differ."""
    common = []
    for members in found:
        common.append(set.intersection(*({*cells[cell].items()} for cell in members)))
    shared = set.intersection(*common) if common else set()
    hidden = {"model", "aux", "head", key}
    names = []
    for members, settings in zip(found, common, strict=True):
        telling = sorted(item for item in settings - shared if item[0] not in hidden | {"lr"})
        same = [other for other in common if other - rates(other) == settings - rates(settings)]
        if len({frozenset(rates(other)) for other in same}) > 1 and key != "lr":
            telling += sorted(rates(settings))
        parts = [labels[members[0]], ", ".join(level_name(name, level) for name, level in telling)]
        if len({cells[cell].get("epochs") for cell in members}) > 1 and key != "epochs":
            parts.append("at equal steps")
        names.append(" ".join(part for part in parts if part))
    return names


def rates(settings: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the items of the learning rate among some settings."""
    return {item for item in settings if item[0] == "lr"}


def by_network(
    found: Sequence[Sequence[str]], levels: Mapping[str, float], labels: Mapping[str, str]
) -> tuple[list[list[str]], list[str]]:
    """Return the cells of all series of each network that have its most common levels, and a name for each network."""
    by_label: dict[str, dict[tuple[float, ...], list[Sequence[str]]]] = {}
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
