"""A run on disk: its folder, its lock, its result. A folder of runs as one table.

A run folder holds config.yaml, metrics.csv, checkpoints/last.ckpt, TensorBoard events and, once it is complete,
result.json, and in .manifest the names of what is the run's; every reader of runs goes through this file.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from digitcmp.config.run import Run, Settings, flatten
from digitcmp.errors import RunError, StaleError
from digitcmp.files import checksum, write
from digitcmp.models.scores import DIGITS
from digitcmp.models.scores import names as score_names
from digitcmp.runs import fingerprint

if TYPE_CHECKING:
    import pandas as pd

RESULT, METRICS, CONFIG, CHECKPOINT = "result.json", "metrics.csv", "config.yaml", "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"  # while a run with checkpoint=best trains
ERROR = ".digitcmp.error"  # why a run of a sweep failed
LOCK, MANIFEST, PICTURES = ".digitcmp.lock", ".manifest", "pictures"
DRAWN = ("mistakes", "error rate by digits", "calibration", "digit confusion", "first-layer filters")  # by pictures
WRITTEN = re.compile(  # what stands in a manifest
    r"(result\.json|config\.yaml|checkpoints/(last|best)\.ckpt)(\.[^/*?\[\]]+\.partial)?"
    r"|metrics\.csv|pictures/[\w -]+\.png|fit-\w+-profile\.txt|events\.out\.tfevents\.\*\.[^/*?\[\]]+\.\*"
)
EPOCHS = ("epochs_trained", "checkpoint_epoch")  # how far it came, and the epoch whose weights are kept and scored
FOUND = ("found_lr", "found_batch_size")  # by Lightning's LearningRateFinder and BatchSizeFinder, where a run has one
SCORES = (*score_names(aux=False), *DIGITS)
CODE = (
    "code",
    "files",
    "functions",
)  # the code that made it, by file, in older results by function
ORIGIN = ("fit_seconds", "device", "git_commit", "versions", "config_hash", "metrics_crc", "checkpoint_crc", *CODE)
DATA_REMARKS = "data_remarks"  # on what was converted to read the data; older results have none
CHECKSUM = "result_crc"  # of all other keys; older results have none
# every other key is a setting
RESULT_KEYS = ("cell", "label", "params", *FOUND, *EPOCHS, *SCORES, *ORIGIN, DATA_REMARKS, CHECKSUM)
IN_A_SWEEP = re.compile(r"(^|/)model=[^,/]+,aux=(true|false),lr=[^/]+/seed=\d+$")
REQUIRED = {"model", "seed", *RESULT_KEYS} - {*FOUND, *EPOCHS, *CODE, DATA_REMARKS, CHECKSUM}


@contextmanager
def lock(folder: Path, seconds: float = -1.0, name: str = LOCK) -> Iterator[None]:
    """Hold the run folder alone, waiting for whoever trains in it; the kernel lets go when its process ends.

    seconds: how long to wait; -1 for as long as it takes. name: of the file that is locked. A folder that was not there
    and is empty at the end goes again. Raises TimeoutError, and OSError where files cannot be locked.
    """
    from filelock import FileLock  # a dry run need not wait for it

    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    with FileLock(
        file, seconds, poll_interval=0.2, fallback_to_soft=False
    ):  # a soft lock would outlive a killed process
        try:
            yield
        finally:
            with suppress(OSError):  # who waits for it takes a new one; Windows removes it by itself
                file.unlink()
            with suppress(OSError):
                if made:
                    folder.rmdir()


def sweep_up(folder: Path) -> None:
    """Remove the lock of a process that was killed after its run was finished."""
    if (folder / LOCK).exists():
        with suppress(OSError), lock(folder, seconds=0.0):
            pass


def finished(folder: Path, run: Run) -> dict[str, Any] | None:
    """The result of this run if the folder holds it complete, else None; a damaged file is named on stderr.

    Raises RunError if the folder holds another configuration, finished or damaged since, StaleError if other code made
    the result and `stale` is ask. A result that does not say which code made it is taken.
    """
    result, damaged = checked_result(folder)
    if damaged:
        if settings := read_settings(folder):
            refuse_others(folder, run, settings, "damaged")
            print(f"{folder / damaged} is damaged: the run counts as not finished", file=sys.stderr)
        elif (folder / MANIFEST).exists():
            raise RunError(f"{folder} holds a damaged run without its {CONFIG}: force=true trains it again")
    if not result:
        return None
    refuse_others(folder, run, result, "finished")
    if "files" in result and run.stale != "keep":
        changed = fingerprint.changed(result["files"], fingerprint.files(run))
        if changed and run.stale == "retrain":
            return None
        if changed:
            raise StaleError(f"{folder} holds this run, finished by", changed)
    return result


def refuse_others(folder: Path, run: Run, there: Mapping[str, Any], state: str) -> None:
    """Raises RunError if the folder holds settings that are not this run's; a key that is missing is at its default."""
    for key in [*run.settings, *(there.keys() - set(RESULT_KEYS) - run.settings.keys())]:
        old, new = (settings.get(key, run.defaults.get(key)) for settings in (there, run.settings))
        if old != new:
            raise RunError(
                f"{folder} holds a {state} run with {key}={old}, not {key}={new}: "
                "choose another folder (sweep=NAME), or force=true to train it again"
            )


def remarks(results: Sequence[dict[str, Any]]) -> list[str]:
    """What is to be said of finished runs before they are taken: other versions, and code that nobody knows."""
    lines = []
    if unknown := sum("files" not in result and "functions" not in result for result in results):
        lines.append(f"{unknown} finished without a record of the code that made them")
    if former := sum("files" not in result and "functions" in result for result in results):
        lines.append(f"{former} finished by an earlier version, whose record of the code cannot be compared")
    here = versions().split(", ")
    for there, n in Counter(result["versions"] for result in results).items():
        if others := [version for version in there.split(", ") if version not in here]:
            lines.append(f"{n} finished with {', '.join(others)}; here are {versions()}")
    return lines


def read_result(folder: Path) -> dict[str, Any] | None:
    """result.json, or None if there is none or if it or a file it vouches for is damaged (named on stderr)."""
    result, damaged = checked_result(folder)
    if damaged:
        print(f"{folder / damaged} is damaged: the run counts as not finished", file=sys.stderr)
    return result


def checked_result(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """result.json if it is there and whole with what it vouches for, and the name of the file that is not."""
    if not (folder / RESULT).exists():
        return None, None
    for name in (RESULT, METRICS, CHECKPOINT):
        there = (folder / name).exists() or name != CHECKPOINT  # a checkpoint takes space and may be deleted
        if there and not (folder / name).is_file():  # a pipe would never end
            return None, name
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
        scores = [result[name] for name in SCORES]
        vouched = result.get(CHECKSUM) in (None, result_checksum(result))
        if not vouched or REQUIRED - result.keys() or not all(math.isfinite(score or 0) for score in scores):
            return None, RESULT
    except (ValueError, LookupError, AttributeError, TypeError):
        return None, RESULT
    if checksum((folder / METRICS).read_bytes()) != result["metrics_crc"]:
        return None, METRICS
    if (folder / CHECKPOINT).exists() and checksum((folder / CHECKPOINT).read_bytes()) != result["checkpoint_crc"]:
        return None, CHECKPOINT
    return result, None


def take(folder: Path, run: Run) -> None:
    """Make a folder this run's: remove what earlier runs wrote there, and list what this one will write.

    Raises RunError for a file of somebody else's under a name of ours; none of theirs is touched.
    """
    process = f"{socket.gethostname()}.{os.getpid()}"
    names = [RESULT, METRICS, CONFIG, CHECKPOINT]
    names += [f"fit-{run.trainer.profiler}-profile.txt"] if isinstance(run.trainer.profiler, str) else []
    names += [BEST] if run.checkpoint == "best" else []
    names += [f"{PICTURES}/{picture}.png" for picture in DRAWN]
    names += [f"{name}.{process}.partial" for name in (RESULT, CONFIG, CHECKPOINT, BEST)]
    names += [f"events.out.tfevents.*.{process}.*"]  # TensorBoard puts the time there
    ours = written(folder, run, names)
    for name in names:
        if name not in ours and (theirs := next(folder.glob(name), None)):
            raise RunError(f"{folder} holds a {theirs.relative_to(folder)} that is no run's: choose another folder")
    for name in sorted(ours, key=lambda name: name != RESULT):  # the result first
        for file in folder.glob(name):
            file.unlink()
    (folder / ERROR).unlink(missing_ok=True)
    with (folder / MANIFEST).open("w") as stream:  # before any of them is written
        stream.write("".join(f"{name}\n" for name in names))
        stream.flush()
        os.fsync(stream.fileno())


def written(folder: Path, run: Run, names: list[str]) -> list[str]:
    """The names of what runs are known to have written into their folder; before there was a manifest, these names.

    Raises RunError for a manifest that lists what no run writes: somebody else's.
    """
    try:
        known = (folder / MANIFEST).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return names if read_settings(folder) == run.settings or checked_result(folder)[0] else []
    except (OSError, UnicodeError):
        known = [""]
    if strange := [name for name in known if not WRITTEN.fullmatch(name)]:
        raise RunError(f"{folder} holds a {MANIFEST} that is no run's, it lists {strange[0]!r}: choose another folder")
    return known


def read_settings(folder: Path) -> Settings | None:
    """The settings in config.yaml; None if it cannot be read as a run's."""
    if not (folder / CONFIG).is_file():
        return None
    try:
        return flatten(yaml.load((folder / CONFIG).read_bytes(), yaml.CSafeLoader))
    except (OSError, yaml.YAMLError, LookupError, AttributeError, TypeError):
        return None


def data_source(folder: Path) -> dict[str, Any]:
    """Return the arguments of `datasets.load` for a run's data set; those of MNIST if config.yaml cannot be read."""
    from digitcmp.data import datasets  # a dry run need not wait for it

    try:
        config = yaml.safe_load((folder / CONFIG).read_text())["data"]
        return {key: config[key] for key in inspect.signature(datasets.load).parameters if key in config}
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError):
        return {"name": "mnist", "root": "data"}


def write_config(folder: Path, run: Run) -> None:
    """config.yaml, the resolved configuration."""
    write(folder / CONFIG, yaml.safe_dump(run.model_dump(), sort_keys=False))


def record(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Vouch for the run's files, write result.json, the last thing a run does, and return what it says."""
    result |= {
        "metrics_crc": checksum((folder / METRICS).read_bytes()),
        "checkpoint_crc": checksum((folder / CHECKPOINT).read_bytes()),
    }
    result |= {CHECKSUM: result_checksum(result)}
    write(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return result


def result_checksum(result: Mapping[str, Any]) -> str:
    """CRC-32 of all that a result says, in whatever order and layout, as 8 hexadecimal digits."""
    said = {key: value for key, value in result.items() if key != CHECKSUM}
    return checksum(json.dumps(said, sort_keys=True).encode())


@cache
def versions() -> str:
    """Of Python and the packages that numbers depend on."""
    from importlib.metadata import version  # a dry run need not wait for it

    packages = (f"{name} {version(name)}" for name in ("torch", "lightning", "numpy"))
    return ", ".join([f"python {sys.version.split()[0]}", *packages])


@cache
def provenance() -> dict[str, str]:
    """`git_commit` of this code (with -dirty where it differs from it) and the `versions` that numbers depend on."""
    return {"git_commit": git_commit(Path(__file__)), "versions": versions()}


def git_commit(file: Path) -> str:
    """The commit of the repository that this file is in, with -dirty if something differs; `unknown` without one."""
    # the code runs already, so that git need not guard against another owner's
    git = ["git", "-c", "safe.directory=*", "-C", str(file.parent)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*git, *arguments], capture_output=True, text=True, env=environment)

    try:
        if asked("ls-files", "--error-unmatch", file.name).returncode:  # a repository around an installed copy
            return "unknown"
        return asked("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").stdout.strip() or "unknown"
    except FileNotFoundError:  # no git on this machine
        return "unknown"


def folders(roots: Iterable[Path]) -> list[Path]:
    """All run folders under these sweep folders, sorted: `CELL/seed=N`, and single runs by their result."""
    roots = list(roots)
    sweeps = {folder for root in roots for folder in root.rglob("seed=*") if IN_A_SWEEP.search(folder.as_posix())}
    return sorted(
        {folder for folder in sweeps if folder.is_dir()}
        | {file.parent for root in roots for file in root.rglob(RESULT)}
    )


def read(roots: Iterable[Path]) -> pd.DataFrame:
    """One row per finished run: the keys of its result but for its checksum, and `path`, its folder."""
    import pandas as pd

    results = []
    for folder in folders(roots):
        try:
            results.append((folder, read_result(folder)))
        except OSError as error:
            print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
    table = pd.DataFrame([result | {"path": str(folder)} for folder, result in results if result])
    return table.drop(columns=CHECKSUM, errors="ignore")


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """metrics.csv of these runs (rows of `read`), one row per epoch, with `path`, `cell` and `seed`."""
    import pandas as pd

    frames = [
        pd.read_csv(Path(run.path) / METRICS).assign(path=run.path, cell=run.cell, seed=run.seed)
        for run in table.itertuples()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def evaluations(table: pd.DataFrame) -> pd.DataFrame:
    """What digitcmp.evaluate wrote beside these runs (rows of `read`) of their checkpoints, and of the run `cell`,
    `run_seed` and whether the pairs are its `own_pairs`. A damaged file is named on stderr and left out.
    """
    import pandas as pd

    found = []
    for run in table.itertuples():
        files = Path(run.path).glob("evaluation,*.json")
        for file in sorted(files, key=lambda file: file.stem):  # the first of a name before its ',2'
            try:
                result = json.loads(file.read_text())
                if result["checkpoint_crc"] != run.checkpoint_crc:  # of what was trained here before
                    continue
                own = result["seed"] == (run.seed if pd.isna(run.data_seed) else run.data_seed)
            except (ValueError, KeyError, TypeError):
                print(f"{file} is damaged: left out", file=sys.stderr)
                continue
            if "positions" in result:
                result["positions"] = json.dumps(result["positions"])  # a text, as in a CSV file
            found.append({"cell": run.cell, "run_seed": run.seed, "own_pairs": own} | result)
    return pd.DataFrame(found)
