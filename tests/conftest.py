"""Fixtures and helpers of several test files: the command line and small data sets of pairs."""

import contextlib
import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from joblib.externals.loky import get_reusable_executor
from lightning import Trainer
from lightning.pytorch.plugins.environments import LightningEnvironment

from digitcmp.config.conf import CONF
from digitcmp.data.datamodule import PairData
from digitcmp.models.module import DigitComparison
from digitcmp.runs.folder import CHECKPOINT, LOCK, METRICS, RESULT
from digitcmp.runs.result import CHECKSUM
from digitcmp.sweeps.grid import Planner

ROOT = Path(__file__).parents[1]
# the reports that git keeps; a newcomer's own sweeps lie beside them
COMMITTED = [
    ROOT / "multirun" / name / "report"
    for name in re.findall(r"^\| `([\w/]+)` \|", (ROOT / "multirun/README.md").read_text("utf-8"), re.M)
]
OF_NAMED_DATA = [folder for folder in COMMITTED if "/study_" not in folder.as_posix()]  # the images are not committed
MNIST_ROOT = os.environ.get("MNIST_ROOT")
sys.path.insert(0, str(ROOT))  # Hydra looks for hydra_plugins in the folder of train.py
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it, CI included

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs train.py with its arguments in this process, in an empty folder."""

    def run(*arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.setenv("COLUMNS", "200")
            patch.setenv("HYDRA_FULL_ERROR", "0")
            patch.setattr(sys, "argv", ["train.py", *arguments])
            returned: object = 0
            try:
                runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
            except SystemExit as stop:
                returned = stop.code
            get_reusable_executor().shutdown(kill_workers=True)  # workers of a sweep stay in the folder of their test
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if isinstance(returned, str):  # a message, as the interpreter would print it
            err.write(f"{returned}\n")
            returned = 1
        done = subprocess.CompletedProcess(list(arguments), int(returned or 0), out.getvalue(), err.getvalue())  # type: ignore[call-overload]
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Return a function like `train` that starts a new process. Keywords are environment variables."""

    def run(*arguments: str, code: int | None = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / "train.py"), *arguments]
        environment = os.environ | {"COLUMNS": "200"} | variables
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Yield a function that starts train.py and returns its process. Its process group is killed after the test."""
    started = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        environment = os.environ | {"COLUMNS": "200"}
        out = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=out, stderr=out, text=True, env=environment, start_new_session=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        kill_group(process)


@pytest.fixture
def planner() -> Planner:
    """Return the planner of `python train.py -m`. Its `plan` returns the runs of grids."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
    return Planner(loader, loader.load_configuration("config", [], RunMode.MULTIRUN))


def kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill a process of `start` and all its workers, also those that outlived it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def written(folders: Iterable[Path]) -> dict[Path, int]:
    """Return the modification time in nanoseconds of every file in these folders, except lock files."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.name != LOCK]
    return {file: file.stat().st_mtime_ns for file in files}


def numbers(folder: Path) -> tuple[dict, bytes, dict[str, list[float]]]:
    """Return a run's result without wall time, commit and checksum, its metrics.csv and its weights."""
    result = json.loads((folder / RESULT).read_text())
    weights = torch.load(folder / CHECKPOINT, weights_only=True)["state_dict"]
    del result["fit_seconds"], result["git_commit"], result[CHECKSUM]
    return result, (folder / METRICS).read_bytes(), {key: tensor.tolist() for key, tensor in weights.items()}


def until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait until the condition is true. Fail after `seconds`, which only a broken test reaches."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def pairs() -> PairData:
    """Return 40 training, 30 validation and 20 test pairs of MNIST with seed 0."""
    data = PairData("mnist", train_pairs=40, val_pairs=30, test_pairs=20, seed=0)
    data.setup()
    return data


def fit(data: PairData, module: DigitComparison, **options: object) -> Trainer:
    """Train without output, for two epochs by default, and return the trainer."""
    trainer = Trainer(
        accelerator="cpu",
        plugins=[LightningEnvironment()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        **{"logger": False, "max_epochs": 2, **options},  # type: ignore[arg-type]
    )
    trainer.fit(module, data)
    return trainer
