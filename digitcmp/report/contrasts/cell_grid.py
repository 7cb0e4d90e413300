"""The grid of cells and seeds, and contrasts as rows of weights over its cells."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.sparse import csr_array

from digitcmp import paper
from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import changed, level_name, settings_in_name
from digitcmp.report.statistics.estimates import Differences

DATA_SET = ("cls", "data_arguments", "data_crc", "side")  # settings that are part of a data set
AMBIGUOUS = "ambiguous: several learning rates for one network"

Levels = dict[str, str]  # the level of each setting, '' for the default
Outcome = Float[np.ndarray, "cell seed"]


class Contrast(NamedTuple):
    """A weighted sum of the outcomes of some cells.

    Attributes:
        family: The family of the effect.
        effect: The name of the effect: 'AL4 − WS3', '(AL4 − WS3) − (AL2 − WS1)'.
        context: The common settings: 'epochs=50,test_pairs=5000'.
        weights: The weights by row of the grid.
        varied: The settings in which the cells differ.
    """

    family: str
    effect: str
    context: str
    weights: Mapping[int, float]
    varied: Sequence[str] = ()

    @property
    def first(self) -> int:
        """The row of the first cell."""
        return next(iter(self.weights))


class Grid:
    """Cells by seeds.

    A condition is a cell without its learning rate, which belongs to the recipe. A condition with one rate is the row
    of its cell. A condition with several rates is a further row without runs, after those of the cells.

    Args:
        runs: One row per finished run, like `run_table`.
        missing: The folders of runs that are not finished.

    Attributes:
        runs: The runs.
        seeds: The seeds, ascending.
        cells: The levels of each cell, one row per cell.
        conditions: The levels of each condition, without `lr`, by row.
        levels: The levels of each row.
        names: The name of the cell of each row, '' for a condition with several rates.
        rates: The row of each cell by its rate, by the row of its condition.
        rows: The row of each condition by its levels.
        finished: The finished runs, (row, seed).
        planned: The runs that are finished or planned, (row, seed).
        repeated: The rows with several runs of one seed, (row,).
    """

    def __init__(self, runs: pd.DataFrame, missing: Iterable[Path] = ()) -> None:
        records: dict[str, Any] = {run["cell"]: run for run in runs.drop_duplicates("cell").to_dict("records")}
        unfinished = []
        for folder in missing:
            if folder.parent.name.startswith("model="):
                named = settings_in_name(folder)
                records.setdefault(folder.parent.name, named)  # a name may abbreviate settings
                unfinished.append((folder.parent.name, named["seed"]))
        table = settings_table(records)
        self.runs = runs
        row = table.groupby(list(table), sort=False).ngroup()
        self.cells = table.drop_duplicates().set_axis(range(row.max() + 1))
        self.varied = [key for key in self.cells if self.cells[key].nunique() > 1]
        self.set_conditions()
        names = dict(zip(row.to_numpy()[::-1], row.index[::-1], strict=True))
        self.names = [names.get(i, "") for i in range(len(self.levels))]

        self.seeds = np.unique([*runs.seed, *(seed for _, seed in unfinished)])
        self.place = row[runs.cell].to_numpy(), np.searchsorted(self.seeds, runs.seed)
        count = np.zeros((len(self.levels), len(self.seeds)), int)
        np.add.at(count, self.place, 1)
        self.finished: np.ndarray = count.astype(bool)
        self.repeated = np.any(count > 1, axis=1)
        self.planned = self.finished.copy()
        for name, seed in unfinished:
            self.planned[row[name], np.searchsorted(self.seeds, seed)] = True

    def set_conditions(self) -> None:
        """Set `conditions`, `levels`, `rates` and `rows` from `cells`."""
        rest = self.cells.drop(columns="lr")
        number = rest.groupby(list(rest), sort=False).ngroup()
        several = number[number.duplicated()].unique()
        added = {condition: len(rest) + i for i, condition in enumerate(several)}
        rows = [added.get(condition, row) for row, condition in number.items()]
        conditions = rest.set_axis(rows)
        self.conditions = conditions[~conditions.index.duplicated()]
        self.levels: list[Levels] = [*self.cells.to_dict("records")]
        self.levels += [self.conditions.loc[row].to_dict() for row in added.values()]
        self.rates: dict[int, dict[str, int]] = {}
        for row, condition in zip(rest.index, rows, strict=True):
            self.rates.setdefault(condition, {})[self.cells.lr[row]] = row
        levels = self.conditions.itertuples(index=False, name=None)
        self.rows: dict[tuple[str, ...], int] = dict(zip(levels, self.conditions.index, strict=True))

    def row(self, levels: Mapping[str, str]) -> int:
        """Return the row of the condition with these levels. If it was never planned, add a row without runs."""
        key = tuple(levels[name] for name in self.conditions)
        if key not in self.rows:
            self.rows[key] = len(self.levels)
            self.levels.append(dict(zip(self.conditions, key, strict=True)))
            self.names.append("")
            none = np.zeros((1, len(self.seeds)), bool)
            self.finished, self.planned = np.vstack([self.finished, none]), np.vstack([self.planned, none])
            self.repeated = np.append(self.repeated, False)
        return self.rows[key]

    def outcome(self, values: pd.Series) -> Outcome:
        """Return an outcome, one value per run, as an array of rows and seeds, nan without a run."""
        y = np.full(self.finished.shape, np.nan)
        y[self.place] = values
        return y

    def matrix(self, contrasts: Sequence[Contrast]) -> csr_array:
        """Return the weights of some contrasts, (contrast, row)."""
        rows = [i for i, contrast in enumerate(contrasts) for _ in contrast.weights]
        cells = [cell for contrast in contrasts for cell in contrast.weights]
        weights = [weight for contrast in contrasts for weight in contrast.weights.values()]
        return csr_array((weights, (rows, cells)), shape=(len(contrasts), len(self.levels)))

    def contrast(self, family: str, weights: Mapping[int, float], varied: Sequence[str]) -> Contrast:
        """Return the contrast of two cells, or of two such differences, with its name and context."""
        names = [cell_name(self.levels[row], varied) for row in weights]
        if len(names) == 2:
            effect = f"{names[0]} − {names[1]}"
        else:
            effect = f"({names[0]} − {names[2]}) − ({names[1]} − {names[3]})"
        return Contrast(family, effect, self.context(weights, varied), weights, varied)

    def context(self, weights: Mapping[int, float], hidden: Iterable[str]) -> str:
        """Return the settings of the first cell that are not at their default, without the hidden ones."""
        left_out = {"model", "aux", "lr", *hidden}
        levels = sorted(self.levels[next(iter(weights))].items())
        return ",".join(f"{key}={level}" for key, level in levels if level and key not in left_out)

    def refused(self, contrasts: Sequence[Contrast], least: int = 2) -> list[str | None]:
        """Return why each contrast cannot be paired over `least` or more seeds, None if it can."""
        unfinished = (self.planned & ~self.finished).any(axis=1) | ~self.finished.any(axis=1)
        complete = ~(unfinished | self.repeated)
        reasons: list[str | None] = []
        for contrast in contrasts:
            rows = list(contrast.weights)
            same = complete[rows].all() and (self.finished[rows] == self.finished[rows[0]]).all()
            n = self.finished[rows[0]].sum()
            few = f"n = {n}: an interval needs at least {least} seeds" if n < least else None
            reasons.append(few if same else self.reason(rows))
        return reasons

    def reason(self, rows: Sequence[int]) -> str:
        """Return why cells cannot be paired by seed."""
        names = {}
        for row in rows:
            at_rate = row < len(self.cells) and row not in self.rates  # one of several rates of a condition
            varied = [key for key in self.varied if key != "lr" or at_rate]
            names[cell_name(self.levels[row], varied)] = row
        by_seeds: dict[tuple[int, ...], list[str]] = {}
        for name in sorted(names):  # so that the same reason has the same text
            row = names[name]
            if len(self.rates.get(row, ())) > 1:
                return AMBIGUOUS
            if not self.finished[row].any():
                return f"missing runs: no run of {name} is finished"
            if self.repeated[row]:
                return f"ambiguous: several cells are {name}"
            lacking = ", ".join(f"seed={seed}" for seed in self.seeds[self.planned[row] & ~self.finished[row]])
            if lacking:
                return f"missing runs: {name} lacks {lacking}"
            by_seeds.setdefault(tuple(self.seeds[self.finished[row]]), []).append(name)
        texts = []
        for seeds, (name, *more) in by_seeds.items():
            who = f"{name} and {len(more)} more have" if more else f"{name} has"
            texts.append(f"{who} {' '.join(map(str, seeds))}")
        return f"different seeds: {', '.join(texts)}"


def settings_table(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the levels of each cell, '' for the default, with the columns `model aux head ... lr`.

    Each data set is one level of `dataset`, even if several settings define it: files of the same name are
    distinguished by their checksum, and a setting in DATA_SET is dropped if it has one level in each data set.

    Args:
        records: The settings of each cell, by its name.
    """
    rows = [changed(record) | {"lr": to_text(record["lr"])} for record in records.values()]
    first, last = ["model", "aux", "head"], ["lr"]
    keys = [*first, *sorted({key for row in rows for key in row} - {*first, *last}), *last]
    table = pd.DataFrame([{key: row.get(key, "") for key in keys} for row in rows], index=list(records))
    if "dataset" not in table:
        return table
    if "data_crc" in table:
        several = table.groupby("dataset").data_crc.transform("nunique") > 1
        table["dataset"] = table.dataset.where(~several, table.dataset + " " + table.data_crc)
    datasets = table.groupby("dataset")
    if len(datasets) == 1:
        return table
    return table.drop(columns=[key for key in DATA_SET if key in table and datasets[key].nunique().max() == 1])


def groups(cells: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield the cells with the same levels of some settings, in the order of their first members."""
    if not keys:
        yield (), cells
    elif len(cells):
        yield from cells.groupby(list(keys), sort=False)


def network(levels: Mapping[str, str]) -> tuple[str, bool]:
    """Return the model of a cell, and True if it is trained with the auxiliary loss."""
    return levels["model"], levels["aux"] == "true"


def changed_levels(levels: Mapping[str, str]) -> Levels:
    """Return the settings that are not at their default, without model, aux and lr."""
    return {key: level for key, level in levels.items() if level and key not in ("model", "aux", "lr")}


def cell_name(levels: Mapping[str, str], varied: Iterable[str]) -> str:
    """Return the name of a cell from its network and the settings among `varied`: 'AL4+ordinal augment'."""
    varied = list(varied)
    names = [paper.label(*network(levels), (levels["head"] if "head" in varied else "") or "mlp")]
    names += [level_name(key, levels[key]) for key in varied if key not in ("model", "aux", "head")]
    return " ".join(filter(None, names))


def applied(weights: csr_array, y: Outcome) -> Differences:
    """Return weights @ y, (contrast, seed). Only cells with a weight make a sum nan (no run) or inf (never reached)."""
    used = (weights != 0).astype(float)
    total = weights @ np.where(np.isfinite(y), y, 0)
    total[used @ np.isinf(y) > 0] = np.inf
    total[used @ np.isnan(y) > 0] = np.nan
    return total


def sides(weights: csr_array, y: Outcome) -> tuple[Differences, Differences]:
    """Return the positive and the negative part of each contrast by seed. The contrast is their difference."""
    return applied(weights.maximum(0), y), applied((-weights).maximum(0), y)
