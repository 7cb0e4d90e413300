"""The section on test images: accuracies and effects with intervals that also cover them.

Seeds draw their test pairs from the same test images, so that their accuracies are not independent. The covariance of
seeds that answer about the same image is estimated as for dyadic data, where an observation belongs to two units
(Aronow, Samii and Assenova, Political Analysis 23, 2015).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from digitcmp.report.contrasts.accuracy_effects import paired
from digitcmp.report.contrasts.cell_grid import Contrast, Grid
from digitcmp.report.contrasts.planned import differing
from digitcmp.report.estimates import half_width
from digitcmp.report.formats import decimals, interval, to_text
from digitcmp.report.pages.section import Column, File, Part, Row, Table, named
from digitcmp.report.results import Results

ACCURACY = "accuracy"  # the family of the rows that are mean accuracies
IMAGES = (
    "The first interval is over seeds: over training pairs, initial weights and each seed's draw of test pairs. Seeds "
    "draw from the same test images. The second interval also covers these: it adds the covariance between seeds that "
    "answer about the same image. *from images* is the share of its variance that this adds."
)


def parts(results: Results) -> Iterator[Part]:
    """Yield the table of accuracies and effects with the intervals over seeds and over test images."""
    if results.answers is None:
        frame = results.collected("test_images.csv", pd.DataFrame())
    else:
        frame = over_images(results.grid, results.effects, results.title_of, results.answers)
    if frame.empty:
        return
    yield File.csv("test_images.csv", frame)

    def form(row: Row) -> str:
        return decimals(row["mean"]) if row["family"] == ACCURACY else "+.3f"

    columns = [
        named("effect", "cell or effect"),
        Column("n", "n"),
        named("settings"),
        Column("mean", "mean", lambda row: to_text(row["mean"], form(row))),
        Column("over seeds", "ci_low", lambda row: interval(row["ci_low"], row["ci_high"], form(row), row["n"])),
        Column("and test images", "images_low", lambda row: interval(row["images_low"], row["images_high"], form(row))),
        Column("from images", "images_share", ".0%"),
    ]
    contexts = [context if isinstance(context, str) else "" for context in frame.context]  # nan in a CSV file
    yield Table.of(frame.assign(settings=differing(contexts)), columns, "test_images.csv")
    yield IMAGES


def over_images(grid: Grid, effects: pd.DataFrame, titles: Mapping[str, str], answers: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracies and the effects that have an interval, with a second one that covers the test images.

    Args:
        grid: The grid.
        effects: Rows of `accuracy_effects.effects`.
        titles: The title of each cell by its name.
        answers: `cell seed first second correct` of each test pair of each run. first and second are numbers of the two
            images, equal for equal images in all runs. `correct` is 1 for a correct answer, else 0.

    Returns:
        The columns of test_images.csv. images_low and images_high are the second interval. images_share is the share of
        its variance that the test images add. Intervals of accuracies are cut to [0, 1].
    """
    cells = [Contrast(ACCURACY, title, "", {grid.names.index(cell): 1.0}) for cell, title in titles.items()]
    table = pd.concat([paired(grid, cells), effects])
    table = table[table.ci_low.notna()].reset_index(drop=True)
    by_cell = dict(list(answers.groupby("cell")))
    variances = []
    for contrast in table.contrast:
        weights = {grid.names[row]: weight for row, weight in contrast.weights.items()}
        variances.append(shared_variance(weights, by_cell))
    table = widened(table, variances)
    ends = table[["ci_low", "ci_high", "images_low", "images_high"]]
    table[list(ends)] = ends.where(table.family != ACCURACY, ends.clip(0, 1))
    numbers = ["n", "mean", "ci_low", "ci_high", "images_low", "images_high", "images_share"]
    return table[["family", "effect", "context", *numbers]]


def widened(table: pd.DataFrame, variances: Sequence[float]) -> pd.DataFrame:
    """Return rows with their 95 % t-intervals widened by further variances of their means."""
    mean, half, n = (table.ci_low + table.ci_high) / 2, (table.ci_high - table.ci_low) / 2, table.n.to_numpy(float)
    wide = np.hypot(half, half_width(np.sqrt(n * variances), n))
    share = (1 - (half / wide) ** 2).fillna(0)
    return table.assign(images_low=mean - wide, images_high=mean + wide, images_share=share)


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
