"""The paper's dense networks: FCNN1 and FCNN2 merge both images, FCNN3 and WS2 have a branch per image."""

from typing import TYPE_CHECKING

from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones.registry import register

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Backbone


@register(branches=False, label="FCNN1")
def fcnn1(images: ImageSpec, hidden: Count | None = None) -> "Backbone":
    """FCNN1: one hidden layer (Fig. 1); Fig. 5 varies its width."""
    from digitcmp.models.layers import Merged

    return Merged([2 * images.pixels, hidden or 500])


@register(branches=False, label="FCNN2")
def fcnn2(images: ImageSpec, hidden: list[Count] | None = None) -> "Backbone":
    """FCNN2: three hidden layers (Fig. 1); Fig. 5 varies their number and widths."""
    from digitcmp.models.layers import Merged

    return Merged([2 * images.pixels, *(hidden or [500, 250, 50])])


@register(merged="fcnn1", label="FCNN3", label_aux="AL1")
def fcnn3(images: ImageSpec, bins: int, hidden: Count | None = None) -> "Backbone":
    """FCNN3: a dense branch per image, unshared weights (Fig. 1); Fig. 5 varies the width. AL1 with aux."""
    from digitcmp.models.layers import Branches

    return Branches(lambda: dense_branch(images, hidden or 500, bins), shared=False, bins=bins)


@register(unshared="fcnn3", label="WS2", label_aux="AL3")
def ws2(images: ImageSpec, bins: int, hidden: Count | None = None) -> "Backbone":
    """WS2: one dense branch for both images (Fig. 2). AL3 with aux."""
    from digitcmp.models.layers import Branches

    return Branches(lambda: dense_branch(images, hidden or 500, bins), shared=True, bins=bins)


def dense_branch(images: ImageSpec, hidden: int, bins: int) -> "nn.Module":
    """Return the branch of FCNN3 and WS2 (Fig. 1), a network (N, C, H, W) -> (N, bins) without its last ReLU."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(images.pixels, hidden), nn.ReLU(), nn.Linear(hidden, bins))
