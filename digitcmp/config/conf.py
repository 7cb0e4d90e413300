"""The files of conf/: their content, and the default configuration that they give."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

INSTALLED = Path(__file__).parents[1] / "conf"
CONF = INSTALLED if INSTALLED.exists() else Path(__file__).parents[2] / "conf"  # the second in a checkout


@cache
def files(group: str) -> dict[str, dict[str, Any]]:
    """Return the content of the files of a folder of conf/ by name, {} if there is no such folder."""
    return {path.stem: read(path) for path in sorted((CONF / group).glob("*.yaml"))}


def read(file: Path) -> dict[str, Any]:
    return yaml.load(file.read_bytes(), yaml.CSafeLoader) or {}


@cache
def config_yaml() -> dict[str, Any]:
    """Return the default configuration, nested, without Hydra's keys, the model and the name of the data set."""
    config = read(CONF / "config.yaml")
    chosen = {
        group: name for entry in config.pop("defaults") if isinstance(entry, dict) for group, name in entry.items()
    }
    del config["hydra"]
    for group in ("head", "optimizer", "schedule"):
        config[group] = files(group)[chosen[group]]
    return config


def argument_defaults(group: str, name: str) -> dict[str, Any]:
    """Return the arguments in a file of conf/optimizer, conf/schedule or conf/head with their defaults."""
    return {key: value for key, value in files(group)[name].items() if key not in ("name", "_target_", "_partial_")}


def target_name(group: str, spec: dict[str, Any]) -> str | None:
    """Return the name of the file of conf/ that has the `_target_` of a spec, or None."""
    return next((name for name, file in files(group).items() if file["_target_"] == spec.get("_target_")), None)
