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
    """A branch per image: (B, 2, 14, 14) -> (B, 2, bins), with one set of weights (`shared`) or two.

    `branch` makes a network (N, 1, 14, 14) -> (N, bins); it is called once if shared, else twice.
    """

    def __init__(self, branch: Callable[[], nn.Module], shared: bool, bins: int = DIGITS) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch() for _ in range(1 if shared else 2))
        self.shape = (2, bins)

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> Float[Tensor, "batch 2 bins"]:
        if len(self.branches) == 1:
            return self.branches[0](pairs.flatten(0, 1).unsqueeze(1)).unflatten(0, (-1, 2))
        return torch.stack([branch(pairs[:, i : i + 1]) for i, branch in enumerate(self.branches)], dim=1)


def dense_branch(hidden: int, bins: int) -> nn.Module:
    """Per-image network of FCNN3 and WS2 (Fig. 1): (N, 1, 14, 14) -> (N, bins), before its ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, bins))


def conv_branch(bins: int, regularization: str | None) -> nn.Module:
    """Per-image network of WS1 and WS3 (Fig. 2): (N, 1, 14, 14) -> (N, bins), before its ReLU.

    No padding, as published. `regularization` is dropout, max_pool or dropblock: the paper's future work (section V).
    """
    features: list[nn.Module] = [nn.Conv2d(1, 5, kernel_size=3), nn.ReLU(), nn.Conv2d(5, 8, kernel_size=3), nn.ReLU()]
    side = 10
    if regularization == "dropblock":
        from torchvision.ops import DropBlock2d  # slow to import, and no other network wants it

        features.append(DropBlock2d(p=0.1, block_size=3))
    if regularization == "max_pool":
        features.append(nn.MaxPool2d(2))
        side = 5
    classifier: list[nn.Module] = [nn.Flatten(), nn.Linear(8 * side * side, 200), nn.ReLU()]
    if regularization == "dropout":
        classifier.append(nn.Dropout(0.5))
    return nn.Sequential(*features, *classifier, nn.Linear(200, bins))


def modern_branch(width: int, bins: int) -> nn.Module:
    """A small VGG with batch norm, not in the paper: (N, 1, 14, 14) -> (N, bins).

    Two convolutions of `width` channels, two of twice as many, each pair max-pooled, and a dense layer of 4 `width`.
    """

    def convolution(n: int, m: int) -> list[nn.Module]:
        return [nn.Conv2d(n, m, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(m), nn.ReLU()]

    branch = nn.Sequential(
        *convolution(1, width),
        *convolution(width, width),
        nn.MaxPool2d(2),
        *convolution(width, 2 * width),
        *convolution(2 * width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * 3 * 3, 4 * width, bias=False),
        nn.BatchNorm1d(4 * width),
        nn.ReLU(),
        nn.Linear(4 * width, bins),
    )
    return branch.to(memory_format=torch.channels_last)  # faster on a CPU, most of all in bf16


@register
def fcnn1(hidden: int | None = None) -> Merged:
    """FCNN1: one hidden layer (Fig. 1); Fig. 5 varies its width."""
    return Merged([hidden or 500])


@register
def fcnn2(hidden: Sequence[int] | None = None) -> Merged:
    """FCNN2: three hidden layers (Fig. 1); Fig. 5 varies their number and widths."""
    return Merged(hidden or [500, 250, 50])


@register
def fcnn3(hidden: int | None = None, bins: int = DIGITS) -> Branches:
    """FCNN3: a dense branch per image, own weights (Fig. 1); Fig. 5 varies the width. AL1 with aux."""
    return Branches(lambda: dense_branch(hidden or 500, bins), shared=False, bins=bins)


@register
def ws1(regularization: str | None = None, bins: int = DIGITS) -> Branches:
    """WS1: a convolutional branch per image, own weights (Fig. 2). AL2 with aux."""
    return Branches(lambda: conv_branch(bins, regularization), shared=False, bins=bins)


@register
def ws2(hidden: int | None = None, bins: int = DIGITS) -> Branches:
    """WS2: one dense branch for both images (Fig. 2). AL3 with aux."""
    return Branches(lambda: dense_branch(hidden or 500, bins), shared=True, bins=bins)


@register
def ws3(regularization: str | None = None, bins: int = DIGITS) -> Branches:
    """WS3: one convolutional branch for both images (Fig. 2). AL4 with aux."""
    return Branches(lambda: conv_branch(bins, regularization), shared=True, bins=bins)


@register
def convnet(width: int | None = None, bins: int = DIGITS) -> Branches:
    """One modern convolutional branch for both images; 32 channels wide if not told."""
    return Branches(lambda: modern_branch(width or 32, bins), shared=True, bins=bins)


@register
def convnet2(width: int | None = None, bins: int = DIGITS) -> Branches:
    """Two modern convolutional branches, own weights; 32 channels wide if not told."""
    return Branches(lambda: modern_branch(width or 32, bins), shared=False, bins=bins)
