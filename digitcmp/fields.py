"""The types of options and of arguments, and one-line errors.

pydantic validates strictly: 1 is not true, an unknown key is an error. The reasons are its own.
"""

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails, PydanticCustomError

from digitcmp.errors import ConfigError


def number(value: Any) -> Any:
    """Return the number in a text, such as that of an environment variable. Return any other value as it is."""
    with suppress(ValueError):
        return json.loads(value) if isinstance(value, str) else value
    return value


FromText = BeforeValidator(number)
Count = Annotated[int, FromText, Field(ge=1)]
UpToThousand = Annotated[int, FromText, Field(ge=1, le=1000)]
Natural = Annotated[int, FromText, Field(ge=0)]
Bins = Annotated[int, FromText, Field(ge=2)]
Positive = Annotated[float, FromText, Field(gt=0)]
NonNegative = Annotated[float, FromText, Field(ge=0)]
Fraction = Annotated[float, FromText, Field(gt=0, lt=1)]
BelowOne = Annotated[float, FromText, Field(ge=0, lt=1)]
Betas = Annotated[list[BelowOne], Field(min_length=2, max_length=2)]

ELSEWHERE = {  # names of the paper, of Lightning and of Hydra -> what is expected here
    "lambda": "aux_weight",
    "learning_rate": "lr",
    "optimizer": "lr, or optimizer=NAME",  # model.optimizer.lr of lightning-hydra-template
    "experiment": "# @package _global_, the first line of its file",
}
HELP = "--help lists the options"


class Group(BaseModel):
    """A frozen group of values that rejects unknown keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


AnyGroup = TypeVar("AnyGroup", bound=Group)


def one_of(names: Collection[str]) -> AfterValidator:
    """Return the check of a string's type that only these names are allowed, as registered when a value is checked."""

    def check(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("one_of", "Input should be {names}", {"names": ", ".join(names)})
        return value

    return AfterValidator(check)


def validate(group: type[AnyGroup], values: Any, prefix: str = "", known: Sequence[str] = ()) -> AnyGroup:
    """Return values as a group.

    Args:
        group: the type.
        values: the values by key, nested like the group.
        prefix: the prefix of the keys on the command line, 'model.'.
        known: all keys, from which an error suggests the closest one; by default those of the group.

    Raises:
        ConfigError: for the first key or value that is not allowed, unknown keys before others.
    """
    try:
        return group.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    key = prefix + option(first, values)
    if first["type"] == "extra_forbidden":
        own = group.model_fields
        hint = HELP if known else f"expected {', '.join(own) or 'no arguments'}"
        raise ConfigError(unknown(key, known or [prefix + name for name in own], hint))
    if first["type"] == "missing":
        raise ConfigError(f"{key} is missing")
    reasons = [error["msg"] for error in errors if prefix + option(error, values) == key]  # one for each type
    reason = " or ".join(dict.fromkeys(reasons)).replace(" or Input should be ", " or ")
    raise ConfigError(f"{key}={shown(first['input'])} is not allowed; {reason[0].lower()}{reason[1:]}")


def option(error: ErrorDetails, values: Any) -> str:
    """Return the option that an error is about, by its location: ('model', 'hidden', 0) -> 'model.hidden[0]'.

    Members of a union, which pydantic names in a location, are left out.
    """
    key = ""
    for part in error["loc"]:
        is_missing = error["type"] == "missing" and part == error["loc"][-1]
        if isinstance(part, int):
            key, values = f"{key}[{part}]", values[part]
        elif isinstance(values, Mapping) and (part in values or is_missing):
            key, values = f"{key}.{part}", values.get(part)
    return key.removeprefix(".")


def arguments_of(function: Callable[..., Any], left_out: Collection[str]) -> type[Group]:
    """Return the arguments of a function as a group, with the names, types and defaults of its signature.

    Types may be strings (`from __future__ import annotations`). pydantic looks them up in the function's module. An
    argument without a type accepts any value.

    Args:
        function: a function or a class.
        left_out: the names of parameters that are not options.
    """
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in left_out or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (kind, default)
    return create_model(f"{function.__name__}'s arguments", __base__=Group, __module__=function.__module__, **fields)


def unknown(key: str, known: Sequence[str], hint: str = HELP) -> str:
    """Return the error message for an unknown key, with the closest known key, preferably of its own group.

    Args:
        key: the key as it was typed.
        known: all keys.
        hint: the end of the message if no known key is similar.
    """
    group, _, name = key.rpartition(".")
    if name in ELSEWHERE:
        return f"{key} is unknown: did you mean {ELSEWHERE[name]}?"
    for keys in ([other for other in known if other.rpartition(".")[0] == group], known):
        names = {other.rpartition(".")[2]: other for other in reversed(keys)}
        if near := get_close_matches(name, names, n=1):
            return f"{key} is unknown: did you mean {names[near[0]]}?"
    return f"{key} is unknown: {hint}"


def shown(value: Any) -> str:
    """Return a value as on the command line: true, null, [300,50], '1' for a string that YAML reads as a number."""
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"), default=str)
    with suppress(yaml.YAMLError):
        return value if isinstance(yaml.safe_load(value), str) else f"'{value}'"
    return value
