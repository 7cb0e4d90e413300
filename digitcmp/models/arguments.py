"""The arguments of a network or a head, as the signature of its builder declares them."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from pydantic import create_model
from pydantic.errors import PydanticUndefinedAnnotation

from digitcmp.errors import ConfigError
from digitcmp.fields import Group


def arguments_of(function: Callable[..., Any], left_out: Collection[str]) -> type[Group]:
    """Return the arguments of a function as a group, with the names, types and defaults of its signature.

    Types may be strings, as `from __future__ import annotations` makes them; pydantic looks them up in the function's
    module. An argument without a type takes any value.

    Args:
        function: a function or a class.
        left_out: the names of parameters that are no options.

    Raises:
        ConfigError: if a type is not defined in the function's module.
    """
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in left_out or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (kind, default)
    name = function.__name__
    group = create_model(f"{name}'s arguments", __base__=Group, __module__=function.__module__, **fields)
    try:
        group.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        raise ConfigError(
            f"{name}: the type {error.name} of an argument is not defined in {function.__module__}; "
            "expected a type that is imported there when the program runs. Import it outside of TYPE_CHECKING."
        ) from None
    return group
