"""Tests of run folders, of the recorded git commit, and of limits of the machine."""

import os
import subprocess
from pathlib import Path

import pytest
from configs import run
from conftest import Run

from digitcmp.runs.folder import claim, lock, run_folders
from digitcmp.runs.provenance import git_commit

CELL = "model=ws3,aux=false,lr=0.0013"


def git(folder: Path, *arguments: str) -> str:
    line = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a git repository with one commit, which adds code.py."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "code.py").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_git_commit_is_of_the_repository_that_holds_the_code(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "--short=12", "HEAD")
    assert git_commit(repository / "code.py") == commit
    (repository / "code.py").write_text("2")
    assert git_commit(repository / "code.py") == f"{commit}-dirty"

    (repository / "venv").mkdir()
    (repository / "venv/installed.py").touch()
    assert git_commit(repository / "venv/installed.py") == "unknown"
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert git_commit(tmp_path / "elsewhere.py") == "unknown"
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert git_commit(repository / "code.py") == f"{commit}-dirty"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(repository / "code.py") == "unknown"  # git is not on PATH


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="giving a file to another user needs root")
def test_git_commit_of_another_users_clone(repository: Path) -> None:
    commit = git(repository, "rev-parse", "--short=12", "HEAD")
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 65534, 65534)
    refused = subprocess.run(["git", "-C", repository, "status"], capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    assert git_commit(repository / "code.py") == commit


def test_only_a_cells_folders_are_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (f"{CELL}/seed=0", f"{CELL}/seed=x", "model=x/seed=0", "seed=0", f"{CELL}/seed=1/seed=2"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / CELL / "seed=3").touch()
    expected = [tmp_path / CELL / "seed=0", tmp_path / CELL / "seed=1"]
    assert run_folders([tmp_path]) == expected
    monkeypatch.chdir(tmp_path)
    assert [folder.absolute() for folder in run_folders([Path()])] == expected


def test_a_folder_with_the_remains_of_a_failed_run_is_claimed(tmp_path: Path) -> None:
    for name in (".digitcmp.error", "config.yaml.host.1.partial"):
        (tmp_path / name).touch()
    claim(tmp_path, run())
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("threads=100000", "threads=100000 is not allowed; input should be less than or equal to 1000"),
        ("ensemble=100000000", "ensemble=100000000 is not allowed; input should be less than or equal to 1000"),
        ("model=fcnn1 model.hidden=100000000", "model=fcnn1 cannot be trained: RuntimeError: "),
        ("model=fcnn2 model.hidden=[9000000000000000000]", "model=fcnn2 cannot be trained: "),
    ],
)
def test_more_than_a_machine_has_is_refused_in_a_line(train: Run, tmp_path: Path, typed: str, message: str) -> None:
    refused = train(*typed.split(), code=1).stderr
    assert refused.startswith(message) and len(refused.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_lock_leaves_only_folders_that_were_there(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("there", "new"):
        with lock(tmp_path / name):
            assert (tmp_path / name).is_dir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
