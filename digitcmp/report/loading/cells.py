"""The cells of some runs: the statistics of each cell over seeds, the paper's value, and a title."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from digitcmp import paper
from digitcmp.report.contrasts.cell_grid import changed_levels
from digitcmp.report.formats import to_text
from digitcmp.report.loading.settings import NO_SETTING, level_name
from digitcmp.report.statistics.estimates import estimate, mean_accuracy
from digitcmp.report.statistics.rule import base_rate

IDENTITY = ("label", "model", "head", "aux", "lr", "train_pairs")  # the first columns of every cell


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
    settings = runs.drop(columns=list({*IDENTITY, *NO_SETTING, "collapsed"} & {*runs})).map(to_text)
    ever = {key for of_cell in changed for key in of_cell}
    # an argument at its default is not a difference from networks without that argument
    varied = settings[[key for key in settings if settings[key].nunique() > 1 and key in ever]]
    rows = []
    for (name, group), condition in zip(runs.groupby("cell", sort=False), changed, strict=True):
        first = group.iloc[0]
        row = {key: first[key] for key in IDENTITY} | accuracy_statistics(group)
        row |= {f"{score}_mean": group[score].astype(float).mean() for score in ("val_acc", "digit_acc", "argmax_acc")}
        row |= {"params": first.params, "fit_seconds": group.fit_seconds.mean()}
        row |= {"majority": base_rate(group).mean(), "collapsed": int(group.collapsed.sum())}
        loss = (group.argmax_acc.astype(float) - group.test_acc).to_numpy()
        ends = estimate(loss[None]).iloc[0]
        row |= {"head_loss": loss.mean(), "head_loss_low": ends.ci_low, "head_loss_high": ends.ci_high}
        value = paper.published(first.label) if paper.as_published(changed_levels(condition)) else None
        row |= {"paper_mean": value and value.mean, "paper_std": value and value.std}
        rows.append(row | varied.loc[group.index[0]].to_dict() | {"cell": name})
    cells = pd.DataFrame(rows).astype({"paper_mean": float, "paper_std": float})
    return cells.assign(title=cell_titles(cells, changed))


def accuracy_statistics(group: pd.DataFrame) -> dict[str, Any]:
    """Return n, the mean, sample standard deviation and 95 % t-interval of the test accuracies of some runs."""
    accuracy = group.test_acc
    row = mean_accuracy(accuracy.to_numpy()[None]).iloc[0]
    means = {"n": len(group), "test_acc_mean": accuracy.mean(), "test_acc_std": accuracy.std()}
    return means | {"ci_low": row.ci_low, "ci_high": row.ci_high}


def cell_titles(cells: pd.DataFrame, changed: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the title of each cell: its label and the settings in which cells of that label differ."""
    settings = [{*condition.items()} for condition in changed]
    common: dict[str, set[tuple[str, str]]] = {}
    for label, of_cell in zip(cells.label, settings, strict=True):
        common[label] = common.get(label, of_cell) & of_cell
    count = Counter(map(frozenset, settings))
    titles = []
    for label, lr, of_cell in zip(cells.label, cells.lr, settings, strict=True):
        telling = sorted(of_cell - common[label])  # a label has one model, aux and head
        names = ", ".join(level_name(key, value) for key, value in telling)
        rate = f"lr={to_text(lr)}" if count[frozenset(of_cell)] > 1 else ""
        titles.append(" ".join(filter(None, (label, names, rate))))
    return titles
