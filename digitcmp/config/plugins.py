"""Plugins: modules outside the package that register backbones, heads, tasks and data readers."""

import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from digitcmp.errors import ConfigError

GROUP = "digitcmp.plugins"  # the entry points of installed packages


def load(modules: Iterable[str]) -> None:
    """Import the plugins of installed packages and these modules, from Python's path or the working folder.

    Raises:
        ConfigError: if a module cannot be imported, as one that registers an existing name.
    """
    load_installed()
    for module in modules:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            import_module(module)
        except Exception as error:  # a third-party module can raise anything
            raise ConfigError(
                f"plugins: {module} cannot be imported ({one_line(error)}); a module is expected"
            ) from error


@cache
def load_installed() -> None:
    """Import the entry points of installed packages. Raise ConfigError if one cannot be imported."""
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # a third-party module can raise anything
            raise ConfigError(
                f"plugins: {entry.value} of an installed package cannot be imported: {one_line(error)}"
            ) from error


def one_line(error: Exception) -> str:
    """Return an error's class and message in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
