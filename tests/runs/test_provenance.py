"""Tests of the digests of the code behind a result, and of stale results."""

import importlib
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from configs import nested, run
from conftest import ROOT, Program, written
from conftest import Run as Train
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton

from digitcmp.config.run import Run
from digitcmp.errors import StaleError
from digitcmp.models.backbones import NETWORKS, Network
from digitcmp.runs.provenance import code_files, digest
from digitcmp.runs.result import record_result

COMMON = ["models/backbones/networks.py"]  # the registry

CODE = '''"""A module."""

WIDTH: int = 30


class Net:
    """A class."""

    def forward(self, images: list, scale: float = 2.0) -> list:
        """A method."""
        return [scale * image for image in images]  # twice
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"""A module."""', '"""Another text."""', True),
        ('        """A method."""\n', "", True),
        ("  # twice", "", True),
        ("[scale * image for image in images]", "[\n            scale * image for image in images\n        ]", True),
        ("scale * image", "image * scale", False),
        ("= 2.0", "= 2.5", False),
        ("WIDTH: int = 30", "WIDTH: int = 31", False),
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(tmp_path: Path, old: str, new: str, same: bool) -> None:
    (tmp_path / "before.py").write_text(CODE)
    (tmp_path / "after.py").write_text(CODE.replace(old, new))
    before, after = digest(tmp_path / "before.py"), digest(tmp_path / "after.py")
    assert (before == after) is same and len(before) == 8


@pytest.mark.parametrize(
    ("model", "family"), [("ws3", "conv"), ("fcnn2", "dense"), ("ws2", "dense"), ("convnet", "convnet")]
)
def test_a_run_has_the_files_of_its_own_network(model: str, family: str) -> None:
    """A renamed file needs no list of names; the packages data, models and training count."""
    files = code_files(run(model=model))
    families = [name for name in files if name.startswith("models/backbones/")]
    assert families == sorted(["models/backbones/__init__.py", f"models/backbones/{family}.py", *COMMON])
    package = ROOT / "digitcmp"
    for name in ("data", "models", "training"):
        assert {file.relative_to(package).as_posix() for file in (package / name).glob("*.py")} <= files.keys()
    assert "seeds.py" in files and not {"runs/folder.py", "config/run.py", "paper.py"} & files.keys()


def test_a_network_of_a_package_elsewhere_is_recorded_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab/__init__.py").touch()
    (tmp_path / "mylab/sizes.py").write_text("WIDTH = 30\n")
    (tmp_path / "mylab/nets.py").write_text("def mine(bins: int = 10): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("mylab.nets")
    monkeypatch.setitem(NETWORKS, "mine", Network(module.mine))
    files = code_files(Run.of(nested(model__name="mine") | {"model": {"name": "mine"}}))
    assert {"mylab/__init__.py", "mylab/nets.py", "mylab/sizes.py"} <= files.keys()
    for name in ("mylab", "mylab.nets"):
        del sys.modules[name]


QUICK = ("epochs=1", "data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40", "hydra/launcher=basic")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the project that a test can edit."""
    for name in ("conf", "digitcmp", "hydra_plugins"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", tmp_path / "checkout")
    return tmp_path / "checkout"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def start(checkout: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the copy's train.py with these arguments, in the folder above the copy."""

    def forget() -> None:
        """Forget the project's modules, so that those of the copy are imported, without checks of their types."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if "jaxtyping" not in type(finder).__module__]
        for name in [*sys.modules]:
            if name.split(".")[0] in ("digitcmp", "hydra_plugins"):
                del sys.modules[name]
        del Singleton._instances[Plugins]
        sys.path.insert(0, str(checkout))

    return Program(checkout.parent, str(checkout / "train.py"), *arguments, *QUICK, before=forget).done(code)


def test_a_sweep_and_a_run_that_meet_results_of_other_code(checkout: Path) -> None:
    sweep = ("-m", "model=ws2,ws3", "seed=0,1")
    start(checkout, *sweep)
    results = sorted((checkout.parent / "multirun/sweep").rglob("result.json"))
    before = written([file.parent for file in results])

    # edits of another family of backbones and of a comment make no run stale
    models = checkout / "digitcmp/models"
    edit(models / "backbones/convnet.py", "w = width or 32", "w = (width or 32) + 0")
    edit(models / "module.py", "sum(losses[1:], losses[0])", "sum(losses[1:], losses[0])  # of all")
    assert "4 runs in multirun/sweep, 4 finished before" in start(checkout, *sweep).stdout

    edit(models / "backbones/conv.py", "width), nn.ReLU()]", "width), nn.Tanh()]")
    for extra in ((), ("dry_run=true",)):
        refused = start(checkout, *sweep, *extra, code=1).stderr
        assert refused.startswith("2 of 4 runs were finished by other code, changed in models/backbones/conv.py; ")
        assert "stale=keep" in refused and "stale=retrain" in refused and len(refused.splitlines()) == 1
    ws3 = next(file for file in results if "model=ws3" in str(file)).parent
    alone = ("model=ws3", f"hydra.run.dir='{ws3}'")
    assert "models/backbones/conv.py" in start(checkout, *alone, code=1).stderr
    assert "already holds this finished run" in start(checkout, *alone, "stale=keep").stdout
    assert "4 finished before" in start(checkout, *sweep, "stale=keep").stdout
    assert written([file.parent for file in results]) == before

    assert "2 finished before" in start(checkout, *sweep, "stale=retrain").stdout
    after = written([file.parent for file in results])
    for file in results:
        assert (after[file] == before[file]) == ("model=ws2" in str(file))
    assert "4 finished before" in start(checkout, *sweep).stdout


def test_the_error_comes_whole_out_of_a_worker() -> None:
    error = StaleError("3 of 4 runs were finished by", [f"models/f{n}.py" for n in range(7)])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.files == error.files
    names = ", ".join(f"models/f{n}.py" for n in range(5))
    assert f"changed in {names} and 2 more; expected the current code. Set stale=keep" in str(error)


def test_results_of_unknown_code_and_other_versions(train: Train, tmp_path: Path) -> None:
    """A result without digests is stale. Other versions of packages are reported."""
    alone = (*QUICK[:-1], "hydra.run.dir=out")
    train(*alone)
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert len(result["code"]) == 8 and "models/backbones/conv.py" in result["files"]
    del result["files"]
    record_result(tmp_path / "out", result | {"versions": result["versions"].replace("torch ", "torch 1.")})
    assert "other code, changed in data/__init__.py" in train(*alone, code=1).stderr
    assert "torch 1." in train(*alone, "stale=keep").stdout
