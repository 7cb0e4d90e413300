"""The backbones by name, with the facts about them.

Builders import torch when they are called. Checking a configuration and writing a report do not import it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.fields import Group, arguments_of
from digitcmp.registry import Registry

if TYPE_CHECKING:
    from digitcmp.models.layers import Backbone


@dataclass(frozen=True)
class Facts:
    """The facts about a backbone that a result records and a report needs.

    Attributes:
        name: its name on the command line.
        branches: whether it gives an embedding of each image; otherwise it merges both images.
        unshared: the name of the same network with unshared weights, of a network that shares them.
        merged: the name of the same network on both images merged, of a network with branches.
        label: the paper's name without the auxiliary loss.
        label_aux: the paper's name with the auxiliary loss.
        arguments: the defaults of its options by name.
    """

    name: str
    branches: bool
    unshared: str | None
    merged: str | None
    label: str | None
    label_aux: str | None
    arguments: Mapping[str, Any]


@dataclass
class Network:
    """A registered backbone.

    Attributes:
        builder: a function or class that returns a `layers.Backbone`. Its parameters `images`, `bins` and `shared`
            get the ImageSpec of the data set, the size of a branch's embedding and the attribute `shared`. Its other
            parameters are the options of the network.
        name: its name, by default the builder's in lower case.
        summary: one line for the help and for reports, by default the first line of the builder's docstring.
        shared: the value of the builder's parameter `shared`. None if there is no such parameter or if it is an option.
        branches, unshared, merged, label, label_aux: as in `Facts`.
        min_side: the height and width of the smallest images that it accepts, in pixels.
    """

    builder: "Callable[..., Backbone]"
    name: str = ""
    summary: str = ""
    shared: bool | None = None
    branches: bool = True
    unshared: str | None = None
    merged: str | None = None
    label: str | None = None
    label_aux: str | None = None
    min_side: int = 1

    def __post_init__(self) -> None:
        self.name = self.name or self.builder.__name__.lower()
        self.summary = self.summary or (inspect.getdoc(self.builder) or "").partition("\n")[0]

    @cached_property
    def arguments(self) -> type[Group]:
        """The options of the network, with their types and defaults, from the builder's signature."""
        return arguments_of(self.builder, left_out=("images", "bins", *(["shared"] if self.shared is not None else [])))

    @cached_property
    def facts(self) -> Facts:
        """The facts that a result records."""
        options = self.arguments.model_fields.items()
        defaults = {name: None if option.is_required() else option.default for name, option in options}
        shown = {field.name: getattr(self, field.name) for field in fields(Facts)}
        return Facts(**shown | {"arguments": defaults})


NETWORKS: Registry[Network] = Registry("backbone", Network)
RECORDED: dict[str, Facts] = {}  # of networks in results, whose modules may not be imported


def facts() -> dict[str, Facts]:
    """Return the facts about all registered backbones, and about others that are known from results, by name."""
    registered = {name: network.facts for name, network in NETWORKS.items()}
    return registered | RECORDED | registered


def build(name: str, images: ImageSpec = PAPER, bins: int | None = None, **arguments: Any) -> "Backbone":
    """Build a backbone.

    Args:
        name: a name in NETWORKS.
        images: the images of the data set.
        bins: the size of a branch's embedding, of networks with branches; None stands for the number of classes.
        arguments: the options of the network.

    Raises:
        ValueError: if the images are too small, or the network has no branches of variable size.
    """
    network = NETWORKS[name]
    if images.side < (least := network.min_side):
        raise ValueError(
            f"images of {images.side}x{images.side} are too small for {name}; expected at least {least}x{least}. "
            f"Set data.side={least} or larger."
        )
    given = {"images": images, "bins": bins or images.classes, "shared": network.shared}
    accepted = inspect.signature(network.builder).parameters
    if bins and "bins" not in accepted:
        raise ValueError(f"bins={bins} is not an option of {name}; expected null")
    return network.builder(**{key: value for key, value in given.items() if key in accepted} | arguments)
