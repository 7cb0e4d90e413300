"""Tests of standard streams that are closed, full, no longer read, or limited to ASCII."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from digitcmp.runs.result import read_result

QUICK = ("data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40", "epochs=2")
BROKEN_PIPE = "standard output: Broken pipe: the output is incomplete\n"
FULL = "No space left on device: the output is incomplete\n"


def shell(folder: Path, redirection: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run train.py with these arguments and a redirection of the shell. The exit status is train.py's."""
    line = f"set -o pipefail; {shlex.join([sys.executable, str(ROOT / 'train.py'), *arguments])} {redirection}"
    environment = os.environ | {"COLUMNS": "200"} | variables
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.mark.parametrize(
    ("redirection", "code", "error"),
    [
        (">&-", 0, ""),
        ("> /dev/full", 1, f"standard output: {FULL}"),
        pytest.param("2>&-", 0, "", marks=pytest.mark.slow),
        pytest.param("<&- >&- 2>&-", 0, "", marks=pytest.mark.slow),
        pytest.param("| head -1", 0, BROKEN_PIPE, marks=pytest.mark.slow),
        pytest.param("> /dev/full 2> /dev/full", 1, "", marks=pytest.mark.slow),
    ],
)
def test_a_run_is_trained_whatever_becomes_of_what_it_says(
    tmp_path: Path, redirection: str, code: int, error: str
) -> None:
    done = shell(tmp_path, redirection, *QUICK, "hydra.run.dir=out")
    assert (done.returncode, done.stderr) == (code, error)
    assert read_result(tmp_path / "out")


@pytest.mark.parametrize(
    ("redirection", "code", "error"),
    [pytest.param(">&-", 0, "", marks=pytest.mark.slow), ("| head -1", 0, BROKEN_PIPE)],
)
def test_a_sweep_is_trained_whatever_becomes_of_what_it_says(
    tmp_path: Path, redirection: str, code: int, error: str
) -> None:
    done = shell(tmp_path, redirection, "-m", *QUICK, "seed=0,1")
    assert (done.returncode, done.stderr) == (code, error)
    assert len([folder for folder in tmp_path.rglob("seed=*") if read_result(folder)]) == 2


def test_what_only_says_something_fails_when_it_cannot(tmp_path: Path) -> None:
    for arguments in (["--help"], ["dry_run=true"], ["experiment=table1", "dry_run=true"]):
        done = shell(tmp_path, "> /dev/full", *arguments)
        assert (done.returncode, done.stderr) == (1, f"standard output: {FULL}")
        assert shell(tmp_path, "| head -1", *arguments).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_of_few_letters(tmp_path: Path) -> None:
    done = shell(tmp_path, "", "model=ws2", "hydra.run.dir=out", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="")
    assert done.returncode == 0 and done.stderr == ""
    assert "0.845 ? 0.014" in done.stdout
    refused = shell(tmp_path, "", "model=\u00e9", LC_ALL="C", PYTHONUTF8="0")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1
