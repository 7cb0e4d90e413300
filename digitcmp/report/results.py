"""The runs of some folders, and the tables that several sections of a report share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import pandas as pd

from digitcmp.errors import ConfigError, RunError, first_few
from digitcmp.report import loader
from digitcmp.report.cells import cell_table, changed, selected_rates
from digitcmp.report.contrasts import accuracy_effects
from digitcmp.report.contrasts.cell_grid import Contrast, Grid
from digitcmp.report.contrasts.planned import ORDERS, question_names
from digitcmp.report.loader import read_csv
from digitcmp.report.rule import collapsed
from digitcmp.runs.folder import METRICS
from digitcmp.runs.result import SCORES
from digitcmp.runs.table import curve_table


@dataclass(frozen=True)
class Results:
    """The runs of a report. Tables are computed on first use.

    Attributes:
        roots: The folders of the runs.
        runs: One row per finished run, like `run_table`, without duplicates, in the paper's order.
        missing: The folders of runs that are not finished.
        archives: The folders of reports whose CSV files were read because their runs were deleted.
        warnings: Warnings about the origin of the runs.
        code: The files of each fingerprint in the column `code` of `runs`, with their digests: `loader.CODE`.
        answers: The answers of each run to its test pairs, None if they were not requested.
    """

    roots: Sequence[Path]
    runs: pd.DataFrame
    missing: Sequence[Path] = ()
    archives: Sequence[Path] = ()
    warnings: Sequence[str] = ()
    code: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=loader.CODE))
    answers: pd.DataFrame | None = None

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Results:
        """Read the runs of some folders. A folder without a finished run is read from the CSV files of its report.

        Duplicate runs are used once. Different results of the same configuration and seed give a warning.

        Raises:
            RunError: A path is not a folder, no run is finished, or a runs.csv is not that of a report.
        """
        for folder in folders:
            if not folder.is_dir():
                raise RunError(f"{folder} is not a folder; a folder of runs is expected")
        roots = [loader.sweep_folder(folder) for folder in folders]
        tables, codes, sources = zip(*map(loader.read_source, roots), strict=True)
        table = pd.concat(tables, ignore_index=True)
        if table.empty:
            raise RunError(f"{', '.join(map(str, roots))}: no finished run; a folder of runs is expected")
        missing = loader.missing_folders(roots, table)
        table, warnings = loader.drop_repeated(loader.fill_defaults(table).astype(dict.fromkeys(SCORES, float)))
        code = pd.concat(codes).drop_duplicates(["code", "function"]).sort_values("code", kind="stable")
        code = code[code.code.isin(table.get("code", code.code))].reset_index(drop=True)
        warnings += loader.origin_warnings(table, code)
        table = loader.sort_runs(table)
        archives = [archive for archive in sources if archive]
        return cls(roots, table, missing, archives, warnings, code)

    @cached_property
    def changed_settings(self) -> list[dict[str, str]]:
        """The settings of each cell that are not at their default, as text, without the learning rate."""
        return [changed(run) for run in self.runs.drop_duplicates("cell").to_dict("records")]

    @cached_property
    def collapsed(self) -> pd.Series:
        """The collapsed runs as booleans, one per run: `rule.collapsed`."""
        return collapsed(self.runs)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell, in the order of the runs, with means over seeds: `cells.cell_table`."""
        return cell_table(self.runs.assign(collapsed=self.collapsed), self.changed_settings)

    @cached_property
    def title_of(self) -> dict[str, str]:
        """The title of each cell by its name."""
        return dict(zip(self.cells.cell, self.cells.title, strict=True))

    @cached_property
    def selected_rates(self) -> pd.DataFrame:
        """The learning rates that validation pairs select: `cells.selected_rates`."""
        return selected_rates(self.cells, self.changed_settings)

    @property
    def only_rates(self) -> bool:
        """True if every cell belongs to a network with several learning rates."""
        return all(" lr=" in title for title in self.cells.title)

    @cached_property
    def grid(self) -> Grid:
        """The cells by seeds, with the runs that are not finished."""
        return Grid(self.runs, self.missing)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The effect of every factor: `accuracy_effects.effects` of these runs."""
        return accuracy_effects.effects(self.grid)

    @cached_property
    def averages(self) -> pd.DataFrame:
        """The averages of a large design: `accuracy_effects.averages`. Empty for a small one or several data sets."""
        single = ~self.effects.family.isin([*ORDERS, "lr"]) & self.effects.refused.isna()
        if single.sum() <= accuracy_effects.LARGE or len(question_names(self.grid)) > 1:
            return pd.DataFrame(columns=list(accuracy_effects.AVERAGES))
        return accuracy_effects.averages(Grid(self.runs))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The rows of metrics.csv with a test accuracy, of all runs with such a file: rows of `curve_table`."""
        metrics = curve_table(self.runs[[(Path(path) / METRICS).exists() for path in self.runs.path]])
        return metrics[metrics.test_acc.notna()] if len(metrics) else metrics

    def collected(self, name: str, computed: pd.DataFrame, by: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table of these runs together with the rows of this CSV file of each archive.

        Args:
            name: The name of the file.
            computed: The rows of the runs that are not archived.
            by: The columns that identify a row, of which the first is kept.
        """
        files = [archive / name for archive in self.archives]
        tables = [computed, *(read_csv(file) for file in files if file.exists())]
        table = pd.concat([table for table in tables if len(table)] or [computed], ignore_index=True)
        table = table.drop_duplicates(by) if by else table
        return table[table.cell.isin(self.cells.cell)] if "cell" in table else table

    def find_cell(self, given: str) -> str:
        """Return the name of the cell with this title, name or label, in upper or lower case.

        Raises:
            ConfigError: There is no such cell, or several cells have this label.
        """
        cells = self.cells
        for key in ("title", "cell", "label"):
            matches = cells[cells[key].str.lower() == given.lower()]
            if len(matches):
                break
        if len(matches) == 1:
            return str(matches.cell.iloc[0])
        near = list(matches.title) or get_close_matches(given, cells.title, cutoff=0.4) or list(cells.title)
        raise ConfigError(
            f"{given!r} names {len(matches)} cells of this report; the title, name or label of one is expected. Choose "
            f"from {first_few(list(map(repr, near)))}"
        )

    def contrast(self, first: str, second: str) -> tuple[pd.DataFrame, list[str]]:
        """Measure the test accuracy of one cell minus that of another, over their common seeds.

        Returns:
            A frame with one row of `accuracy_effects.effects`, and a line for each cell with unpaired seeds.

        Raises:
            ConfigError: The cells share fewer than two seeds, or are the same.
        """
        names = [self.title_of[cell] for cell in (first, second)]
        runs = self.runs[self.runs.cell.isin([first, second])]
        paired = runs.seed.duplicated(keep=False)
        if (n := runs.seed[paired].nunique()) < 2:
            raise ConfigError(f"{names[0]} and {names[1]} share {n} seeds; two cells with 2 or more are expected")
        grid, notes = Grid(runs[paired]), []
        for cell, alone in runs[~paired].groupby("cell", sort=False):
            notes.append(f"not paired: {self.title_of[cell]} seed={','.join(map(str, sorted(alone.seed)))}")
        weights = {grid.names.index(first): 1.0, grid.names.index(second): -1.0}
        contrast = Contrast("requested", " − ".join(names), "", weights)
        return accuracy_effects.effects(grid, [contrast]), notes
