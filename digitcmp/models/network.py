"""The network of a backbone, a head and an optional digit head, and ensembles of such networks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from digitcmp.data.pairs import EVALUATION_ROWS
from digitcmp.data.spec import ImageSpec
from digitcmp.models import backbones
from digitcmp.models.heads import HEADS
from digitcmp.models.layers import Backbone, digit_head
from digitcmp.seeds import derive

SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # rows and columns, in pixels


class PairOutput(NamedTuple):
    """The output of a network for B pairs.

    Attributes:
        compare: (B,), the logits of the task's answer yes, `first <= second`.
        digits: (B, 2, classes), the digit logits, or None without a digit head.
    """

    compare: Float[Tensor, "batch"]
    digits: Float[Tensor, "batch 2 classes"] | None

    def detach(self) -> "PairOutput":
        """Return the same values without their autograd graph."""
        return PairOutput(self.compare.detach(), None if self.digits is None else self.digits.detach())


def concatenate(outputs: Sequence[PairOutput]) -> PairOutput:
    """Return the outputs of consecutive batches as one."""
    digits = [output.digits for output in outputs if output.digits is not None]
    return PairOutput(torch.cat([output.compare for output in outputs]), torch.cat(digits) if digits else None)


def mean_output(outputs: Sequence[PairOutput]) -> PairOutput:
    """Return the logits of the mean probabilities of several outputs for the same pairs."""
    if len(outputs) == 1:
        return outputs[0]
    compare = torch.stack([output.compare for output in outputs])
    digits = [output.digits.log_softmax(dim=2) for output in outputs if output.digits is not None]
    return PairOutput(
        F.logsigmoid(compare).logsumexp(dim=0) - F.logsigmoid(-compare).logsumexp(dim=0),
        torch.stack(digits).logsumexp(dim=0) if digits else None,
    )


class PairModel(nn.Module):
    """A backbone, a head and optionally a digit head: normalised pairs, (B, 2, H, W) or (B, 2, C, H, W), to logits."""

    def __init__(self, backbone: Backbone, head: nn.Module, digit_head: nn.Module | None) -> None:
        super().__init__()
        self.backbone, self.head, self.digit_head = backbone, head, digit_head

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> PairOutput:
        weights = next(self.parameters())
        embedding = self.backbone(pairs).to(weights.dtype)  # in mixed precision too, heads get full precision
        digits = None if self.digit_head is None else self.digit_head(embedding)
        return PairOutput(self.head(embedding), digits)


class PairEnsemble(nn.Module):
    """The network in a checkpoint: one or more PairModels whose probabilities are averaged, on raw pixels 0..255.

    Args:
        backbone, arguments: a name in `backbones.NETWORKS` and its keyword arguments.
        head, head_arguments: a name in `heads.HEADS` and its keyword arguments.
        aux: whether it has a digit head.
        mean, std: the mean and the standard deviation that normalise the pixels, in gray values.
        seed: fixes the initial weights.
        bins: the size of a branch's embedding; None stands for the number of classes.
        tta: average over the images as they are and shifted by one pixel.
        ensemble: the number of PairModels, each with its own initial weights.
        images: the fields of an ImageSpec, by default the paper's.

    Raises:
        ValueError: if the images are too small.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str,
        arguments: Mapping[str, Any] | None = None,
        head: str = "mlp",
        aux: bool = False,
        mean: float = 0.0,
        std: float = 1.0,
        seed: int = 0,
        bins: int | None = None,
        tta: bool = False,
        ensemble: int = 1,
        images: Mapping[str, Any] | None = None,
        head_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        arguments, images = dict(arguments or {}), dict(images or {})
        head_arguments = dict(head_arguments or {})
        self.arguments: dict[str, Any] = {  # plain values, from which a checkpoint builds the network again
            **{"backbone": backbone, "arguments": arguments, "head": head, "aux": aux, "mean": mean, "std": std},
            **{"seed": seed, "bins": bins, "tta": tta, "ensemble": ensemble, "images": images},
            "head_arguments": head_arguments,
        }
        self.tta = tta
        self.images = spec = ImageSpec(**images)
        members: list[PairModel] = []
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "weights"))
            for _ in range(ensemble):
                body = backbones.build(backbone, spec, bins, **arguments)
                top = HEADS[head].build(body.shape, **head_arguments)
                members.append(PairModel(body, top, digit_head(body.shape, spec.classes) if aux else None))
        self.networks = nn.ModuleList(members)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def outputs(self, pairs: Float[Tensor, "batch 2 *image"]) -> list[PairOutput]:
        """Return the output of each network for pairs of raw pixels 0..255."""
        normalized = (pairs - self.mean) / self.std
        return [network(normalized) for network in self.networks]

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> PairOutput:
        """Return the mean output of the ensemble for pairs of raw pixels, with `tta` also over shifted images."""
        views = [pairs, *(pairs.roll(shift, dims=(-2, -1)) for shift in SHIFTS if self.tta)]
        return mean_output([mean_output(self.outputs(view)) for view in views])

    def predict_all(self, pairs: Float[Tensor, "batch 2 *image"]) -> PairOutput:
        """Return the output for any number of pairs, in batches of `EVALUATION_ROWS`."""
        return concatenate([self(rows) for rows in pairs.split(EVALUATION_ROWS)])

    @property
    def params(self) -> int:
        """The number of trainable parameters of all networks."""
        return sum(parameter.numel() for parameter in self.networks.parameters() if parameter.requires_grad)
