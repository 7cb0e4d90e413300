"""A backbone, a comparison head and an optional digit head as one network."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from digitcmp import backbones
from digitcmp.heads import HEADS
from digitcmp.layers import digit_head


class PairOutput(NamedTuple):
    """What a network says of B pairs: the logit of `first <= second`, and the digit logits if it has them."""

    compare: Float[Tensor, "batch"]
    digits: Float[Tensor, "batch 2 10"] | None


def concatenate(outputs: Sequence[PairOutput]) -> PairOutput:
    """The outputs of consecutive batches as one, cut off from the graph."""
    digits = [output.digits.detach() for output in outputs if output.digits is not None]
    return PairOutput(torch.cat([output.compare.detach() for output in outputs]), torch.cat(digits) if digits else None)


def mean_output(outputs: Sequence[PairOutput]) -> PairOutput:
    """The mean probabilities over several outputs for the same pairs, as logits; a single output as it is."""
    if len(outputs) == 1:
        return outputs[0]
    compare = torch.stack([output.compare for output in outputs])
    digits = [output.digits.log_softmax(dim=2) for output in outputs if output.digits is not None]
    return PairOutput(
        F.logsigmoid(compare).logsumexp(dim=0) - F.logsigmoid(-compare).logsumexp(dim=0),
        torch.stack(digits).logsumexp(dim=0) if digits else None,
    )


class PairModel(nn.Module):
    """Any registered backbone under a comparison head and, with `aux`, a digit head: (B, 2, 14, 14) -> PairOutput.

    Raises ValueError if the head cannot compare what the backbone gives.
    """

    def __init__(self, backbone: str, arguments: dict[str, Any], head: str, aux: bool) -> None:
        super().__init__()
        self.backbone = backbones.build(backbone, **arguments)
        self.head = HEADS[head].build(self.backbone.shape)
        self.digit_head = digit_head(self.backbone.shape) if aux else None

    def forward(self, pairs: Float[Tensor, "batch 2 h w"]) -> PairOutput:
        embedding = self.backbone(pairs).float()  # in mixed precision too, embeddings are compared in full
        digits = None if self.digit_head is None else self.digit_head(embedding)
        return PairOutput(self.head(embedding), digits)
