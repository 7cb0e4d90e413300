"""Comparison heads: an embedding to the logit of `first <= second`; and the head that names the digits."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from digitcmp.backbones import DIGITS

Shape = tuple[int, ...]


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

    (B, 2, bins) -> (B,) logit of `P(first <= second) = sum over i <= j of p_i q_j`. Raises ValueError for a merged
    embedding.
    """

    above: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if len(shape) == 1:
            raise ValueError("head=ordinal compares two embeddings, and this backbone merges both images into one")
        self.register_buffer("above", torch.ones(shape[1], shape[1], dtype=torch.bool).triu(), persistent=False)

    def forward(self, embedding: Float[Tensor, "batch 2 bins"]) -> Float[Tensor, "batch"]:
        first, second = embedding.log_softmax(dim=2).unbind(dim=1)
        joint = first.unsqueeze(2) + second.unsqueeze(1)
        yes = joint.masked_fill(~self.above, -math.inf).logsumexp(dim=(1, 2))
        no = joint.masked_fill(self.above, -math.inf).logsumexp(dim=(1, 2))
        return yes - no


def digit_head(shape: Shape) -> nn.Module:
    """Digit logits (B, 2, 10) from an embedding of this shape.

    Ten numbers an image are read as the logits themselves, without a parameter (Fig. 3); any other embedding
    goes through a linear layer, which the paper does not have.
    """
    if shape == (2, DIGITS):
        return nn.Identity()
    if len(shape) == 2:
        return nn.Linear(shape[1], DIGITS)
    return nn.Sequential(nn.Linear(shape[0], 2 * DIGITS), nn.Unflatten(1, (2, DIGITS)))


HEADS: dict[str, Callable[[Shape], nn.Module]] = {"mlp": MLPHead, "ordinal": OrdinalHead}
