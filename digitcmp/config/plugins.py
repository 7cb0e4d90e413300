"""Plugins: modules outside the package that register backbones, heads, tasks and data readers."""

import os
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from digitcmp.errors import ConfigError

GROUP = "digitcmp.plugins"  # the entry points of installed packages


def load(modules: list[str]) -> list[str]:
    """Import the plugins of installed packages and these modules, from Python's path or the working folder.

    Returns:
        The modules, unchanged.

    Raises:
        ConfigError: if a module cannot be imported, as one that registers an existing name.
    """
    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in (*installed(), *modules):
        try:
            import_module(module)
        except Exception as error:  # a third-party module can raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError(f"plugins: {module} cannot be imported ({reason}); a module is expected") from error
    return modules


@cache
def installed() -> list[str]:
    """Return the modules that installed packages announce."""
    return [entry.module for entry in entry_points(group=GROUP)]
