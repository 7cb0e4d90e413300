"""The help text of `python train.py --help`, generated from the files of conf/ and the registries."""

from collections.abc import Mapping, Sequence

from digitcmp.config import plugins
from digitcmp.config.conf import CONF
from digitcmp.data.tasks import TASKS
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS

TITLES = {  # the groups of conf/, with a title
    "data": "data=NAME, the data set",
    "optimizer": "optimizer=NAME",
    "schedule": "schedule=NAME, the learning rate over all steps",
    "experiment": "experiment=NAME, a recipe or a sweep",
    "trainer": "trainer=NAME, the device",
    "callbacks": "callbacks=NAME or callbacks=[NAME,...]",
    "logger": "logger=NAME or logger=[NAME,...], in addition to metrics.csv and TensorBoard events",
    "debug": "debug=NAME, a short run to find errors",
}
WITH_ARGUMENTS = ("model", "head", "optimizer", "schedule")
INTERNAL = ("#", "name:", "_", "lr:", "lr_aux:")  # lines of a file that are no arguments


def help_text(modules: Sequence[str] = ()) -> str:
    """Return the help text: a line for each choice, with the arguments of those that have some.

    Args:
        modules: the plugins to import first; their backbones and heads are listed too.

    Raises:
        ConfigError: if a plugin cannot be imported.
    """
    plugins.load(modules)
    networks = {name: network.summary for name, network in NETWORKS.items()}
    heads = {name: (head.build.__doc__ or "").partition("\n")[0] for name, head in HEADS.items()}
    tasks = "\n".join(f"  {name:<24} {task.question}" for name, task in TASKS.items())
    groups = "\n\n".join(f"{title}:\n{choices(group)}" for group, title in TITLES.items())
    options = (CONF / "config.yaml").read_text("utf-8").split("\ntask:")[1].split("\nhydra:")[0].replace("\n", "\n  ")
    return f"""Train a network to answer a question about pairs of images: is the first digit <= the second?

  python train.py model=ws3 aux=true                            one run, AL4 of the paper
  python train.py -m model=ws2,ws3 aux=true,false 'seed=range(10)'   a sweep, on all cores
  python train.py experiment=table1                             the paper's ten cells x 10 seeds

model=NAME, the backbone, with its arguments; aux=true adds the auxiliary loss:
{choices("model")}{registered("model", networks)}

task=NAME, the question about a pair:
{tasks}

head=NAME, the comparison of the two embeddings:
{choices("head")}{registered("head", heads)}

{groups}

All other options, with their defaults:
  task:{options}
Hydra's own help and shell completion: python train.py --hydra-help
""".replace("$", "$$")  # Hydra inserts the help into a string.Template


def choices(group: str) -> str:
    """Return a line for each file of a group, its first comment, and the lines of its arguments."""
    lines = []
    for file in sorted((CONF / group).glob("*.yaml")):
        first, *others = file.read_text("utf-8").removeprefix("# @package _global_\n").splitlines()
        lines.append(f"  {file.stem:<24} {first.lstrip('# ')}")
        if group in WITH_ARGUMENTS:
            for line in (line for line in others if not line.startswith(INTERNAL)):
                argument, _, meaning = line.partition("#")
                typed = f"{group}.{argument.strip().replace(': ', '=')}"
                lines.append(f"    {typed:<32} {meaning.strip()}".rstrip())
    return "\n".join(lines)


def registered(group: str, summaries: Mapping[str, str]) -> str:
    """Return a line for each registered name without a file in conf/, those of plugins."""
    names = [name for name in summaries if not (CONF / group / f"{name}.yaml").exists()]
    return "".join(f"\n  {name:<24} {summaries[name]}" for name in names)
