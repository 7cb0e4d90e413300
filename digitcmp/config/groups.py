"""The groups of a run's options, such as `model` and `data`, with the allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from digitcmp.config.conf import argument_defaults, files, target_name
from digitcmp.data.sources import GIVEN, READERS, SOURCES, known_names
from digitcmp.errors import ConfigError
from digitcmp.fields import Count, Group, Natural, Positive, arguments_of, one_of, shown, unknown, validate
from digitcmp.models import schedules
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OptimizerArguments


def with_target(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what Hydra is to instantiate. Raise PydanticCustomError if it has no `_target_`."""
    if not isinstance(spec.get("_target_"), str):
        reason = "Input should have a _target_, a class; select a file that has one, such as callbacks=early_stopping"
        raise PydanticCustomError("target", reason)
    return spec


def without_null(targets: Any) -> Any:
    """Return callbacks or loggers by name, without null ones."""
    return {name: item for name, item in targets.items() if item is not None} if isinstance(targets, dict) else targets


Target = Annotated[dict[str, Any], AfterValidator(with_target)]  # a _target_ and its arguments
Targets = Annotated[dict[str, Target], BeforeValidator(without_null)]
Files = Annotated[dict[Annotated[str, one_of(("train", "test"))], str], Field(min_length=2)]


class Registered(Group):
    """A registered network or head, with the arguments of its builder.

    Attributes:
        group: the name of the group, 'model'.
        registry: the registry of its builder.
        name: its name.
    """

    model_config = ConfigDict(extra="allow")
    group: ClassVar[str]
    registry: ClassVar[Mapping[str, Any]]
    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the builder, including those at their default."""
        return self.model_extra or {}

    @model_validator(mode="before")
    @classmethod
    def check_arguments(cls, config: Any) -> Any:
        """Check the arguments by the builder's signature. Raise ConfigError."""
        entry = cls.registry.get(str(config.get("name"))) if isinstance(config, Mapping) else None
        if entry is None:
            return config
        own = {key: value for key, value in config.items() if key in cls.model_fields}
        arguments = {key: value for key, value in config.items() if key not in own}
        return own | dict(validate(entry.arguments, arguments, f"{cls.group}."))


class ModelConfig(Registered):
    """A backbone, and its default learning rates with and without the auxiliary loss."""

    group = "model"
    registry = NETWORKS
    name: Annotated[str, one_of(NETWORKS)]
    lr: Positive | None = None  # recorded as the run's lr
    lr_aux: Positive | None = None


class HeadConfig(Registered):
    group = "head"
    registry = HEADS
    name: Annotated[str, one_of(HEADS)]


def checked(group: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer or a schedule, its arguments checked. Raise ConfigError for one that its file in conf/ lacks.

    A deleted argument gets its default. Targets without a file in conf/ check their arguments themselves.
    """
    name = target_name(group, spec)
    if name is None:
        return spec
    types = OptimizerArguments if group == "optimizer" else arguments_of(getattr(schedules, name), ["progress"])
    accepted = argument_defaults(group, name)
    given = accepted | {key: value for key, value in spec.items() if key not in ("_target_", "_partial_")}
    for key in given.keys() - accepted.keys():
        others = [other for other in files(group) if key in argument_defaults(group, other)]
        hint = f"expected {', '.join(accepted) or 'no arguments'}"
        hint += f"; {group}={'|'.join(others)} accepts it" if others else ""
        raise ConfigError(unknown(f"{group}.{key}", [] if others else [f"{group}.{k}" for k in accepted], hint))
    return spec | validate(types, given, f"{group}.").model_dump(include=set(given))


class DataConfig(Group):
    """The data set and the pairs that are drawn from it."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    train_pairs: Count
    val_pairs: Count
    test_pairs: Count
    shuffle: bool
    augment: bool
    re_pair: bool
    seed: Natural | None
    resplit: bool
    side: Count | None
    cls: str | None
    arguments: dict[str, Any]
    file: str | Files | None  # its content is recorded as data_crc
    drawn: bool | None
    root: str

    @model_validator(mode="after")
    def check(self) -> DataConfig:
        """Check the keys that depend on each other. Raise ConfigError."""
        reader = READERS.get(self.name)
        if reader or self.name in SOURCES:
            for key in ("file", "cls") if reader else ("file", "cls", "arguments"):
                if value := getattr(self, key):
                    raise ConfigError(
                        f"data.{key}={shown(value)} is not allowed: the data set {self.name} needs none. Leave it out."
                    )
        elif (self.file is None) == (self.cls is None):
            raise ConfigError(
                f"data.name={self.name} is not allowed; expected {known_names()}, or another name with either "
                "data.file=FILE or data.cls=CLASS"
            )
        elif self.arguments and not self.cls:
            raise ConfigError(f"data.arguments={shown(self.arguments)} is not allowed: it needs data.cls=CLASS")
        if reader:
            validate(arguments_of(reader, left_out=GIVEN), self.arguments, "data.arguments.")
        for file in self.file.values() if isinstance(self.file, dict) else [self.file]:
            if file is not None and not Path(file).exists():
                raise ConfigError(f"data.file={file} does not exist; a file or folder is expected")
        return self


class StudyConfig(Group):
    """The size of experiment=study."""

    seeds: Count
