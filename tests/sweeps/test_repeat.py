"""Tests of the command that trains a run again."""

import shlex
from pathlib import Path

import pytest
from configs import run
from conftest import OF_NAMED_DATA, ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from records import grid, report

from digitcmp.config.conf import CONF
from digitcmp.config.run import Run
from digitcmp.errors import RunError
from digitcmp.report.loader import read_runs
from digitcmp.runs.folder import claim
from digitcmp.sweeps import repeat

STOP = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val_acc", "patience": 3}


def parsed(command: str) -> Run:
    """Return the run that Hydra composes from a command line."""
    words = shlex.split(command)
    assert words[:2] == ["python", "train.py"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", words[2:])
    return Run.of(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]


def again(run: Run, folder: Path) -> Run:
    """Return the run of the command of a run whose folder exists."""
    folder.mkdir(exist_ok=True)
    claim(folder, run)
    identity = {"cell": run.cell_name, "config_hash": run.config_hash, "path": str(folder)}
    return parsed(repeat.command(run.settings | identity))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": "fcnn2", "model__hidden": [300, 50], "optimizer__betas": [0.8, 0.99]},
        {"model": "ws2", "model__hidden": 250, "data__train_pairs": 500, "aux": True, "aux_weight": 0.3, "lr": 5e-05},
        {"model__regularization": "dropout", "optimizer": "sgd", "seed": 7},
        {"callbacks": {"stop": STOP}, "checkpoint": "best", "trainer__max_steps": 100},
        {"trainer__limit_train_batches": 1.0},  # all batches, where 1 is one batch
        {"data__name": "svhn", "data__cls": "SVHN", "data__side": 20, "head": "ordinal", "head__temperature": 2.0},
        {"data__name": "emnist_letters", "data__cls": "EMNIST", "data__arguments": {"split": "letters"}},
        {"data__name": "mine", "data__cls": "EMNIST", "data__arguments": {"split": "a,b=1"}, "data__drawn": True},
    ],
)
def test_a_command_describes_the_same_run(changes: dict, tmp_path: Path) -> None:
    planned = run(lr=changes.pop("lr", 1e-3), **changes)
    assert again(planned, tmp_path) == planned


def test_a_file_with_odd_letters(tmp_path: Path) -> None:
    file = tmp_path / "it's a, file=1.npz"
    file.write_bytes(b"pairs")
    planned = run(data__name="npz", data__file=str(file), data__side=14, trainer__limit_train_batches=0.5)
    assert again(planned, tmp_path / "run") == planned


@pytest.mark.parametrize("folder", OF_NAMED_DATA, ids=lambda folder: folder.parent.name)
def test_committed_rows_have_a_command_of_the_same_run(folder: Path) -> None:
    """The folders of the runs are not committed, so the rows alone determine the runs. One of each form is tested."""
    runs = read_runs(folder / "runs.csv", folder.parent)
    form = runs.cell.str.replace(r"=[^,]*", "", regex=True) + runs.model
    for row in runs[~form.duplicated(keep="last")].to_dict("records"):
        assert parsed(repeat.command(row)).config_hash == row["config_hash"]


def test_a_row_that_does_not_tell_its_run_is_refused() -> None:
    row = read_runs(ROOT / "multirun/table1/report/runs.csv", Path("gone")).iloc[0].to_dict()
    with pytest.raises(RunError, match="a run whose folder exists is expected. Make the report in the folder of its"):
        repeat.command(row | {"callbacks": "EarlyStopping(monitor=val_acc)", "config_hash": "another"})


def test_the_command_is_printed(tmp_path: Path) -> None:
    report(grid(tmp_path))
    alone = (tmp_path / "report").rename(tmp_path.parent / f"{tmp_path.name}-alone")
    for cell in ("model=ws1,aux=false,lr=0.0008", "WS1"):
        done = report(alone, "--command", cell, "2")
        assert done.stdout.endswith("python train.py model=ws1 lr=0.0008 seed=2\n")
    assert report(alone, "--command", "WS1", "3", code=2).stderr == "WS1 has no seed 3; expected one of 0, 1, 2\n"
