"""The paper's convolutional networks: WS1 and WS3 have a branch per image."""

from typing import TYPE_CHECKING, Literal

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.networks import NETWORKS

if TYPE_CHECKING:
    from torch import nn

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
    """Return WS1 or WS3."""
    from digitcmp.models.layers import Branches

    return Branches(lambda: conv_branch(images, bins, regularization, padding, units), shared, bins)


def conv_branch(
    images: ImageSpec, bins: int, regularization: str | None = None, padding: int = 0, units: int | None = None
) -> "nn.Module":
    """Return the branch of WS1 and WS3 (Fig. 2), a network (N, C, H, W) -> (N, bins) without its last ReLU.

    Args:
        images: the images of the data set.
        bins: the size of the embedding.
        regularization: dropout, max_pool or dropblock, the paper's future work (section V).
        padding: the pixels of zeros around the input of each 3x3 convolution, 0 as in the paper or 1 to keep the side.
        units: the size of the dense layer; None for the paper's 200.

    Raises:
        ValueError: if the images are too small for max_pool.
    """
    from torch import nn

    convolutions = (
        nn.Conv2d(images.channels, 5, kernel_size=3, padding=padding),
        nn.Conv2d(5, 8, kernel_size=3, padding=padding),
    )
    features: list[nn.Module] = [convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU()]
    side = images.side - 4 + 4 * padding
    units = units or 200
    if regularization == "dropblock":
        from torchvision.ops import DropBlock2d  # slow to import, and not used elsewhere

        features.append(DropBlock2d(p=0.1, block_size=3))
    if regularization == "max_pool":
        if side < 2:
            raise ValueError(
                f"images of {images.side}x{images.side} are too small for max_pool; expected at least 6x6. "
                "Set data.side=6 or larger."
            )
        features.append(nn.MaxPool2d(2))
        side //= 2
    classifier: list[nn.Module] = [nn.Flatten(), nn.Linear(8 * side * side, units), nn.ReLU()]
    if regularization == "dropout":
        classifier.append(nn.Dropout(0.5))
    return nn.Sequential(*features, *classifier, nn.Linear(units, bins))
