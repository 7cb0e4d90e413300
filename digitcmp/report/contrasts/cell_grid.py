"""The grid of cells and seeds, and contrasts as rows of weights over its cells."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.sparse import csr_array

from digitcmp import paper
from digitcmp.report.cells import changed, changed_levels, level_name, settings_in_name
from digitcmp.report.estimates import Differences
from digitcmp.report.formats import to_text

DATA_SET = ("cls", "data_arguments", "data_crc", "side")  # settings that are part of a data set
AMBIGUOUS = "ambiguous: several learning rates for one network"

Levels = dict[str, str]  # the level of each setting, '' for the default
Outcome = Float[np.ndarray, "cell seed"]
Sides = tuple[Differences, Differences]  # the positive and the negative part of contrasts by seed


class Contrast(NamedTuple):
    """A weighted sum of the outcomes of some cells."""

    family: str
    effect: str  # the name: 'AL4 − WS3', '(AL4 − WS3) − (AL2 − WS1)'
    context: str  # the common settings: 'epochs=50,test_pairs=5000'
    weights: Mapping[int, float]  # by row of the grid

    @property
    def first(self) -> int:
        """The row of the first cell."""
        return next(iter(self.weights))


class Grid:
    """Cells by seeds.

    A condition is a cell without its learning rate, which belongs to the recipe. A condition with one rate is the row
    of its cell. A condition with several rates is a further row without runs, after those of the cells.

    Attributes:
        runs: One row per finished run, like `run_table`.
        seeds: The seeds, ascending.
        cells: The levels of each cell, one row per cell. `names` are the names of the cells.
        conditions: The levels of each condition, without `lr`, by row. `condition` is the row of that of each cell.
        levels: The levels of each row.
        varied: The settings with several levels.
        finished: The finished runs, (row, seed). `planned` also has those that are not finished.
        repeated: The rows with several runs of one seed, (row,).
    """

    def __init__(self, runs: pd.DataFrame, missing: Iterable[Path] = ()) -> None:
        """Arrange finished runs, and the folders of runs that are not finished."""
        records: dict[str, Any] = {run["cell"]: run for run in runs.drop_duplicates("cell").to_dict("records")}
        names, seeds = [*runs.cell], [*runs.seed]
        for folder in missing:
            if folder.parent.name.startswith("model="):
                named = settings_in_name(folder)
                records.setdefault(folder.parent.name, named)  # a name may abbreviate settings
                names.append(folder.parent.name)
                seeds.append(named["seed"])
        table = settings_table(records)
        row = table.groupby(list(table), sort=False).ngroup()
        self.runs = runs
        self.cells = table.drop_duplicates().reset_index(drop=True)
        self.names = list(row.drop_duplicates().index)
        self.varied = [key for key in self.cells if self.cells[key].nunique() > 1]

        rest = self.cells.drop(columns="lr")
        number = rest.groupby(list(rest), sort=False).ngroup()
        conditions = rest.set_axis(np.where(number.duplicated(keep=False), len(rest) + number, rest.index))
        self.condition = conditions.index
        self.conditions = conditions[~conditions.index.duplicated()]
        self.levels: dict[int, Levels] = self.conditions.to_dict("index") | self.cells.to_dict("index")

        self.seeds, column = np.unique(seeds, return_inverse=True)
        place = row[names].to_numpy(), column
        self.planned = np.zeros((max(self.levels) + 1, len(self.seeds)), bool)
        self.planned[place] = True
        self.place = place[0][: len(runs)], place[1][: len(runs)]
        count = np.zeros(self.planned.shape, int)
        np.add.at(count, self.place, 1)
        self.finished: np.ndarray = count > 0
        self.repeated = np.any(count > 1, axis=1)

    def outcome(self, values: pd.Series) -> Outcome:
        """Return an outcome, one value per run, as an array of rows and seeds, nan without a run."""
        y = np.full(self.finished.shape, np.nan)
        y[self.place] = values
        return y

    def matrix(self, contrasts: Sequence[Contrast]) -> csr_array:
        """Return the weights of some contrasts, (contrast, row)."""
        pairs = [(i, row) for i, contrast in enumerate(contrasts) for row in contrast.weights]
        weights = [weight for contrast in contrasts for weight in contrast.weights.values()]
        shape = len(contrasts), len(self.finished)
        return csr_array((weights, np.array(pairs, int).reshape(-1, 2).T), shape=shape)

    def refused(self, contrasts: Sequence[Contrast], least: int = 2) -> pd.Series:
        """Return why each contrast cannot be paired over `least` or more seeds, None if it can."""
        names, seeds, lacking = {}, {}, {}
        for row, levels in self.levels.items():
            at_rate = row not in self.conditions.index  # one of several rates of a condition
            names[row] = cell_name(levels, [key for key in self.varied if key != "lr" or at_rate])
            seeds[row] = tuple(self.seeds[self.finished[row]].tolist())
            lacking[row] = self.lacking(row, names[row])
        reasons = []
        for contrast in contrasts:
            rows = sorted(contrast.weights, key=names.__getitem__)  # so that the same reason has the same text
            reason = next((lacking[row] for row in rows if lacking[row]), None)
            reasons.append(reason or unpaired([names[row] for row in rows], [seeds[row] for row in rows], least))
        return pd.Series(reasons, dtype=object)

    def lacking(self, row: int, name: str) -> str | None:
        """Return why a row, by its name in the reason, cannot be paired with any other. None if it can."""
        if row >= len(self.cells):
            return AMBIGUOUS
        if self.repeated[row]:
            return f"ambiguous: several cells are {name}"
        seeds = self.seeds[self.planned[row] & ~self.finished[row]]
        return f"missing runs: {name} lacks {', '.join(f'seed={seed}' for seed in seeds)}" if len(seeds) else None


def unpaired(names: Sequence[str], seeds: Sequence[tuple[int, ...]], least: int) -> str | None:
    """Return why some cells, by their names and seeds, cannot be paired, None if they can."""
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for name, of_cell in zip(names, seeds, strict=True):
        by_seeds.setdefault(of_cell, []).append(name)
    if len(by_seeds) > 1:
        texts = []
        for of_cells, (name, *more) in by_seeds.items():
            who = f"{name} and {len(more)} more have" if more else f"{name} has"
            texts.append(f"{who} {' '.join(map(str, of_cells))}")
        return f"different seeds: {', '.join(texts)}"
    return f"n = {len(seeds[0])}: an interval needs at least {least} seeds" if len(seeds[0]) < least else None


def settings_table(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the levels of each cell from its settings, '' for the default, with the columns `model aux head ... lr`.

    Each data set is one level of `dataset`, even if several settings define it: files of the same name are
    distinguished by their checksum, and a setting in DATA_SET is dropped if it has one level in each data set.
    """
    rows = [changed(record) | {"lr": to_text(record["lr"])} for record in records.values()]
    table = pd.DataFrame(rows, index=list(records)).fillna("")
    others = sorted({*table} - {"model", "aux", "head", "lr"})
    table = table.reindex(columns=["model", "aux", "head", *others, "lr"], fill_value="")
    if "dataset" not in table:
        return table
    if "data_crc" in table:
        several = table.groupby("dataset").data_crc.transform("nunique") > 1
        table["dataset"] = table.dataset.where(~several, table.dataset + " " + table.data_crc)
    datasets = table.groupby("dataset")
    if len(datasets) == 1:
        return table
    return table.drop(columns=[key for key in DATA_SET if key in table and datasets[key].nunique().max() == 1])


def network(levels: Mapping[str, str]) -> tuple[str, bool]:
    """Return the model of a cell, and True if it is trained with the auxiliary loss."""
    return levels["model"], levels["aux"] == "true"


def cell_context(levels: Mapping[str, str], hidden: Sequence[str] = ()) -> str:
    """Return the changed settings of a cell without the hidden ones: 'epochs=50,test_pairs=5000'."""
    settings = sorted(changed_levels(levels).items())
    return ",".join(f"{key}={level}" for key, level in settings if key not in hidden)


def cell_name(levels: Mapping[str, str], varied: Sequence[str]) -> str:
    """Return the name of a cell from its network and the settings among `varied`: 'AL4+ordinal augment'."""
    head = levels["head"] if "head" in varied else ""
    names = [paper.label(*network(levels), head or "mlp")]
    names += [level_name(key, levels[key]) for key in varied if key not in ("model", "aux", "head")]
    return " ".join(filter(None, names))


def applied(weights: csr_array, y: Outcome) -> Differences:
    """Return weights @ y, (contrast, seed). Only cells with a weight make a sum nan (no run) or inf (never reached)."""
    used = (weights != 0).astype(float)
    total = weights @ np.where(np.isfinite(y), y, 0)
    total[used @ np.isinf(y) > 0] = np.inf
    total[used @ np.isnan(y) > 0] = np.nan
    return total


def sides(weights: csr_array, y: Outcome) -> Sides:
    """Return both parts of contrasts. The contrast is their difference."""
    return applied(weights.maximum(0), y), applied((-weights).maximum(0), y)
