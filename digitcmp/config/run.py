"""A run's configuration: typed, checked, and the source of the run's name and identity.

Each option is declared here once, with its allowed values. conf/config.yaml has its default and meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, field_validator, model_validator

from digitcmp import paper
from digitcmp.config import plugins, rules, trainer
from digitcmp.config.conf import argument_defaults, config_yaml, target_name
from digitcmp.config.groups import (
    IF_SET,
    NO_EFFECT,
    DataConfig,
    HeadConfig,
    ModelConfig,
    StudyConfig,
    Target,
    Targets,
    TrainerConfig,
    checked,
)
from digitcmp.config.notation import LONGEST, as_text, described, evaluated, path_text
from digitcmp.data.tasks import AUX_LABELS, TASKS
from digitcmp.errors import ConfigError
from digitcmp.fields import (
    BelowOne,
    Bins,
    Count,
    Fraction,
    Group,
    Natural,
    NonNegative,
    Positive,
    UpToThousand,
    one_of,
    validate,
)
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OptimizerArguments

RENAMED = {  # the key of a group -> its name as a setting
    "model.name": "model",
    "head.name": "head",
    "data.name": "dataset",
    "data.seed": "data_seed",
    "data.arguments": "data_arguments",
    "trainer.plugins": "trainer_plugins",
}
OPTIMIZER = {"momentum": 0.0, "nesterov": False, "betas": None, "weight_decay": 0.0}  # settings of every run
LONGEST_NAME = 240  # bytes of a folder's name
DEFAULT_LR = 1e-3  # Adam's default, for a model whose file has none
HELP = "--help lists every key"
OBSERVERS = {  # callbacks that cannot change a result
    f"{package}.callbacks.{name}"
    for package in ("lightning.pytorch", "pytorch_lightning")
    for name in (
        *("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichModelSummary"),
        *("RichProgressBar", "TQDMProgressBar"),
    )
}
Settings = dict[str, Any]  # a run's flat configuration, without the options that cannot change a result


class Run(Group):
    """One network trained on one draw of pairs. Options are checked in this order."""

    plugins: Annotated[list[str], AfterValidator(plugins.load), NO_EFFECT]
    task: Annotated[str, one_of(TASKS)]
    seed: Natural
    aux: bool
    aux_weight: NonNegative
    aux_labels: Annotated[str, one_of(AUX_LABELS), IF_SET]
    model: ModelConfig
    head: HeadConfig
    bins: Bins | None
    lr: Positive
    epochs: Count
    batch_size: Count
    optimizer: Annotated[Target, AfterValidator(partial(checked, "optimizer"))]
    schedule: Annotated[Target, AfterValidator(partial(checked, "schedule"))]
    label_smoothing: BelowOne
    ema: Fraction | None
    ensemble: UpToThousand
    tta: bool
    normalize: bool
    threads: UpToThousand
    callbacks: Targets
    logger: Annotated[Targets, NO_EFFECT]
    checkpoint: Literal["last", "best"]
    data: DataConfig
    trainer: TrainerConfig
    study: StudyConfig
    pictures: Annotated[bool | None, NO_EFFECT]
    sweep: Annotated[str, NO_EFFECT]
    force: Annotated[bool, NO_EFFECT]
    stop_on_failure: Annotated[bool, NO_EFFECT]
    stale: Annotated[Literal["ask", "keep", "retrain"], NO_EFFECT]
    dry_run: Annotated[bool, NO_EFFECT]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Run:
        """Return the run of a composed configuration, nested like conf/config.yaml.

        Raises:
            ConfigError: for the first key or value that is not allowed.
        """
        return validate(cls, config, "", known_keys(), HELP)

    @field_validator("lr", mode="before")
    @classmethod
    def default_lr(cls, lr: Any, info: Any) -> Any:
        """Return the model's learning rate for null."""
        if lr is not None or "model" not in info.data:
            return lr
        model = info.data["model"]
        return (info.data.get("aux") and model.lr_aux) or model.lr or DEFAULT_LR

    @model_validator(mode="after")
    def check(self) -> Run:
        """Check the rules between options. Raise ConfigError for the first one that is broken."""
        if taken := self.model.arguments.keys() & defaults().keys():
            raise ConfigError(
                f"{self.model.name}: its argument {taken.pop()} has the name of an option; another name is expected"
            )
        for rule in rules.RULES:
            rule(self)
        return self

    @cached_property
    def settings(self) -> Settings:
        """The settings of the run in one flat dict: {'data': {'train_pairs': 9}} -> {'train_pairs': 9}.

        `data_crc` is the checksum of data.file: files are identified by content, not by path.

        Raises:
            OSError: if data.file cannot be read.
        """
        file = self.data.file
        return flatten(self.model_dump()) | ({} if file is None else {"data_crc": checksum(file)})

    @property
    def defaults(self) -> Settings:
        """The default settings, including the backbone's arguments."""
        arguments = NETWORKS[self.model.name].arguments.model_fields
        return defaults() | {name: field.default for name, field in arguments.items()}

    @cached_property
    def cell(self) -> Settings:
        """The settings of its cell: model, aux and lr, then all others that differ from their default, sorted."""
        named = {key: self.settings[key] for key in ("model", "aux", "lr")}
        others = sorted(self.settings.keys() - named.keys() - {"seed"})
        return named | {key: self.settings[key] for key in others if self.settings[key] != self.defaults.get(key)}

    @property
    def cell_name(self) -> str:
        """The name of the cell's folder: `model=ws3,aux=true,lr=0.002,train_pairs=500`."""
        name = ",".join(f"{key}={path_text(value)}" for key, value in self.cell.items())
        if len(name.encode()) <= LONGEST_NAME:
            return name
        return f"{name.encode()[:LONGEST].decode(errors='ignore')}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    @property
    def config_hash(self) -> str:
        """The identity of the run: 16 hexadecimal digits of its cell and seed.

        Settings at their default do not count, so a new option keeps the identity of older runs.
        """
        identity = json.dumps(self.cell | {"seed": self.seed}, sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """The paper's name for the network, AL4, or a name in its style."""
        return paper.label(self.model.name, self.aux, self.head.name)


@cache
def groups() -> dict[str, type[Group]]:
    """Return the groups of options by key: data, trainer, model."""
    types = {key: field.annotation for key, field in Run.model_fields.items()}
    return {key: group for key, group in types.items() if isinstance(group, type) and issubclass(group, Group)}


def known_keys() -> Iterator[str]:
    """Yield every key as it is typed, including the arguments of all backbones and heads."""
    yield from Run.model_fields
    for group, kind in groups().items():
        yield from (f"{group}.{key}" for key in kind.model_fields)
    for network in NETWORKS.values():
        yield from (f"model.{key}" for key in network.arguments.model_fields)
    for head in HEADS.values():
        yield from (f"head.{key}" for key in head.arguments.model_fields)
    yield from (f"optimizer.{key}" for key in OptimizerArguments.model_fields)


def flatten(config: Mapping[str, Any]) -> Settings:
    """Return the settings of a nested configuration: {'data': {'train_pairs': 1000}} -> {'train_pairs': 1000}.

    Options that cannot change a result are left out.
    """
    flat: Settings = {}
    for key, value in config.items():
        if key in ("head", "optimizer", "schedule"):
            flat |= part_settings(key, value)
        elif kind := groups().get(key):
            items = {name: item for name, item in value.items() if identifies(kind, name, item)}
            flat |= {RENAMED.get(f"{key}.{name}", name): as_text(item) for name, item in items.items()}
        elif key == "callbacks":
            flat[key] = described([callback for callback in value.values() if callback["_target_"] not in OBSERVERS])
        elif identifies(Run, key, value):
            flat[key] = value
    if evaluations := evaluated(config.get("trainer") or {}):  # they change a result if something acts on them
        acting = {key: flat[key] for key in ("callbacks", "checkpoint") if flat.get(key) not in (None, "last")}
        flat |= {key: f"{value}, evaluated {evaluations}" for key, value in acting.items()}
    return flat


def part_settings(group: str, spec: dict[str, Any]) -> Settings:
    """Return a head, an optimizer or a schedule as settings: its name, and the arguments that are not at their default.

    The defaults are those of its file in conf/, of a head those of its builder. A target without a file is one setting.
    """
    name = spec["name"] if group == "head" else target_name(group, spec)
    flat: Settings = {group: name or described([spec])}
    if group == "optimizer":
        flat |= OPTIMIZER
    if name is None:
        return flat
    if group == "head":
        fields = HEADS[name].arguments.model_fields if name in HEADS else {}
        standard = {key: field.default for key, field in fields.items()}
    else:
        standard = argument_defaults(group, name)
    for key, value in spec.items():
        if key in flat and key != "betas":
            flat[key] = value
        elif key not in ("name", "_target_", "_partial_") and (key not in standard or value != standard[key]):
            flat[key if key in flat else f"{group}_{key}"] = value
    return flat


def identifies(kind: type[Group], key: str, value: Any) -> bool:
    """Return whether an option with this value is part of a run's identity."""
    if kind is ModelConfig:
        return key == "name" or key not in kind.model_fields  # an argument of the backbone
    if kind is TrainerConfig:
        if key in trainer.OBSERVING or key in config_yaml()["trainer"]:
            return key not in trainer.OBSERVING
        field = kind.model_fields.get(key) or trainer.options().model_fields[key]
        return bool(value != field.default)
    field = kind.model_fields[key]
    if IF_SET in field.metadata:
        return bool(value != (config_yaml()["data"] if kind is DataConfig else config_yaml())[key])
    return NO_EFFECT not in field.metadata


@cache
def defaults() -> Settings:
    """Return the settings of conf/config.yaml with the default data set."""
    return flatten(config_yaml()) | {"dataset": "mnist"}
