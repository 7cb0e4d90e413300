"""The command line that trains a finished run again."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from digitcmp.config import trainer
from digitcmp.config.conf import config_yaml, files, target_name
from digitcmp.config.notation import path_text
from digitcmp.config.run import RENAMED, Run, groups
from digitcmp.errors import ConfigError, RunError
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.optimizers import OptimizerArguments
from digitcmp.runs.folder import CONFIG
from digitcmp.runs.result import RESULT_KEYS
from digitcmp.sweeps.grid import OF_A_SWEEP, typed

NOT_TYPED = {*OF_A_SWEEP, "study", "logger", "pictures"}  # options that change no number of a run
PARTS = ("head", "optimizer", "schedule")  # groups whose file is a setting
PREFIX = ["python", "train.py"]


def command(run: Mapping[str, Any]) -> str:
    """Return the command that trains a run again.

    Args:
        run: a row of `run_table`, or of a report's runs.csv.

    Raises:
        RunError: if the run's folder is missing and its settings do not determine its configuration.
    """
    file = Path(run["path"]) / CONFIG
    config = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else from_settings(run)
    return shlex.join([*PREFIX, *overrides(config)])


def overrides(config: Mapping[str, Any]) -> list[str]:
    """Return the overrides of a nested configuration: every key that differs from its default, lr and seed.

    Args:
        config: the configuration, nested like config.yaml.
    """
    model, data = config["model"]["name"], config["data"]["name"]
    result = []
    base: dict[str, Any] = {
        **config_yaml(),
        "model": {"name": "ws3"},
        "data": {**config_yaml()["data"], "name": "mnist"},
    }
    chosen = {"model": model, "data": data, "head": config["head"]["name"]}
    chosen |= {group: target_name(group, config[group]) for group in ("optimizer", "schedule")}
    for group, name in chosen.items():
        if name in files(group):
            if group in ("model", "data") or files(group)[name] != base[group]:
                result.append(f"{group}={name}")
            base[group] = (base["data"] if group == "data" else {}) | files(group)[name]
    for key, value in config.items():
        if key in NOT_TYPED:
            continue
        if key not in chosen and key not in groups():
            if key in ("lr", "seed") or different(value, base.get(key)):
                result.append(f"{key}={value_text(value)}")
            continue
        for name, item in value.items():
            default = base[key].get(name)
            if key == "trainer" and name not in base[key]:
                default = trainer.options().model_fields[name].default
            if key == "head" and name not in base[key] and value["name"] in HEADS:
                default = HEADS[value["name"]].arguments.model_fields[name].default
            if key == "model" and name in ("lr", "lr_aux"):  # the run's lr replaces them
                continue
            if key == "model" and model in NETWORKS and name in NETWORKS[model].arguments.model_fields:
                default = base[key].get(name, NETWORKS[model].arguments.model_fields[name].default)
            if different(item, default):
                plus = "" if name in base[key] and not isinstance(item, dict) else "++"
                result.append(f"{plus}{key}.{name}={value_text(item)}")
        if key == "model":  # a backbone without a file inherits the default's arguments
            result += [f"~model.{name}" for name in base["model"] if name not in value]
    return result


def value_text(value: Any) -> str:
    """Return a value in Hydra's syntax. A plain word has no quotes."""
    is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value)
    return str(value) if is_word and isinstance(yaml.safe_load(str(value)), str) else typed(value)


def different(value: Any, default: Any) -> bool:
    """Return whether a value differs from its default. Empty lists and mappings count as None."""
    return (value or None if isinstance(value, list | dict) else value) != (
        default or None if isinstance(default, list | dict) else default
    )


def from_settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested configuration of a run from its settings.

    Raises:
        RunError: if the settings do not determine it, as with callbacks.
    """
    where = f"{run['cell']}/seed={run['seed']}"
    config: dict[str, Any] = {key: dict(value) if key in groups() else value for key, value in config_yaml().items()}
    config |= {"model": {}, "callbacks": {}}
    config["data"] |= files("data").get(str(run.get("dataset")), {})
    for group in PARTS:
        config[group] = dict(files(group).get(str(run.get(group)), config[group]))
    places = {setting: key.split(".") for key, setting in RENAMED.items()}
    places |= {key: ["optimizer", key] for key in OptimizerArguments.model_fields}
    accepted = NETWORKS[run["model"]].arguments.model_fields if run["model"] in NETWORKS else {}
    for key, value in settings(run):
        prefix, _, argument = key.partition("_")
        if key == "betas" and value is None:  # the optimizer's own
            continue
        group, name = [prefix, argument] if prefix in PARTS else places.get(key, ["", key])
        if group:
            level = config[group]
        elif name in config:
            level = config
        else:
            level = next((config[group] for group in ("data", "trainer") if name in config[group]), config["model"])
            if name not in accepted and name in trainer.options().model_fields:  # Lightning has its default
                level = config["trainer"]
        optional = level in (config["model"], config["optimizer"])
        if name and (not optional or name == "name" or name in {**accepted, **config["optimizer"]}):
            level[name] = value
    try:
        known = Run.of(config)
        if known.config_hash == run["config_hash"]:
            return known.model_dump()
    except (ConfigError, OSError):
        pass
    raise RunError(
        f"{where} has no config.yaml, and its row of runs.csv is incomplete; "
        "a run whose folder exists is expected. Make the report in the folder of its runs."
    )


def settings(run: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a row that a configuration can contain, as Python values."""
    for key, value in run.items():
        if key in (*RESULT_KEYS, "path", "data_crc", "callbacks", "data_arguments", "trainer_plugins"):
            continue  # a result, or the text of a list
        if hasattr(value, "item"):
            value = value.item()
        if isinstance(value, float) and math.isnan(value):
            continue
        if isinstance(value, float) and value.is_integer():  # a column with gaps has floats
            value = int(value)
        yield key, value


def find_run(runs: Any, cell: str, seed: str) -> dict[str, Any]:
    """Return the row of a run.

    Args:
        runs: a table of one row per run, like `run_table`.
        cell: the name of its cell.
        seed: its seed.

    Raises:
        RunError: if there is no such run.
    """
    rows = runs[(runs.cell == cell) & (runs.seed.astype(str) == seed)]
    if rows.empty:
        if near := get_close_matches(cell, dict.fromkeys(runs.cell), n=1, cutoff=0.3):
            seeds = sorted(runs.seed[runs.cell == near[0]])
            raise RunError(f"{cell} seed {seed}: no such run. Did you mean {near[0]}, seeds {path_text(seeds)}?")
        raise RunError(f"{cell} seed {seed}: no such run; values of the columns cell and seed of runs.csv are expected")
    return dict(rows.iloc[0])
