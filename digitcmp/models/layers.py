"""What backbones and heads are made of, in torch: pairs of images to embeddings, embeddings to logits."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from digitcmp.data.spec import ImageSpec

Shape = tuple[int, ...]


class Backbone(nn.Module):
    """Maps pairs (B, 2, H, W), in colour (B, 2, C, H, W), to an embedding and says in `shape` what one looks like.

    (2, D) with a branch per image, (D,) where both images are merged from the start.
    """

    shape: Shape


class Merged(Backbone):
    """Dense network on both images flattened together (Fig. 1): pairs -> (B, widths[-1]), after its ReLU.

    widths: first the number of pixels in a pair.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers = [layer for n, m in pairwise(widths) for layer in (nn.Linear(n, m), nn.ReLU())]
        self.layers = nn.Sequential(nn.Flatten(), *layers)
        self.shape = (widths[-1],)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch d"]:
        return self.layers(pairs)


class Branches(Backbone):
    """A branch per image: pairs -> (B, 2, bins), with one set of weights (`shared`) or two.

    `branch` makes a network (N, C, H, W) -> (N, bins); it is called once if shared, else twice.
    """

    def __init__(self, branch: Callable[[], nn.Module], shared: bool, bins: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch() for _ in range(1 if shared else 2))
        self.shape = (2, bins)

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> Float[Tensor, "batch 2 bins"]:
        if len(self.branches) == 1:
            return self.branches[0](with_channels(pairs.flatten(0, 1))).unflatten(0, (-1, 2))
        return torch.stack([branch(with_channels(pairs[:, i])) for i, branch in enumerate(self.branches)], dim=1)


def with_channels(images: Float[Tensor, "n *image"]) -> Float[Tensor, "n c h w"]:
    """Images as convolutions take them: gray ones (N, H, W) get their one channel."""
    return images if images.ndim == 4 else images.unsqueeze(1)


def dense_branch(images: ImageSpec, hidden: int, bins: int) -> nn.Module:
    """Per-image network of FCNN3 and WS2 (Fig. 1): (N, C, H, W) -> (N, bins), before its ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(images.pixels, hidden), nn.ReLU(), nn.Linear(hidden, bins))


def conv_branch(images: ImageSpec, bins: int, regularization: str | None) -> nn.Module:
    """Per-image network of WS1 and WS3 (Fig. 2): (N, C, H, W) -> (N, bins), before its ReLU.

    No padding, as published. `regularization` is dropout, max_pool or dropblock: the paper's future work (section V).
    Raises ValueError for images that are too small to be pooled.
    """
    convolutions = nn.Conv2d(images.channels, 5, kernel_size=3), nn.Conv2d(5, 8, kernel_size=3)
    features: list[nn.Module] = [convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU()]
    side = images.side - 4
    if regularization == "dropblock":
        from torchvision.ops import DropBlock2d  # slow to import, and no other network wants it

        features.append(DropBlock2d(p=0.1, block_size=3))
    if regularization == "max_pool":
        if side < 2:
            raise ValueError(f"max_pool needs images of at least 6x6, not {images.side}x{images.side}")
        features.append(nn.MaxPool2d(2))
        side //= 2
    classifier: list[nn.Module] = [nn.Flatten(), nn.Linear(8 * side * side, 200), nn.ReLU()]
    if regularization == "dropout":
        classifier.append(nn.Dropout(0.5))
    return nn.Sequential(*features, *classifier, nn.Linear(200, bins))


def modern_branch(images: ImageSpec, width: int, bins: int) -> nn.Module:
    """A small VGG with batch norm, not in the paper: (N, C, H, W) -> (N, bins).

    Two convolutions of `width` channels, two of twice as many, each pair max-pooled, and a dense layer of 4 `width`.
    """

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
    return branch.to(memory_format=torch.channels_last)  # faster on a CPU, most of all in bf16


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


class OrdinalHead(nn.Module):
    """Both embeddings read as logits of distributions p and q over ordered bins; no parameters, not in the paper.

    (B, 2, bins) -> (B,) logit of `P(first <= second) = sum over i <= j of p_i q_j`. Raises ValueError for a merged
    embedding.
    """

    above: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if len(shape) == 1:
            raise ValueError("head=ordinal compares two embeddings, and this backbone merges both images into one")
        self.register_buffer("above", torch.ones(shape[1], shape[1], dtype=torch.bool).triu(), persistent=False)

    def forward(self, embedding: Float[Tensor, "batch 2 bins"]) -> Float[Tensor, "batch"]:
        first, second = embedding.log_softmax(dim=2).unbind(dim=1)
        joint = first.unsqueeze(2) + second.unsqueeze(1)
        yes = joint.masked_fill(~self.above, -math.inf).logsumexp(dim=(1, 2))
        no = joint.masked_fill(self.above, -math.inf).logsumexp(dim=(1, 2))
        return yes - no


def digit_head(shape: Shape, classes: int) -> nn.Module:
    """Digit logits (B, 2, classes) from an embedding of this shape.

    As many numbers an image as there are classes are read as the logits themselves, without a parameter (Fig. 3); any
    other embedding goes through a linear layer, which the paper does not have.
    """
    if shape == (2, classes):
        return nn.Identity()
    if len(shape) == 2:
        return nn.Linear(shape[1], classes)
    return nn.Sequential(nn.Linear(shape[0], 2 * classes), nn.Unflatten(1, (2, classes)))
