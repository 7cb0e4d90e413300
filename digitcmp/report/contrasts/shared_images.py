"""The accuracies and effects of a report with intervals that also cover the test images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.conditions import conditions
from digitcmp.report.contrasts.samples import Samples
from digitcmp.report.statistics.shared_images import Answers, shared_variance, terms, widened
from digitcmp.report.statistics.stats import half_width

ACCURACY = "accuracy"  # the family of the rows that are mean accuracies
COLUMNS = (
    *("family", "effect", "context", "n", "mean", "ci_low", "ci_high"),
    *("images_low", "images_high", "images_share"),
)


def effects_over_images(runs: pd.DataFrame, effects: pd.DataFrame, answers: Sequence[Answers]) -> pd.DataFrame:
    """Return the effects that have an interval, with a second one that covers the test images.

    Args:
        runs: One row per finished run.
        effects: Rows of `effects.effects` of these runs.
        answers: The answers of each run.

    Returns:
        COLUMNS. images_low and images_high are the second interval. images_share is the share of its variance that the
        test images add.
    """
    frame = conditions(runs)
    places = Samples(frame.assign(test_acc=np.arange(len(frame), dtype=float)))  # a run's row in place of its accuracy
    rows = []
    for row in effects[effects.ci_low.notna()].to_dict("records"):
        contrast = row["contrast"]
        conditions_of = [*contrast.plus, *contrast.minus]
        cells = [[answers[int(place)] for place in places.of(side).accuracy] for side in conditions_of]
        signs = [1 / contrast.scale] * len(contrast.plus) + [-1 / contrast.scale] * len(contrast.minus)
        rows.append(row | over_images(row, shared_variance(terms(cells, signs), row["n"])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def accuracies_over_images(
    runs: pd.DataFrame, cells: pd.DataFrame, titles: Sequence[str], answers: Sequence[Answers]
) -> pd.DataFrame:
    """Return the mean test accuracies of the cells with both intervals, cut to [0, 1]: rows of COLUMNS.

    Args:
        runs: One row per finished run.
        cells: The cells, with `cell n test_acc_mean test_acc_std`.
        titles: The title of each cell.
        answers: The answers of each run.
    """
    rows = []
    for title, cell in zip(titles, cells.to_dict("records"), strict=True):
        if cell["n"] > 1:
            own = [answers[int(place)] for place in np.flatnonzero(runs.cell == cell["cell"])]
            half = half_width(cell["test_acc_std"], cell["n"])
            row = {"family": ACCURACY, "effect": title, "context": "", "n": cell["n"], "mean": cell["test_acc_mean"]}
            row |= {"ci_low": row["mean"] - half, "ci_high": row["mean"] + half}
            row |= over_images(row, shared_variance(terms([own], [1.0]), cell["n"]))
            ends = ("ci_low", "ci_high", "images_low", "images_high")
            rows.append(row | {end: min(max(row[end], 0.0), 1.0) for end in ends})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def over_images(row: dict[str, Any], variance: float) -> dict[str, float]:
    """Return the second interval of a row and the share of its variance that the test images add."""
    low, high = widened(row["ci_low"], row["ci_high"], variance, row["n"])
    within, whole = row["ci_high"] - row["ci_low"], high - low
    return {"images_low": low, "images_high": high, "images_share": 1 - (within / whole) ** 2 if variance else 0.0}
