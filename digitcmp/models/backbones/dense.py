"""The paper's dense networks: FCNN1 and FCNN2 merge both images, FCNN3 and WS2 have a branch per image."""

from typing import TYPE_CHECKING

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.networks import NETWORKS

if TYPE_CHECKING:
    from digitcmp.models.layers import Backbone


@NETWORKS.register(branches=False, label="FCNN1")
def fcnn1(images: ImageSpec, hidden: Count | None = None) -> "Backbone":
    """One hidden layer (Fig. 1); Fig. 5 varies its width."""
    from digitcmp.models.layers import Merged

    return Merged([2 * images.pixels, hidden or 500])


@NETWORKS.register(branches=False, label="FCNN2")
def fcnn2(images: ImageSpec, hidden: list[Count] | None = None) -> "Backbone":
    """Three hidden layers (Fig. 1); Fig. 5 varies their number and widths."""
    from digitcmp.models.layers import Merged

    return Merged([2 * images.pixels, *(hidden or [500, 250, 50])])


@NETWORKS.register(
    name="ws2",
    summary="One dense branch for both images (Fig. 2).",
    shared=True,
    unshared="fcnn3",
    label="WS2",
    label_aux="AL3",
)
@NETWORKS.register(
    name="fcnn3",
    summary="A dense branch per image, unshared weights (Fig. 1); Fig. 5 varies the width.",
    shared=False,
    merged="fcnn1",
    label="FCNN3",
    label_aux="AL1",
)
def dense(images: ImageSpec, bins: int, shared: bool, hidden: Count | None = None) -> "Backbone":
    """Return FCNN3 or WS2, whose branches have no last ReLU."""
    from torch import nn

    from digitcmp.models.layers import Branches

    def branch() -> nn.Module:
        width = hidden or 500
        return nn.Sequential(nn.Flatten(), nn.Linear(images.pixels, width), nn.ReLU(), nn.Linear(width, bins))

    return Branches(branch, shared, bins)
