"""How two embeddings are compared, by name. A head is built without torch being imported before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Shape


class Head(NamedTuple):
    """A comparison head.

    Attributes:
        build: Takes the shape of an embedding, (2, D) or (D,), and returns a network (B, *shape) -> (B,) logits.
        branches_only: Whether it compares an embedding of each image, and cannot take one of both merged.
        tasks: The names of the tasks that it fits; None for any.
    """

    build: Callable[[Shape], nn.Module]
    branches_only: bool
    tasks: Sequence[str] | None

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (self.build.__doc__ or "").partition("\n")[0]


HEADS: dict[str, Head] = {}


def register(build: Any = None, branches_only: bool = False, tasks: Sequence[str] | None = None) -> Any:
    """Register a function under its own name: from an embedding's shape to a network (B, *shape) -> (B,) logits.

    The other arguments are the attributes of `Head`.
    """
    if build is None:
        return lambda build: register(build, branches_only, tasks)
    HEADS[build.__name__] = Head(build, branches_only, tasks)
    return build


@register
def mlp(shape: Shape) -> nn.Module:
    """the paper's: one small dense layer more"""
    from digitcmp.models.layers import MLPHead

    return MLPHead(shape)


@register(branches_only=True, tasks=("leq", "shuffled_leq"))
def ordinal(shape: Shape) -> nn.Module:
    """no parameters: both embeddings are distributions over ordered bins; branches only"""
    from digitcmp.models.layers import OrdinalHead

    return OrdinalHead(shape)
