"""The help text of `python train.py --help`, generated from the files of conf/ and the registries."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from digitcmp.config import plugins
from digitcmp.config.conf import CONF
from digitcmp.data.tasks import TASKS
from digitcmp.fields import Group, allowed, shown
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

NEWLINE = "\n"  # before Python 3.12, an f-string's expressions cannot contain a backslash


def help_text(modules: Sequence[str] = ()) -> str:
    """Return the help text: a line for each choice, with the arguments of backbones and heads.

    Args:
        modules: the plugins to import first; their backbones and heads are listed too.

    Raises:
        ConfigError: if a plugin cannot be imported.
    """
    plugins.load(modules)

    def choices(group: str) -> str:
        return "\n".join(f"  {file.stem:<24} {comment(file)}" for file in sorted((CONF / group).glob("*.yaml")))

    models = []
    for file in sorted((CONF / "model").glob("*.yaml")):
        models.append(f"  {file.stem:<24} {comment(file)}")
        models += argument_lines("model", NETWORKS[file.stem].arguments, file)
    for network in NETWORKS.values():
        if not (CONF / f"model/{network.name}.yaml").exists():
            models.append(f"  {network.name:<24} {network.summary}")
            models += argument_lines("model", network.arguments)
    heads = []
    for head in HEADS.values():
        heads += [f"  {head.name:<24} {head.summary}", *argument_lines("head", head.arguments)]
    options = (CONF / "config.yaml").read_text("utf-8").split("\ntask:")[1].split("\nhydra:")[0]
    return f"""Train a network to answer a question about pairs of images: is the first digit <= the second?

  python train.py model=ws3 aux=true                            one run, AL4 of the paper
  python train.py -m model=ws2,ws3 aux=true,false 'seed=range(10)'   a sweep, on all cores
  python train.py -m experiment=table1                          the paper's ten cells x 10 seeds

model=NAME, the backbone, with its arguments; aux=true adds the auxiliary loss:
{NEWLINE.join(models)}

task=NAME, the question about a pair:
{NEWLINE.join(f"  {name:<24} {task.question}" for name, task in TASKS.items())}

head=NAME, the comparison of the two embeddings, with its arguments:
{NEWLINE.join(heads)}

data=NAME, the data set:
{choices("data")}

experiment=NAME, a recipe or a sweep:
{choices("experiment")}

trainer=NAME, the device:
{choices("trainer")}

callbacks=NAME or callbacks=[NAME,...]:
{choices("callbacks")}

logger=NAME or logger=[NAME,...], in addition to metrics.csv and TensorBoard events:
{choices("logger")}

debug=NAME, a short run to find errors:
{choices("debug")}

All other options, with their defaults:
  task:{options.replace(chr(10), chr(10) + "  ")}
Hydra's own help and shell completion: python train.py --hydra-help
""".replace("$", "$$")  # Hydra inserts the help into a string.Template


def comment(file: Path) -> str:
    """Return the first comment of a file of conf/, without its #."""
    return file.read_text("utf-8").removeprefix("# @package _global_\n").splitlines()[0].lstrip("# ")


def argument_lines(group: str, arguments: type[Group], file: Path | None = None) -> list[str]:
    """Return a line for each argument: its default, the allowed values, and its comment in a file of conf/."""
    content = file.read_text("utf-8") if file else ""
    lines = []
    for name, field in arguments.model_fields.items():
        default = "" if field.is_required() else shown(field.default)
        meaning = re.search(rf"^{name}:[^#\n]*# (.*)$", content, re.MULTILINE)
        values = allowed(Annotated[(field.annotation, field, *field.metadata)])  # type: ignore[arg-type]
        lines.append(f"    {f'{group}.{name}={default}':<32} {values}{f': {meaning[1]}' if meaning else ''}")
    return lines
