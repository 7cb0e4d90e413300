"""Code of one's own, outside of the package: found by its module's name or by an entry point."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

NETS = '''
from digitcmp.data.spec import ImageSpec
from digitcmp.data.tasks import TASKS, Task
from digitcmp.fields import Count
from digitcmp.models import heads
from digitcmp.models.backbones import register
from mylab.branches import branches


@register(unshared="flat2")
def flat(images: ImageSpec, bins: int, width: Count = 8):
    """One small layer for both images."""
    return branches(images, bins, width, shared=True)


@register
def flat2(images: ImageSpec, bins: int, width: Count = 8):
    """The same, each image with its own weights."""
    return branches(images, bins, width, shared=False)


@heads.register
def product(shape):
    """the inner product of the two embeddings"""
    from torch import nn

    class Product(nn.Module):
        def forward(self, embedding):
            return (embedding[:, 0] * embedding[:, 1]).sum(dim=1)

    return Product()


TASKS["same"] = Task(lambda first, second: first == second, "Are they equal?")
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
    """A working folder with a package of one's own and its recipes."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab/__init__.py").touch()
    (tmp_path / "mylab/nets.py").write_text(NETS)
    (tmp_path / "mylab/branches.py").write_text(BRANCHES)
    (tmp_path / "conf/model").mkdir(parents=True)
    for name in ("flat", "flat2"):
        (tmp_path / f"conf/model/{name}.yaml").write_text(f"# flat\nname: {name}\nwidth: 8\nlr: 1.0e-3\n")
    return tmp_path


def python(lab: Path, *arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200"} | variables
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=lab, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def train(lab: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    flags = [argument for argument in arguments if argument == "-m"]
    keys = [argument for argument in arguments if argument != "-m"]
    typed = (*flags, "--config-dir=conf", "plugins=[mylab.nets]", *SMALL, *keys)
    return python(lab, str(ROOT / "train.py"), *typed, code=code)


def test_a_package_of_ones_own_is_swept_and_reported(lab: Path) -> None:
    """Its networks train in the workers of a sweep, its files are recorded, sharing is compared, a network predicts."""
    train(lab, "-m", "model=flat,flat2", "seed=0,1", "head=product", "sweep=mine")
    results = [json.loads(file.read_text()) for file in (lab / "multirun/mine").rglob("result.json")]
    assert len(results) == 4
    assert all(
        {"mylab/nets.py", "mylab/branches.py", "mylab/__init__.py"} <= result["files"].keys() for result in results
    )
    python(lab, "-m", "digitcmp", "--plugins", "mylab.nets", "report", "multirun/mine")
    effects = pd.read_csv(lab / "multirun/mine/report/effects.csv")
    assert "sharing" in set(effects.family)

    (lab / "mylab/branches.py").write_text(BRANCHES.replace("nn.ReLU()", "nn.Tanh()"))
    stale = train(lab, "-m", "model=flat,flat2", "seed=0,1", "head=product", "sweep=mine", code=1)
    assert "4 of 4 runs were finished by other code, changed since: mylab/branches.py" in stale.stderr

    run = str(next((lab / "multirun/mine").rglob("result.json")).parent)
    Image.new("L", (14, 14), 255).save(lab / "blank.png")
    missing = python(lab, "-m", "digitcmp", "evaluate", run, "data.test_pairs=10", code=2).stderr
    assert "needs the backbone flat" in missing and "--plugins MODULE" in missing and missing.count("\n") == 1
    python(lab, "-m", "digitcmp", "--plugins", "mylab.nets", "evaluate", run, "data.test_pairs=10")


def test_a_task_of_ones_own(lab: Path) -> None:
    train(lab, "model=ws2", "task=same", "hydra.run.dir=out")
    assert json.loads((lab / "out/result.json").read_text())["task"] == "same"


def test_an_installed_package_announces_its_modules(lab: Path) -> None:
    """Its entry points are loaded, without an option."""
    info = lab / "mylab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[digitcmp.plugins]\nnets = mylab.nets\n")
    line = (str(ROOT / "train.py"), "--config-dir=conf", "model=flat", "dry_run=true")
    assert "would train flat" in python(lab, *line, PYTHONPATH=str(lab)).stdout


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ("[mylab.net]", "plugins: mylab.net cannot be imported (ModuleNotFoundError: No module named 'mylab.net'); "),
        ("mylab.nets", "plugins=mylab.nets is not allowed: a list, each a text"),
        ("[3]", "plugins=[3] is not allowed: a list, each a text"),
    ],
)
def test_a_module_that_is_not_there_is_a_line(lab: Path, plugins: str, message: str) -> None:
    refused = python(lab, str(ROOT / "train.py"), f"plugins={plugins}", code=1).stderr
    assert refused.startswith(message) and refused.count("\n") == 1
