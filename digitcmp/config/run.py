"""A run's configuration: typed, checked, and the source of the run's name and identity.

Each option is declared here once, with its allowed values. conf/config.yaml has its default and meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, field_validator, model_validator

from digitcmp import fields, paper
from digitcmp.config import groups, plugins, rules
from digitcmp.config.identity import LONGEST, Settings, defaults, path_text, settings_of
from digitcmp.config.trainer import TrainerConfig
from digitcmp.data.tasks import AUX_LABELS, TASKS
from digitcmp.errors import ConfigError
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OptimizerArguments

LONGEST_NAME = 240  # bytes of a folder's name
DEFAULT_LR = 1e-3  # Adam's default, for a model whose file has none


class Run(fields.Group):
    """One network trained on one draw of pairs. Options are checked in this order."""

    plugins: Annotated[list[str], AfterValidator(plugins.load)]
    task: Annotated[str, fields.one_of(TASKS)]
    seed: fields.Natural
    aux: bool
    aux_weight: fields.NonNegative
    aux_labels: Annotated[str, fields.one_of(AUX_LABELS)]
    model: groups.ModelConfig
    head: groups.HeadConfig
    bins: fields.Bins | None
    lr: fields.Positive
    epochs: fields.Count
    batch_size: fields.Count
    optimizer: Annotated[groups.Target, AfterValidator(partial(groups.checked, "optimizer"))]
    schedule: Annotated[groups.Target, AfterValidator(partial(groups.checked, "schedule"))]
    label_smoothing: fields.BelowOne
    ema: fields.Fraction | None
    ensemble: fields.UpToThousand
    tta: bool
    normalize: bool
    threads: fields.UpToThousand
    callbacks: groups.Targets
    logger: groups.Targets
    checkpoint: Literal["last", "best"]
    data: groups.DataConfig
    trainer: TrainerConfig
    study: groups.StudyConfig
    pictures: bool | None
    sweep: str
    force: bool
    stop_on_failure: bool
    stale: Literal["ask", "keep", "retrain"]
    dry_run: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Run:
        """Return the run of a composed configuration, nested like conf/config.yaml.

        Raises:
            ConfigError: for the first key or value that is not allowed.
        """
        return fields.validate(cls, config, known=known_keys())

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
        return settings_of(self.model_dump()) | ({} if file is None else {"data_crc": checksum(file)})

    @property
    def defaults(self) -> Settings:
        """The default settings, including the backbone's arguments."""
        return defaults() | NETWORKS[self.model.name].arguments.model_construct().model_dump()

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


def known_keys() -> list[str]:
    """Return every key as it is typed, including the arguments of all backbones, heads and optimizers."""
    kinds: dict[str, list[type[fields.Group]]] = {
        "data": [groups.DataConfig],
        "trainer": [TrainerConfig],
        "study": [groups.StudyConfig],
        "model": [groups.ModelConfig, *(network.arguments for network in NETWORKS.values())],
        "head": [groups.HeadConfig, *(head.arguments for head in HEADS.values())],
        "optimizer": [OptimizerArguments],
    }
    nested = [f"{group}.{key}" for group, types in kinds.items() for kind in types for key in kind.model_fields]
    return [*Run.model_fields, *nested]
