"""The modules from outside of the package that a network needs."""

import inspect
import sys
from typing import Any

from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS


def outside_modules(backbone: str, head: str, task: str) -> dict[str, str]:
    """Return the modules that define a backbone, a head and a task, {'backbone': 'mylab.nets'}.

    Those of this package and of Python are left out, and what was typed at a prompt.
    """
    things: dict[str, Any] = {"backbone": NETWORKS[backbone].builder, "head": HEADS[head].build}
    things["task"] = TASKS[task].holds
    modules = {}
    for kind, thing in things.items():
        module = getattr(inspect.unwrap(thing), "__module__", None) or "__main__"
        if module.partition(".")[0] not in {"digitcmp", "__main__", *sys.stdlib_module_names}:
            modules[kind] = module
    return modules
