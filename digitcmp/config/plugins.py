"""Networks, heads, tasks and optimizers from outside of the package: modules that register them when imported."""

import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from digitcmp.errors import ConfigError

GROUP = "digitcmp.plugins"  # of the entry points of installed packages


def load(modules: Iterable[str]) -> None:
    """Import these modules, found as Python finds them or in the working folder, and those of installed packages.

    Raises ConfigError for a module that cannot be imported.
    """
    load_installed()
    for module in modules:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            import_module(module)
        except Exception as error:  # whatever somebody else's module raises
            raise ConfigError(f"plugins: {module} cannot be imported ({told(error)}); expected a module") from error


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
