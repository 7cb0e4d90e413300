"""Backbones by name. Adding one: decorate its builder with `@register`, write conf/model/NAME.yaml."""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn


class Backbone(nn.Module):
    """Maps pairs (B, 2, 14, 14) to an embedding and says in `shape` what one looks like.

    (2, D) with a branch per image, (D,) where both images are merged from the start.
    """

    shape: tuple[int, ...]


Builder = TypeVar("Builder", bound=Callable[..., Backbone])
_builders: dict[str, Callable[..., Backbone]] = {}


def register(builder: Builder) -> Builder:
    """Register a class or function that returns a backbone under its own name, in lower case.

    Raises ValueError if the name is taken.
    """
    name = builder.__name__.lower()
    if name in _builders:
        raise ValueError(f"backbone {name!r} is registered twice: {_builders[name]} and {builder}")
    _builders[name] = builder
    return builder


def build(name: str, **arguments: Any) -> Backbone:
    """The backbone `name`, made with these arguments. Raises ValueError with the known names for any other."""
    if name not in _builders:
        raise ValueError(f"no backbone {name!r}; there are {', '.join(names())}")
    return _builders[name](**arguments)


def names() -> list[str]:
    """All registered names, sorted."""
    return sorted(_builders)
