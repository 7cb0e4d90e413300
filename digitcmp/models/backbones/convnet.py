"""A small VGG with batch norm, with and without sharing. It is not in the paper."""

from typing import TYPE_CHECKING

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.networks import NETWORKS

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Backbone


@NETWORKS.register(
    name="convnet",
    summary="One modern convolutional branch for both images, by default 32 channels wide.",
    shared=True,
    unshared="convnet2",
    min_side=4,
)
@NETWORKS.register(
    name="convnet2",
    summary="A modern convolutional branch per image, unshared weights, by default 32 channels wide.",
    shared=False,
    min_side=4,
    min_batch=2,
)
def convnet(images: ImageSpec, bins: int, shared: bool, width: Count | None = None) -> "Backbone":
    """Return a small VGG with a branch per image."""
    from digitcmp.models.layers import Branches

    return Branches(lambda: modern_branch(images, width or 32, bins), shared, bins)


def modern_branch(images: ImageSpec, width: int, bins: int) -> "nn.Module":
    """Return a small VGG with batch norm, a network (N, C, H, W) -> (N, bins).

    It has two convolutions of `width` channels, two of 2 `width`, a max-pooling after each two, and a dense layer of
    4 `width`.
    """
    import torch
    from torch import nn

    def convolution(n: int, m: int) -> list[nn.Module]:
        return [nn.Conv2d(n, m, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(m), nn.ReLU()]

    branch = nn.Sequential(
        *convolution(images.channels, width),
        *convolution(width, width),
        nn.MaxPool2d(2),
        *convolution(width, 2 * width),
        *convolution(2 * width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (images.side // 4) ** 2, 4 * width, bias=False),
        nn.BatchNorm1d(4 * width),
        nn.ReLU(),
        nn.Linear(4 * width, bins),
    )
    return branch.to(memory_format=torch.channels_last)  # faster on a CPU, especially in bf16
