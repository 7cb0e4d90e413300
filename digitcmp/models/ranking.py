"""The order of the classes that follows from a network's comparisons of their images."""

import torch
from jaxtyping import Float
from torch import Tensor

from digitcmp.data.pairs import Batch
from digitcmp.errors import DataError
from digitcmp.models.network import PairEnsemble

IMAGES = 200  # the number of images of all classes that are compared with each other


def positions(network: PairEnsemble, pairs: Batch) -> Float[Tensor, "classes"]:
    """Return the probability that an image of each class comes after one of another class, averaged over the others.

    The first images of each class are compared, every two in both orders. All classes have the same number of images,
    together at most IMAGES. A network that orders K classes correctly and with certainty gives 0, 1/(K - 1), ..., 1.

    Raises:
        DataError: if a class has no image.
    """
    names = network.images.names
    images, labels = pairs.pairs.flatten(0, 1), pairs.digits.flatten()
    rows = [(labels == label).nonzero().flatten() for label in range(len(names))]
    each = min(max(1, IMAGES // len(names)), *map(len, rows))
    if not each:
        missing = names[next(label for label, own in enumerate(rows) if not len(own))]
        raise DataError(
            f"order=true is not allowed: none of the {len(labels)} test images has the class {missing}; "
            "expected an image of every class"
        )
    chosen = images[torch.cat([own[:each] for own in rows])]
    compared = [network.predict_all(torch.stack([image.expand_as(chosen), chosen], dim=1)).compare for image in chosen]
    before = torch.stack(compared).sigmoid().unflatten(0, (-1, each)).unflatten(2, (-1, each)).mean(dim=(1, 3))
    after = (1 - before + before.T) / 2  # the mean of both orders removes a bias towards yes; rows are classes
    return (after.sum(dim=1) - after.diagonal()) / (len(names) - 1)


def agreement(positions: Float[Tensor, "classes"]) -> float:
    """Return Kendall's tau-a of positions and class numbers: 1 in order, 0 without relation, -1 in reverse order."""
    first, second = torch.triu_indices(len(positions), len(positions), offset=1)
    return torch.sign(positions[second] - positions[first]).mean().item()
