"""The runs of some folders and all tables that are computed from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.report.contrasts import averages, conditions, contrast, convergence, data_sets, effects
from digitcmp.report.contrasts.parameters import equal_parameters
from digitcmp.report.contrasts.rates import equal_rates
from digitcmp.report.contrasts.shared_images import COLUMNS, accuracies_over_images, effects_over_images
from digitcmp.report.formats import to_text
from digitcmp.report.loading import series, sources
from digitcmp.report.loading.archive import read_csv
from digitcmp.report.loading.cells import IDENTITY, accuracy_statistics, cell_means, paper_accuracy
from digitcmp.report.loading.provenance import provenance_warnings
from digitcmp.report.loading.settings import NO_SETTING, changed, level_name
from digitcmp.report.statistics import collapse, stats
from digitcmp.report.statistics.shared_images import Answers
from digitcmp.runs.folder import METRICS
from digitcmp.runs.table import curve_table, evaluation_table

TASK = ("cell", "dataset", "test_pairs", "tta")  # columns that group later evaluations over seeds


@dataclass(frozen=True)
class Results:
    """The runs of a report. Tables are computed on first use.

    Attributes:
        roots: The folders of the runs.
        runs: One row per finished run, like `run_table`, without duplicates, in the paper's order.
        unfinished: The folders of runs that were started but not finished.
        planned: The folders of runs that were never started.
        archives: The folders of reports whose CSV files were read because their runs were deleted.
        warnings: Warnings about the origin of the runs.
        code: The functions of each fingerprint in the column `code` of `runs`, with their digests.
        duplicates: The folders of duplicate runs, each with the folder whose run is used.
        answers: The answers of each run to its test pairs, None if they were not requested.
    """

    roots: Sequence[Path]
    runs: pd.DataFrame
    unfinished: Sequence[Path] = ()
    planned: Sequence[Path] = ()
    archives: Sequence[Path] = ()
    warnings: Sequence[str] = ()
    code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    duplicates: Mapping[Path, Path] = field(default_factory=dict)
    answers: Sequence[Answers] | None = None

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Results:
        """Read the runs of some folders. A folder without a finished run is read from the CSV files of its report.

        Duplicate runs are used once. Different results of the same configuration and seed give a warning.

        Raises:
            RunError: A runs.csv is not that of a report.
        """
        roots = [sources.sweep_folder(root) for root in roots]
        found = [sources.read_source(root) for root in roots]
        table = pd.concat([source.runs for source in found], ignore_index=True)
        if table.empty:
            return cls(roots, table)
        table, duplicates, warnings = sources.drop_repeated(sources.fill_defaults(table))
        recorded = {*table.code.dropna()} if "code" in table else set()
        code: dict[str, dict[str, str]] = {}
        for source in found:
            code |= {key: functions for key, functions in source.code.items() if key in recorded}
        warnings += sources.unknown_networks(table)
        warnings += provenance_warnings(table, code)
        table = sources.sort_runs(table)
        unfinished, planned = sources.missing_folders(roots, table, duplicates)
        archives = [source.archive for source in found if source.archive]
        return cls(roots, table, unfinished, planned, archives, warnings, code, duplicates)

    @cached_property
    def changed_settings(self) -> list[dict[str, str]]:
        """The settings of each cell that are not at their default, as text, without the learning rate."""
        return [changed(run) for run in self.runs.drop_duplicates("cell").to_dict("records")]

    @cached_property
    def collapsed(self) -> pd.Series:
        """The collapsed runs as booleans, one per run: `collapse.collapsed`."""
        return collapse.collapsed(self.runs)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell, in the order of the runs, with means over seeds.

        std is the sample standard deviation over seeds, and ci_low and ci_high are the 95 % t-interval of the mean, cut
        to [0, 1]. These are nan for a single seed. `collapsed` counts collapsed runs. head_loss is the accuracy of
        comparing the two predicted digits minus that of the trained head, with its interval. paper_mean and paper_std
        are nan unless the cell has the paper's network, data and recipe. Each setting that differs between cells has a
        column between `paper_std` and `cell`, the name of the cell.
        """
        settings = self.runs.drop(columns=list({*IDENTITY, *NO_SETTING} & {*self.runs})).map(to_text)
        changed = {key for settings_of_cell in self.changed_settings for key in settings_of_cell}
        # an argument at its default is not a difference from networks without that argument
        varied = settings[[key for key in settings if settings[key].nunique() > 1 and key in changed]]
        rows = []
        groups = self.runs.assign(collapsed=self.collapsed).groupby("cell", sort=False)
        for (name, group), condition in zip(groups, self.changed_settings, strict=True):
            paper_mean = paper_std = np.nan
            if paper.as_published(conditions.settings(condition)):
                paper_mean, paper_std = paper_accuracy(group.label.iloc[0])
            published = {"paper_mean": paper_mean, "paper_std": paper_std}
            rows.append(cell_means(group) | published | varied.loc[group.index[0]].to_dict() | {"cell": name})
        return pd.DataFrame(rows)

    def titles(self, *without: str) -> list[str]:
        """Return the title of each cell: its label and the settings in which cells of that label differ.

        Args:
            without: Settings to leave out.
        """
        hidden = {"model", "aux", "head", *without}  # the label stands for these
        settings = [{*condition.items()} for condition in self.changed_settings]
        common: dict[str, set[tuple[str, str]]] = {}
        for label, of_cell in zip(self.cells.label, settings, strict=True):
            common[label] = common.get(label, of_cell) & of_cell
        count = Counter(map(frozenset, settings))
        titles = []
        for label, lr, of_cell in zip(self.cells.label, self.cells.lr, settings, strict=True):
            telling = sorted(item for item in of_cell - common[label] if item[0] not in hidden)
            names = ", ".join(level_name(key, value) for key, value in telling)
            rate = f"lr={to_text(lr)}" if count[frozenset(of_cell)] > 1 else ""
            titles.append(" ".join(part for part in (label, names, rate) if part))
        return titles

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The effect of every factor: `effects.effects` of these runs."""
        return effects.effects(self.runs, [*self.unfinished, *self.planned])

    @cached_property
    def over_images(self) -> pd.DataFrame:
        """The accuracies and effects with a second interval, which covers the test images: `shared_images.COLUMNS`.

        Empty unless the answers are known, or an archive has them.
        """
        if self.answers is not None:
            tables = [accuracies_over_images(self.runs, self.cells, self.titles(), self.answers)]
            tables.append(effects_over_images(self.runs, self.effects, self.answers))
        else:
            files = [archive / "test_images.csv" for archive in self.archives]
            tables = [read_csv(file) for file in files if file.exists()]
        tables = [table for table in tables if len(table)]  # an empty table would make the numbers objects
        return pd.concat(tables) if tables else pd.DataFrame(columns=list(COLUMNS))

    @cached_property
    def rate_effects(self) -> pd.DataFrame:
        """The effects at equal learning rates, also those without statistics: `rates.equal_rates` of these runs."""
        return equal_rates(conditions.conditions(self.runs, [*self.unfinished, *self.planned]))

    @property
    def equal_rates(self) -> pd.DataFrame:
        """The rows of `rate_effects` with statistics. Empty unless networks were trained at several rates."""
        return self.rate_effects[self.rate_effects.refused.isna()].drop(columns="refused")

    @cached_property
    def equal_parameters(self) -> pd.DataFrame:
        """The effect of sharing between networks of equal parameters: `parameters.equal_parameters`."""
        return equal_parameters(self)

    @cached_property
    def averages(self) -> pd.DataFrame:
        """The averages of a large design: `averages.averages`. Empty for a small design or for several data sets."""
        single = ~self.effects.family.isin([*contrast.ORDERS, "lr"])
        few = (single & self.effects.refused.isna()).sum() <= averages.LARGE
        frame = conditions.conditions(self.runs)
        return averages.averages(frame.iloc[:0] if few or len(self.data_sets) else frame)

    @cached_property
    def series(self) -> pd.DataFrame:
        """The outcomes over the levels of each numeric setting: `series.series`."""
        return series.series(self)

    @cached_property
    def data_sets(self) -> pd.DataFrame:
        """The effects of the auxiliary loss and sharing on each data set: `data_sets.by_dataset`. Empty for one."""
        return data_sets.by_dataset(self.effects)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The rows of metrics.csv with a test accuracy, of all runs with such a file: rows of `curve_table`."""
        here = self.runs[[(Path(path) / METRICS).exists() for path in self.runs.path]]
        metrics = curve_table(here)
        return metrics[metrics.test_acc.notna()] if len(metrics) else metrics

    @cached_property
    def seed_curves(self) -> pd.DataFrame:
        """The accuracies of each run by epoch, with the columns `convergence.CURVE`. Empty if no run has a curve."""
        tables = [self.metrics.reindex(columns=list(convergence.CURVE))]
        files = [archive / "seed_curves.csv" for archive in self.archives]
        tables += [read_csv(file) for file in files if file.exists()]
        tables = [table for table in tables if len(table)] or tables[:1]
        curves = pd.concat(tables, ignore_index=True).drop_duplicates(["cell", "seed", "epoch"])
        return curves[curves.cell.isin(self.cells.cell)]

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """The outcomes of each run with a curve: `convergence.outcomes`."""
        return convergence.outcomes(self.runs, self.seed_curves)

    @cached_property
    def convergence(self) -> pd.DataFrame:
        """The effects of the auxiliary loss and sharing on these outcomes: `convergence.convergence`."""
        return convergence.convergence(self.runs, self.seed_curves)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The mean and std over seeds of every column of metrics.csv, and n: one row per cell and evaluated epoch.

        If several folders have a cell, its curve is that of the first folder.
        """
        tables = []
        if len(self.metrics):
            metrics = self.metrics.drop(columns=["path", "seed"])
            groups = metrics.groupby(["cell", "epoch"], sort=False)
            means = groups.agg(["mean", "std"])
            means.columns = [f"{score}_{statistic}" for score, statistic in means.columns]
            means.insert(0, "n", groups.size())
            tables.append(means.reset_index())
        tables += [pd.read_csv(archive / "curves.csv") for archive in self.archives]
        curves = pd.concat(tables, ignore_index=True).drop_duplicates(["cell", "epoch"])
        return curves[curves.cell.isin(self.cells.cell)]

    @cached_property
    def selection(self) -> pd.DataFrame:
        """The learning rate with the highest mean validation accuracy, one row per condition with several rates.

        `title` names the condition and `cells` lists its cells. `test_acc` is that of the selected rate. `oracle_lr`
        and `oracle_test_acc` are those of the rate with the highest test accuracy, for comparison only. `at_edge` is
        True if the selected rate is the smallest or largest tried. Empty if no condition has several rates.
        """
        titles = pd.Series([title.rpartition(" lr=")[0] for title in self.titles()], index=self.cells.index)
        rows = []
        for title, rates in self.cells[titles != ""].groupby(titles, sort=False):
            best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
            settings = conditions.settings(self.changed_settings[best.name])
            claimed = best["head"] == "mlp" and paper.claimed(best.model, bool(best.aux), settings)
            rows.append(
                {"title": title, "model": best.model, "aux": best.aux, "rates": len(rates), "n": rates.n.min()}
                | {"lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
                | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan) if claimed else np.nan}
                | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
                | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max()), "cells": list(rates.cell)}
            )
        return pd.DataFrame(rows)

    @property
    def only_rates(self) -> bool:
        """True if every cell belongs to a network with several learning rates."""
        return len(self.selection) > 0 and bool(self.selection.rates.sum() >= len(self.cells))

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The cells of each series over three or more numbers of training pairs, with `series`, its name.

        The cells of a series differ only in train_pairs and epochs. Cells with several numbers of epochs at one number
        of pairs are not a series.
        """
        cells = self.cells.assign(series=self.titles("train_pairs", "epochs"))
        series = []
        for _, group in cells.groupby("series", sort=False):
            if len(group) >= 3 and group.train_pairs.is_unique:
                series.append(group.sort_values("train_pairs"))
        return pd.concat(series) if series else cells.iloc[:0]

    @cached_property
    def others(self) -> pd.DataFrame:
        """Published results on the paper's task, with the columns `work mean std source n ci_low ci_high`.

        Empty unless a cell with 1,000 MNIST pairs has a higher accuracy than the lowest of them.
        """
        works = paper.OTHERS | {"the paper's AL4": paper.ACCURACY["AL4"]}
        table = pd.DataFrame([{"work": work, **other._asdict()} for work, other in works.items()])
        intervals = [stats.interval(row.mean, row.std, row.n) for row in table.itertuples()]
        table["ci_low"], table["ci_high"] = zip(*intervals, strict=True)
        same_task = np.array([not condition.keys() & {"task", "dataset"} for condition in self.changed_settings])
        best = self.cells[same_task & (self.cells.train_pairs == 1000)].test_acc_mean.max()
        return table if best > min(other.mean for other in paper.OTHERS.values()) else table.iloc[:0]

    @property
    def functions(self) -> pd.DataFrame:
        """The functions of the fingerprints of the runs, with the columns `code function digest`."""
        rows = []
        for code in sorted(self.code):
            rows += [(code, function, digest) for function, digest in self.code[code].items()]
        return pd.DataFrame(rows, columns=["code", "function", "digest"])

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """The results of `digitcmp evaluate`: rows of `evaluation_table`."""
        files = [archive / "evaluations.csv" for archive in self.archives]
        archived = [read_csv(file) for file in files if file.exists()]
        return pd.concat([evaluation_table(self.runs), *archived], ignore_index=True)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """The later evaluations, one per run and TASK, if possible one with an order of the classes.

        If the pairs are drawn with another seed than the run's own, `dataset` includes that seed.
        """
        if self.evaluated.empty:
            return self.evaluated
        elsewhere = self.evaluated.dataset + self.evaluated.seed.map(", pairs of seed {}".format)
        table = self.evaluated.assign(dataset=self.evaluated.dataset.where(self.evaluated.own_pairs, elsewhere))
        if "class_order" in table:
            table = table.sort_values("class_order", key=pd.isna, kind="stable")
        return table.drop_duplicates([*TASK, "run_seed"]).sort_index()

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """The mean and std over seeds of the later evaluations, one row per cell and TASK. Empty if there are none.

        Columns: `title dataset test_pairs tta n test_acc_mean test_acc_std ci_low ci_high`. If an order of the classes
        was requested, also `order_mean order_std`, Kendall's tau, `ordered`, the number of runs in which it is 1, and
        `orders`, the number of runs with an order.
        """
        if self.tasks.empty:
            return pd.DataFrame()
        titles, rows = dict(zip(self.cells.cell, self.titles(), strict=True)), []
        for (cell, *task), group in self.tasks.groupby(list(TASK), sort=False):
            row = {"title": titles[cell], **dict(zip(TASK[1:], task, strict=True))} | accuracy_statistics(group)
            if "class_order" in group:
                order = group.class_order.dropna()
                row |= {"order_mean": order.mean(), "order_std": order.std()}
                row |= {"ordered": (order == 1).sum(), "orders": len(order)}
            rows.append(row)
        return pd.DataFrame(rows)
