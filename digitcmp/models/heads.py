"""The registry of heads. Builders import torch when they are called."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from digitcmp.fields import Group, Positive, arguments_of
from digitcmp.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from digitcmp.models.layers import Shape


@dataclass(frozen=True)
class Head:
    """A registered head.

    Attributes:
        build: a function that returns a network (B, *shape) -> (B,) logits. Its first parameter gets the shape of an
            embedding. Its other parameters are the options `head.NAME=VALUE`.
        branches_only: whether it needs an embedding of each image. It cannot be used with merged backbones.
        tasks: the names of the tasks that it fits; None for any task.
    """

    build: "Callable[..., nn.Module]"
    branches_only: bool = False
    tasks: Sequence[str] | None = None

    @property
    def name(self) -> str:
        return self.build.__name__

    @cached_property
    def arguments(self) -> type[Group]:
        """The options of the head, with their types and defaults: the builder's parameters after the shape."""
        return arguments_of(self.build, left_out=list(inspect.signature(self.build).parameters)[:1])


HEADS: Registry[Head] = Registry("head", Head)


@HEADS.register
def mlp(shape: "Shape") -> "nn.Module":
    """compare by a dense layer of 15 units, as in the paper"""
    from torch import nn

    if len(shape) == 1:  # both images are merged (Fig. 1)
        return nn.Sequential(nn.Linear(shape[0], 1), nn.Flatten(start_dim=0))
    compare = nn.Linear(2 * shape[1], 15), nn.ReLU(), nn.Linear(15, 1)
    return nn.Sequential(nn.Flatten(), nn.ReLU(), *compare, nn.Flatten(start_dim=0))


@HEADS.register(branches_only=True, tasks=("leq", "shuffled_leq"))
def ordinal(shape: "Shape", temperature: Positive = 1.0) -> "nn.Module":
    """compare distributions over ordered bins, without parameters; for backbones with branches"""
    from digitcmp.models.layers import OrdinalHead

    return OrdinalHead(shape, temperature)
