"""A run: its configuration, typed, checked and named.

Each knob is declared here once, with what it allows; its default and its meaning stand in conf/config.yaml.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_serializer, model_validator

from digitcmp import paper
from digitcmp.config import plugins
from digitcmp.data.sources import SOURCES
from digitcmp.data.tasks import TASKS
from digitcmp.errors import ConfigError
from digitcmp.fields import (
    Batches,
    BelowOne,
    Betas,
    Bins,
    Count,
    Fraction,
    Group,
    Natural,
    NonNegative,
    OneOf,
    Positive,
    StepLimit,
    UpToThousand,
    shown,
    validate,
)
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OPTIMIZERS
from digitcmp.models.schedules import SCHEDULES

INSTALLED = Path(__file__).parents[1] / "conf"
CONF = INSTALLED if INSTALLED.exists() else Path(__file__).parents[2] / "conf"  # the latter in a checkout
RENAMED = {  # a group's key -> a setting
    "model.name": "model",
    "data.name": "dataset",
    "data.seed": "data_seed",
    "data.arguments": "data_arguments",
    "trainer.plugins": "trainer_plugins",
}
LONGEST, LONGEST_NAME = 60, 240  # letters of a setting in a folder's name, and bytes of all of it
DEFAULT_LR = 1e-3  # Adam's own, for a model whose yaml names none
HELP = "python train.py --help lists every key"
NO_EFFECT = "cannot change a result: no part of a run's identity"
LIGHTNING = r"^(lightning\.pytorch|pytorch_lightning)\.callbacks\.(\w+\.)*"  # whose callbacks go by their class
OBSERVERS = {  # callbacks that cannot change a result
    f"{package}.callbacks.{name}"
    for package in ("lightning.pytorch", "pytorch_lightning")
    for name in ("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichModelSummary")
}
IF_SET = "recorded where it is not at its default"
ONE_PROCESS = "a run is one process on one device; a sweep trains a run on every core"
TRAINER_REFUSED = {  # options of lightning.Trainer that a run cannot take, and why
    **dict.fromkeys(("devices", "num_nodes", "strategy", "sync_batchnorm", "use_distributed_sampler"), ONE_PROCESS),
    "default_root_dir": "hydra.run.dir=FOLDER is the folder of a run",
    "barebones": "it forbids the loggers that write metrics.csv",
    "logger": "logger=NAME is the option",
    "callbacks": "callbacks=NAME is the option",
}
PRECISIONS = {"64": "64-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}  # Lightning's short names

TARGETS = ("callbacks", "logger")  # options that are a group of files, or a list of targets
Settings = dict[str, Any]  # a run's configuration on one level, paths and switches left out
Target = Annotated[dict[str, Any], Field(description="a _target_ with its arguments, as Hydra instantiates it")]


class ModelConfig(Group):
    """A backbone with its arguments, and the learning rates that it is trained at unless `lr` is said."""

    name: Annotated[str, OneOf(NETWORKS)]
    lr: Annotated[Positive | None, NO_EFFECT] = None  # but as the run's lr
    lr_aux: Annotated[Positive | None, NO_EFFECT] = None
    arguments: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def gather(cls, config: Any) -> Any:
        """What is no key of every model is an argument of this one."""
        if not isinstance(config, Mapping):
            return config
        arguments = {key: value for key, value in config.items() if key not in ("name", "lr", "lr_aux")}
        network = NETWORKS.get(str(config.get("name")))
        if network:
            takes = list(network.arguments.model_fields)
            known = [f"model.{key}" for key in ("name", "lr", "lr_aux", *takes)]
            hint = f"{network.name} takes {', '.join(takes) or 'no arguments'}"
            arguments = dict(validate(network.arguments, arguments, known, hint, "model."))
        return {key: config[key] for key in ("name", "lr", "lr_aux") if key in config} | {"arguments": arguments}

    @model_serializer
    def nested(self) -> dict[str, Any]:
        return {"name": self.name, **self.arguments, "lr": self.lr, "lr_aux": self.lr_aux}


class DataConfig(Group):
    """Which pairs there are."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$", description="a name without slashes")]
    train_pairs: Count
    val_pairs: Count
    test_pairs: Count
    shuffle: bool
    augment: bool
    re_pair: bool
    seed: Natural | None
    side: Count | None
    cls: str | None
    arguments: dict[str, Any]
    file: Annotated[str | None, NO_EFFECT]  # but what it holds: a run's setting data_crc
    drawn: Annotated[bool | None, NO_EFFECT]
    root: Annotated[str, NO_EFFECT]

    @model_validator(mode="after")
    def check(self) -> DataConfig:
        """Which keys go together. Raises ConfigError."""
        if self.name in SOURCES:
            for key in ("file", "cls", "arguments"):
                if value := getattr(self, key):
                    raise ConfigError(f"data.{key}={shown(value)} is not allowed: {self.name} is known by its name")
        elif (self.file is None) == (self.cls is None):
            raise ConfigError(
                f"data.name={self.name} is not allowed: {', '.join(SOURCES)}, or another name with either "
                "data.file=FILE or data.cls=CLASS"
            )
        if self.arguments and not self.cls:
            raise ConfigError(f"data.arguments={shown(self.arguments)} is not allowed: only with data.cls=CLASS")
        if self.file is not None and not Path(self.file).exists():
            raise ConfigError(f"data.file={self.file} is not allowed: there is no such file or folder")
        return self


class TrainerConfig(Group):
    """The options of lightning.Trainer, with its names and meanings."""

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
    check_val_every_n_epoch: Annotated[Count | None, NO_EFFECT]
    profiler: Annotated[Literal["simple", "advanced", "pytorch"] | Target | None, NO_EFFECT]
    detect_anomaly: Annotated[bool, NO_EFFECT]
    max_epochs: Annotated[Count | None, NO_EFFECT]  # but as the run's epochs
    min_epochs: Annotated[Natural | None, IF_SET]
    max_steps: Annotated[StepLimit, IF_SET]
    min_steps: Annotated[Natural | None, IF_SET]
    max_time: Annotated[str | dict[str, int] | None, IF_SET]
    accumulate_grad_batches: Annotated[Count, IF_SET]
    limit_train_batches: Annotated[Batches | None, IF_SET]
    limit_val_batches: Annotated[Batches | None, NO_EFFECT]
    limit_test_batches: Annotated[Batches | None, NO_EFFECT]
    limit_predict_batches: Annotated[Batches | None, NO_EFFECT]
    overfit_batches: Annotated[Batches, IF_SET]
    val_check_interval: Annotated[Batches | str | dict[str, int] | None, NO_EFFECT]
    num_sanity_val_steps: Annotated[StepLimit, NO_EFFECT]
    fast_dev_run: Annotated[bool | Natural, NO_EFFECT]
    log_every_n_steps: Annotated[Natural, NO_EFFECT]
    enable_checkpointing: Annotated[bool | None, NO_EFFECT]
    enable_progress_bar: Annotated[bool | None, NO_EFFECT]
    enable_model_summary: Annotated[bool, NO_EFFECT]
    inference_mode: Annotated[bool, NO_EFFECT]
    benchmark: Annotated[bool | None, IF_SET]
    reload_dataloaders_every_n_epochs: Annotated[Natural, NO_EFFECT]
    plugins: Annotated[list[Target], IF_SET]
    enable_autolog_hparams: Annotated[bool, NO_EFFECT]
    model_registry: Annotated[str | None, NO_EFFECT]

    @model_validator(mode="before")
    @classmethod
    def refuse(cls, config: Any) -> Any:
        """Reject the options that a run cannot take, and replace Lightning's short names of precisions."""
        if not isinstance(config, Mapping):
            return config
        for key in config:
            if reason := TRAINER_REFUSED.get(key):
                raise ConfigError(f"trainer.{key} is not allowed: {reason}")
        precision = str(config.get("precision"))
        return {**config, "precision": PRECISIONS[precision]} if precision in PRECISIONS else config


class Run(Group):
    """One network trained on one draw of pairs."""

    task: Annotated[str, OneOf(TASKS)]
    seed: Natural
    aux: bool
    aux_weight: NonNegative
    head: Annotated[str, OneOf(HEADS)]
    bins: Bins | None
    lr: Positive
    epochs: Count
    batch_size: Count
    optimizer: Annotated[str, OneOf(OPTIMIZERS)]
    momentum: BelowOne
    nesterov: bool
    betas: Betas | None
    weight_decay: NonNegative
    schedule: Annotated[str, OneOf(SCHEDULES)]
    label_smoothing: BelowOne
    ema: Fraction | None
    ensemble: UpToThousand
    tta: bool
    normalize: bool
    threads: UpToThousand
    callbacks: list[Target]
    logger: Annotated[list[Target], NO_EFFECT]
    checkpoint: Literal["last", "best"]
    data: DataConfig
    trainer: TrainerConfig
    model: ModelConfig
    pictures: Annotated[bool | None, NO_EFFECT]
    plugins: Annotated[list[str], NO_EFFECT]
    sweep: Annotated[str, NO_EFFECT]
    force: Annotated[bool, NO_EFFECT]
    stop_on_failure: Annotated[bool, NO_EFFECT]
    stale: Annotated[Literal["ask", "keep", "retrain"], NO_EFFECT]
    dry_run: Annotated[bool, NO_EFFECT]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Run:
        """The run that a composed configuration describes, nested as conf/config.yaml is.

        Raises ConfigError for the first key or value that is not allowed.
        """
        modules = config.get("plugins")
        plugins.load(modules if isinstance(modules, list) and all(isinstance(name, str) for name in modules) else [])
        if isinstance(stray := config.get("experiment"), Mapping):
            raise ConfigError(
                f"the experiment sets {', '.join(stray)} under `experiment`: its file lacks its first line, "
                "# @package _global_"
            )
        for group in ("model", "data"):
            if not isinstance(config.get(group), Mapping):
                raise ConfigError(f"{group}={shown(config.get(group))} is not allowed: a file of conf/{group}")
        trainer = config.get("trainer")
        if isinstance(trainer, Mapping) and trainer.get("max_epochs") is not None:  # Lightning's name of `epochs`
            config = {**config, "epochs": trainer["max_epochs"], "trainer": {**trainer, "max_epochs": None}}
        for key in TARGETS:
            if isinstance(config.get(key), Mapping):
                config = {**config, key: [target for target in config[key].values() if target is not None]}
        if "lr" in config and config["lr"] is None:  # the model's own
            rates = [config["model"].get(key) for key in ("lr_aux", "lr")[config.get("aux") is not True :]]
            rate = next((rate for rate in rates if isinstance(rate, int | float)), DEFAULT_LR)
            config = {**config, "lr": rate}
        return validate(cls, config, known_keys(), HELP)

    @model_validator(mode="after")
    def check(self) -> Run:
        """Rules between knobs. Raises ConfigError."""

        def require(key: str, value: Any, allowed: str, fits: bool) -> None:
            if not fits:
                raise ConfigError(f"{key}={shown(value)} is not allowed: {allowed}")

        lists = {"callbacks": self.callbacks, "logger": self.logger, "trainer.plugins": self.trainer.plugins}
        for key, targets in lists.items():
            for target in targets:
                named = isinstance(target.get("_target_"), str)
                require(key, [target], "each with a _target_, the name of a class", named)
        network, data, size = NETWORKS[self.model.name], self.data, self.batch_size
        if taken := self.model.arguments.keys() & defaults().keys():
            raise ConfigError(f"{network.name}'s argument {taken.pop()} has the name of a knob: give it another")
        require(
            "head",
            self.head,
            f"{network.name} merges both images into one embedding; "
            + ", ".join(name for name, head in HEADS.items() if not head.branches_only),
            network.branches or not HEADS[self.head].branches_only,
        )
        fits = HEADS[self.head].task
        require("head", self.head, f"of task={fits} alone", fits in (None, self.task))
        require("bins", self.bins, f"{network.name} has no branch that takes it; null", network.sized or not self.bins)
        for key in ("momentum", "nesterov", "betas", "weight_decay"):
            takers = [name for name, optimizer in OPTIMIZERS.items() if key in optimizer.arguments]
            value = getattr(self, key)
            require(key, value, f"an argument of optimizer={'|'.join(takers)}", not value or self.optimizer in takers)
        require("nesterov", self.nesterov, "it needs a momentum", self.momentum > 0 or not self.nesterov)
        require(
            "aux_weight",
            self.aux_weight,
            "without aux=true there is nothing to weigh",
            self.aux or self.aux_weight == 1,
        )
        clip = self.trainer.gradient_clip_algorithm
        require(
            "trainer.gradient_clip_algorithm",
            clip,
            "it needs a trainer.gradient_clip_val",
            clip == "norm" or self.trainer.gradient_clip_val is not None,
        )
        require("data.re_pair", True, "it uses the digit labels, so only with aux=true", self.aux or not data.re_pair)
        require("batch_size", size, f"at most the {data.train_pairs} training pairs", size <= data.train_pairs)
        last = data.train_pairs % size or size
        require(
            "batch_size",
            size,
            f"of {data.train_pairs} training pairs it leaves a last batch of {last}, and the batch norm of "
            f"{network.name} needs {network.min_batch}",
            last >= network.min_batch,
        )
        if source := SOURCES.get(data.name):  # of others it is known once they are read
            require(
                "data.train_pairs",
                data.train_pairs,
                f"with {data.val_pairs} validation pairs at most {max(source.train // 2 - data.val_pairs, 0)}; "
                f"{data.name} has {source.train} training images",
                2 * (data.train_pairs + data.val_pairs) <= source.train,
            )
            require(
                "data.test_pairs",
                data.test_pairs,
                f"at most {source.test // 2}; {data.name} has {source.test} test images",
                2 * data.test_pairs <= source.test,
            )
        side = data.side or (source.images.side if source else network.min_side)
        require(
            "data.side",
            side,
            f"{network.name} needs images of at least {network.min_side}x{network.min_side}",
            side >= network.min_side,
        )
        every = self.trainer.check_val_every_n_epoch
        require(
            "trainer.check_val_every_n_epoch",
            every,
            f"with checkpoint=best at most epochs={self.epochs}, so that an epoch is evaluated",
            self.checkpoint == "last" or every is None or every <= self.epochs,
        )
        return self

    @cached_property
    def settings(self) -> Settings:
        """All that can change its result, on one level: {'data': {'train_pairs': 9}} -> {'train_pairs': 9}.

        data_crc: the checksum of data.file, which may lie anywhere. Raises OSError.
        """
        file = self.data.file
        return flatten(self.model_dump()) | ({} if file is None else {"data_crc": checksum(Path(file))})

    @property
    def defaults(self) -> Settings:
        """Its settings if nothing had been said, its network's arguments included."""
        arguments = NETWORKS[self.model.name].arguments.model_fields
        return defaults() | {name: field.default for name, field in arguments.items()}

    @cached_property
    def cell(self) -> Settings:
        """What makes its cell: model, aux, lr, then every other setting not at its default, sorted; never the seed."""
        named = {key: self.settings[key] for key in ("model", "aux", "lr")}
        others = sorted(self.settings.keys() - named.keys() - {"seed"})
        return named | {key: self.settings[key] for key in others if self.settings[key] != self.defaults.get(key)}

    @property
    def cell_name(self) -> str:
        """The cell as the name of a folder: `model=ws3,aux=true,lr=0.002,train_pairs=500`."""
        name = ",".join(f"{key}={path_text(value)}" for key, value in self.cell.items())
        if len(name.encode()) <= LONGEST_NAME:
            return name
        return f"{name.encode()[:LONGEST].decode(errors='ignore')}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of cell and seed; a key at its default counts as absent: a new knob changes nothing."""
        identity = json.dumps(self.cell | {"seed": self.seed}, sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """The paper's name of its network where it has one: AL4."""
        return paper.label(self.model.name, self.aux, self.head)


@cache
def groups() -> dict[str, type[Group]]:
    """The groups of knobs by their key: data, trainer, model."""
    kinds = {key: field.annotation for key, field in Run.model_fields.items()}
    return {key: kind for key, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Group)}


def known_keys() -> Iterator[str]:
    """Every key as it is typed, arguments of all networks included."""
    yield from (key for key in Run.model_fields if key not in groups())
    for group, kind in groups().items():
        yield from (f"{group}.{key}" for key in kind.model_fields if (group, key) != ("model", "arguments"))
    for network in NETWORKS.values():
        yield from (f"model.{key}" for key in network.arguments.model_fields)


def flatten(config: Mapping[str, Any]) -> Settings:
    """{'data': {'train_pairs': 1000}} -> {'train_pairs': 1000}; what cannot change a result is left out."""
    flat: Settings = {}
    for key, value in config.items():
        if kind := groups().get(key):
            names = [name for name in value if name not in kind.model_fields or identifies(kind, name, value[name])]
            flat |= {RENAMED.get(f"{key}.{name}", name): as_text(value[name]) for name in names}
        elif key == "callbacks":
            flat[key] = described([callback for callback in value if callback["_target_"] not in OBSERVERS])
        elif identifies(Run, key, value):
            flat[key] = value
    if evaluations := evaluated(config.get("trainer") or {}):  # which change a result where something acts on them
        acting = {key: flat[key] for key in ("callbacks", "checkpoint") if flat.get(key) not in (None, "last")}
        flat |= {key: f"{value}, evaluated {evaluations}" for key, value in acting.items()}
    return flat


def evaluated(trainer: Mapping[str, Any]) -> str:
    """Return when a run is evaluated and on how much, '' for every epoch on all validation pairs."""
    texts = []
    if (every := trainer.get("check_val_every_n_epoch", 1)) != 1:
        texts.append(f"every {every} epochs")
    for key in ("val_check_interval", "limit_val_batches"):
        if trainer.get(key) is not None:
            texts.append(f"with {key}={shown(trainer[key])}")
    return " ".join(texts)


def described(callbacks: Sequence[Mapping[str, Any]]) -> str | None:
    """Callbacks as a setting: 'EarlyStopping(monitor=val_acc,patience=3)', None for none."""
    texts = []
    for callback in callbacks:
        arguments = ",".join(f"{key}={quoted(value)}" for key, value in callback.items() if key != "_target_")
        texts.append(f"{re.sub(LIGHTNING, '', callback['_target_'])}({arguments})")
    return ", ".join(texts) or None


def as_text(value: Any) -> Any:
    """A group of keys as a text, {'split': 'letters'} -> 'split=letters', or None; anything else as it is."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={quoted(value[key])}" for key in sorted(value)) or None
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return described(value)
    return value


def quoted(value: Any) -> str:
    """A value as it is shown, a text that would read as another type in quotes: 1 and '1' are not the same."""
    text = shown(value)
    if isinstance(value, str):
        with suppress(yaml.YAMLError):
            return text if isinstance(yaml.safe_load(text), str) else f"'{text}'"
    return text


def identifies(kind: type[Group], key: str, value: Any) -> bool:
    """Return whether an option with this value is a part of a run's identity."""
    field = kind.model_fields[key]
    if IF_SET in field.metadata:
        return value != config_yaml()["trainer"][key]
    return NO_EFFECT not in field.metadata


@cache
def config_yaml() -> dict[str, Any]:
    """conf/config.yaml's own keys, nested."""
    config = yaml.load((CONF / "config.yaml").read_bytes(), yaml.CSafeLoader)
    return {key: value for key, value in config.items() if key not in ("defaults", "hydra")}


@cache
def defaults() -> Settings:
    """The settings of conf/config.yaml and the default data set."""
    return flatten(config_yaml()) | {"dataset": "mnist"}


def path_text(value: Any) -> str:
    """A setting in a folder's name: [300, 50] -> '300-50'."""
    if isinstance(value, list | tuple):
        return "-".join(map(path_text, value))
    text = re.sub(r"[^\w.+-]", "_", value if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
