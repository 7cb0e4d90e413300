"""Comparison heads: an embedding to the logit of `first <= second`; and the head that names the digits."""

from collections.abc import Callable

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


HEADS: dict[str, Callable[[Shape], nn.Module]] = {"mlp": MLPHead}
