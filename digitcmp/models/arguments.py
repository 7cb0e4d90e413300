"""The arguments that a builder of a network or of a head takes, as its signature has them."""

import inspect
import sys
from collections.abc import Callable, Collection
from typing import Any

from pydantic import create_model

from digitcmp.fields import Group


def arguments_of(builder: Callable[..., Any], name: str, given: Collection[str]) -> type[Group]:
    """Return the arguments of a builder with their types and defaults.

    Args:
        builder: a function or class.
        name: what it builds, for the name of the type that is returned.
        given: the parameters that it gets from the project.
    """
    names = vars(sys.modules[builder.__module__])
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(builder).parameters.values():
        if parameter.name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        kind = eval(kind, names) if isinstance(kind, str) else kind  # of a file with annotations from __future__
        fields[parameter.name] = (kind, ... if parameter.default is parameter.empty else parameter.default)
    return create_model(f"{name}'s arguments", __base__=Group, **fields)
