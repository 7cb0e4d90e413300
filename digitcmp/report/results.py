"""The runs of some folders, finished or not, and every table that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from digitcmp import fingerprint, paper, runs
from digitcmp.config import defaults
from digitcmp.report import effects, stats
from digitcmp.report.formats import readable
from digitcmp.report.settings import NO_SETTING, changed, level_name, literal

MADE_WITH = ("versions", "git_commit", "device")
TEXTS = {  # columns of texts that may look like numbers
    *({*runs.RESULT_KEYS} - {"params", "fit_seconds", *runs.SCORES}),
    *("model", "dataset", "cls", "data_crc", "checkpoint", "function", "digest", "positions"),
}
TASK = ("cell", "dataset", "test_pairs", "tta")  # what later evaluations are of, a number for each seed
SHOWN = ("label", "model", "head", "aux", "lr", "train_pairs")  # of every cell


@dataclass(frozen=True)
class Results:
    """What a report is made from; its tables are made when they are first asked for.

    runs: a row per finished run (rows of `runs.read`), in the paper's order, each once; unfinished: the folders of runs
    that were begun; planned: of those that were not; archives: reports whose CSV files stand for runs that are gone;
    code: the functions behind each fingerprint in the runs' column `code`, with their digests.
    """

    roots: Sequence[Path]
    runs: pd.DataFrame
    unfinished: Sequence[Path] = ()
    planned: Sequence[Path] = ()
    archives: Sequence[Path] = ()
    warnings: Sequence[str] = ()
    code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Results:
        """The results in these folders; of one without a finished run, those in the CSV files of its report.

        A run that is there twice counts once; results that differ for the same configuration and seed are warned of.
        Raises runs.RunError for a runs.csv that is no report's.
        """
        roots = [root.parent if root.name == "report" and (root / "runs.csv").exists() else root for root in roots]
        tables, archives, warnings = [], [], []
        code: dict[str, dict[str, str]] = {}
        for root in roots:
            tables.append(runs.read([root]))
            archive = next((folder for folder in (root / "report", root) if (folder / "runs.csv").exists()), None)
            if tables[-1].empty and archive:
                tables[-1] = read_archive(archive / "runs.csv", root)
                archives.append(archive)
                code |= read_code(archive / "code.csv")
            elif "functions" in tables[-1]:
                recorded = tables[-1].dropna(subset="functions")
                code |= dict(zip(recorded.code, recorded.functions, strict=True))
                tables[-1] = tables[-1].drop(columns="functions")
        table = pd.concat(tables, ignore_index=True)
        if table.empty:
            return cls(roots, table)
        for key, value in defaults().items():  # a run made before there was such a key had it at its default
            if key in table and value is not None:
                table[key] = table[key].where(table[key].notna(), value).infer_objects()
        table = table.sort_values("path", kind="stable")
        for _, same in table.groupby("config_hash"):
            if len(same[list(runs.SCORES)].drop_duplicates()) > 1:
                scores = ", ".join(f"{run.test_acc:.4f} in {run.path}" for run in same.itertuples())
                warnings.append(f"the same run gave different results, the first counts: test accuracy {scores}")
        table = table.drop_duplicates("config_hash")
        for key in [key for key in MADE_WITH if key in table]:
            counts = table[key].value_counts().sort_index()
            if len(counts) > 1:
                made = "; ".join(f"{value} ({n} runs)" for value, n in counts.items())
                warnings.append(f"mixed {key} among these runs, which may round differently: {made}")
        recorded = set(table.code.dropna()) if "code" in table else set()
        code = {key: functions for key, functions in code.items() if key in recorded}
        if mixed_code := mixed(code):
            warnings.append(f"mixed code among these runs, which may compute otherwise: {runs.listed(mixed_code)}")
        if recorded and (unknown := table.code.isna().sum()):
            warnings.append(f"{unknown} of {len(table)} runs have no record of the code that made them")
        if dirty := sorted(commit for commit in table.git_commit.unique() if commit.endswith("-dirty")):
            warnings.append(f"made with uncommitted changes: git_commit {', '.join(dirty)}")
        table = table.iloc[sorted(range(len(table)), key=lambda i: order(table.iloc[i]))].reset_index(drop=True)
        done = {*table.path, *(f"{cell}/seed={seed}" for cell, seed in zip(table.cell, table.seed, strict=True))}
        missing = [folder for folder in runs.folders(roots) if not {str(folder), "/".join(folder.parts[-2:])} & done]
        begun = [folder for folder in missing if (folder / runs.CONFIG).exists()]
        planned = [folder for folder in missing if folder not in begun]
        return cls(roots, table, begun, planned, archives, warnings, code)

    @cached_property
    def conditions(self) -> list[dict[str, str]]:
        """Of each cell, its settings that are not at their default, as text, less its learning rate."""
        return [changed(run) for run in self.runs.drop_duplicates("cell").to_dict("records")]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell, in the order of the runs: means over its seeds.

        std is the sample standard deviation over seeds, ci_low and ci_high the 95 % t-interval of the mean cut to
        [0, 1], all nan for a single seed. The paper's values stand beside cells of the paper's networks, data and
        epochs. Settings that differ between the cells have a column each; `cell` is the cell's name.
        """
        settings = self.runs.drop(columns=list({*SHOWN, *NO_SETTING} & {*self.runs})).map(readable)
        varied = [key for key in settings if settings[key].nunique() > 1]
        rows = []
        groups = self.runs.groupby("cell", sort=False)
        for (name, group), condition in zip(groups, self.conditions, strict=True):
            first, n = group.iloc[0], len(group)
            published = paper.published(first.label) if paper.as_published(effects.settings(condition)) else None
            mean, std = group.test_acc.mean(), group.test_acc.std()
            low, high = stats.interval(mean, std, n)
            rows.append(
                {key: first[key] for key in SHOWN}
                | {"n": n, "test_acc_mean": mean, "test_acc_std": std, "ci_low": low, "ci_high": high}
                | {f"{key}_mean": group[key].astype(float).mean() for key in ("val_acc", "digit_acc", "argmax_acc")}
                | {"params": first.params, "fit_seconds": group.fit_seconds.mean()}
                | {"paper_mean": published.mean if published else np.nan}
                | {"paper_std": published.std if published and published.std is not None else np.nan}
                | {key: settings.loc[group.index[0], key] for key in varied}
                | {"cell": name}
            )
        return pd.DataFrame(rows)

    def titles(self, *without: str) -> list[str]:
        """Each cell's label, and the settings that tell it from the others of that label, less those in `without`."""
        hidden = {"model", "aux", "head", *without}  # the label names the head
        settings: list[set[Any]] = [{*row.items()} for row in self.conditions]
        titles = []
        for row, theirs, condition in zip(self.cells.itertuples(), settings, self.conditions, strict=True):
            same = [other for other, label in zip(settings, self.cells.label, strict=True) if label == row.label]
            telling = sorted(item for item in theirs - set.intersection(*same) if item[0] not in hidden)
            rate = f"lr={readable(row.lr)}" if self.conditions.count(condition) > 1 else ""
            titles.append(" ".join(filter(None, [row.label, ", ".join(level_name(*item) for item in telling), rate])))
        return titles

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What every factor adds: `effects.effects` of these runs."""
        return effects.effects(self.runs, [*self.unfinished, *self.planned])

    @cached_property
    def data_sets(self) -> pd.DataFrame:
        """What the auxiliary loss and sharing add on each data set: `effects.by_dataset`; empty if there is one."""
        return effects.by_dataset(self.effects)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Mean and std over seeds of every column of metrics.csv, one row per cell and evaluated epoch, and their n."""
        tables = [pd.read_csv(archive / "curves.csv") for archive in self.archives]
        here = self.runs[[(Path(path) / runs.METRICS).exists() for path in self.runs.path]]
        if len(here):
            metrics = runs.curves(here).drop(columns=["path", "seed"])
            groups = metrics[metrics.test_acc.notna()].groupby(["cell", "epoch"], sort=False)
            means = groups.agg(["mean", "std"])
            means.columns = [f"{score}_{statistic}" for score, statistic in means.columns]
            means.insert(0, "n", groups.size())
            tables.insert(0, means.reset_index())
        curves = pd.concat(tables, ignore_index=True).drop_duplicates(["cell", "epoch"])  # of one folder, if of several
        return curves[curves.cell.isin(self.cells.cell)]

    @cached_property
    def selection(self) -> pd.DataFrame:
        """For each condition with several learning rates, the best by mean validation accuracy; empty if none has.

        `title` names it and `cells` are those of its rates. `test_acc` is that rate's. `oracle_lr` and
        `oracle_test_acc` are chosen on the test pairs: what peeking would give. `at_edge` says that the selected rate
        is the smallest or the largest tried.
        """
        titles = pd.Series([title.rpartition(" lr=")[0] for title in self.titles()], index=self.cells.index)
        rows = []
        for title, rates in self.cells.groupby(titles, sort=False):
            if title:
                best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
                settings = effects.settings(self.conditions[best.name])
                theirs = best["head"] == "mlp" and paper.claimed(best.model, bool(best.aux), settings)
                rows.append(
                    {"title": title, "model": best.model, "aux": best.aux, "rates": len(rates), "n": rates.n.min()}
                    | {"lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
                    | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan) if theirs else np.nan}
                    | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
                    | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max()), "cells": list(rates.cell)}
                )
        return pd.DataFrame(rows)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The cells of every series over three or more numbers of training pairs, with `series`, its name; or none.

        A series is equal in all but train_pairs, and epochs, which keep the number of steps the same; one with several
        epochs at one number of pairs is none.
        """
        cells = self.cells.assign(series=self.titles("train_pairs", "epochs"))
        groups = [group for _, group in cells.groupby("series", sort=False)]
        series = [group for group in groups if len(group) >= 3 and group.train_pairs.is_unique]
        return pd.concat([group.sort_values("train_pairs") for group in series]) if series else cells.iloc[:0]

    @cached_property
    def others(self) -> pd.DataFrame:
        """What others and the paper published on its task, once a cell of 1,000 MNIST pairs is in their reach; or none.

        Columns: `work mean std source n ci_low ci_high`.
        """
        works = paper.OTHERS | {"the paper's AL4": paper.ACCURACY["AL4"]}
        rows = [{"work": work, **other._asdict()} for work, other in works.items()]
        for row in rows:
            row["ci_low"], row["ci_high"] = stats.interval(row["mean"], row["std"], row["n"])
        task = [not row.keys() & {"task", "dataset"} for row in self.conditions]
        best = self.cells[np.array(task) & (self.cells.train_pairs == 1000)].test_acc_mean.max()
        table = pd.DataFrame(rows)
        return table if best > min(other.mean for other in paper.OTHERS.values()) else table.iloc[:0]

    @property
    def functions(self) -> pd.DataFrame:
        """The functions behind the fingerprints of the runs: columns `code function digest`."""
        rows = [(code, *item) for code in sorted(self.code) for item in self.code[code].items()]
        return pd.DataFrame(rows, columns=["code", "function", "digest"])

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """What digitcmp.evaluate said of these runs later: rows of `runs.evaluations`."""
        files = [archive / "evaluations.csv" for archive in self.archives]
        archived = [read_table(file) for file in files if file.exists()]
        return pd.concat([runs.evaluations(self.runs), *archived], ignore_index=True)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """The later evaluations, one for each run and TASK, one with an order of the classes before one without.

        Of pairs of another seed than the run's own, `dataset` says so.
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
        """Mean and spread over seeds of the later evaluations, a row per cell and task; empty if there are none.

        Columns: `title dataset test_pairs tta n test_acc_mean test_acc_std ci_low ci_high`, and where any was asked for
        its order of the classes, `order_mean order_std ordered`: Kendall's tau, and of how many seeds it is complete. A
        run counts once for a task; pairs of another seed than the run's own are another task, and `dataset` says so.
        """
        titles, rows = dict(zip(self.cells.cell, self.titles(), strict=True)), []
        for (cell, *task), group in self.tasks.groupby(list(TASK), sort=False) if len(self.tasks) else ():
            n, mean, std = len(group), group.test_acc.mean(), group.test_acc.std()
            row = {"title": titles[cell], **dict(zip(TASK[1:], task, strict=True)), "n": n}
            row |= {"test_acc_mean": mean, "test_acc_std": std}
            if "class_order" in group:
                order = group.class_order.dropna()
                row |= {
                    "order_mean": order.mean(),
                    "order_std": order.std(),
                    "ordered": (order == 1).sum(),
                    "orders": len(order),
                }
            rows.append(row | dict(zip(("ci_low", "ci_high"), stats.interval(mean, std, n), strict=True)))
        return pd.DataFrame(rows)


def read_table(file: Path) -> pd.DataFrame:
    """A CSV file of a report as it was written: the same numbers, and texts that look like numbers as texts."""
    return pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])


def read_code(file: Path) -> dict[str, dict[str, str]]:
    """A report's code.csv, by fingerprint; empty if it has none."""
    if not file.exists():
        return {}
    return {code: dict(zip(rows.function, rows.digest, strict=True)) for code, rows in read_table(file).groupby("code")}


def versions(code: Mapping[str, Mapping[str, str]]) -> dict[str, set[frozenset[tuple[str, str]]]]:
    """Of each function and class the versions that it has behind these fingerprints: its parts with their digests."""
    versions: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for functions in code.values():
        parts: dict[str, set[tuple[str, str]]] = {}
        for part in functions.items():
            parts.setdefault(fingerprint.definition(part[0]), set()).add(part)
        for name, version in parts.items():
            versions.setdefault(name, set()).add(frozenset(version))
    return versions


def mixed(code: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The functions and methods that are not the same in all runs that reach them, or their class."""
    several = [version for version in versions(code).values() if len(version) > 1]
    return sorted(
        {part for version in several for part, _ in frozenset.union(*version) - frozenset.intersection(*version)}
    )


def read_archive(file: Path, root: Path) -> pd.DataFrame:
    """A report's runs.csv as the runs that it was made from, as if each were in its folder under `root`."""
    try:
        table = read_table(file)
        missing = [key for key in ("cell", "seed", "test_acc", "config_hash") if key not in table]
    except ValueError:  # pandas' own errors are
        missing = ["cell"]
    if missing:
        raise runs.RunError(f"{file} is no report's: it has no column {missing[0]}")
    if not (file.parent / "curves.csv").exists():
        raise runs.RunError(f"{file.parent} holds a runs.csv but no curves.csv: a report needs both")
    for key in set(table.select_dtypes("str")) - TEXTS:
        table[key] = table[key].map(lambda value: literal(value) if isinstance(value, str) else value)
    paths = [str(root / run.cell / f"seed={run.seed}") for run in table.itertuples()]
    return table.assign(path=paths)


def order(run: pd.Series) -> tuple[Any, ...]:
    """Sorts runs as the paper lists its cells, then by head, pairs, their other settings, learning rate and seed."""
    network = (run.model, bool(run.aux))
    rank = paper.CELLS.index(network) if network in paper.CELLS else len(paper.CELLS)
    first = ["head", "train_pairs"]
    others = sorted(set(run.index) - {"model", "aux", "lr", *first, *NO_SETTING})
    settings: list[tuple[int, list[Any], str]] = []
    for key, value in run[[*first, *others]].items():
        if isinstance(value, bool | np.bool_ | str):  # the default first
            settings.append((int(value != defaults().get(key)), [], str(value)))
        else:  # numbers, lists by their length; null, which is nan beside numbers, before them
            numbers = [number for number in (value if isinstance(value, list) else [value]) if number == number]
            settings.append((len(numbers), numbers, ""))
    return rank, *network, settings, run.lr, run.seed
