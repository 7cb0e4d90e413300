"""The networks before the comparison, by name: what each is, the arguments it takes, and how it is built.

Builders import torch when they are called, not before, so that a configuration is checked and a report written without
it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.fields import Group, arguments_of

if TYPE_CHECKING:
    from digitcmp.models.layers import Backbone

GIVEN = ("images", "bins")  # parameters of a builder that are no arguments of its network
RELATIONS = ("branches", "unshared", "merged", "label", "label_aux")  # facts of a network that a result records
Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True)
class Network:
    """A registered backbone.

    name: its builder's, in lower case. branches: whether it gives an embedding of each image, or merges both into one.
    unshared: the same network with own weights for each image, of one that shares them. merged: the same with both
    images in one network, of one with a branch for each. min_batch: the least pairs in a batch that it trains on, 2
    where a batch norm sees as many rows as there are pairs. label, label_aux: the paper's names of it, without and with
    the auxiliary loss. min_side: the smallest images it takes, in pixels. recorded: whether it is known from a result
    alone, so that it can be reported and not built.
    """

    builder: "Callable[..., Backbone]"
    branches: bool = True
    unshared: str | None = None
    merged: str | None = None
    min_batch: int = 1
    min_side: int = 1
    label: str | None = None
    label_aux: str | None = None
    recorded: bool = False

    @property
    def name(self) -> str:
        return self.builder.__name__.lower()

    @cached_property
    def arguments(self) -> type[Group]:
        """Its arguments, with their types and defaults, from its builder's signature."""
        return arguments_of(self.builder, left_out=GIVEN)

    @property
    def facts(self) -> dict[str, Any]:
        """What a report needs to know of it, as plain values: its relations, its labels, its arguments' defaults."""
        defaults = {
            name: None if field.is_required() else field.default for name, field in self.arguments.model_fields.items()
        }
        return {"name": self.name, **{key: getattr(self, key) for key in RELATIONS}, "arguments": defaults}

    @property
    def sized(self) -> bool:
        """Whether it takes `bins`, the size of a branch's embedding."""
        return "bins" in inspect.signature(self.builder).parameters


NETWORKS: dict[str, Network] = {}


def register(builder: Builder | None = None, **facts: Any) -> Any:
    """Register a function or class that returns a `layers.Backbone` under its own name: @register, @register(...).

    A builder that names them is given `images`, the ImageSpec of the data set, and `bins`, the size of a branch's
    embedding. facts: what else there is to say of the network, as in `Network`. Raises ValueError if the name is taken.
    """
    if builder is None:
        return lambda builder: register(builder, **facts)
    network = Network(builder, **facts)
    if network.name in NETWORKS and not NETWORKS[network.name].recorded:
        raise ValueError(
            f"backbone {network.name!r} is registered twice: {NETWORKS[network.name].builder} and {builder}"
        )
    NETWORKS[network.name] = network
    return builder


def register_recorded(facts: Mapping[str, Any]) -> None:
    """Register a network by the facts that a result records, unless one of its name is registered.

    Building it raises ValueError. A network that is registered afterwards under its name replaces it.
    """
    name = facts["name"]
    if name in NETWORKS:
        return

    def builder(**_: Any) -> "Backbone":
        raise ValueError(f"{name} is known from a result alone: import the module that registers it")

    builder.__name__ = name
    parameters = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value)
        for key, value in facts["arguments"].items()
    ]
    builder.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    NETWORKS[name] = Network(builder, **{key: facts[key] for key in RELATIONS}, recorded=True)


def build(name: str, images: ImageSpec = PAPER, bins: int | None = None, **arguments: Any) -> "Backbone":
    """The backbone `name` for these images, made with these arguments; a branch's embedding has a number a class.

    bins: another size of a branch's embedding. Raises ValueError for an unknown name, which says the known ones, for
    images that are too small and for a network that takes no bins.
    """
    if name not in NETWORKS:
        raise ValueError(f"no backbone {name!r}; there are {', '.join(sorted(NETWORKS))}")
    network = NETWORKS[name]
    if images.side < (least := network.min_side):
        raise ValueError(f"{name} needs images of at least {least}x{least}, not {images.side}x{images.side}")
    if bins and not network.sized:
        raise ValueError(f"bins={bins}: {name} has no branch that takes it")
    given = {"images": images, "bins": bins or images.classes}
    takes = inspect.signature(network.builder).parameters
    return network.builder(**{key: value for key, value in given.items() if key in takes}, **arguments)
