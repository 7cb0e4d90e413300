"""What backbones and heads are made of, in torch: pairs of images to embeddings, embeddings to logits."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

Shape = tuple[int, ...]


class Backbone(nn.Module):
    """Maps pairs (B, 2, H, W), in colour (B, 2, C, H, W), to an embedding and says in `shape` what one looks like.

    (2, D) with a branch per image, (D,) where both images are merged from the start.
    """

    shape: Shape


class Merged(Backbone):
    """Dense network on both images flattened together (Fig. 1): pairs -> (B, widths[-1]), after its ReLU.

    widths: first the number of pixels in a pair.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers = [layer for n, m in pairwise(widths) for layer in (nn.Linear(n, m), nn.ReLU())]
        self.layers = nn.Sequential(nn.Flatten(), *layers)
        self.shape = (widths[-1],)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch d"]:
        return self.layers(pairs)


class Branches(Backbone):
    """A branch per image: pairs -> (B, 2, bins), with one set of weights (`shared`) or two.

    `branch` makes a network (N, C, H, W) -> (N, bins); it is called once if shared, else twice.
    """

    def __init__(self, branch: Callable[[], nn.Module], shared: bool, bins: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch() for _ in range(1 if shared else 2))
        self.shape = (2, bins)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch 2 bins"]:
        if len(self.branches) == 1:
            return self.branches[0](with_channels(pairs.flatten(0, 1))).unflatten(0, (-1, 2))
        return torch.stack([branch(with_channels(pairs[:, i])) for i, branch in enumerate(self.branches)], dim=1)


def with_channels(images: Float[Tensor, "n *image"]) -> Float[Tensor, "n c h w"]:
    """Images as convolutions take them: gray ones (N, H, W) get their one channel."""
    return images if images.ndim == 4 else images.unsqueeze(1)


class MLPHead(nn.Module):
    """The paper's comparison (Fig. 2): both embeddings -> ReLU -> fc15 -> fc1; a merged embedding -> fc1.

    (B, 2, D) or (B, D) -> (B,) logit of `first <= second`.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if len(shape) == 1:
            self.layers = nn.Sequential(nn.Linear(shape[0], 1))
        else:
            self.layers = nn.Sequential(
                nn.Flatten(), nn.ReLU(), nn.Linear(2 * shape[1], 15), nn.ReLU(), nn.Linear(15, 1)
            )

    def forward(self, embedding: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch"]:
        return self.layers(embedding).squeeze(1)


class OrdinalHead(nn.Module):
    """Both embeddings read as logits of distributions p and q over ordered bins; no parameters, not in the paper.

    (B, 2, bins) -> (B,) logit of `P(first <= second) = sum over i <= j of p_i q_j`.

    Args:
        shape: the shape of an embedding.
        temperature: divides the logits of the bins; above 1 the distributions are flatter.

    Raises ValueError for a merged embedding.
    """

    above: Tensor

    def __init__(self, shape: Shape, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        if len(shape) == 1:
            raise ValueError("head=ordinal compares two embeddings, and this backbone merges both images into one")
        self.register_buffer("above", torch.ones(shape[1], shape[1], dtype=torch.bool).triu(), persistent=False)

    def forward(self, embedding: Float[Tensor, "batch 2 bins"]) -> Float[Tensor, "batch"]:
        first, second = (embedding / self.temperature).log_softmax(dim=2).unbind(dim=1)
        joint = first.unsqueeze(2) + second.unsqueeze(1)
        yes = joint.masked_fill(~self.above, -math.inf).logsumexp(dim=(1, 2))
        no = joint.masked_fill(self.above, -math.inf).logsumexp(dim=(1, 2))
        return yes - no


def digit_head(shape: Shape, classes: int) -> nn.Module:
    """Digit logits (B, 2, classes) from an embedding of this shape.

    As many numbers an image as there are classes are read as the logits themselves, without a parameter (Fig. 3); any
    other embedding goes through a linear layer, which the paper does not have.
    """
    if shape == (2, classes):
        return nn.Identity()
    if len(shape) == 2:
        return nn.Linear(shape[1], classes)
    return nn.Sequential(nn.Linear(shape[0], 2 * classes), nn.Unflatten(1, (2, classes)))
