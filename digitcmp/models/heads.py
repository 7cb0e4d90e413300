"""How two embeddings are compared, by name. A head is built without torch being imported before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Shape


class Head(NamedTuple):
    """What builds a comparison head from an embedding's shape, whether it needs two embeddings, its only task."""

    build: Callable[[Shape], nn.Module]
    branches_only: bool
    task: str | None

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (self.build.__doc__ or "").partition("\n")[0]


HEADS: dict[str, Head] = {}


def register(build: Any = None, branches_only: bool = False, task: str | None = None) -> Any:
    """Register a function under its own name: from an embedding's shape to a network (B, *shape) -> (B,) logits.

    branches_only: it compares an embedding of each image, and cannot take one of both merged. task: the only
    one that it fits, None for any. Raises ValueError if the name is taken.
    """
    if build is None:
        return lambda build: register(build, branches_only, task)
    if build.__name__ in HEADS:
        raise ValueError(f"head {build.__name__!r} is registered twice; expected another name for the function")
    HEADS[build.__name__] = Head(build, branches_only, task)
    return build


@register
def mlp(shape: Shape) -> nn.Module:
    """the paper's: one small dense layer more"""
    from digitcmp.models.layers import MLPHead

    return MLPHead(shape)


@register(branches_only=True, task="leq")
def ordinal(shape: Shape) -> nn.Module:
    """no parameters: both embeddings are distributions over ordered bins; branches only"""
    from digitcmp.models.layers import OrdinalHead

    return OrdinalHead(shape)
