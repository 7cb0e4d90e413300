"""How two embeddings are compared, by name. A head is built without torch being imported before."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from digitcmp.fields import Group, Positive, arguments_of

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Shape


@dataclass(frozen=True)
class Head:
    """A registered comparison head.

    Attributes:
        build: its builder, from an embedding's shape and its arguments to a network (B, *shape) -> (B,) logits.
        branches_only: whether it compares an embedding of each image, and cannot take one of both merged.
        tasks: the names of the tasks that it fits, None for any.
    """

    build: "Callable[..., nn.Module]"
    branches_only: bool = False
    tasks: Sequence[str] | None = None

    @property
    def name(self) -> str:
        return self.build.__name__

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (self.build.__doc__ or "").partition("\n")[0]

    @cached_property
    def arguments(self) -> type[Group]:
        """The arguments that it takes, with their types and defaults: every parameter but the first, the shape."""
        return arguments_of(self.build, left_out=list(inspect.signature(self.build).parameters)[:1])


HEADS: dict[str, Head] = {}


def register(build: Any = None, branches_only: bool = False, tasks: Sequence[str] | None = None) -> Any:
    """Register a function that builds a head under its own name: @register, @register(branches_only=True).

    It gets the shape of an embedding first; its other parameters are arguments, typed `head.NAME=VALUE`.

    Args:
        build: the function.
        branches_only, tasks: as in `Head`.

    Raises:
        ValueError: if the name is taken.
    """
    if build is None:
        return lambda build: register(build, branches_only, tasks)
    if build.__name__ in HEADS:
        raise ValueError(f"head {build.__name__!r} is registered twice; expected another name for the function")
    HEADS[build.__name__] = Head(build, branches_only, tasks)
    return build


@register
def mlp(shape: "Shape") -> "nn.Module":
    """the paper's: one small dense layer more"""
    from digitcmp.models.layers import MLPHead

    return MLPHead(shape)


@register(branches_only=True, tasks=("leq", "shuffled_leq"))
def ordinal(shape: "Shape", temperature: Positive = 1.0) -> "nn.Module":
    """no parameters: both embeddings are distributions over ordered bins; branches only"""
    from digitcmp.models.layers import OrdinalHead

    return OrdinalHead(shape, temperature)
