"""The types of options and of arguments, and one-line errors.

pydantic validates strictly: 1 is not true, "2" is not 2, an unknown key is an error. The reasons are its own.
"""

import inspect
import json
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, TypeGuard, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import PydanticCustomError

from digitcmp.errors import ConfigError


def number(value: Any) -> Any:
    """Return the number that a text spells, '0.001' of an environment variable, and other values unchanged."""
    for kind in (int, float):
        if isinstance(value, str):
            with suppress(ValueError):
                value = kind(value)
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
Batches = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, le=1)]  # their number, or their share
Betas = Annotated[list[BelowOne], Field(min_length=2, max_length=2)]

ELSEWHERE = {  # names in Lightning and lightning-hydra-template -> the option here
    "learning_rate": "lr",
    "optimizer": "lr, or optimizer=NAME",  # model.optimizer.lr
    "max_epochs": "epochs",
    "lambda": "aux_weight",
    **dict.fromkeys(("scheduler", "lr_scheduler"), "schedule"),
    **dict.fromkeys(("net", "backbone", "network"), "model"),
    "data_dir": "data.root",
    "task_name": "sweep",
    "output_dir": "hydra.run.dir",
    "ckpt_path": "digitcmp evaluate checkpoint=RUN",
    "patience": "callbacks=early_stopping",
    "max_steps": "trainer.max_steps",
    "n_jobs": "hydra.launcher.n_jobs",
}


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


def validate(
    group: type[AnyGroup],
    values: Any,
    prefix: str = "",
    known: Iterable[str] = (),
    hint: str = "",
) -> AnyGroup:
    """Return values as a group.

    Args:
        group: the type.
        values: the values by key, nested like the group.
        prefix: the prefix of the keys on the command line, 'model.'.
        known: all keys, from which an error suggests the closest one.
        hint: the end of the error message if no known key is similar.

    Raises:
        ConfigError: for the first key or value that is not allowed, unknown keys before others.
    """
    try:
        return group.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    key = option(first["loc"], group)
    if first["type"] == "extra_forbidden":
        raise ConfigError(unknown(prefix + key, known, hint))
    if first["type"] == "missing":
        raise ConfigError(f"{prefix}{key} is missing")
    reasons = [error["msg"] for error in errors if option(error["loc"], group) == key]  # one for each type of a union
    reason = " or ".join(dict.fromkeys(reasons)).replace(" or Input should be ", " or ")
    raise ConfigError(f"{prefix}{key}={shown(first['input'])} is not allowed; {reason[0].lower()}{reason[1:]}")


def option(location: Iterable[int | str], group: type[Group]) -> str:
    """Return the option at the location of a pydantic error: ('model', 'hidden', 0) -> 'model.hidden[0]'.

    Members of a union, which pydantic names in a location, are left out.
    """
    key = ""
    kind: Any = group
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif is_group(kind):
            key += f".{part}" if key else part
            kind = getattr(kind.model_fields.get(part), "annotation", None)
    return key


def arguments_of(function: Callable[..., Any], left_out: Collection[str]) -> type[Group]:
    """Return the arguments of a function as a group, with the names, types and defaults of its signature.

    Types may be strings (`from __future__ import annotations`). pydantic looks them up in the function's module. An
    argument without a type accepts any value.

    Args:
        function: a function or a class.
        left_out: the names of parameters that are not options.

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
            "a type that is imported at run time is expected. Import it outside TYPE_CHECKING."
        ) from None
    return group


def is_group(annotation: Any) -> TypeGuard[type[Group]]:
    return isinstance(annotation, type) and issubclass(annotation, Group)


def unknown(key: str, known: Iterable[str], hint: str) -> str:
    """Return the error message for an unknown key, with the closest known key, preferably of its own group.

    Args:
        key: the key as it was typed.
        known: all keys.
        hint: the end of the message if no known key is similar.
    """
    known = list(known)
    group, _, name = key.rpartition(".")
    for part in (name, *group.split(".")[1:]):
        if ELSEWHERE.get(part, key) != key:
            return f"{key} is unknown: did you mean {ELSEWHERE[part]}?"
    for keys in ([other for other in known if other.rpartition(".")[0] == group], known):
        names = {other.rpartition(".")[2]: other for other in reversed(keys)}
        if near := get_close_matches(name, names, n=1):
            return f"{key} is unknown: did you mean {names[near[0]]}?"
    return f"{key} is unknown: {hint}"


def shown(value: Any) -> str:
    """Return a value as on the command line: true, null, [300,50]."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
