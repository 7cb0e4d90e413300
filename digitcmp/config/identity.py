"""The identity of a run: its settings, flat, without the options that cannot change a result."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from digitcmp.config import trainer
from digitcmp.config.conf import argument_defaults, config_yaml, target_name
from digitcmp.fields import shown
from digitcmp.models.heads import HEADS

RENAMED = {  # the key of a group -> its name as a setting
    "model.name": "model",
    "head.name": "head",
    "data.name": "dataset",
    "data.seed": "data_seed",
    "data.arguments": "data_arguments",
    "trainer.plugins": "trainer_plugins",
}
NO_EFFECT = {  # options that cannot change a result
    *("plugins", "logger", "study", "pictures", "sweep", "force", "stop_on_failure", "stale", "dry_run"),
    *("model.lr", "model.lr_aux"),  # recorded as lr
    *("data.file", "data.drawn", "data.root"),  # the content of the file is recorded as data_crc
    *(f"trainer.{option}" for option in trainer.OBSERVING),
}
IF_CHANGED = ("aux_labels", "data.resplit")  # not recorded at their default
OPTIMIZER = {"momentum": 0.0, "nesterov": False, "betas": None, "weight_decay": 0.0}  # settings of every run
OBSERVERS = {  # Lightning's callbacks that cannot change a result
    *("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichModelSummary"),
    *("RichProgressBar", "TQDMProgressBar"),
}
LIGHTNING = r"^(lightning\.pytorch|pytorch_lightning)\.callbacks\.(\w+\.)*"  # left out of the names of its callbacks
LONGEST = 60  # characters of a setting in a folder's name
Settings = dict[str, Any]


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Return the settings of a nested configuration: {'data': {'train_pairs': 1000}} -> {'train_pairs': 1000}."""
    flat: Settings = {}
    for key, value in config.items():
        if key in ("head", "optimizer", "schedule"):
            flat |= part_settings(key, value)
        elif key in ("model", "data", "trainer"):
            items = {f"{key}.{name}": item for name, item in value.items() if is_setting(f"{key}.{name}", item)}
            flat |= {RENAMED.get(name, name.partition(".")[2]): as_text(item) for name, item in items.items()}
        elif key == "callbacks":
            flat[key] = described([callback for callback in value.values() if class_name(callback) not in OBSERVERS])
        elif is_setting(key, value):
            flat[key] = value
    if evaluations := evaluated(config["trainer"]):  # they change a result if something acts on them
        acting = {key: flat[key] for key in ("callbacks", "checkpoint") if flat[key] not in (None, "last")}
        flat |= {key: f"{value}, evaluated {evaluations}" for key, value in acting.items()}
    return flat


def is_setting(key: str, value: Any) -> bool:
    """Return whether an option with this value is part of a run's identity."""
    group, _, name = key.rpartition(".")
    if key in NO_EFFECT:
        return False
    if group == "trainer" and name not in config_yaml()["trainer"]:
        field = trainer.TrainerConfig.model_fields.get(name) or trainer.options().model_fields[name]
        return bool(value != field.default)
    return key not in IF_CHANGED or value != config_yaml().get(group, config_yaml())[name]


def part_settings(group: str, spec: dict[str, Any]) -> Settings:
    """Return a head, an optimizer or a schedule as settings: its name, and the arguments that are not at their default.

    The defaults are those of its file in conf/, of a head those of its builder. A target without a file is one setting.
    """
    name = spec["name"] if group == "head" else target_name(group, spec)
    flat: Settings = {group: name or described([spec])} | (OPTIMIZER if group == "optimizer" else {})
    if name is None:
        return flat
    is_head = group == "head"
    defaults = HEADS[name].arguments.model_construct().model_dump() if is_head else argument_defaults(group, name)
    for key, value in spec.items():
        if key in flat and key != "betas":
            flat[key] = value
        elif key not in ("name", "_target_", "_partial_") and value != defaults.get(key, ...):
            flat[key if key in flat else f"{group}_{key}"] = value
    return flat


def evaluated(options: Mapping[str, Any]) -> str:
    """Return when a run is evaluated and on how many batches, '' for every epoch on all validation pairs."""
    every = options.get("check_val_every_n_epoch", 1)
    parts = [] if every == 1 else [f"every {every} epochs"]
    keys = ("val_check_interval", "limit_val_batches")
    return " ".join(parts + [f"with {key}={shown(options[key])}" for key in keys if options.get(key) is not None])


def class_name(target: Mapping[str, Any]) -> str:
    """Return the class of a target, without the module if it is a callback of Lightning."""
    return re.sub(LIGHTNING, "", target["_target_"])


def described(targets: Sequence[Mapping[str, Any]]) -> str | None:
    """Return targets as a setting, 'EarlyStopping(monitor=val_acc,patience=3)', or None if there are none."""
    calls = []
    for target in targets:
        arguments = ",".join(f"{key}={shown(value)}" for key, value in target.items() if not key.startswith("_"))
        calls.append(f"{class_name(target)}({arguments})")
    return ", ".join(calls) or None


def as_text(value: Any) -> Any:
    """Return a mapping as a string, {'split': 'letters'} -> 'split=letters', a list of targets as `described`.

    An empty mapping gives None. Return other values unchanged.
    """
    if isinstance(value, Mapping):
        return ",".join(f"{key}={shown(value[key])}" for key in sorted(value)) or None
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return described(value)
    return value


def path_text(value: Any) -> str:
    """Return a setting's value for a folder's name: [300, 50] -> '300-50'."""
    if isinstance(value, list | tuple):
        return "-".join(map(path_text, value))
    text = re.sub(r"[^\w.+-]", "_", value if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@cache
def defaults() -> Settings:
    """Return the settings of conf/config.yaml with the default data set."""
    return settings_of(config_yaml()) | {"dataset": "mnist"}
