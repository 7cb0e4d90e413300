"""The command line that trains a finished run again."""

import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir

from digitcmp.config import trainer
from digitcmp.config.conf import CONF, files
from digitcmp.config.identity import RENAMED, defaults
from digitcmp.config.run import Run, known_keys
from digitcmp.errors import ConfigError, RunError
from digitcmp.report.results import Results
from digitcmp.runs.folder import CONFIG
from digitcmp.sweeps.grid import OF_A_SWEEP, run_of, typed

NOT_TYPED = (*OF_A_SWEEP, "study", "logger", "pictures", "model.lr", "model.lr_aux")  # they change no number of a run
PARTS = ("head", "optimizer", "schedule")
CHOICES = {"model": "model", "data": "dataset", **{part: part for part in PARTS}}  # groups, and their settings


def command(run: Mapping[str, Any]) -> str:
    """Return the command that trains a run again: its options that differ from their defaults, lr and seed.

    Args:
        run: a row of `run_table`, or of a report's runs.csv.

    Raises:
        RunError: if the run's folder is missing and its settings do not determine its configuration.
    """
    file = Path(run["path"]) / CONFIG
    options = leaves(yaml.safe_load(file.read_text("utf-8"))) if file.is_file() else row_options(run)
    chosen = {group: run.get(setting) for group, setting in CHOICES.items()}
    words = [
        f"{group}={name}"
        for group, name in chosen.items()
        if name in files(group) and name != defaults().get(CHOICES[group])
    ]
    # other data can have too few images for the default numbers of pairs
    base = leaves(composed(*(word for word in words if not word.startswith("data="))).model_dump())
    base |= leaves({"data": files("data").get(str(chosen["data"]), {})})
    if file.is_file():  # a third-party backbone or optimizer lacks arguments of the default
        words += [f"~{key}" for key in base if key not in options and key.startswith(("model.", *PARTS))]
    for key, value in options.items():
        if key in ("lr", "seed") or (value != base.get(key) and not key.startswith(NOT_TYPED)):
            words.append(f"{'' if key in base else '++'}{key}={value_text(value)}")
    try:
        if composed(*words).config_hash == run["config_hash"]:
            return shlex.join(["python", "train.py", *words])
    except (ConfigError, OSError):
        pass
    raise RunError(
        f"{run['cell']}/seed={run['seed']} has no config.yaml, and its row of runs.csv is incomplete; "
        "a run whose folder exists is expected. Make the report in the folder of its runs."
    )


@cache
def composed(*overrides: str) -> Run:
    """Return the run of a command line. Raise ConfigError for the first value that is not allowed."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return run_of(compose("config", list(overrides)))


def leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested configuration as options: {"data": {"side": 20}} -> {"data.side": 20}."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        result |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return result


def row_options(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the settings in the name of a run's cell, with the values of its row."""
    texts = dict(part.partition("=")[::2] for part in run["cell"].split(","))
    known = {key: run[key] for key in [*texts, "seed"] if key in run and key not in ("optimizer", "schedule")}
    # a column with gaps has floats in place of integers, but limit_train_batches=1.0 is all batches and 1 is one
    whole = {key: int(value) for key, value in known.items() if isinstance(value, float) and texts[key].isdigit()}
    return {option(key): value for key, value in (known | whole).items()}


def option(setting: str) -> str:
    """Return the option of a setting: 'train_pairs' -> 'data.train_pairs'."""
    keys = [*known_keys(), *(f"trainer.{key}" for key in trainer.options().model_fields), *Run.model_fields]
    options = {key.rpartition(".")[2]: key for key in keys} | {setting: key for key, setting in RENAMED.items()}
    group, _, argument = setting.partition("_")
    return options.get(setting, f"{group}.{argument}" if group in PARTS else f"model.{setting}")


def value_text(value: Any) -> str:
    """Return a value in Hydra's syntax. A plain word has no quotes."""
    is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value)
    return str(value) if is_word and isinstance(yaml.safe_load(str(value)), str) else typed(value)


def find_run(results: Results, cell: str, seed: str) -> dict[str, Any]:
    """Return the row of a run in a report by the title, label or name of its cell, and its seed.

    Raises:
        ConfigError: if there is no such run.
    """
    runs = results.runs[results.runs.cell == results.find_cell(cell)]
    rows = runs[runs.seed.astype(str) == seed]
    if rows.empty:
        raise ConfigError(f"{cell} has no seed {seed}; expected one of {', '.join(map(str, sorted(runs.seed)))}")
    return dict(rows.iloc[0])
