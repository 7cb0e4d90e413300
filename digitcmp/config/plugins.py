"""Plugins: modules outside of the package that register networks, heads, tasks, optimizers and data readers."""

import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from digitcmp.data.tasks import TASKS
from digitcmp.errors import ConfigError
from digitcmp.models.optimizers import OPTIMIZERS
from digitcmp.models.schedules import SCHEDULES

GROUP = "digitcmp.plugins"  # of the entry points of installed packages
REGISTRIES: dict[str, dict[str, Any]] = {"task": TASKS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def load(modules: Iterable[str]) -> None:
    """Import these modules, from Python's path or the working folder, and those of installed packages.

    Raises ConfigError for a module that cannot be imported, or that replaces a name of another.
    """
    before = {kind: dict(registry) for kind, registry in REGISTRIES.items()}
    load_installed()
    for module in modules:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            import_module(module)
        except Exception as error:  # whatever somebody else's module raises
            raise ConfigError(f"plugins: {module} cannot be imported ({told(error)}); expected a module") from error
    for kind, names in before.items():
        for name, value in names.items():
            if REGISTRIES[kind].get(name) is not value:
                raise ConfigError(f"plugins: a module replaces the {kind} {name}; expected a name that is not taken")


@cache
def load_installed() -> None:
    """Import the modules that installed packages announce. Raises ConfigError for one that cannot be imported."""
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # whatever somebody else's module raises
            raise ConfigError(f"{entry.value}, a plugin of an installed package, fails: {told(error)}") from error


def told(error: Exception) -> str:
    """Return an error in one line, with its kind."""
    return " ".join(f"{type(error).__name__}: {error}".split())
