"""Random distortion of training images."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

ROTATION = math.radians(15)
SCALE = 0.15  # relative
SHEAR = 0.2
SHIFT = 1.5 / 7  # pixels, in half images
ELASTIC = 0.06  # standard deviation at each of 4x4 points, in half images


def augment(images: Float[Tensor, "n *image"], generator: torch.Generator) -> Float[Tensor, "n *image"]:
    """Return the images, each rotated, scaled, sheared, shifted and elastically warped by random amounts.

    Images are rotated by at most 15 degrees and shifted by at most about a tenth of their side. Pixels from outside an
    image are background, 0.

    Args:
        images: (N, H, W), or (N, C, H, W) in colour.
        generator: a generator on the CPU. Images on every device get the same random numbers.
    """
    n, (h, w) = len(images), images.shape[-2:]
    turn, shear, scale_x, scale_y, dx, dy = (2 * torch.rand(6, n, generator=generator) - 1).unbind()
    turn, shear, dx, dy = ROTATION * turn, SHEAR * shear, SHIFT * dx, SHIFT * dy
    scale_x, scale_y = 1 + SCALE * scale_x, 1 + SCALE * scale_y
    cos, sin = turn.cos(), turn.sin()
    rows = torch.stack(
        [scale_x * cos, scale_x * (shear * cos - sin), dx, scale_y * sin, scale_y * (shear * sin + cos), dy], dim=1
    )
    grid = F.affine_grid(rows.view(n, 2, 3), [n, 1, h, w], align_corners=False)
    displacement = ELASTIC * torch.randn(n, 2, 4, 4, generator=generator)
    grid = grid + F.interpolate(displacement, (h, w), mode="bicubic", align_corners=False).movedim(1, 3)
    return F.grid_sample(images.view(n, -1, h, w), grid.to(images.device), align_corners=False).view_as(images)
