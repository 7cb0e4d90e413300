"""Run configurations from the defaults and a few changes."""

import copy
from typing import Any

import yaml

from digitcmp.config.conf import CONF, config_yaml, files
from digitcmp.config.run import Run


def nested(**changes: Any) -> dict[str, Any]:
    """Return the default configuration with these changes: `nested(data__seed=0, model='fcnn2')`."""
    composed = copy.deepcopy(config_yaml())
    model = changes.pop("model", "ws3")
    composed["model"] = yaml.safe_load((CONF / "model" / f"{model}.yaml").read_text())
    composed["data"]["name"] = "mnist"
    for key, value in changes.items():
        *path, leaf = key.split("__")
        group = composed
        for part in path:
            group = group[part]
        named = isinstance(value, str) and value in files(leaf)
        group[leaf] = dict(files(leaf)[value]) if named else value
    return composed


def run(**changes: Any) -> Run:
    return Run.of(nested(**changes))
