"""The accuracies and effects of a report with intervals that also cover the test images.

Seeds draw their test pairs from the same test images, so that their accuracies are not independent. The covariance of
seeds that answer about the same image is estimated as for dyadic data, where an observation belongs to two units
(Aronow, Samii and Assenova, Political Analysis 23, 2015).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.cell_grid import Grid
from digitcmp.report.statistics.estimates import half_width

ACCURACY = "accuracy"  # the family of the rows that are mean accuracies
COLUMNS = (
    *("family", "effect", "context", "n", "mean", "ci_low", "ci_high"),
    *("images_low", "images_high", "images_share"),
)


def over_images(
    grid: Grid, effects: pd.DataFrame, cells: pd.DataFrame, titles: Mapping[str, str], answers: pd.DataFrame
) -> pd.DataFrame:
    """Return the mean accuracies and the effects that have an interval, with a second one that covers the test images.

    Args:
        grid: The grid.
        effects: Rows of `effects.effects`.
        cells: The cells, with `cell n test_acc_mean test_acc_std`.
        titles: The title of each cell by its name.
        answers: One row per test pair of each run: `cell seed first second correct`. first and second are numbers of
            the two images, equal for equal images in all runs. `correct` is 1 for a correct answer, else 0.

    Returns:
        COLUMNS. images_low and images_high are the second interval. images_share is the share of its variance that the
        test images add. Intervals of accuracies are cut to [0, 1].
    """
    by_cell = dict(list(answers.groupby("cell")))
    rows = []
    for cell in cells[cells.n > 1].to_dict("records"):
        half = half_width(cell["test_acc_std"], cell["n"])
        row = {"family": ACCURACY, "effect": titles[cell["cell"]], "context": "", "n": cell["n"]}
        row |= {"mean": cell["test_acc_mean"]}
        row |= {"ci_low": row["mean"] - half, "ci_high": row["mean"] + half}
        row = widened(row, shared_variance({cell["cell"]: 1.0}, by_cell))
        rows.append(row | {end: np.clip(row[end], 0, 1) for end in ("ci_low", "ci_high", "images_low", "images_high")})
    for row in effects[effects.ci_low.notna()].to_dict("records"):
        weights = {grid.names[place]: weight for place, weight in row["contrast"].weights.items()}
        rows.append(widened(row, shared_variance(weights, by_cell)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def widened(row: dict[str, Any], variance: float) -> dict[str, Any]:
    """Return a row with its 95 % t-interval widened by a further variance of the mean."""
    mean, half = (row["ci_low"] + row["ci_high"]) / 2, (row["ci_high"] - row["ci_low"]) / 2
    wide = float(np.hypot(half, half_width(np.sqrt(row["n"] * variance), row["n"])))
    share = 1 - (half / wide) ** 2 if variance else 0.0
    return row | {"images_low": mean - wide, "images_high": mean + wide, "images_share": share}


def shared_variance(weights: Mapping[str, float], answers: Mapping[str, pd.DataFrame]) -> float:
    """Return the variance of a contrast over n seeds that is due to test images which several seeds share.

    An answer's term is what it adds to the mean, less its expectation. The variance is the sum of the products of terms
    of different seeds with a common image, times n / (n-1), because the sample variance over seeds leaves out one share
    of it. A negative estimate is returned as 0.

    Args:
        weights: The weight of each cell. All cells have the same seeds.
        answers: The answers of each cell.
    """
    terms = []
    for cell, weight in weights.items():
        ours = answers[cell]
        by_seed = ours.groupby("seed").correct
        share = by_seed.transform("size") * ours.seed.nunique()
        terms.append(ours.assign(term=weight / share * (ours.correct - by_seed.mean().mean())))
    table = pd.concat(terms, ignore_index=True)
    n = table.seed.nunique()
    first, second = table[["first", "second"]].min(axis=1), table[["first", "second"]].max(axis=1)
    one_image = between_seeds(pd.concat([first, second]), pd.concat([table.seed] * 2), pd.concat([table.term] * 2))
    pair = first * (second.max() + 1) + second
    both_images = between_seeds(pair, table.seed, table.term)  # counted twice in `one_image`
    return max(0.0, n / (n - 1) * (one_image - both_images))


def between_seeds(groups: pd.Series, seeds: pd.Series, terms: pd.Series) -> float:
    """Return the sum of the products of two terms of one group and different seeds."""
    by_seed = terms.groupby([groups.to_numpy(), seeds.to_numpy()]).sum()
    return float((by_seed.groupby(level=0).sum() ** 2).sum() - (by_seed**2).sum())
