"""Tests of plugins, modules outside of this package that register networks and heads."""

import json
import shlex
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from conftest import Program
from conftest import Run as Train
from PIL import Image

NETS = '''
from digitcmp.data.spec import ImageSpec
from digitcmp.fields import Count
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from mylab.branches import branches


@NETWORKS.register(unshared="flat2", shared=True)
@NETWORKS.register(name="flat2", shared=False, summary="The same, each image with its own weights.")
def flat(images: ImageSpec, bins: int, shared: bool, width: Count = 8):
    """One small layer for both images."""
    return branches(images, bins, width, shared)


@HEADS.register
def product(shape):
    """the inner product of the two embeddings"""
    from torch import nn

    class Product(nn.Module):
        def forward(self, embedding):
            return (embedding[:, 0] * embedding[:, 1]).sum(dim=1)

    return Product()

'''
BRANCHES = """
def branches(images, bins, width, shared):
    from torch import nn

    from digitcmp.models.layers import Branches

    def branch():
        return nn.Sequential(nn.Flatten(), nn.Linear(images.pixels, width), nn.ReLU(), nn.Linear(width, bins))

    return Branches(branch, shared=shared, bins=bins)
"""
SMALL = ("data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20", "epochs=1")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a working folder with a plugin package and its recipes."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab/__init__.py").touch()
    (tmp_path / "mylab/nets.py").write_text(NETS)
    (tmp_path / "mylab/branches.py").write_text(BRANCHES)
    (tmp_path / "conf/model").mkdir(parents=True)
    for name in ("flat", "flat2"):
        (tmp_path / f"conf/model/{name}.yaml").write_text(f"# flat\nname: {name}\nwidth: 8\nlr: 1.0e-3\n")
    return tmp_path


def digitcmp(lab: Path, *line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return Program(lab, "-m", "digitcmp", *line).done(code)


def sweep(lab: Path, *arguments: str, code: int = 0, cold: bool = False) -> subprocess.CompletedProcess[str]:
    line = ("-m", "--config-dir=conf", "plugins=[mylab.nets]", *SMALL, *arguments)
    return Program(lab, *line, cold=cold).done(code)


def test_a_package_of_ones_own_is_swept_and_reported(lab: Path) -> None:
    """A worker of a sweep trains the plugin's networks, and the results record its files.

    The report compares shared with unshared weights. A changed file makes the runs stale. evaluate needs --plugins.
    """
    sweep(lab, "model=flat", "seed=0", "head.name=product", "sweep=mine", cold=True)
    sweep(lab, "model=flat,flat2", "seed=0,1", "head.name=product", "sweep=mine")
    results = [json.loads(file.read_text()) for file in (lab / "multirun/mine").rglob("result.json")]
    assert len(results) == 4
    assert all(
        {"mylab/nets.py", "mylab/branches.py", "mylab/__init__.py"} <= result["files"].keys() for result in results
    )
    digitcmp(lab, "--plugins", "mylab.nets", "report", "multirun/mine")
    effects = pd.read_csv(lab / "multirun/mine/report/effects.csv")
    assert "sharing" in set(effects.family)

    (lab / "mylab/branches.py").write_text(BRANCHES.replace("nn.ReLU()", "nn.Tanh()"))
    stale = sweep(lab, "model=flat,flat2", "seed=0,1", "head.name=product", "sweep=mine", code=1)
    assert "4 of 4 runs were finished by other code, changed in mylab/branches.py" in stale.stderr

    run = str(next((lab / "multirun/mine").rglob("result.json")).parent)
    Image.new("L", (14, 14), 255).save(lab / "blank.png")
    missing = digitcmp(lab, "evaluate", f"checkpoint={run}", "data.test_pairs=10", code=1).stderr
    assert "needs the backbone flat" in missing and "but it is not imported" in missing and missing.count("\n") == 1
    digitcmp(lab, "--plugins", "mylab.nets", "evaluate", f"checkpoint={run}", "data.test_pairs=10")


def test_a_report_without_the_plugin_knows_what_its_networks_are(lab: Path) -> None:
    """The report reads from the results which network shares weights."""
    sweep(lab, "model=flat,flat2", "seed=0,1", "sweep=mine")
    report = digitcmp(lab, "report", "multirun/mine")
    assert "sharing" in set(pd.read_csv(lab / "multirun/mine/report/effects.csv").family)
    assert "is not registered" not in report.stdout + report.stderr
    runs = pd.read_csv(lab / "multirun/mine/report/runs.csv")
    assert json.loads(runs.network[0])["unshared"] == "flat2" and runs.majority.between(0.5, 1).all()


def test_the_commands_of_failed_runs_work_as_they_are(lab: Path) -> None:
    """The commands contain the folder of recipes, the plugins, and the options as typed."""
    typed = ("model=flat", "model.width=9", "lr=1e30")
    failed = digitcmp(lab, "--plugins", "mylab.nets", "train", "-m", "--config-dir=conf", *typed, *SMALL, code=1)
    [line] = [line for line in failed.stderr.splitlines() if line.startswith("    digitcmp train ")]
    words = shlex.split(line)
    assert words[:3] == ["digitcmp", "train", "-m"]
    assert {"--config-dir=conf", "plugins=[mylab.nets]", "model.width=9"} <= {*words}
    again = digitcmp(lab, *words[1:], "lr=1e-3", "dry_run=true").stdout
    assert "1 runs, 0 finished" in again and "model=flat,aux=false,lr=0.001" in again
    failed = sweep(lab, *typed, "hydra/launcher=basic", code=1)
    [line] = [line for line in failed.stderr.splitlines() if line.startswith("    python train.py ")]
    assert {"--config-dir=conf", "plugins=[mylab.nets]", "hydra/launcher=basic"} <= {*shlex.split(line)}


def test_help_lists_a_network_of_ones_own(lab: Path) -> None:
    said = Program(lab, "--config-dir=conf", "plugins=[mylab.nets]", "--help").done().stdout.splitlines()
    for name, summary in (
        ("flat", "One small layer for both images."),
        ("flat2", "The same, each image with its own weights."),
        ("product", "the inner product of the two embeddings"),
    ):
        assert f"  {name:<24} {summary}" in said


def test_an_installed_package_announces_its_modules(lab: Path) -> None:
    """The modules of its entry points are loaded without the option plugins."""
    info = lab / "mylab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[digitcmp.plugins]\nnets = mylab.nets\n")
    line = ("--config-dir=conf", "model=flat", "dry_run=true")
    assert "would train flat" in Program(lab, *line, cold=True, PYTHONPATH=str(lab)).done().stdout


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        (
            "[no.lab]",
            "plugins: no.lab cannot be imported (ModuleNotFoundError: No module named 'no'); a module is expected",
        ),
        ("mylab.nets", "plugins=mylab.nets is not allowed; input should be a valid list"),
        ("[3]", "plugins[0]=3 is not allowed; input should be a valid string"),
    ],
)
def test_a_module_that_is_not_there_is_a_line(train: Train, plugins: str, message: str) -> None:
    refused = train(f"plugins={plugins}", code=1).stderr
    assert refused.startswith(message) and refused.count("\n") == 1
