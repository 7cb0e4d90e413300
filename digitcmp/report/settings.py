"""The settings of a run as text: what a condition is told apart by, and what a table shows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digitcmp.config.run import defaults
from digitcmp.models.backbones import NETWORKS
from digitcmp.runs import folder as runs

NO_SETTING = {*runs.RESULT_KEYS, "code", "path", "seed"}


def text(value: Any) -> str:
    """A setting or number as it reads in a table: [300, 50] -> '300-50', None and nan -> ''."""
    if isinstance(value, list | tuple):
        return "-".join(map(text, value))
    if value is None or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def literal(value: str) -> Any:
    """A value from its text, as JSON has it: '0.002', 'true', '[300, 50]'; any other text is itself."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def default(key: str, model: str) -> Any:
    """A setting's default, that of the model's own argument before a knob's; None for what is not known here."""
    arguments = NETWORKS[model].arguments.model_fields if model in NETWORKS else {}
    return arguments[key].default if key in arguments else defaults().get(key)


def changed(run: Mapping[str, Any]) -> dict[str, str]:
    """A run's settings that are not at their default, but `lr`, which belongs to the recipe; `shared` always."""
    result = {}
    for key, value in run.items():
        standard = default(key, run["model"])
        value = standard if value != value else value  # nan: runs of other networks have it, or later ones
        if key not in NO_SETTING and key != "lr" and (value != standard or key == "shared"):
            result[key] = text(value)
    return result


def named(folder: Path) -> dict[str, Any]:
    """The settings in the name of a run's folder, `model=ws3,aux=true,lr=0.002/seed=3`: all that is known of a run
    that is not finished."""
    parts = (part.partition("=") for part in [*folder.parent.name.split(","), folder.name])
    return {key: literal(value) for key, _, value in parts}


def shown(key: str, value: str) -> str:
    """A level of a setting in a cell's name: a text names itself, true its key, another value both; '' the default."""
    if isinstance(literal(value), str) and not value[:1].isdigit():
        return value
    return key if value == "true" else f"{key}={value}"
