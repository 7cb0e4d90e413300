"""Registries: the backbones, heads, tasks and readers by name, those of plugins included."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

Entry = TypeVar("Entry")


class Registry(dict[str, Entry]):
    """Definitions by name, in the order of registration. A name is never replaced.

    Args:
        kind: the kind of the entries, for error messages: 'backbone'.
        entry: makes an entry of a definition and the facts about it.
        reserved: further names that cannot be registered.
    """

    def __init__(self, kind: str, entry: Callable[..., Entry], reserved: Collection[str] = ()) -> None:
        super().__init__()
        self.kind, self.entry, self.reserved = kind, entry, reserved

    def register(self, definition: Any = None, /, **facts: Any) -> Any:
        """Register a function or class, as @REGISTRY.register or @REGISTRY.register(fact=...).

        Args:
            definition: the function or class. It is registered under its name in lower case, or under the fact `name`.
            facts: the other attributes of the entry.

        Returns:
            The definition, unchanged.

        Raises:
            ValueError: if the name exists already.
        """
        if definition is None:
            return partial(self.register, **facts)
        self[facts.get("name") or definition.__name__.lower()] = self.entry(definition, **facts)
        return definition

    def __setitem__(self, name: str, entry: Entry) -> None:
        if name in self or name in self.reserved:
            raise ValueError(f"the {self.kind} {name!r} is registered already; expected another name")
        super().__setitem__(name, entry)
