"""The groups of a run's options, `model`, `data` and `trainer`, with the allowed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model, model_serializer, model_validator

from digitcmp.config import trainer
from digitcmp.config.conf import argument_defaults, files, target_name
from digitcmp.data.sources import READERS, SOURCES, known_names
from digitcmp.errors import ConfigError
from digitcmp.fields import (
    Batches,
    Count,
    Group,
    Natural,
    Positive,
    arguments_of,
    one_of,
    shown,
    unknown,
    validate,
)
from digitcmp.models import schedules
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OptimizerArguments

NO_EFFECT = "cannot change a result, and is not part of a run's identity"
IF_SET = "part of a run's identity unless it has its default"
ARGUMENTS = "data.arguments."  # the prefix of an argument's key
PRECISIONS = {"64": "64-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}  # Lightning's short names

Target = dict[str, Any]  # a _target_ and its arguments, which Hydra instantiates


def named(group: str, targets: Any) -> Any:
    """Return callbacks or loggers by name, without null ones. Raise ConfigError for one without a _target_."""
    if not isinstance(targets, Mapping):
        return targets
    targets = {name: target for name, target in targets.items() if target is not None}
    for name, target in targets.items():
        typed = list(target) if isinstance(target, Mapping) else []
        if "_target_" not in typed:
            key = ".".join((group, name, *typed))
            if near := get_close_matches(name, files(group), n=1):
                raise ConfigError(f"{key} is unknown: {name} is not selected. Add {group}={near[0]}.")
            raise ConfigError(
                f"{key} needs {group}.{name}._target_=CLASS; the files of {group} are {', '.join(files(group))}."
            )
        arguments = list(files(group).get(name, {}).get(name, {}))
        for key in typed:  # a file lacks most of the arguments of its class; only an obvious slip is an error
            if key not in arguments and get_close_matches(key, arguments, n=1, cutoff=0.9):
                raise ConfigError(unknown(f"{group}.{name}.{key}", [f"{group}.{name}.{k}" for k in arguments], ""))
    return targets


class ModelConfig(Group):
    """A backbone with its arguments, and its default learning rates with and without the auxiliary loss."""

    name: Annotated[str, one_of(NETWORKS)]
    lr: Annotated[Positive | None, NO_EFFECT] = None  # recorded as the run's lr
    lr_aux: Annotated[Positive | None, NO_EFFECT] = None
    arguments: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def gather(cls, config: Any) -> Any:
        return gathered("model", NETWORKS, config, ("name", "lr", "lr_aux"))

    @model_serializer
    def nested(self) -> dict[str, Any]:
        return {"name": self.name, **self.arguments, "lr": self.lr, "lr_aux": self.lr_aux}


class HeadConfig(Group):
    """A head with its arguments."""

    name: Annotated[str, one_of(HEADS)]
    arguments: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def gather(cls, config: Any) -> Any:
        return gathered("head", HEADS, config, ("name",))

    @model_serializer
    def nested(self) -> dict[str, Any]:
        return {"name": self.name, **self.arguments}


def gathered(group: str, registry: Mapping[str, Any], config: Any, own: Sequence[str]) -> Any:
    """Return a group with the arguments of its registered builder checked and collected in `arguments`.

    Args:
        group: the name of the group, 'model'.
        registry: NETWORKS or HEADS.
        config: the group as it was composed.
        own: the keys of the group that are not arguments.

    Raises:
        ConfigError: for an argument that the builder lacks or does not allow.
    """
    if not isinstance(config, Mapping):
        return config
    arguments = {key: value for key, value in config.items() if key not in own}
    if entry := registry.get(str(config.get("name"))):
        accepted = list(entry.arguments.model_fields)
        known = [f"{group}.{key}" for key in (*own, *accepted)]
        hint = f"{entry.name} accepts {', '.join(accepted) or 'no arguments'}"
        arguments = dict(validate(entry.arguments, arguments, f"{group}.", known, hint))
    return {key: config[key] for key in own if key in config} | {"arguments": arguments}


def check_optimizer(spec: dict[str, Any]) -> dict[str, Any]:
    """Check the arguments of an optimizer of conf/optimizer. Raise ConfigError."""
    return checked("optimizer", spec, OptimizerArguments)


def check_schedule(spec: dict[str, Any]) -> dict[str, Any]:
    """Check the arguments of a schedule of conf/schedule. Raise ConfigError."""
    function = getattr(schedules, str(spec.get("_target_")).rpartition(".")[2], schedules.constant)
    return checked("schedule", spec, arguments_of(function, left_out=["progress"]))


def checked(group: str, spec: dict[str, Any], types: type[Group]) -> dict[str, Any]:
    """Return a spec with its arguments checked. Raise ConfigError if its file in conf/ lacks one, or for a wrong type.

    Targets without a file in conf/ check their arguments themselves.
    """
    if not isinstance(spec.get("_target_"), str):
        raise ConfigError(f"{group} needs a _target_, the name of a class or function. Add {group}=NAME.")
    if name := target_name(group, spec):
        accepted = argument_defaults(group, name)
        given = {key: value for key, value in spec.items() if key not in ("_target_", "_partial_")}
        for key in given.keys() - accepted.keys():
            others = [other for other in files(group) if key in argument_defaults(group, other)]
            hint = f"{name} accepts {', '.join(accepted) or 'no arguments'}"
            hint += f"; {group}={'|'.join(others)} accepts it" if others else ""
            raise ConfigError(unknown(f"{group}.{key}", [] if others else [f"{group}.{k}" for k in accepted], hint))
        if lacking := [key for key in accepted if key not in given]:
            raise ConfigError(f"{group}.{lacking[0]} is missing")
        return {**spec, **validate(types, given, f"{group}.").model_dump(include=set(given))}
    return spec


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
    resplit: Annotated[bool, IF_SET]
    side: Count | None
    cls: str | None
    arguments: dict[str, Any]
    file: Annotated[str | dict[str, str] | None, NO_EFFECT]  # its content is recorded as data_crc
    drawn: Annotated[bool | None, NO_EFFECT]
    root: Annotated[str, NO_EFFECT]

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
        if reader:
            accepted = list(reader.arguments.model_fields)
            hint = f"{self.name} accepts {', '.join(accepted) or 'no arguments'}"
            validate(reader.arguments, self.arguments, ARGUMENTS, [ARGUMENTS + key for key in accepted], hint)
        elif self.arguments and not self.cls:
            raise ConfigError(f"data.arguments={shown(self.arguments)} is not allowed: it needs data.cls=CLASS")
        if isinstance(self.file, dict) and self.file.keys() != {"train", "test"}:
            raise ConfigError(f"data.file={shown(self.file)} is not allowed; expected {{train: FILE, test: FILE}}")
        for file in self.file.values() if isinstance(self.file, dict) else [self.file]:
            if file is not None and not Path(file).exists():
                raise ConfigError(f"data.file={file} does not exist; a file or folder is expected")
        return self


class StudyConfig(Group):
    """The size of experiment=study."""

    seeds: Annotated[Count, NO_EFFECT]


class TrainerConfig(Group):
    """The options of lightning.Trainer, with Lightning's names, types and meanings. Those with fields are used here."""

    model_config = ConfigDict(extra="allow")

    accelerator: Literal["cpu", "gpu", "cuda", "mps", "tpu", "hpu", "auto"]
    precision: Literal[
        "32-true",
        "16-mixed",
        "bf16-mixed",
        "64-true",
        "16-true",
        "bf16-true",
        "transformer-engine",
        "transformer-engine-float16",
    ]
    gradient_clip_val: Positive | None
    gradient_clip_algorithm: Literal["norm", "value"]
    deterministic: bool | Literal["warn"]
    check_val_every_n_epoch: Count | None = 1
    limit_val_batches: Batches | None = None
    fast_dev_run: bool | Natural = False
    enable_checkpointing: bool | None = None
    enable_progress_bar: bool | None = None
    profiler: Literal["simple", "advanced", "pytorch"] | Target | None = None
    plugins: list[Target] = []

    @model_validator(mode="before")
    @classmethod
    def check_options(cls, config: Any) -> Any:
        """Check the options without a field by Trainer's signature, and replace Lightning's short names of precisions.

        Raises:
            ConfigError: for an option that is unknown, that a run rejects, or of another type.
        """
        if not isinstance(config, Mapping):
            return config
        for key, value in config.items():
            if reason := trainer.REJECTED.get(key):
                raise ConfigError(f"trainer.{key} is not allowed: {reason}")
            if key not in cls.model_fields:
                known = trainer.options()
                if key not in known:
                    names = [f"trainer.{name}" for name in known.keys() - trainer.REJECTED.keys()]
                    raise ConfigError(
                        unknown(f"trainer.{key}", sorted(names), "an option of lightning.Trainer is expected")
                    )
                expected: Any = Batches | None if key.startswith("limit_") else known[key].kind
                fields: dict[str, Any] = {key: (expected, ...)}
                validate(create_model("Option", __base__=Group, **fields), {key: value}, "trainer.")
        precision = str(config.get("precision"))
        return {**config, "precision": PRECISIONS[precision]} if precision in PRECISIONS else config
