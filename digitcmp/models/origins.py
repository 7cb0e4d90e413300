"""The third-party modules that a network needs."""

import inspect
import sys
from typing import Any

from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS


def outside_modules(backbone: str, head: str, task: str) -> dict[str, str]:
    """Return the third-party modules that define a backbone, a head and a task: {'backbone': 'mylab.nets'}.

    Modules of this package and of Python are left out. So are definitions at a prompt.
    """
    definitions: dict[str, Any] = {"backbone": NETWORKS[backbone].builder, "head": HEADS[head].build}
    definitions["task"] = TASKS[task].holds
    modules = {}
    for part, definition in definitions.items():
        module = getattr(inspect.unwrap(definition), "__module__", None) or "__main__"
        if module.partition(".")[0] not in {"digitcmp", "__main__", *sys.stdlib_module_names}:
            modules[part] = module
    return modules
