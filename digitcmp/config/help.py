"""What `python train.py --help` says, taken from the files of conf/ and the registries."""

from digitcmp.config.run import CONF
from digitcmp.models.heads import HEADS


def text() -> str:
    """`python train.py --help`: what there is to choose from, a line each, taken from the files of conf/."""

    def choices(group: str) -> str:
        files = sorted((CONF / group).glob("*.yaml"))
        comments = [file.read_text("utf-8").removeprefix("# @package _global_\n").splitlines()[0] for file in files]
        return "\n".join(f"  {file.stem:<24} {line.lstrip('# ')}" for file, line in zip(files, comments, strict=True))

    heads = "\n".join(f"  {name:<24} {head.summary}" for name, head in HEADS.items())
    knobs = (CONF / "config.yaml").read_text("utf-8").split("\ntask:")[1].split("\nhydra:")[0]
    return f"""Is the first digit <= the second? Train a network on pairs of digits, or of images of your own.

  python train.py model=ws3 aux=true                            one run, the paper's AL4
  python train.py -m model=ws2,ws3 aux=true,false 'seed=range(10)'   a sweep, on all cores
  python train.py -m experiment=table1                          the paper's ten cells x 10 seeds

model=NAME, a backbone; with aux=true it also learns to name the digits:
{choices("model")}

head=NAME, how the two embeddings are compared:
{heads}

data=NAME:
{choices("data")}

experiment=NAME, a sweep or a recipe as a file:
{choices("experiment")}

trainer=NAME, where it trains:
{choices("trainer")}

callbacks=NAME, or [several]:
{choices("callbacks")}

logger=NAME, or [several], beside metrics.csv and TensorBoard events:
{choices("logger")}

debug=NAME:
{choices("debug")}

Everything else, with its default:
  task:{knobs.replace(chr(10), chr(10) + "  ")}
Hydra's own help and shell completion: python train.py --hydra-help
""".replace("$", "$$")  # Hydra fills its help in as a string.Template
