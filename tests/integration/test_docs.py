"""Tests of the commands, code blocks and links of README.md and docs/."""

import itertools
import json
import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Program, Run
from hydra import compose, initialize_config_dir

from digitcmp.__main__ import COMMANDS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXTENDING = (ROOT / "docs/extending.md").read_text()
SMALL = ("data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20", "epochs=1", "pictures=false")
PLUGINS = "plugins=[mylab.nets,mylab.heads,mylab.tasks]"


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in this language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def lines() -> list[str]:
    """Return every line of the shell blocks of all pages, each command once, without its comment and dry_run=true."""
    found = {}
    for block in itertools.chain.from_iterable(blocks(page, "bash") for page in PAGES):
        for line in block.replace("\\\n", " ").splitlines():
            words = [word for word in shlex.split(line, comments=True) if word != "dry_run=true"]
            found[shlex.join(words)] = None
    return [line for line in found if line]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of docs/extending.md. The text before a code block names its file."""
    folder = tmp_path_factory.mktemp("lab")
    for text, _, code in re.findall(r"(?s)((?:(?!```).)*)```(python|yaml)\n(.*?)```", EXTENDING):
        names = re.findall(r"`((?:mylab|conf)/[\w/]+\.\w+)`", text)
        file = folder / names[-1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    recipe = (folder / "conf/model/pooled.yaml").read_text()
    (folder / "conf/model/pooled2.yaml").write_text(recipe.replace("name: pooled", "name: pooled2"))
    return folder


@pytest.mark.parametrize("line", lines())
def test_every_command_is_accepted(line: str, train: Run, lab: Path) -> None:
    """Commands that train run with dry_run=true. Other digitcmp commands only have their arguments parsed."""
    program, *arguments = shlex.split(line)
    if program in ("pip", "pytest", "tensorboard"):
        return
    if (
        any("slurm" in argument for argument in arguments)
        and find_spec("hydra_plugins.hydra_submitit_launcher") is None
    ):
        pytest.skip("the launcher of SLURM is not installed")
    if program == "python":
        script, *arguments = arguments
        assert script == "train.py"
        help_only = {"--help", "--hydra-help"} & {*arguments}
        assert train(*arguments, *([] if help_only else ["dry_run=true"])).stdout
        return
    assert program == "digitcmp", line
    if "--config-dir=conf" in arguments:
        assert "pooled" in Program(lab, "-m", "digitcmp", *arguments, "dry_run=true").done().stdout
        return
    if arguments[0] == "--plugins":
        arguments = arguments[2:]
    name, *arguments = arguments
    assert name in COMMANDS
    if name == "train":
        assert train(*arguments, "dry_run=true").stdout
    elif name == "evaluate":
        compose_evaluation(arguments)
    else:
        import_module(f"digitcmp.commands.{name}").command_line().parse_known_args(arguments)


def compose_evaluation(arguments: list[str]) -> None:
    """Raise an error of Hydra for an argument that `digitcmp evaluate` does not accept."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose("evaluate", arguments).checkpoint == "RUN"


def test_a_backbone_a_head_and_a_task(lab: Path) -> None:
    """The network has 16 kernels of 5x5, a layer of 12 bins and a head of 13 parameters, biases included."""
    line = ("model=pooled", "head.name=distance", "bins=12", "task=near", "hydra.run.dir=run", *SMALL)
    Program(lab, "--config-dir=conf", PLUGINS, *line).done()
    result = json.loads((lab / "run/result.json").read_text())
    assert result["label"] == "pooled+distance" and result["params"] == 16 * 26 + 12 * 17 + 13
    assert (result["lr"], result["width"], result["task"]) == (1e-3, 16, "near")
    assert {"mylab/nets.py", "mylab/heads.py", "mylab/tasks.py"} <= result["files"].keys()


def test_an_experiment(lab: Path) -> None:
    out = Program(lab, "--config-dir=conf", "experiment=mine", "seed=0,1", *SMALL).done().stdout
    assert out.startswith("8 runs in multirun/mine, 0 finished before") and "[8/8]" in out
    Program(lab, "-m", "digitcmp", "report", "multirun/mine").done()
    effects = pd.read_csv(lab / "multirun/mine/report/effects.csv")
    assert {"sharing": 2, "width": 2, "interaction": 1}.items() <= effects.family.value_counts().to_dict().items()
    assert {"pooled − pooled2", "pooled width=32 − pooled"} <= set(effects.effect)


def test_a_data_reader(lab: Path) -> None:
    """A network that learns nothing has an accuracy of .62, the share of <= among four classes."""
    line = ("--config-dir=conf", "plugins=[mylab.readers]", "data.name=stripes", "model=fcnn1", "lr=1e-3")
    pairs = ("data.train_pairs=100", "data.val_pairs=40", "data.test_pairs=50", "hydra.run.dir=stripes")
    Program(lab, *line, *pairs).done()
    assert json.loads((lab / "stripes/result.json").read_text())["test_acc"] > 0.9


def test_a_data_set(lab: Path) -> None:
    line = (*re.findall(r"data\.\w+=\w+", EXTENDING)[:3], "model=convnet", "dry_run=true")
    assert "dataset=gtsrb" in Program(lab, *line).done().stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_of_a_page(forked_sweeps: None, page: Path, tmp_path: Path) -> None:
    """The Python blocks that import digitcmp run in order as one script."""
    code = [block for block in blocks(page, "python") if "import digitcmp" in block]
    if code:
        (tmp_path / "page.py").write_text("\n".join(code))
        assert Program(tmp_path, "page.py").done().stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Every relative link names an existing file, and its anchor a heading of that file."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target
