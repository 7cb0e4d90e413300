"""Tests of the data readers, optimizers and tasks of a plugin."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from configs import nested
from conftest import Run as Train
from conftest import inside

from digitcmp.config import plugins
from digitcmp.config.run import Run
from digitcmp.data import datasets
from digitcmp.data.sources import READERS as REGISTERED
from digitcmp.data.tasks import TASKS
from digitcmp.errors import ConfigError, DataError
from digitcmp.models.heads import HEADS
from digitcmp.runs.provenance import code_files

READERS = '''
from __future__ import annotations

import numpy as np

from digitcmp.data.sources import READERS
from digitcmp.fields import BelowOne
from mylab.shapes import SIDE


@READERS.register
def bars(root, side, noise: BelowOne = 0.0):
    """Images of four classes: a bar in one of four rows."""
    size = side or SIDE
    rng = np.random.default_rng(int(100 * noise))
    labels = np.arange(240) % 4
    images = (noise * 255 * rng.random((240, size, size))).astype(np.uint8)
    images[np.arange(240), 2 * labels + 1] = 255
    train = slice(0, 160), slice(160, 240)
    return {
        "train_images": images[train[0]],
        "train_labels": labels[train[0]],
        "test_images": images[train[1]],
        "test_labels": labels[train[1]],
        "names": ["first", "second", "third", "fourth"],
    }


@READERS.register
def from_root(root):
    """A file in data.root."""
    arrays = np.load(root / "bars.npz")
    return {key: arrays[key] for key in arrays.files}


@READERS.register
def broken():
    """No arrays."""
    raise KeyError("bars")


@READERS.register
def partial():
    """Two of the four arrays."""
    return {"train_images": [], "train_labels": []}


@READERS.register
def nothing(): ...


@READERS.register
def texts():
    """Arrays of texts."""
    return dict.fromkeys(["train_images", "train_labels", "test_images", "test_labels"], np.array(["a"]))
'''
PARTS = """
import torch

from digitcmp.data.tasks import TASKS


class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter -= group["lr"] * (parameter.grad.sign() + group["weight_decay"] * parameter)
        return loss


@TASKS.register(question=">")
def above(first, second):
    return first > second


"""
SMALL = ("data.train_pairs=50", "data.val_pairs=20", "data.test_pairs=30", "epochs=2", "model=ws2", "lr=1e-3")
BARS = ("plugins=[mylab.readers]", *SMALL, "data.name=bars")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder on Python's path with the plugin, and undo its registrations after the test."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab/__init__.py").touch()
    (tmp_path / "mylab/readers.py").write_text(READERS)
    (tmp_path / "mylab/shapes.py").write_text("SIDE = 10\n")
    (tmp_path / "parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    registries = [REGISTERED, TASKS, HEADS]
    before = [dict(registry) for registry in registries]
    modules = set(sys.modules)
    yield tmp_path
    for registry, names in zip(registries, before, strict=True):
        registry.clear()
        registry.update(names)
    for name in set(sys.modules) - modules:
        if name.split(".")[0] in ("mylab", "parts", "taken"):
            del sys.modules[name]


def test_a_reader_is_swept_reported_and_evaluated(lab: Path, train: Train) -> None:
    train("-m", *BARS, "aux=true,false", "seed=0,1", "sweep=mine", "hydra/launcher=basic")
    files = sorted((lab / "multirun/mine").rglob("result.json"))
    results = [json.loads(file.read_text()) for file in files]
    assert len(results) == 4 and {result["dataset"] for result in results} == {"bars"}
    assert all({"mylab/readers.py", "mylab/shapes.py"} <= result["files"].keys() for result in results)
    out = inside("evaluate", f"checkpoint={files[0].parent}").stdout
    assert f"bars, 30 test pairs, seed {results[0]['seed']}" in out and f"{results[0]['test_acc']:.4f}" in out

    del REGISTERED["bars"]  # a report needs no reader, an evaluation does
    inside("report", lab / "multirun/mine")
    assert list(pd.read_csv(lab / "multirun/mine/report/cells.csv").n) == [2, 2]
    assert "auxiliary loss" in (lab / "multirun/mine/report/report.md").read_text()
    refused = inside("evaluate", f"checkpoint={files[0].parent}", code=1).stderr
    assert refused.startswith("data.name=bars is not allowed; expected mnist, ") and refused.count("\n") == 1


def test_a_reader_with_arguments_in_a_file_of_conf(lab: Path, train: Train) -> None:
    (lab / "conf/data").mkdir(parents=True)
    recipe = "# bars with noise\nname: bars\nside: 12\narguments: {noise: 0.25}\n"
    (lab / "conf/data/noisy.yaml").write_text(recipe)
    train(f"--config-dir={lab / 'conf'}", *BARS[:-1], "data=noisy", "hydra.run.dir=out")
    result = json.loads((lab / "out/result.json").read_text())
    assert (result["dataset"], result["data_arguments"], result["side"]) == ("bars", "noise=0.25", 12)
    assert "dataset=bars" in result["cell"] and "data_arguments=noise_0.25" in result["cell"]


def test_a_reader_gets_the_root_the_side_and_its_arguments(lab: Path) -> None:
    plugins.load(["mylab.readers"])
    data = datasets.load("bars", lab, side=8, arguments={"noise": 0.5})
    assert data.images.side == 8 and data.images.names == ("first", "second", "third", "fourth")
    assert data.train.images.shape == (160, 8, 8) and 100 < data.train.images[:, 0].max() < 128
    assert datasets.load("bars", lab).train.images.shape == (160, 10, 10)
    arrays = {"train_images": data.train.images, "train_labels": data.train.labels}
    np.savez(lab / "bars.npz", **arrays, test_images=data.test.images, test_labels=data.test.labels)
    assert np.array_equal(datasets.load("from_root", lab).train.images, data.train.images)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bar", "bar: the name is unknown; expected mnist, fashion_mnist, kmnist, digits, bars, from_root, "),
        ("broken", "broken cannot be read (KeyError: 'bars'); expected a form that docs/data.md lists"),
        (
            "partial",
            "partial: it contains train_images, train_labels; expected train_images, ",
        ),
        ("nothing", "nothing cannot be read (Type"),
        ("from_root", "from_root cannot be read (FileNotFoundError: [Errno 2] No such file or directory: "),
        ("texts", "texts: <U1 (2,) is not allowed; expected images of the shape (N, H, W)"),
    ],
)
def test_a_reader_that_fails_is_a_line(lab: Path, name: str, message: str) -> None:
    plugins.load(["mylab.readers"])
    with pytest.raises(DataError) as error:
        datasets.load(name, lab)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_failing_reader_leaves_no_folder(lab: Path, train: Train) -> None:
    refused = train(*BARS[:-1], "data.name=broken", "hydra.run.dir=out", code=1).stderr
    assert refused.startswith("broken cannot be read (KeyError: 'bars'); ") and refused.count("\n") == 1
    assert not list(lab.glob("out/*"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"name": "bar"},
            "data.name=bar is not allowed; expected mnist, fashion_mnist, kmnist, digits, bars, from_root, ",
        ),
        ({"cls": "SVHN"}, "data.cls=SVHN is not allowed: the data set bars needs none"),
        ({"arguments": {"nois": 1}}, "data.arguments.nois is unknown: did you mean data.arguments.noise?"),
        ({"arguments": {"noise": 1}}, "data.arguments.noise=1 is not allowed; input should be less than 1"),
        (
            {"name": "nothing", "arguments": {"noise": 0}},
            "data.arguments.noise is unknown: expected no arguments",
        ),
    ],
)
def test_options_of_a_reader_are_checked(lab: Path, data: dict, message: str) -> None:
    config = nested() | {"plugins": ["mylab.readers"]}
    config["data"] |= {"name": "bars"} | data
    with pytest.raises(ConfigError) as error:
        Run.of(config)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from digitcmp.data.sources import READERS\n@READERS.register\ndef mnist(): ...", "the data set 'mnist'"),
        ("from digitcmp.models.heads import HEADS\n@HEADS.register\ndef mlp(shape): ...", "the head 'mlp'"),
        ("from digitcmp.data.tasks import TASKS\nTASKS['leq'] = 3", "the task 'leq'"),
    ],
)
def test_a_name_that_is_taken_is_a_line(lab: Path, code: str, message: str) -> None:
    (lab / "taken.py").write_text(code)
    with pytest.raises(ConfigError) as error:
        plugins.load(["taken"])
    assert str(error.value).startswith("plugins: ") and "\n" not in str(error.value)
    assert f"{message} is registered already; expected another name" in str(error.value)


def test_an_optimizer_and_a_task_are_trained_and_recorded(lab: Path, train: Train) -> None:
    own = ("plugins=[parts]", *SMALL, "optimizer=sign", "optimizer.weight_decay=0.1")
    (lab / "own/optimizer").mkdir(parents=True)
    (lab / "own/optimizer/sign.yaml").write_text("_target_: parts.SignSGD\n_partial_: true\nweight_decay: 0.0\n")
    train("--config-dir=own", *own, "task=above", "aux=true", "hydra.run.dir=out")
    result = json.loads((lab / "out/result.json").read_text())
    assert (result["optimizer"], result["task"]) == ("parts.SignSGD(weight_decay=0.1)", "above")
    assert any(name.endswith("/parts.py") for name in result["files"])
    plain = code_files(Run.of(nested()))
    assert not any(name.endswith("/parts.py") for name in plain)
    refused = train("--config-dir=own", *own, "optimizer.lr_decay=1", "hydra.run.dir=other", code=1).stderr
    assert "optimizer: parts.SignSGD cannot be created: " in refused and "lr_decay" in refused
    assert not (lab / "other").exists()
