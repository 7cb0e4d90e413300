"""The statistics of the runs of a cell, and the paper's value."""

from typing import Any

import numpy as np
import pandas as pd

from digitcmp import paper
from digitcmp.report.statistics import stats
from digitcmp.report.statistics.collapse import base_rate

IDENTITY = ("label", "model", "head", "aux", "lr", "train_pairs")  # the first columns of every cell


def accuracy_statistics(group: pd.DataFrame) -> dict[str, Any]:
    """Return n, the mean, sample standard deviation and 95 % t-interval of the test accuracies of some runs."""
    n, mean, std = len(group), group.test_acc.mean(), group.test_acc.std()
    low, high = stats.interval(mean, std, n)
    return {"n": n, "test_acc_mean": mean, "test_acc_std": std, "ci_low": low, "ci_high": high}


def cell_means(group: pd.DataFrame) -> dict[str, Any]:
    """Return the row of a cell: the settings in IDENTITY and the means of its runs' scores."""
    first = group.iloc[0]
    row = {key: first[key] for key in IDENTITY} | accuracy_statistics(group)
    for score in ("val_acc", "digit_acc", "argmax_acc"):
        row[f"{score}_mean"] = group[score].astype(float).mean()
    row |= {"params": first.params, "fit_seconds": group.fit_seconds.mean()}
    row["majority"] = base_rate(group).mean()
    return row | {"collapsed": int(group.collapsed.sum())} | head_loss(group)


def head_loss(group: pd.DataFrame) -> dict[str, float]:
    """Return the mean of argmax_acc minus test_acc of some runs and its 95 % t-interval, nan without argmax_acc."""
    row = dict.fromkeys(("head_loss", "head_loss_low", "head_loss_high"), np.nan)
    argmax, test = group.argmax_acc.to_numpy(float), group.test_acc.to_numpy(float)
    row["head_loss"] = (argmax - test).mean()
    if len(group) > 1 and not np.isnan(argmax).any():
        effect = stats.paired_effect(argmax, test)
        row |= {"head_loss_low": effect.low, "head_loss_high": effect.high}
    return row


def paper_accuracy(label: str) -> tuple[float, float]:
    """Return the paper's mean and std for a label, nan if it has none."""
    published = paper.published(label)
    if published is None:
        return np.nan, np.nan
    return published.mean, np.nan if published.std is None else published.std
