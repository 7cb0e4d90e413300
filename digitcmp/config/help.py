"""The help text of `python train.py --help`, generated from the files of conf/ and the registries."""

from collections.abc import Mapping, Sequence

from digitcmp.config import plugins
from digitcmp.config.conf import CONF
from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

GROUPS = ("data", "optimizer", "schedule", "experiment", "trainer", "callbacks", "logger", "debug")
WITH_ARGUMENTS = ("model", "head", "optimizer", "schedule")
INTERNAL = ("#", "name:", "_", "lr:", "lr_aux:")  # lines of a file that are no arguments


def help_text(modules: Sequence[str] = ()) -> str:
    """Return the help text: a line for each choice, with the arguments of those that have some.

    Args:
        modules: the plugins to import first; their backbones and heads are listed too.

    Raises:
        ConfigError: if a plugin cannot be imported.
    """
    plugins.load(list(modules))
    networks = {name: network.summary for name, network in NETWORKS.items()}
    heads = {name: (head.build.__doc__ or "").partition("\n")[0] for name, head in HEADS.items()}
    tasks = "\n".join(f"  {name:<24} {task.question}" for name, task in TASKS.items())
    groups = "\n\n".join(f"{group}=NAME:\n{choices(group)}" for group in GROUPS)
    options = (CONF / "config.yaml").read_text("utf-8").split("\ntask:")[1].split("\nhydra:")[0].replace("\n", "\n  ")
    return f"""Train a network to answer a question about pairs of images: is the first digit <= the second?

  python train.py model=ws3 aux=true                            one run, AL4 of the paper
  python train.py -m model=ws2,ws3 aux=true,false 'seed=range(10)'   a sweep, on all cores
  python train.py experiment=table1                             the paper's ten cells x 10 seeds

model=NAME, the backbone; aux=true adds the auxiliary loss, and model.ARGUMENT=VALUE sets an argument:
{choices("model", networks)}

head=NAME, the comparison of the two embeddings:
{choices("head", heads)}

task=NAME, the question about a pair:
{tasks}

{groups}

All other options, with their defaults:
  task:{options}
Hydra's own help and shell completion: python train.py --hydra-help
""".replace("$", "$$")  # Hydra inserts the help into a string.Template


def choices(group: str, registered: Mapping[str, str] | None = None) -> str:
    """Return a line for each file of a group, its first comment, and the lines of its arguments.

    Args:
        group: the folder of conf/.
        registered: the summaries of registered names, listed if they have no file: those of plugins.
    """
    lines, registered = [], registered or {}
    for file in sorted((CONF / group).glob("*.yaml")):
        first, *others = file.read_text("utf-8").removeprefix("# @package _global_\n").splitlines()
        lines.append(f"  {file.stem:<24} {first.lstrip('# ')}")
        if group in WITH_ARGUMENTS:
            lines += [f"    {line}" for line in others if not line.startswith(INTERNAL)]
    names = [name for name in registered if not (CONF / group / f"{name}.yaml").exists()]
    return "\n".join([*lines, *(f"  {name:<24} {registered[name]}" for name in names)])
