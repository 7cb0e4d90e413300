"""The networks before the comparison: pairs of 14x14 images to embeddings."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from digitcmp.registry import Backbone, register

PIXELS = 14 * 14
DIGITS = 10


class Merged(Backbone):
    """Dense network on both images flattened together (Fig. 1): (B, 2, 14, 14) -> (B, widths[-1]), after its ReLU."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        sizes = [2 * PIXELS, *widths]
        layers = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), nn.ReLU())]
        self.layers = nn.Sequential(nn.Flatten(), *layers)
        self.shape = (sizes[-1],)

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> Float[Tensor, "batch d"]:
        return self.layers(pairs)


class Branches(Backbone):
    """A branch per image: (B, 2, 14, 14) -> (B, 2, D), with one set of weights (`shared`) or two.

    `branch` makes a network (N, 1, 14, 14) -> (N, D); it is called once if shared, else twice.
    """

    def __init__(self, branch: Callable[[], nn.Module], shared: bool, d: int = DIGITS) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch() for _ in range(1 if shared else 2))
        self.shape = (2, d)

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> Float[Tensor, "batch 2 d"]:
        if len(self.branches) == 1:
            return self.branches[0](pairs.flatten(0, 1).unsqueeze(1)).unflatten(0, (-1, 2))
        return torch.stack([branch(pairs[:, i : i + 1]) for i, branch in enumerate(self.branches)], dim=1)


def dense_branch(hidden: int) -> nn.Module:
    """Per-image network of FCNN3 and WS2 (Fig. 1): (N, 1, 14, 14) -> (N, 10), before its ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, DIGITS))


def conv_branch() -> nn.Module:
    """Per-image network of WS1 and WS3 (Fig. 2): (N, 1, 14, 14) -> (N, 10), before its ReLU.

    No padding, as published.
    """
    return nn.Sequential(
        nn.Conv2d(1, 5, kernel_size=3),
        nn.ReLU(),
        nn.Conv2d(5, 8, kernel_size=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 10 * 10, 200),
        nn.ReLU(),
        nn.Linear(200, DIGITS),
    )


@register
def fcnn1(hidden: int | None = None) -> Merged:
    """FCNN1: one hidden layer (Fig. 1); Fig. 5 varies its width."""
    return Merged([hidden or 500])


@register
def fcnn2(hidden: Sequence[int] | None = None) -> Merged:
    """FCNN2: three hidden layers (Fig. 1); Fig. 5 varies their number and widths."""
    return Merged(hidden or [500, 250, 50])


@register
def fcnn3(hidden: int | None = None) -> Branches:
    """FCNN3: a dense branch per image, own weights (Fig. 1); Fig. 5 varies the width. AL1 with aux."""
    return Branches(lambda: dense_branch(hidden or 500), shared=False)


@register
def ws1() -> Branches:
    """WS1: a convolutional branch per image, own weights (Fig. 2). AL2 with aux."""
    return Branches(conv_branch, shared=False)


@register
def ws2(hidden: int | None = None) -> Branches:
    """WS2: one dense branch for both images (Fig. 2). AL3 with aux."""
    return Branches(lambda: dense_branch(hidden or 500), shared=True)


@register
def ws3() -> Branches:
    """WS3: one convolutional branch for both images (Fig. 2). AL4 with aux."""
    return Branches(conv_branch, shared=True)
