"""A small VGG with batch norm, with and without sharing. It is not in the paper."""

from typing import TYPE_CHECKING

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.networks import NETWORKS

if TYPE_CHECKING:
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
)
def convnet(images: ImageSpec, bins: int, shared: bool, width: Count | None = None) -> "Backbone":
    """Return a small VGG with batch norm and a branch per image.

    A branch has two convolutions of `width` channels, two of 2 `width`, a max-pooling after each two, and a dense layer
    of 4 `width`.
    """
    import torch
    from torch import nn

    from digitcmp.models.layers import Branches

    def convolution(n: int, m: int) -> list[nn.Module]:
        return [nn.Conv2d(n, m, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(m), nn.ReLU()]

    def branch() -> nn.Module:
        w = width or 32
        layers = nn.Sequential(
            *convolution(images.channels, w),
            *convolution(w, w),
            nn.MaxPool2d(2),
            *convolution(w, 2 * w),
            *convolution(2 * w, 2 * w),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * w * (images.side // 4) ** 2, 4 * w, bias=False),
            nn.BatchNorm1d(4 * w),
            nn.ReLU(),
            nn.Linear(4 * w, bins),
        )
        return layers.to(memory_format=torch.channels_last)  # faster on a CPU, especially in bf16

    return Branches(branch, shared, bins)
