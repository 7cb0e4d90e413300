"""Pairs of images, drawn from a data set by a seed."""

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

EVALUATION_ROWS = 200  # pairs per evaluation batch, few enough for the processor's cache


class Batch(NamedTuple):
    """B pairs of images.

    Attributes:
        pairs: (B, 2, H, W) or (B, 2, 3, H, W), raw pixels 0..255.
        target: (B,), 1 if the answer to the task's question is yes, else 0.
        digits: (B, 2), the classes of the images.
    """

    pairs: Float[Tensor, "batch 2 *image"]
    target: Float[Tensor, "batch"]
    digits: Int[Tensor, "batch 2"]

    def split(self, size: int) -> "Iterator[Batch]":
        """Return consecutive batches of `size` pairs; the last one may be smaller."""
        return (Batch(*tensors) for tensors in zip(*(tensor.split(size) for tensor in self), strict=True))


def draw_sets(data: datasets.DataSet, counts: Mapping[str, int], seed: int, task: str = "leq") -> dict[str, Batch]:
    """Return the pairs `train`, `val` and `test` of a data set. No image is used twice.

    Each seed has one permutation of the training images. Training pairs come from its front and validation pairs from
    its back. The number of the former does not change the latter.

    Args:
        data: the data set.
        counts: the number of pairs of each set.
        seed: fixes the pairs.
        task: a name in TASKS.

    Raises:
        DataError: if the data set has too few images.
    """
    splits = ("train", data.train, counts["train"] + counts["val"]), ("test", data.test, counts["test"])
    for split, pool, requested in splits:
        if 2 * requested > (available := len(pool.labels)):
            raise DataError(
                f"{requested} pairs requested from the {available} {split} images of {data.name}; "
                f"expected at most {available // 2}"
            )
    rng = np.random.default_rng(derive(seed, "pairs"))
    train, test = (rng.permutation(len(pool.labels)) for pool in (data.train, data.test))
    sets = {}
    for name, pool, order in (
        ("train", data.train, train),
        ("val", data.train, train[::-1]),
        ("test", data.test, test),
    ):
        rows = order[: 2 * counts[name]].reshape(-1, 2)
        sets[name] = pair(torch.from_numpy(pool.images[rows]).float(), torch.from_numpy(pool.labels[rows]), task)
    return sets


def pair(pairs: Float[Tensor, "batch 2 *image"], digits: Int[Tensor, "batch 2"], task: str = "leq") -> Batch:
    """Return pairs of images with their target, the answer of the task to their digits."""
    return Batch(pairs, TASKS[task].holds(digits[:, 0], digits[:, 1]).float(), digits)
