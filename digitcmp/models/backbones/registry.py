"""The registry of backbones.

Builders import torch when they are called. Checking a configuration and writing a report do not import it.
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

GIVEN = ("images", "bins")  # parameters of a builder that are not options of its network
RELATIONS = ("branches", "unshared", "merged", "label", "label_aux")  # the facts that a result records
Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True)
class Network:
    """A registered backbone.

    Attributes:
        builder: the function or class that returns the backbone.
        branches: whether it gives an embedding of each image; otherwise it merges both images.
        unshared: the name of the same network with unshared weights, of a network that shares them.
        merged: the name of the same network on both images merged, of a network with branches.
        min_batch: the smallest training batch in pairs: 2 if a batch norm sees one row per pair.
        min_side: the height and width of the smallest images that it accepts, in pixels.
        label: the paper's name without the auxiliary loss.
        label_aux: the paper's name with the auxiliary loss.
        recorded: whether it is known only from a result. It can be reported but not built.
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
        """The name of the builder in lower case."""
        return self.builder.__name__.lower()

    @cached_property
    def arguments(self) -> type[Group]:
        """The options of the network, with their types and defaults, from the builder's signature."""
        return arguments_of(self.builder, left_out=GIVEN)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that a report needs, as plain values: the name, RELATIONS and the defaults of the arguments."""
        defaults = {
            name: None if field.is_required() else field.default for name, field in self.arguments.model_fields.items()
        }
        return {"name": self.name, **{key: getattr(self, key) for key in RELATIONS}, "arguments": defaults}

    @property
    def sized(self) -> bool:
        """Whether it has the option `bins`, the size of a branch's embedding."""
        return "bins" in inspect.signature(self.builder).parameters


NETWORKS: dict[str, Network] = {}


def register(builder: Builder | None = None, **facts: Any) -> Any:
    """Register a builder of a backbone under its own name, as @register or @register(...).

    Args:
        builder: a function or class that returns a `layers.Backbone`. If it has the parameters `images` and `bins`, it
            gets the ImageSpec of the data set and the size of a branch's embedding. Its other parameters are options.
        facts: the other attributes of `Network`.

    Raises:
        ValueError: if the name exists already.
    """
    if builder is None:
        return lambda builder: register(builder, **facts)
    network = Network(builder, **facts)
    if network.name in NETWORKS and not NETWORKS[network.name].recorded:
        raise ValueError(
            f"backbone {network.name!r} is registered twice, by {NETWORKS[network.name].builder} and {builder}; "
            "expected another name for the builder"
        )
    NETWORKS[network.name] = network
    return builder


def register_recorded(facts: Mapping[str, Any]) -> None:
    """Register a network by the facts in a result, unless its name exists already.

    Building the network raises ValueError. A network that is registered later under its name replaces it.
    """
    name = facts["name"]
    if name in NETWORKS:
        return

    def builder(**_: Any) -> "Backbone":
        raise ValueError(
            f"{name} is known only from a result; expected a registered backbone. Import its module with --plugins."
        )

    builder.__name__ = name
    parameters = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value)
        for key, value in facts["arguments"].items()
    ]
    builder.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    NETWORKS[name] = Network(builder, **{key: facts[key] for key in RELATIONS}, recorded=True)


def build(name: str, images: ImageSpec = PAPER, bins: int | None = None, **arguments: Any) -> "Backbone":
    """Build a backbone.

    Args:
        name: a name in NETWORKS.
        images: the images of the data set.
        bins: the size of a branch's embedding; None stands for the number of classes.
        arguments: the options of the network.

    Raises:
        ValueError: if the name is unknown, the images are too small, or the network has no option `bins`.
    """
    if name not in NETWORKS:
        raise ValueError(f"backbone {name!r} is unknown; expected one of {', '.join(sorted(NETWORKS))}")
    network = NETWORKS[name]
    if images.side < (least := network.min_side):
        raise ValueError(
            f"images of {images.side}x{images.side} are too small for {name}; expected at least {least}x{least}. "
            f"Set data.side={least} or larger."
        )
    if bins and not network.sized:
        raise ValueError(f"bins={bins} is not an option of {name}; expected None")
    given = {"images": images, "bins": bins or images.classes}
    accepted = inspect.signature(network.builder).parameters
    return network.builder(**{key: value for key, value in given.items() if key in accepted}, **arguments)
