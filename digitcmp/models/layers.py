"""The torch modules of backbones (pairs of images to embeddings) and heads (embeddings to logits)."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

Shape = tuple[int, ...]


class Backbone(nn.Module):
    """A network from pairs, (B, 2, H, W) or (B, 2, C, H, W) in colour, to embeddings (B, *shape).

    Attributes:
        shape: the shape of an embedding, (2, D) with a branch per image or (D,) for a merged backbone.
    """

    shape: Shape


class Merged(Backbone):
    """A dense network on both images flattened together (Fig. 1), pairs -> (B, widths[-1]), with its last ReLU.

    Args:
        widths: the number of pixels in a pair, then the width of each layer.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers = [layer for n, m in pairwise(widths) for layer in (nn.Linear(n, m), nn.ReLU())]
        self.layers = nn.Sequential(nn.Flatten(), *layers)
        self.shape = (widths[-1],)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch d"]:
        return self.layers(pairs)


class Branches(Backbone):
    """A branch per image, pairs -> (B, 2, bins).

    Args:
        branch: returns a network (N, C, H, W) -> (N, bins). It is called once if shared, else twice.
        shared: use one set of weights for both images.
        bins: the size of a branch's embedding.
    """

    def __init__(self, branch: Callable[[], nn.Module], shared: bool, bins: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch() for _ in range(1 if shared else 2))
        self.shape = (2, bins)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch 2 bins"]:
        images = pairs if pairs.ndim == 5 else pairs.unsqueeze(2)  # gray images get a channel
        if len(self.branches) == 1:
            return self.branches[0](images.flatten(0, 1)).unflatten(0, (-1, 2))
        return torch.stack([branch(images[:, i]) for i, branch in enumerate(self.branches)], dim=1)


class OrdinalHead(nn.Module):
    """A head without parameters, (B, 2, bins) -> (B,) logits of `first <= second`. It is not in the paper.

    The embeddings are the logits of distributions p and q over ordered bins, and
    P(first <= second) = sum over i <= j of p_i q_j.

    Args:
        shape: the shape of an embedding, (2, bins).
        temperature: divides the logits of the bins. Above 1 the distributions are flatter.
    """

    above: Tensor

    def __init__(self, shape: Shape, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("above", torch.ones(shape[1], shape[1], dtype=torch.bool).triu(), persistent=False)

    def forward(self, embedding: Float[Tensor, "batch 2 bins"]) -> Float[Tensor, "batch"]:
        first, second = (embedding / self.temperature).log_softmax(dim=2).unbind(dim=1)
        joint = first.unsqueeze(2) + second.unsqueeze(1)
        yes = joint.masked_fill(~self.above, -math.inf).logsumexp(dim=(1, 2))
        no = joint.masked_fill(self.above, -math.inf).logsumexp(dim=(1, 2))
        return yes - no


def digit_head(shape: Shape, classes: int) -> nn.Module:
    """Return a network from embeddings (B, *shape) to digit logits (B, 2, classes).

    Embeddings (2, classes) are the logits themselves (Fig. 3). Other embeddings go through a linear layer, which is not
    in the paper.
    """
    if shape == (2, classes):
        return nn.Identity()
    if len(shape) == 2:
        return nn.Linear(shape[1], classes)
    return nn.Sequential(nn.Linear(shape[0], 2 * classes), nn.Unflatten(1, (2, classes)))
