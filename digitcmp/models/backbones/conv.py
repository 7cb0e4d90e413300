"""The paper's convolutional networks: WS1 and WS3 have a branch per image."""

from typing import TYPE_CHECKING, Literal

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.networks import NETWORKS

if TYPE_CHECKING:
    from digitcmp.models.layers import Backbone

Regularization = Literal["dropout", "max_pool", "dropblock"]  # the paper's future work (section V)


@NETWORKS.register(
    name="ws3",
    summary="One convolutional branch for both images (Fig. 2).",
    shared=True,
    unshared="ws1",
    min_side=5,
    label="WS3",
    label_aux="AL4",
)
@NETWORKS.register(
    name="ws1",
    summary="A convolutional branch per image, unshared weights (Fig. 2).",
    shared=False,
    min_side=5,
    label="WS1",
    label_aux="AL2",
)
def conv(
    images: ImageSpec,
    bins: int,
    shared: bool,
    regularization: Regularization | None = None,
    padding: Literal[0, 1] = 0,
    units: Count | None = None,
) -> "Backbone":
    """Return WS1 or WS3, whose branches (Fig. 2) have no last ReLU.

    Args:
        images, bins, shared: as in `Network`.
        regularization: dropout, max_pool or dropblock, the paper's future work (section V).
        padding: the pixels of zeros around the input of each 3x3 convolution, 0 as in the paper or 1 to keep the side.
        units: the size of the dense layer; None for the paper's 200.

    Raises:
        ValueError: if the images are too small for max_pool.
    """
    from torch import nn

    from digitcmp.models.layers import Branches

    side, width = images.side - 4 + 4 * padding, units or 200
    if regularization == "max_pool":
        if side < 2:
            raise ValueError(
                f"images of {images.side}x{images.side} are too small for max_pool; expected at least 6x6. "
                "Set data.side=6 or larger."
            )
        side //= 2

    def branch() -> nn.Module:
        first = nn.Conv2d(images.channels, 5, kernel_size=3, padding=padding)
        layers: list[nn.Module] = [first, nn.ReLU(), nn.Conv2d(5, 8, kernel_size=3, padding=padding), nn.ReLU()]
        if regularization == "dropblock":
            from torchvision.ops import DropBlock2d  # slow to import, and not used elsewhere

            layers.append(DropBlock2d(p=0.1, block_size=3))
        if regularization == "max_pool":
            layers.append(nn.MaxPool2d(2))
        layers += [nn.Flatten(), nn.Linear(8 * side * side, width), nn.ReLU()]
        if regularization == "dropout":
            layers.append(nn.Dropout(0.5))
        return nn.Sequential(*layers, nn.Linear(width, bins))

    return Branches(branch, shared, bins)
