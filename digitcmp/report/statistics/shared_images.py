"""Standard errors that cover the test images as well as the seeds, as pure functions of arrays.

Seeds draw their test pairs from the same test images, so that their accuracies are not independent. The covariance of
seeds that answer about the same image is estimated as for dyadic data, where an observation belongs to two units
(Aronow, Samii and Assenova, Political Analysis 23, 2015).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from digitcmp.report.statistics.stats import half_width


class Answers(NamedTuple):
    """The answers of one run to its test pairs.

    Attributes:
        images: (K, 2), a number for each test image. Equal images have equal numbers in all runs.
        correct: (K,), 1 for a correct answer, else 0.
    """

    images: Int[np.ndarray, "pair 2"]
    correct: Float[np.ndarray, " pair"]


class Terms(NamedTuple):
    """The terms of a mean over seeds, one per answer.

    Attributes:
        seeds: (M,), the place of the seed, 0 to n-1.
        images: (M, 2), the numbers of the two images.
        values: (M,), what the answer adds to the mean, less its expectation.
    """

    seeds: Int[np.ndarray, " term"]
    images: Int[np.ndarray, "term 2"]
    values: Float[np.ndarray, " term"]


def terms(cells: Sequence[Sequence[Answers]], coefficients: Sequence[float]) -> Terms:
    """Return the terms of a sum of mean accuracies.

    Args:
        cells: the answers of each cell, by seed. All cells have the same seeds.
        coefficients: the factor of each cell in the sum.
    """
    seeds, images, values = [], [], []
    for cell, coefficient in zip(cells, coefficients, strict=True):
        mean = np.mean([answers.correct.mean() for answers in cell])
        for seed, answers in enumerate(cell):
            k = len(answers.correct)
            seeds.append(np.full(k, seed))
            images.append(answers.images)
            values.append(coefficient / (len(cell) * k) * (answers.correct - mean))
    return Terms(np.concatenate(seeds), np.concatenate(images), np.concatenate(values))


def shared_variance(terms: Terms, n: int) -> float:
    """Return the variance of a mean over n seeds that is due to test images which several seeds share.

    It is the sum of the products of terms of different seeds with a common image, times n / (n-1), because the sample
    variance over seeds leaves out one share of it. A negative estimate is returned as 0.
    """
    seeds, values = np.tile(terms.seeds, 2), np.tile(terms.values, 2)
    one_image = between_seeds(terms.images.T.ravel(), seeds, values)
    ordered = np.sort(terms.images, axis=1)
    _, pairs = np.unique(ordered, axis=0, return_inverse=True)
    both_images = between_seeds(pairs.ravel(), terms.seeds, terms.values)  # counted twice in `one_image`
    return max(0.0, n / (n - 1) * (one_image - both_images))


def between_seeds(
    groups: Int[np.ndarray, " term"], seeds: Int[np.ndarray, " term"], values: Float[np.ndarray, " term"]
) -> float:
    """Return the sum of the products of two values of one group and different seeds."""
    _, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((group.max() + 1, seeds.max() + 1))
    np.add.at(sums, (group.ravel(), seeds), values)
    return float((sums.sum(axis=1) ** 2 - (sums**2).sum(axis=1)).sum())


def widened(low: float, high: float, variance: float, n: int) -> tuple[float, float]:
    """Return a 95 % t-interval of a mean over n seeds, widened by a further variance of the mean."""
    mean, half = (low + high) / 2, (high - low) / 2
    further = half_width(np.sqrt(n * variance), n)
    wide = float(np.hypot(half, further))
    return mean - wide, mean + wide
