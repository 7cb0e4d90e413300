"""The fingerprint of the code behind a result: what changes it, what does not, and what a sweep then does."""

import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, written
from test_config import nested, run

from digitcmp.config.run import Run
from digitcmp.errors import StaleError
from digitcmp.models.backbones import NETWORKS, Network
from digitcmp.models.heads import HEADS
from digitcmp.runs import fingerprint

BRANCH = """
import torch
from torch import nn
from digitcmp.models import layers
from sizes import WIDTH

SLOPE = 0.1
OTHER = 3


def activation():
    return nn.LeakyReLU(SLOPE)


def unrelated():
    return OTHER


class Net(nn.Module):
    def __init__(self, bins):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(196, WIDTH), activation(), nn.Linear(WIDTH, bins))

    def forward(self, images):
        return self.layers(images)


def mine(bins: int = 10):
    return layers.Branches(lambda: Net(bins), shared=True, bins=bins)
"""


def digests(folder: Path, monkeypatch: pytest.MonkeyPatch, *edit: str) -> dict[str, str]:
    """Of a run of a network in a file of its own, in which a text is replaced by another."""
    folder.mkdir()
    files = {"mine.py": BRANCH, "sizes.py": "WIDTH = 30\nHEIGHT = 3\n"}
    assert not edit or any(edit[0] in text for text in files.values())
    for name, text in files.items():
        (folder / name).write_text(text.replace(*edit) if edit else text)
    monkeypatch.syspath_prepend(folder)
    for name in ("mine", "sizes"):
        sys.modules.pop(name, None)
    module = importlib.import_module("mine")
    monkeypatch.setitem(NETWORKS, "mine", Network(module.mine))
    fingerprint.reached.cache_clear()
    return fingerprint.functions(Run.of(nested() | {"model": {"name": "mine"}}))


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        (("LeakyReLU(SLOPE)", "LeakyReLU(2 * SLOPE)"), ["mine.py:activation"]),
        (("SLOPE = 0.1", "SLOPE = 0.2"), ["mine.py:SLOPE"]),
        (("self.layers(images)", "self.layers(images).relu()"), ["mine.py:Net.forward"]),
        (("shared=True", "shared=False"), ["mine.py:mine"]),
        (("WIDTH = 30", "WIDTH = 31"), ["sizes.py:WIDTH"]),
        (("\n\ndef activation", "\nSLOPE *= 2\ndef activation"), ["mine.py:SLOPE"]),
        (("SLOPE = 0.1", "if torch:\n    SLOPE = 0.3"), ["mine.py:SLOPE"]),
        (("return nn.LeakyReLU(SLOPE)", "return nn.ReLU()"), ["mine.py:activation", "mine.py:SLOPE"]),
        (("return OTHER", "return 2 * OTHER"), []),
        (("OTHER = 3", "OTHER = 4"), []),
        (("HEIGHT = 3", "HEIGHT = 4"), []),
        (("    def forward(self, images):", '    def forward(self, images: object) -> object:\n        "Doc."'), []),
        (("SLOPE = 0.1", "SLOPE: float = 0.1  # of what is below 0"), []),
        (("nn.LeakyReLU(SLOPE)", "(\n        nn.LeakyReLU(\n            SLOPE,\n        )\n    )"), []),
    ],
)
def test_a_network_in_a_file_outside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: tuple[str, str], names: list[str]
) -> None:
    before = digests(tmp_path / "before", monkeypatch)
    assert fingerprint.changed(before, digests(tmp_path / "after", monkeypatch, *edit)) == names
    assert "layers.Branches.forward" in before and "module.DigitComparison.training_step" in before


@pytest.mark.parametrize("model", NETWORKS)
def test_a_run_reaches_its_network_and_no_other(model: str) -> None:
    functions = fingerprint.functions(run(model=model))
    assert [name for name in functions if name.removeprefix("backbones.") in NETWORKS] == [f"backbones.{model}"]
    assert [name for name in functions if name.removeprefix("heads.") in HEADS] == ["heads.mlp"]
    assert {root for root in fingerprint.ROOTS if root not in functions} == set()
    assert ("layers.Merged.forward" in functions) != NETWORKS[model].branches


def test_rooms_that_every_run_goes_through() -> None:
    functions = fingerprint.functions(run())
    rooms = {name.split(".")[0] for name in functions}
    expected = {
        "assembly",
        "training",
        "module",
        "metrics",
        "model",
        "objective",
        "data",
        "pairs",
        "seeds",
        "schedules",
    }
    assert expected | {"datasets"} <= rooms
    assert rooms & set(fingerprint.NO_NUMBERS) == {"process"}  # of which one function
    assert "augmentation" not in rooms
    assert "augmentation.augment" in fingerprint.functions(run(data__augment=True))
    other = fingerprint.functions(run(schedule="cosine", data__name="kmnist"))
    assert sorted(fingerprint.changed(functions, other)) == [
        *("schedules.SCHEDULES[constant]", "schedules.SCHEDULES[cosine]", "sources.HIRAGANA"),
        *("sources.SOURCES[kmnist]", "sources.SOURCES[mnist]"),
    ]


QUICK = ("epochs=1", "data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40", "hydra/launcher=basic")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project, to be edited."""
    for name in ("conf", "digitcmp", "hydra_plugins"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    shutil.copy(ROOT / "train.py", tmp_path / "checkout")
    return tmp_path / "checkout"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def start(checkout: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The copy's train.py with these arguments, in the folder above it."""
    line = [sys.executable, str(checkout / "train.py"), *arguments, *QUICK]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(line, cwd=checkout.parent, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_a_sweep_and_a_run_that_meet_results_of_other_code(checkout: Path) -> None:
    sweep = ("-m", "model=ws2,ws3", "seed=0,1")
    start(checkout, *sweep)
    results = sorted((checkout.parent / "multirun/sweep").rglob("result.json"))
    before = written([file.parent for file in results])

    # another backbone, another schedule, a comment: nothing is stale
    edit(checkout / "digitcmp/layers.py", "4 * width, bins", "4 * width, bins + 0")
    edit(checkout / "digitcmp/schedules.py", "math.cos(math.pi * progress)", "math.cos(math.pi * progress) * 1")
    edit(
        checkout / "digitcmp/module.py",
        "sum(losses[1:], losses[0])",
        "sum(losses[1:], losses[0])  # of all",
    )
    with (checkout / "digitcmp/backbones.py").open("a") as file:
        file.write("\n\n@register\ndef new(bins: int):\n    return ws3(bins=bins)\n")
    assert "4 runs in multirun/sweep, 4 finished before" in start(checkout, *sweep).stdout

    edit(
        checkout / "digitcmp/layers.py", "nn.Linear(8 * side * side, 200), nn.ReLU()", "nn.Linear(800, 200), nn.Tanh()"
    )
    for extra in ((), ("dry_run=true",)):
        refused = start(checkout, *sweep, *extra, code=1).stderr
        assert refused.startswith("2 of 4 runs were finished by other code, changed since: layers.conv_branch: ")
        assert "stale=keep" in refused and "stale=retrain" in refused and len(refused.splitlines()) == 1
    ws3 = next(file for file in results if "model=ws3" in str(file)).parent
    alone = ("model=ws3", f"hydra.run.dir='{ws3}'")
    assert "layers.conv_branch" in start(checkout, *alone, code=1).stderr
    assert "holds this run, finished" in start(checkout, *alone, "stale=keep").stdout
    assert "4 finished before" in start(checkout, *sweep, "stale=keep").stdout
    assert written([file.parent for file in results]) == before

    assert "2 finished before" in start(checkout, *sweep, "stale=retrain").stdout
    after = written([file.parent for file in results])
    for file in results:
        assert (after[file] == before[file]) == ("model=ws2" in str(file))
    assert "4 finished before" in start(checkout, *sweep).stdout


def test_the_error_comes_whole_out_of_a_worker() -> None:
    error = StaleError("3 of 4 runs were finished by", [f"layers.f{n}" for n in range(7)])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.functions == error.functions
    assert "changed since: layers.f0, layers.f1, layers.f2, layers.f3, layers.f4 and 2 more: stale=keep" in str(error)


def test_results_without_a_fingerprint_or_of_other_versions_are_told_and_taken(checkout: Path) -> None:
    start(checkout, "-m", "seed=0,1")
    for file in (checkout.parent / "multirun/sweep").rglob("result.json"):
        result = json.loads(file.read_text())
        assert len(result["code"]) == 12 and "layers.conv_branch" in result["functions"]
        del result["code"], result["functions"], result["result_crc"]
        result["versions"] = result["versions"].replace("torch ", "torch 1.")
        file.write_text(json.dumps(result))
    again = start(checkout, "-m", "seed=0,1")
    assert "2 runs in multirun/sweep, 2 finished before\n2 finished without a record of the code" in again.stdout
    assert "\n2 finished with torch 1." in again.stdout and again.stderr == ""
