"""The types of options and of arguments, and one-line errors.

pydantic validates strictly: 1 is not true, "2" is not 2, an unknown key is an error. This module writes the messages.
"""

import inspect
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    create_model,
)
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import core_schema

from digitcmp.errors import ConfigError


def number(value: Any) -> Any:
    """Return the number that a text spells, '0.001' of an environment variable, and other values unchanged."""
    for kind in (int, float):
        if isinstance(value, str):
            with suppress(ValueError):
                value = kind(value)
    return value


FromText = BeforeValidator(number)
Count = Annotated[int, FromText, Field(ge=1, description="a whole number >= 1")]
UpToThousand = Annotated[int, FromText, Field(ge=1, le=1000, description="a whole number from 1 to 1000")]
Natural = Annotated[int, FromText, Field(ge=0, description="a whole number >= 0")]
Bins = Annotated[int, FromText, Field(ge=2, description="a whole number >= 2")]
Positive = Annotated[float, FromText, Field(gt=0, description="a number > 0")]
NonNegative = Annotated[float, FromText, Field(ge=0, description="a number >= 0")]
Fraction = Annotated[float, FromText, Field(gt=0, lt=1, description="a number between 0 and 1")]
BelowOne = Annotated[float, FromText, Field(ge=0, lt=1, description="a number from 0 to below 1")]
Batches = (
    Annotated[int, Field(ge=0, description="a whole number of batches")]
    | Annotated[float, Field(ge=0, le=1, description="a share from 0.0 to 1.0")]
)
Betas = Annotated[list[BelowOne], Field(min_length=2, max_length=2, description="two numbers from 0 to below 1")]


NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}

ELSEWHERE = {  # names in Lightning and lightning-hydra-template -> the option here
    **dict.fromkeys(("learning_rate", "rate"), "lr"),
    "optimizer": "lr, or optimizer=NAME",  # model.optimizer.lr
    **dict.fromkeys(("max_epochs", "num_epochs"), "epochs"),
    **dict.fromkeys(("lambda", "alpha", "aux_loss_weight"), "aux_weight"),
    **dict.fromkeys(("scheduler", "lr_scheduler"), "schedule"),
    **dict.fromkeys(("net", "backbone", "network"), "model"),
    **dict.fromkeys(("data_dir", "data_path"), "data.root"),
    **dict.fromkeys(("task_name", "experiment_name"), "sweep"),
    **dict.fromkeys(("output_dir", "save_dir", "default_root_dir"), "hydra.run.dir"),
    **dict.fromkeys(("ckpt_path", "resume", "eval"), "digitcmp evaluate RUN"),
    **dict.fromkeys(("patience", "early_stop"), "callbacks=early_stopping"),
    **dict.fromkeys(("amp", "fp16"), "trainer.precision"),
    **dict.fromkeys(("grad_clip", "max_grad_norm"), "trainer.gradient_clip_val"),
    **dict.fromkeys(("gpus", "device"), "trainer=gpu"),
    "weight_decay": "optimizer.weight_decay",
    "n_jobs": "hydra.launcher.n_jobs",
    "fast_dev_run": "trainer.fast_dev_run",
    "max_steps": "trainer.max_steps",
}


class Group(BaseModel):
    """A frozen group of values that rejects unknown keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


AnyGroup = TypeVar("AnyGroup", bound=Group)


@dataclass(frozen=True)
class OneOf:
    """Metadata of a string's type: only these names are allowed, as registered when a value is checked."""

    names: Collection[str]

    @property
    def description(self) -> str:
        return ", ".join(self.names)

    def check(self, value: str) -> str:
        if value not in self.names:
            raise ValueError(self.description)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


def validate(
    group: type[AnyGroup],
    values: Any,
    known: Iterable[str],
    hint: str,
    prefix: str = "",
) -> AnyGroup:
    """Return values as a group.

    Args:
        group: the type.
        values: the values by key, nested like the group.
        known: all keys, from which an error suggests the closest one.
        hint: the end of the error message if no known key is similar.
        prefix: the prefix of the keys on the command line, 'model.'.

    Raises:
        ConfigError: for the first key or value that is not allowed, unknown keys before others.
    """
    try:
        return group.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    unknown_keys = [error for error in errors if error["type"] == "extra_forbidden"]
    first = (unknown_keys or errors)[0]
    keys, annotation, value = locate(first["loc"], group, values)
    key = prefix + ".".join(keys)
    if first["type"] == "extra_forbidden":
        raise ConfigError(unknown(key, known, hint))
    if first["type"] == "missing":
        raise ConfigError(f"{key} is missing; expected {allowed(annotation)}")
    raise ConfigError(f"{key}={shown(value)} is not allowed; expected {allowed(annotation)}")


def locate(location: Iterable[int | str], group: type[Group], values: Any) -> tuple[list[str], Any, Any]:
    """Follow the location of a pydantic error through nested groups.

    Later parts of the location (an index of a list, a member of a union) are ignored.

    Returns:
        The keys down to the option, the option's type (None for an unknown key) and its value.
    """
    keys: list[str] = []
    annotation: Any = group
    for part in map(str, location):
        if not is_group(annotation):
            break
        keys.append(part)
        if isinstance(values, Mapping):
            values = values.get(part)
        field = annotation.model_fields.get(part)
        if field is None:
            annotation = None
        elif is_group(field.annotation):
            annotation = field.annotation
        else:  # pydantic stores the descriptions separately from the type
            annotation = Annotated[(field.annotation, field, *field.metadata)]
    return keys, annotation, values


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


def is_group(annotation: Any) -> bool:
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


def unknown_choice(option: str, value: str, known: Iterable[str]) -> str:
    """Return the error message for a name without a file in the folder of an option.

    Args:
        option: 'debug', 'model'.
        value: the name that was typed.
        known: the names of the files.
    """
    known = sorted(known)
    if near := get_close_matches(value, known, n=1):
        return f"{option}={value} is unknown: did you mean {option}={near[0]}?"
    return f"{option}={value} is unknown; expected {', '.join(known)}."


def allowed(annotation: Any) -> str:
    """Return the values that a type allows: `Count | None` -> 'a whole number >= 1, or null'."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        descriptions = [metadata.description for metadata in arguments[1:] if getattr(metadata, "description", None)]
        return descriptions[0] if descriptions else allowed(arguments[0])
    if origin is Literal:
        return ", ".join(map(shown, arguments))
    if origin in (Union, UnionType):
        values = " or ".join(allowed(argument) for argument in arguments if argument is not NoneType)
        return f"{values}, or null" if NoneType in arguments else values
    if origin is list:
        return f"a list of items, each {allowed(arguments[0])}"
    return NAMES.get(annotation, "a group of keys")


def shown(value: Any) -> str:
    """Return a value as on the command line: true, null, [300,50]."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
