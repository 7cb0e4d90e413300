"""Tests of killed, stopped, damaged and failing runs, and of how the next start completes them."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import FORK, Program, Run, Start, numbers, until, written

from digitcmp.runs.folder import CHECKPOINT, CONFIG, LOCK, METRICS, RESULT, lock
from digitcmp.runs.result import CHECKSUM, read_result

QUICK = ("model=ws2", "epochs=2", "data.train_pairs=100", "data.val_pairs=100", "data.test_pairs=100", "pictures=false")
RUN = (*QUICK, "hydra.run.dir=out")
CELL = "model=ws2,aux=false,lr=0.0005,epochs=2,test_pairs=100,train_pairs=100,val_pairs=100"
WORKERS = "hydra.launcher.n_jobs=2"

Fault = Callable[[], object]
Numbers = tuple[dict, bytes, dict]


def no_fault() -> None:
    pass


def once(folder: Path, *arguments: str, fault: Fault = no_fault) -> tuple[int, str]:
    """Run train.py once and return its exit code (-9: killed) and its output."""
    done = Program(folder, *arguments, before=fault).done(None)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run without a fault."""
    folder = tmp_path_factory.mktemp("whole")
    code, text = once(folder, *RUN)
    assert code == 0, text
    return folder / "out"


@pytest.fixture(scope="module")
def whole(finished: Path) -> Numbers:
    """Return the numbers that every completed run must have."""
    return numbers(finished)


def completes(folder: Path, whole: Numbers) -> bool:
    """Start the run in `folder`/out again and check that it is complete.

    Return whether it was finished before. Its files must then be unchanged.
    """
    out = folder / "out"
    there = (out / RESULT).exists()
    before = written([out])
    assert not there or numbers(out) == whole
    code, text = once(folder, *RUN)
    assert code == 0, text
    assert "damaged" not in text  # result.json is written last, so a killed run has none or is complete
    assert ("already holds this finished run" in text) == there
    assert numbers(out) == whole
    events = [file.name for file in out.glob("events.out.tfevents.*")]
    left = {file.name for file in out.rglob("*") if file.is_file() and file.suffix != ".png"}
    left -= {*events, "last.ckpt", LOCK}  # a run that is killed after its result leaves its lock file
    assert len(events) == 1 and left == {RESULT, METRICS, CONFIG}
    assert not there or written([out]) == before
    return there


def writes(action: Callable[[str, str], None]) -> Fault:
    """Return a fault that calls `action(event, file name)` before a file of the run is written, moved or removed."""

    def audit(event: str, arguments: tuple) -> None:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.move"):
            paths = [
                os.fsdecode(path) for path in arguments[: 1 if event == "open" else 2] if not isinstance(path, int)
            ]
            if any("out" in Path(path).parts for path in paths):
                action(event, Path(paths[-1]).name)

    return lambda: sys.addaudithook(audit)


def at(name: str, act: Callable[[], object]) -> Fault:
    """Return a fault that calls `act` once, before the first file whose name begins with `name` is written."""
    done: list[str] = []

    def action(event: str, written: str) -> None:
        if event in ("open", "shutil.move") and written.startswith(name) and not done:
            done.append(name)
            act()

    return writes(action)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("file", ["config.yaml", "metrics.csv", "last.ckpt", "result.json"])
def test_sigkill_before_writing(tmp_path: Path, whole: Numbers, file: str) -> None:
    assert once(tmp_path, *RUN, fault=at(file, kill))[0] == -signal.SIGKILL
    assert not completes(tmp_path, whole)


@pytest.mark.faults
def test_sigkill_before_every_step_of_writing(tmp_path: Path, whole: Numbers) -> None:
    """A run is killed before each of its 15 or more steps and completed again. force=true removes the previous run."""
    kills = 0
    for step in range(1, 100):
        seen: list[str] = []

        def action(event: str, name: str, seen: list[str] = seen, step: int = step) -> None:
            if not name.startswith("events"):  # a thread writes them at varying times
                seen.append(name)
                if len(seen) == step:
                    kill()

        code, text = once(tmp_path, *RUN, "pictures=true", "force=true", fault=writes(action))
        if code == 0:
            break
        assert code == -signal.SIGKILL, text
        completes(tmp_path, whole)
        kills += 1
    assert kills >= 15


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
@pytest.mark.parametrize("times", [1, 2])
def test_stopped_while_it_trains(tmp_path: Path, whole: Numbers, stop: signal.Signals, times: int, code: int) -> None:
    sent: list[str] = []

    def action(event: str, name: str) -> None:  # first at the end of an epoch, then while the process ends
        if (event, name) == ("open", "metrics.csv") or 0 < len(sent) < times:
            sent.append(name)
            signal.raise_signal(stop)

    stopped, text = once(tmp_path, *RUN, fault=writes(action))
    assert stopped == code and "Traceback" not in text, text
    assert not completes(tmp_path, whole)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 4 MB and yield its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("file", ["config.yaml", "events", "metrics.csv", "last.ckpt", "result.json"])
def test_disk_full(disk: Path, tmp_path: Path, whole: Numbers, file: str) -> None:
    """The disk is full just before this file is written."""

    def fill() -> None:
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass

    (tmp_path / "out").symlink_to(disk)
    code, text = once(tmp_path, *RUN, fault=at(file, fill))
    assert code == 1 and "out: No space left on device" in text
    assert (disk / "ballast").exists() and not (disk / RESULT).exists()
    (disk / "ballast").unlink()
    assert not completes(tmp_path, whole)


def test_read_only_folder(disk: Path, tmp_path: Path, whole: Numbers) -> None:
    (disk / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for arguments in (("hydra.run.dir=disk/out",), ("hydra.run.dir=disk/new",), ("-m", "hydra.sweep.dir=disk/sweep")):
        code, text = once(tmp_path, *arguments, *QUICK)
        assert code == 1 and "Read-only file system" in text and "Traceback" not in text, text
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    (tmp_path / "out").symlink_to(disk / "out")
    assert not completes(tmp_path, whole)


@pytest.mark.parametrize("damage", ["empty", "half", "pipe"])
@pytest.mark.parametrize("name", [RESULT, METRICS, CHECKPOINT, CONFIG])
def test_a_damaged_file(tmp_path: Path, finished: Path, whole: Numbers, name: str, damage: str) -> None:
    """The run is trained again, except for config.yaml, which is not checked. It does not wait for a pipe.

    A pipe in the place of result.json means that there is no result.
    """
    shutil.copytree(finished, tmp_path / "out")
    file = tmp_path / "out" / name
    if damage == "pipe":
        file.unlink()
        os.mkfifo(file)
    else:
        os.truncate(file, file.stat().st_size // 2 if damage == "half" else 0)
    code, text = once(tmp_path, *RUN)
    message = f"out/{name} is damaged. The run counts as not finished."
    assert code == 0 and (message in text) == (name != CONFIG and (name, damage) != (RESULT, "pipe")), text
    assert name == CONFIG or numbers(tmp_path / "out") == whole


def test_a_result_that_is_no_result_is_damaged(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    result = read_result(tmp_path / "out")
    assert result is not None
    for damaged in ([], None, 3, {key: item for key, item in result.items() if key != CHECKSUM}):
        (tmp_path / "out" / RESULT).write_text(json.dumps(damaged))
        assert read_result(tmp_path / "out") is None, damaged


def test_every_changed_digit_of_a_result_is_damage(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    file = tmp_path / "out" / RESULT
    text = file.read_text()
    file.write_text(json.dumps(json.loads(text), sort_keys=True))  # order and layout do not matter
    assert read_result(tmp_path / "out")
    digits = [place for place, character in enumerate(text) if character.isdigit()]
    for place in random.Random(17).sample(digits, 200):
        changed = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
        if json.loads(changed) == json.loads(text):  # another last digit of 17 can be the same number
            continue
        file.write_text(changed)
        assert read_result(tmp_path / "out") is None, text[place - 20 : place + 2]


def test_two_at_once_train_once(tmp_path: Path, whole: Numbers) -> None:
    trained = tmp_path / "trained"
    here = [tmp_path / name for name in "ab"]
    arguments = (*QUICK, f"hydra.run.dir={tmp_path}/out")
    for folder in here:
        folder.mkdir()
    both = [Program(one, *arguments, before=at("metrics.csv", lambda: print(file=trained.open("a")))) for one in here]
    for process in both:
        process.done()
    assert trained.read_text() == "\n"
    assert completes(tmp_path, whole)


def test_nan_loss(tmp_path: Path, whole: Numbers) -> None:
    code, text = once(tmp_path, *RUN, "lr=1e30")
    assert code == 1 and "the train loss is nan in epoch 1: training diverged. Lower lr." in text
    assert not completes(tmp_path, whole)


def test_a_kill_while_it_imports_leaves_no_folder(
    command: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The import of torch, which takes most of the time, kills the process."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "torch.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    command(*QUICK, code=-signal.SIGKILL, cold=True, PYTHONPATH=str(modules))
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_no_lock_behind(tmp_path: Path) -> None:
    def hold() -> None:
        with lock(tmp_path / "out"):
            (tmp_path / "held").touch()
            time.sleep(300)

    def take() -> None:
        with lock(tmp_path / "out"):
            pass

    holder = FORK.Process(target=hold)
    holder.start()
    until((tmp_path / "held").exists)
    holder.kill()
    holder.join()
    taker = FORK.Process(target=take)
    taker.start()
    taker.join(60)
    assert taker.exitcode == 0
    assert not (tmp_path / "out" / LOCK).exists()  # the lock file of the killed process is removed too


def test_locks_exclude_each_other(tmp_path: Path) -> None:
    """Eight processes increment a counter twenty times each while the lock file is created and removed."""
    (tmp_path / "count").write_text("0")

    def count() -> None:
        for _ in range(20):
            with lock(tmp_path):
                (tmp_path / "count").write_text(str(int((tmp_path / "count").read_text()) + 1))

    processes = [FORK.Process(target=count) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert (tmp_path / "count").read_text() == "160"


def workers(parent: int) -> list[int]:
    """Return the ids of the living workers of a sweep."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = []
    for child in children:
        with contextlib.suppress(OSError):  # the process has just ended
            line = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"python" in line and b"resource_tracker" not in line:
                found.append(int(child))
    return found


MANY = ("-m", *QUICK, "epochs=100000", "trainer.check_val_every_n_epoch=100000", "seed=range(2)", WORKERS)


@pytest.mark.parametrize("stop", [signal.SIGKILL, pytest.param(signal.SIGHUP, marks=pytest.mark.faults)])
@pytest.mark.parametrize("moment", ["starting", "importing", "training", "between runs"])
def test_workers_end_with_their_sweep(moment: str, stop: signal.Signals, start: Start, tmp_path: Path) -> None:
    """All workers end when only the sweep is killed or its terminal is closed."""
    arguments = ("-m", *QUICK, "seed=range(2)", WORKERS) if moment == "between runs" else MANY
    cell = tmp_path / "multirun/sweep" / (CELL if moment == "between runs" else "none")
    with lock(cell / "seed=1"):
        process = start(*arguments, cold=moment in ("starting", "importing"))
        until(lambda: len(workers(process.pid)) == 2)
        children = workers(process.pid)
        if moment == "importing":
            until(lambda: any("libtorch" in libraries(child) for child in children))
        elif moment == "training":
            until(lambda: any((tmp_path / "multirun").rglob(METRICS)))
        elif moment == "between runs":  # one worker waits for the lock, the other for a run
            until(lambda: read_result(cell / "seed=0"))
        os.kill(process.pid, stop)
        process.join()
        until(lambda: not any(alive(child) for child in children), seconds=30)


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def libraries(process: int) -> str:
    """Return the memory map of a process, which names its loaded libraries, or '' if it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{process}/maps").read_text()
    return ""


def test_workers_killed_before_their_first_run(start: Start, tmp_path: Path) -> None:
    """Both workers are killed three times in a row. The fourth launch trains all runs."""
    seen: set[int] = set()
    with ExitStack() as held:  # no run can start
        for seed in range(2):
            held.enter_context(lock(tmp_path / "multirun/sweep" / CELL / f"seed={seed}"))
        process = start("-m", *QUICK, "seed=range(2)", WORKERS)
        for _ in range(3):
            until(lambda: len(set(workers(process.pid)) - seen) == 2)
            for child in set(workers(process.pid)) - seen:
                seen.add(child)
                os.kill(child, signal.SIGKILL)
        until(lambda: len(set(workers(process.pid)) - seen) == 2)
    done = process.done()
    assert (
        "not finished" not in done.stderr
        and done.stdout.count("the launcher stopped: ") == 3
        and "[2/2]" in done.stdout
    )


@pytest.mark.faults
@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("victim", ["worker", "parent", "group"])
def test_sigkills_through_the_command_line(victim: str, cold: bool, start: Start, tmp_path: Path) -> None:
    """The victim is killed five times, or twice if every process is new, each time during one batch of two runs.

    The runs of later batches are locked until then, so the sweep cannot end early.
    """
    kills = 2 if cold else 5
    sweep = ("-m", *QUICK, f"seed=range({2 * kills + 2})", WORKERS)
    folders = [tmp_path / "multirun/sweep" / CELL / f"seed={seed}" for seed in range(2 * kills + 2)]
    parts = [folders[i : i + 2] for i in range(0, len(folders), 2)]
    rng = random.Random(6)
    kept: dict[Path, int] = {}
    with ExitStack() as stack:
        held = [stack.enter_context(ExitStack()) for _ in parts]
        for part, locks in zip(parts[1:], held[1:], strict=True):
            for folder in part:
                locks.enter_context(lock(folder))
        process = start(*sweep, cold=cold)
        for k in range(kills):
            until(lambda k=k: any((folder / CONFIG).exists() for folder in parts[k]))
            time.sleep(rng.uniform(0, 0.5))
            if victim == "worker":
                until(lambda parent=process.pid: workers(parent))
                os.kill(rng.choice(workers(process.pid)), signal.SIGKILL)
            elif victim == "parent":
                process.kill()
            else:
                process.kill_group()
            for folder in (folder for folder in folders if read_result(folder)):
                kept |= written([folder])
            held[k + 1].close()
            if victim != "worker":
                process.join()
                process = start(*sweep, cold=cold)
    done = process.done()
    assert all(read_result(folder) for folder in folders) and "damaged" not in done.stderr
    assert kept and kept.items() <= written(folders).items()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("signals", "code"), [((signal.SIGINT,), 130), ((signal.SIGINT, signal.SIGINT), 130), ((signal.SIGTERM,), 143)]
)
def test_a_stopped_sweep(signals: tuple[signal.Signals, ...], code: int, start: Start, tmp_path: Path) -> None:
    """SIGINT, sent once or twice, or SIGTERM ends the parent and its workers. The next start trains the rest."""
    sweep = ("-m", *QUICK, "seed=range(4)", WORKERS)
    folders = [tmp_path / "multirun/sweep" / CELL / f"seed={seed}" for seed in range(4)]
    with ExitStack() as held:
        for folder in folders[2:]:
            held.enter_context(lock(folder))
        process = start(*sweep, cold=True)
        until(lambda: all(read_result(folder) for folder in folders[:2]))
        before = written(folders[:2])
        children = workers(process.pid)
        for stop in signals:
            os.killpg(process.pid, stop)
            time.sleep(0.01)  # the second signal arrives while the workers are stopped
        assert process.done(code).stderr == "stopped. Start the sweep again to train the unfinished runs.\n"
        until(lambda: not any(alive(child) for child in children))
    assert "4 runs in multirun/sweep, 2 finished before" in start(*sweep).done().stdout
    assert all(read_result(folder) for folder in folders) and before.items() <= written(folders).items()
