"""The choices and options in `python train.py --help`, generated from the files of conf/ and the registries."""

from collections.abc import Sequence

from digitcmp.config import plugins
from digitcmp.config.conf import CONF
from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

WITH_ARGUMENTS = ("model", "head", "optimizer", "schedule")
INTERNAL = ("#", "name:", "_", "lr:", "lr_aux:")  # lines of a file that are no arguments


def options() -> str:
    """Return the options in conf/config.yaml with their defaults and meanings."""
    text = (CONF / "config.yaml").read_text("utf-8")
    return "  task:" + text.split("\ntask:")[1].split("\nhydra:")[0].replace("\n", "\n  ")


def choices(group: str, modules: Sequence[str] = ()) -> str:
    """Return a line for each file of a group, its first comment, with its arguments, and for registered names.

    Args:
        group: a folder of conf/, or 'task'.
        modules: the plugins to import first.

    Raises:
        ConfigError: if a plugin cannot be imported.
    """
    plugins.load(list(modules))
    registered = {
        "model": {name: network.summary for name, network in NETWORKS.items()},
        "head": {name: (head.build.__doc__ or "").partition("\n")[0] for name, head in HEADS.items()},
        "task": {name: task.question for name, task in TASKS.items()},
    }
    lines = []
    for file in sorted((CONF / group).glob("*.yaml")):
        first, *others = file.read_text("utf-8").removeprefix("# @package _global_\n").splitlines()
        lines.append(f"  {file.stem:<24} {first.lstrip('# ')}")
        if group in WITH_ARGUMENTS:
            lines += [f"    {line}" for line in others if not line.startswith(INTERNAL)]
    named = registered.get(group, {}).items()
    lines += [f"  {name:<24} {line}" for name, line in named if not (CONF / group / f"{name}.yaml").exists()]
    return "\n".join(lines).replace("$", "$$")  # Hydra inserts the help into a string.Template
