"""The cells of some runs: their settings, names and titles, and their statistics over seeds."""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.config.conf import config_yaml
from digitcmp.config.identity import defaults
from digitcmp.models import backbones
from digitcmp.report.estimates import Differences, estimate, mean_accuracy
from digitcmp.report.formats import to_text
from digitcmp.report.rule import base_rate
from digitcmp.runs.result import RESULT_KEYS

NO_SETTING = {*RESULT_KEYS, "path", "seed"}
IDENTITY = ("label", "model", "head", "aux", "lr", "train_pairs")  # the first columns of every cell
MEAN = pd.Series.mean  # that of groups has other last digits, and .8455 is rounded by these


def literal(value: str) -> Any:
    """Return a value from its JSON text: '0.002', 'true', '[300, 50]'. Return any other text unchanged."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def default(key: str, model: str) -> Any:
    """Return the default of a setting: that of the model's argument, else that of the key, else None."""
    network = backbones.facts().get(model)
    if network and key in network.arguments:
        return network.arguments[key]
    config = config_yaml()
    unless_default = config["data"] | config | config["trainer"]  # defaults() lacks options that are recorded if set
    return defaults().get(key, unless_default.get(key))


def changed(run: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a run that are not at their default, as text.

    `lr` is left out because it belongs to the recipe.
    """
    hidden = NO_SETTING | {"lr"}
    known = {key: value for key, value in run.items() if key not in hidden and value == value}
    # nan if only other networks or later runs have the setting
    return {key: to_text(value) for key, value in known.items() if value != default(key, run["model"])}


def changed_levels(levels: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are not at their default, without model, aux and lr."""
    return {key: level for key, level in levels.items() if level and key not in ("model", "aux", "lr")}


def settings_in_name(folder: Path) -> dict[str, Any]:
    """Return the settings in the name of a run's folder, `model=ws3,aux=true,lr=0.002/seed=3`.

    An unfinished run has no other record of its settings.
    """
    parts = [part.partition("=") for part in [*folder.parent.name.split(","), folder.name]]
    return {key: literal(value) for key, _, value in parts}


def level_name(key: str, value: str) -> str:
    """Return a level within the name of a cell: the level if it is a word, the key if it is true, else 'key=level'."""
    if isinstance(literal(value), str) and not value[:1].isdigit():
        return value
    return key if value == "true" else f"{key}={value}"


def titles(
    labels: Iterable[str], groups: Iterable[str], settings: Iterable[Mapping[str, str]], rates: Iterable[str]
) -> list[str]:
    """Return the titles of some cells or series: the label, and the settings in which those of a group differ.

    Args:
        labels: Their labels. A label has one model, aux and head.
        groups: Their groups.
        settings: Their settings that are not at their default, without the learning rate.
        rates: Their learning rates. They are in the titles of those that have all other settings in common.
    """
    common: dict[str, Set[tuple[str, str]]] = {}
    rates_of: dict[Set[tuple[str, str]], set[str]] = {}
    for group, levels, lr in zip(groups, settings, rates, strict=True):
        common[group] = common.get(group, levels.items()) & levels.items()
        rates_of.setdefault(frozenset(levels.items()), set()).add(lr)
    texts = []
    for label, group, levels, lr in zip(labels, groups, settings, rates, strict=True):
        telling = [key for key, _ in sorted(levels.items() - common[group]) if key not in ("model", "aux", "head")]
        names = ", ".join(level_name(key, levels[key]) for key in telling)
        rate = f"lr={lr}" if lr and len(rates_of[frozenset(levels.items())]) > 1 else ""
        texts.append(" ".join(filter(None, (label, names, rate))))
    return texts


def cell_table(runs: pd.DataFrame, changed: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return one row per cell, in the order of the runs, with means over seeds.

    std is the sample standard deviation over seeds, and ci_low and ci_high are the 95 % t-interval of the mean, cut to
    [0, 1]. These are nan for a single seed. `collapsed` counts collapsed runs. head_loss is the accuracy of comparing
    the two predicted digits minus that of the trained head, with its interval. paper_mean and paper_std are nan unless
    the cell has the paper's network, data and recipe. Each setting that differs between cells has a column between
    `paper_std` and `cell`, the name of the cell. `title` is the last column.

    Args:
        runs: One row per run, with the column `collapsed`.
        changed: The settings of each cell that are not at their default.
    """
    runs = runs.assign(majority=base_rate(runs), head_loss=runs.argmax_acc - runs.test_acc)
    first, by_cell = runs.drop_duplicates("cell").set_index("cell"), runs.groupby("cell", sort=False)
    means = by_cell[["val_acc", "digit_acc", "argmax_acc"]].agg(MEAN).add_suffix("_mean")
    cells = first[list(IDENTITY)].join(accuracy_statistics(by_cell)).join(means).join(first.params)
    cells = cells.join(by_cell.agg({"fit_seconds": "mean", "majority": "mean", "collapsed": "sum", "head_loss": MEAN}))
    loss = estimate(by_group(runs.head_loss, by_cell))
    cells = cells.assign(head_loss_low=loss.ci_low.to_numpy(), head_loss_high=loss.ci_high.to_numpy())
    known = [paper.as_published(changed_levels(levels)) for levels in changed]
    published = pd.DataFrame(paper.ACCURACY, ["paper_mean", "paper_std", "source", "n"]).T[["paper_mean", "paper_std"]]
    cells = cells.join(published.astype(float).reindex(cells.label.where(known)).set_axis(cells.index))
    # an argument at its default is not a difference from networks without that argument
    ever = {key for levels in changed for key in levels} - {*IDENTITY}
    settings = first[[key for key in first if key in ever]].map(to_text)
    cells = cells.join(settings.loc[:, settings.nunique() > 1])
    cells = cells.assign(cell=cells.index).reset_index(drop=True)
    return cells.assign(title=titles(cells.label, cells.label, changed, cells.lr.map(to_text)))


def by_group(values: pd.Series, groups: Any) -> Differences:
    """Return one value per run as an array (group, run), nan where a group has fewer runs than the largest."""
    table = np.full((groups.ngroups, groups.size().max()), np.nan)
    table[groups.ngroup(), groups.cumcount()] = values
    return table


def accuracy_statistics(groups: Any) -> pd.DataFrame:
    """Return n, the mean, sample standard deviation and 95 % t-interval of the test accuracies of groups of runs."""
    table = groups.test_acc.agg(n="size", test_acc_mean=MEAN, test_acc_std="std")
    ends = mean_accuracy(by_group(groups.obj.test_acc, groups)).set_axis(table.index)
    return table.join(ends[["ci_low", "ci_high"]])


def selected_rates(cells: pd.DataFrame, changed: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return the learning rate with the highest mean validation accuracy, one row per condition with several rates.

    `title` names the condition. `test_acc` is that of the selected rate. `oracle_lr` and
    `oracle_test_acc` are those of the rate with the highest test accuracy, for comparison only. `at_edge` is True if
    the selected rate is the smallest or largest tried. Empty if no condition has several rates.
    """
    names = cells.title.str.rpartition(" lr=")[0]
    rows = []
    for name, rates in cells[names != ""].groupby(names, sort=False):
        best, oracle = rates.loc[rates.val_acc_mean.idxmax()], rates.loc[rates.test_acc_mean.idxmax()]
        claimed = paper.claimed(best.model, bool(best.aux), changed_levels(changed[best.name]))
        rows.append(
            {"title": name, "rates": len(rates), "n": rates.n.min()}
            | {"lr": best.lr, "val_acc": best.val_acc_mean, "test_acc": best.test_acc_mean}
            | {"paper_lr": paper.LEARNING_RATES.get(best.label, np.nan) if claimed else np.nan}
            | {"oracle_lr": oracle.lr, "oracle_test_acc": oracle.test_acc_mean}
            | {"at_edge": best.lr in (rates.lr.min(), rates.lr.max())}
        )
    return pd.DataFrame(rows)
