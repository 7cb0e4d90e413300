"""Tests of the command that trains a run again."""

import copy
import shlex
from pathlib import Path
from typing import Any

import pytest
from conftest import OF_NAMED_DATA, ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from records import grid, report

from digitcmp.config.conf import CONF, config_yaml, files
from digitcmp.config.run import Run
from digitcmp.errors import RunError
from digitcmp.report.loading.loader import read_runs
from digitcmp.sweeps import repeat

STOP = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val_acc", "patience": 3}


def configured(model: dict[str, Any], data: dict[str, Any], **changes: Any) -> Run:
    """Return the run of the default configuration with these changes."""
    config = copy.deepcopy(config_yaml()) | {"lr": 1e-3, "model": model} | changes
    config["data"] = config["data"] | {"name": "mnist"} | data
    return Run.of(config)


def parsed(command: str) -> Run:
    """Return the run that Hydra composes from a command line."""
    words = shlex.split(command)
    assert words[:2] == ["python", "train.py"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", words[2:])
    return Run.of(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "defaults": ({"name": "ws3"}, {}, {}),
    "lists": (
        {"name": "fcnn2", "hidden": [300, 50]},
        {},
        {"optimizer": files("optimizer")["adam"] | {"betas": [0.8, 0.99]}, "aux": False},
    ),
    "numbers": ({"name": "ws2", "hidden": 250}, {"train_pairs": 500}, {"aux": True, "aux_weight": 0.3, "lr": 5e-05}),
    "texts": (
        {"name": "ws3", "regularization": "dropout"},
        {},
        {"optimizer": files("optimizer")["sgd"] | {"momentum": 0.9}, "seed": 7},
    ),
    "callbacks": ({"name": "ws3"}, {}, {"callbacks": {"stop": STOP}, "checkpoint": "best"}),
    "class": ({"name": "ws3"}, {"name": "svhn", "cls": "SVHN"}, {}),
    "arguments": (
        {"name": "convnet", "width": 16},
        {"name": "emnist_letters", "cls": "EMNIST", "arguments": {"split": "letters"}, "drawn": True},
        {},
    ),
    "another class": ({"name": "ws3"}, {"name": "mine", "cls": "EMNIST", "arguments": {"split": "a,b=1"}}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_command_describes_the_same_run(case: str) -> None:
    model, data, changes = CASES[case]
    run = configured(model, data, **changes)
    command = shlex.join([*repeat.PREFIX, *repeat.overrides(run.model_dump())])
    assert parsed(command).config_hash == run.config_hash, command


def test_a_file_with_odd_letters(tmp_path: Path) -> None:
    file = tmp_path / "it's a, file=1.npz"
    file.write_bytes(b"pairs")
    trainer = config_yaml()["trainer"] | {"gradient_clip_val": 0.5, "max_steps": 100, "limit_train_batches": 0.5}
    run = configured({"name": "ws3"}, {"name": "npz", "file": str(file), "side": 14}, trainer=trainer)
    command = shlex.join([*repeat.PREFIX, *repeat.overrides(run.model_dump())])
    assert parsed(command).config_hash == run.config_hash, command
    assert parsed(command).data.file == str(file)


@pytest.mark.parametrize("folder", OF_NAMED_DATA, ids=lambda folder: folder.parent.name)
def test_committed_rows_have_a_command_of_the_same_run(folder: Path) -> None:
    """The folders of the runs are not committed, so the rows alone determine the runs of up to 12 cells."""
    runs = read_runs(folder / "runs.csv", folder.parent)
    for row in runs.drop_duplicates("cell").head(12).to_dict("records"):
        assert Run.of(repeat.from_settings(row)).config_hash == row["config_hash"]
    first = runs.iloc[-1].to_dict()
    assert parsed(repeat.command(first)).config_hash == first["config_hash"]


def test_a_row_that_does_not_tell_its_run_is_refused() -> None:
    row = read_runs(ROOT / "multirun/table1/report/runs.csv", Path("gone")).iloc[0].to_dict()
    with pytest.raises(
        RunError, match="a run whose folder exists is expected. Make the report in the folder of its runs"
    ):
        repeat.command(row | {"callbacks": "EarlyStopping(monitor=val_acc)", "config_hash": "another"})


def test_the_command_is_printed(tmp_path: Path) -> None:
    report(grid(tmp_path))
    alone = (tmp_path / "report").rename(tmp_path.parent / f"{tmp_path.name}-alone")
    done = report(alone, "--command", "model=ws1,aux=false,lr=0.0008", "2")
    assert done.stdout.endswith("python train.py model=ws1 data=mnist seed=2 lr=0.0008\n")
    refused = report(alone, "--command", "model=ws1,aux=false,lr=0.0009", "2", code=2)
    assert refused.stderr == (
        "model=ws1,aux=false,lr=0.0009 seed 2: no such run. Did you mean model=ws1,aux=false,lr=0.0008, seeds 0-1-2?\n"
    )
