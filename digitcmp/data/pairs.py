"""Pairs of digits, drawn from a data set: the same for the same seed, whatever else is asked for."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from digitcmp.data import datasets
from digitcmp.data.tasks import TASKS
from digitcmp.errors import DataError
from digitcmp.seeds import derive

EVALUATION_ROWS = 200  # pairs evaluated at once, few enough for the processor's cache


class Batch(NamedTuple):
    """B pairs of images (H, W) or (3, H, W), raw pixels 0..255; target 1 where what the task asks is true."""

    pairs: Float[Tensor, "batch 2 *image"]
    target: Float[Tensor, "batch"]
    digits: Int[Tensor, "batch 2"]

    def take(self, rows: Int[Tensor, "rows"]) -> "Batch":
        """These rows, in this order."""
        return Batch(*(tensor[rows] for tensor in self))

    def split(self, size: int) -> "Iterator[Batch]":
        """Consecutive batches of `size` pairs; the last one may be smaller."""
        return (Batch(*tensors) for tensors in zip(*(tensor.split(size) for tensor in self), strict=True))


def draw_sets(data: datasets.DataSet, counts: Mapping[str, int], seed: int, task: str = "leq") -> dict[str, Batch]:
    """The pairs `train`, `val` and `test` of a data set, so many of each; no image is used twice.

    One permutation of the training images per seed: training pairs are taken from its front, validation pairs from its
    back, so that the number of one never changes the other. Raises DataError for more pairs than the images make.
    """
    splits = ("train", data.train, counts["train"] + counts["val"]), ("test", data.test, counts["test"])
    for split, pool, wanted in splits:
        if 2 * wanted > (there := len(pool.labels)):
            raise DataError(f"{wanted} pairs asked of {data.name}'s {there} {split} images, which make {there // 2}")
    rng = np.random.default_rng(derive(seed, "pairs"))
    train, test = (rng.permutation(len(pool.labels)) for pool in (data.train, data.test))
    return {
        "train": draw(data.train, train, counts["train"], task),
        "val": draw(data.train, train[::-1], counts["val"], task),
        "test": draw(data.test, test, counts["test"], task),
    }


def pair(pairs: Float[Tensor, "batch 2 *image"], digits: Int[Tensor, "batch 2"], task: str = "leq") -> Batch:
    """These images with the target that their digits give: 1 where what the task asks is true."""
    return Batch(pairs, TASKS[task].holds(digits[:, 0], digits[:, 1]).float(), digits)


def draw(pool: datasets.Pool, order: Int[np.ndarray, "n"], pairs: int, task: str) -> Batch:
    """The first `2 * pairs` images in this order, two by two."""
    rows = order[: 2 * pairs].reshape(pairs, 2)
    return pair(torch.from_numpy(pool.images[rows]).float(), torch.from_numpy(pool.labels[rows]), task)
