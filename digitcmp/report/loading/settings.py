"""The settings of runs that are not at their default, and the names of levels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digitcmp.config.conf import config_yaml
from digitcmp.config.identity import defaults
from digitcmp.models import backbones
from digitcmp.report.formats import to_text
from digitcmp.runs.result import RESULT_KEYS

NO_SETTING = {*RESULT_KEYS, "code", "path", "seed"}


def literal(value: str) -> Any:
    """Return a value from its JSON text: '0.002', 'true', '[300, 50]'. Return any other text unchanged."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def default(key: str, model: str) -> Any:
    """Return the default of a setting: that of the model's argument, else that of the key, else None."""
    network = backbones.facts().get(model)
    if network and key in network.arguments:
        return network.arguments[key]
    config = config_yaml()
    unless_default = config["data"] | config | config["trainer"]  # defaults() lacks options that are recorded if set
    return defaults().get(key, unless_default.get(key))


def changed(run: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a run that are not at their default, as text.

    `lr` is left out because it belongs to the recipe.
    """
    hidden = NO_SETTING | {"lr"}
    known = {key: value for key, value in run.items() if key not in hidden and value == value}
    # nan if only other networks or later runs have the setting
    return {key: to_text(value) for key, value in known.items() if value != default(key, run["model"])}


def settings_in_name(folder: Path) -> dict[str, Any]:
    """Return the settings in the name of a run's folder, `model=ws3,aux=true,lr=0.002/seed=3`.

    An unfinished run has no other record of its settings.
    """
    parts = [part.partition("=") for part in [*folder.parent.name.split(","), folder.name]]
    return {key: literal(value) for key, _, value in parts}


def level_name(key: str, value: str) -> str:
    """Return a level within the name of a cell: the level if it is a word, the key if it is true, else 'key=level'."""
    if isinstance(literal(value), str) and not value[:1].isdigit():
        return value
    return key if value == "true" else f"{key}={value}"
