"""Fixtures and helpers of several test files: the command line and small data sets of pairs.

torch and Lightning are imported in functions, because the process that distributes the tests imports this file, too.
"""

import contextlib
import csv
import io
import json
import multiprocessing
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import joblib
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from joblib.externals.loky import reusable_executor
from joblib.externals.loky.backend.context import set_start_method

from digitcmp import __main__
from digitcmp.config.conf import CONF
from digitcmp.runs.folder import CHECKPOINT, LOCK, METRICS, RESULT
from digitcmp.runs.result import CHECKSUM
from digitcmp.sweeps.grid import Planner

ROOT = Path(__file__).parents[1]
TRAIN = str(ROOT / "train.py")
# the reports that git keeps; a newcomer's own sweeps lie beside them
COMMITTED = [
    ROOT / "multirun" / name / "report"
    for name in re.findall(r"^\| `([\w/]+)` \|", (ROOT / "multirun/README.md").read_text("utf-8"), re.M)
]
OF_NAMED_DATA = [folder for folder in COMMITTED if "/study_" not in folder.as_posix()]  # the images are not committed
MNIST_ROOT = os.environ.get("MNIST_ROOT")
sys.path.insert(0, str(ROOT))  # Hydra looks for hydra_plugins in the folder of train.py
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it, CI included
joblib.cpu_count = lambda: 1  # a sweep trains in its own process unless it has n_jobs=2
if TYPE_CHECKING:
    from lightning import Trainer

    from digitcmp.data.datamodule import PairData
    from digitcmp.models.module import DigitComparison

Run = Callable[..., subprocess.CompletedProcess[str]]
FORK = multiprocessing.get_context("fork")


def pytest_collection_finish() -> None:
    """Limit a process of tests to one thread."""
    import torch

    torch.set_num_threads(1)


class Program(FORK.Process):  # type: ignore[name-defined]
    """A Python program in a fork of this process, which has imported torch and Lightning: a new process takes 5 s.

    The workers of its sweep, if it has n_jobs=2, are forks too.

    Args:
        folder: the working folder.
        line: a script, or -m digitcmp, and its arguments. The script is train.py by default.
        cold: whether to start a new process after all. Its workers are new processes, too, one per core.
        before: called before the program.
        variables: environment variables.
    """

    def __init__(
        self,
        folder: Path,
        *line: str,
        cold: bool = False,
        before: Callable[[], object] = lambda: None,
        **variables: str,
    ) -> None:
        super().__init__()
        warm_up()
        self.folder, self.cold, self.before, self.variables = folder, cold, before, variables
        self.line = line if line[0].endswith(".py") or line[:2] == ("-m", "digitcmp") else (TRAIN, *line)
        self.output = [unnamed_file() for _ in range(2)]
        self.start()

    def run(self) -> None:
        os.setsid()
        os.chdir(self.folder)
        os.environ.update({"COLUMNS": "200"} | self.variables)
        for number, file in enumerate(self.output, 1):
            os.dup2(file, number)
        if self.cold:
            os.execv(sys.executable, [sys.executable, *self.line])
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", "`fork` start method should not be used")
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as in a new process
        set_start_method("fork", force=True)
        self.before()
        try:
            if self.line[0] == "-m":
                sys.argv = [*self.line[1:]]
                runpy.run_module(self.line[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv = [*self.line]
                runpy.run_path(self.line[0], run_name="__main__")
        finally:
            if reusable_executor._executor:
                reusable_executor._executor.shutdown(kill_workers=True)

    def done(self, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Wait for its end and return its exit code, which must be `code` unless that is None, and its output."""
        self.join(300)
        out, err = (os.pread(file, os.fstat(file).st_size, 0).decode() for file in self.output)
        assert self.exitcode is not None and code in (None, self.exitcode), out + err
        return subprocess.CompletedProcess(self.line, self.exitcode, out, err)

    def kill_group(self) -> None:
        """Kill the program and all its workers, also those that outlived it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.kill()  # it may not have begun its group yet
        self.join()


@cache
def warm_up() -> None:
    """Train a run, so that a fork need not load what a run loads on its way."""
    import digitcmp

    with tempfile.TemporaryDirectory() as folder:
        digitcmp.train("epochs=1", "data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=5", folder=folder)


def unnamed_file() -> int:
    """Return the descriptor of a file without a name."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


Start = Callable[..., Program]
Refused = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Yield a function that starts train.py in an empty folder. Its process group is killed after the test."""
    started = []

    def run(*arguments: str, **options: Any) -> Program:
        started.append(Program(tmp_path, *arguments, **options))
        return started[-1]

    yield run
    for program in started:
        program.kill_group()


@pytest.fixture
def command(start: Start) -> Run:
    """Return a function that runs train.py as `start` does and returns its output. Its exit code must be `code`."""
    return lambda *arguments, code=0, **options: start(*arguments, **options).done(code)


def inside(
    *line: str | Path, code: int | None = 0, folder: Path | None = None, columns: int = 200
) -> subprocess.CompletedProcess[str]:
    """Run `digitcmp LINE`, or LINE if it begins with train.py, in this process, so that a test can look inside.

    Return its exit code, which must be `code` unless that is None, and its output.
    """
    words = [str(word) for word in line]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out, err, returned = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", words if words[0] == "train.py" else ["digitcmp", *words]),
        mock.patch.dict(os.environ, COLUMNS=str(columns)),
        contextlib.chdir(folder or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            __main__.run("train", sys.argv) if words[0] == "train.py" else __main__.main()
        except SystemExit as stop:
            if isinstance(stop.code, str):  # a message, as the interpreter would print it
                print(stop.code, file=sys.stderr)
            returned = 1 if isinstance(stop.code, str) else int(stop.code or 0)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert code in (None, returned), out.getvalue() + err.getvalue()
    return subprocess.CompletedProcess(words, returned, out.getvalue(), err.getvalue())


@pytest.fixture
def train(tmp_path: Path) -> Run:
    """Return a function like `command` that runs train.py in this process, in an empty folder."""
    return partial(inside, "train.py", folder=tmp_path)


@pytest.fixture
def refused(train: Run, tmp_path: Path) -> Refused:
    """Return a function that runs train.py, which must fail with one line and write nothing, and returns the line."""

    def run(*arguments: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        error = train(*arguments, code=1).stderr
        assert error.count("\n") == 1 and sorted(tmp_path.rglob("*")) == before
        return error

    return run


@pytest.fixture
def forked_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let digitcmp.sweep fork this process where it would start a new one."""

    def run(line: list[str], env: dict[str, str]) -> None:
        done = Program(Path.cwd(), *line[1:], **env).done(None)
        print(done.stdout, done.stderr)

    monkeypatch.setattr("digitcmp.api.subprocess", SimpleNamespace(run=run))


@pytest.fixture
def planner() -> Planner:
    """Return the planner of `python train.py -m`. Its `plan` returns the runs of grids."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
    return Planner(loader, loader.load_configuration("config", [], RunMode.MULTIRUN))


def written(folders: Iterable[Path]) -> dict[Path, int]:
    """Return the modification time in nanoseconds of every file in these folders, except lock files."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.name != LOCK]
    return {file: file.stat().st_mtime_ns for file in files}


def rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a run's metrics.csv."""
    return list(csv.DictReader((folder / METRICS).read_text().splitlines()))


def numbers(folder: Path) -> tuple[dict, bytes, dict[str, list[float]]]:
    """Return a run's result without wall time, commit and checksum, its metrics.csv and its weights."""
    import torch

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
def pairs() -> "PairData":
    """Return 40 training, 30 validation and 20 test pairs of MNIST with seed 0."""
    from digitcmp.data.datamodule import PairData

    data = PairData("mnist", train_pairs=40, val_pairs=30, test_pairs=20, seed=0)
    data.setup()
    return data


def fit(data: "PairData", module: "DigitComparison", **options: object) -> "Trainer":
    """Train without output, for two epochs by default, and return the trainer."""
    from lightning import Trainer
    from lightning.pytorch.plugins.environments import LightningEnvironment

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
