"""The order of the classes as a network's comparisons of their images give it, whether it ever saw a label or not."""

import torch
from jaxtyping import Float
from torch import Tensor

from digitcmp.data.pairs import Batch
from digitcmp.errors import DataError
from digitcmp.models.network import PairEnsemble

IMAGES = 200  # of all classes together, that are compared with each other


def positions(network: PairEnsemble, pairs: Batch) -> Float[Tensor, "classes"]:
    """How probably an image of each class comes after one of another class, the mean over the other classes.

    From the first images of each class among the pairs, as many of each, and at most IMAGES in all, every two of them
    compared both ways. A network that orders K classes rightly and surely gives 0, 1/(K - 1), ..., 1. Raises DataError
    for a class without an image.
    """
    names = network.images.names
    images, labels = pairs.pairs.flatten(0, 1), pairs.digits.flatten()
    rows = [(labels == label).nonzero().flatten() for label in range(len(names))]
    each = min(max(1, IMAGES // len(names)), *map(len, rows))
    if not each:
        missing = names[next(label for label, found in enumerate(rows) if not len(found))]
        raise DataError(f"order=true is not allowed: none of {len(labels)} test images is of class {missing}")
    chosen = images[torch.cat([found[:each] for found in rows])]
    compared = [network.predict_all(torch.stack([image.expand_as(chosen), chosen], dim=1)).compare for image in chosen]
    before = torch.stack(compared).sigmoid().unflatten(0, (-1, each)).unflatten(2, (-1, each)).mean(dim=(1, 3))
    after = (1 - before + before.T) / 2  # of the class of the row; both ways, so that a leaning to yes is no order
    return (after.sum(dim=1) - after.diagonal()) / (len(names) - 1)


def agreement(positions: Float[Tensor, "classes"]) -> float:
    """Kendall's tau-a of these positions and the classes' numbers: 1 in order, 0 for no relation, -1 in reverse."""
    first, second = torch.triu_indices(len(positions), len(positions), offset=1)
    return torch.sign(positions[second] - positions[first]).mean().item()
