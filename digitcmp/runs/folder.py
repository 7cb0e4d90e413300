"""A run's folder: the names of its files, its lock and its configuration. result.json is written last."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from digitcmp.config.conf import config_yaml
from digitcmp.config.run import Run, Settings, flatten
from digitcmp.errors import RunError
from digitcmp.files import write

RESULT, METRICS, CONFIG, CHECKPOINT = "result.json", "metrics.csv", "config.yaml", "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"  # only while a run with checkpoint=best trains
ERROR = ".digitcmp.error"  # the error of a failed run of a sweep
LOCK, PICTURES, EVENTS = ".digitcmp.lock", "pictures", ".digitcmp"  # the end of the names of TensorBoard's files
RATES, SELECTION = "rates", "selected.csv"  # of a sweep: the folder of the runs that select a value, and its values
IN_A_SWEEP = re.compile(r"(^|/)model=[^,/]+,aux=(true|false),lr=[^/]+/seed=\d+$")
PICTURE_NAMES = ("mistakes", "error rate by digits", "calibration", "digit confusion")
WRITTEN = (  # the files of a run beside config.yaml and its lock, the result first
    *(RESULT, METRICS, CHECKPOINT, BEST, f"events.out.tfevents.*{EVENTS}", "fit-*-profile.txt", ERROR),
    *(f"{PICTURES}/{name}.png" for name in PICTURE_NAMES),
    *(f"{name}.*.partial" for name in (RESULT, CONFIG)),
)


def claim(folder: Path, run: Run) -> None:
    """Claim a folder for a run: remove the files of an earlier run and write config.yaml, the resolved configuration.

    Raises:
        RunError: if the folder holds a file with the name of a run's, but no run. Nothing has been removed then.
    """
    if read_settings(folder) is None:
        for name in (CONFIG, *WRITTEN):
            if other := next(folder.glob(name), None):
                name = other.relative_to(folder).as_posix()
                raise RunError(f"{folder} contains {name}, a file that no run wrote. Choose another folder.")
    for name in WRITTEN:
        for file in folder.glob(name):
            file.unlink()
    write(folder / CONFIG, yaml.safe_dump(run.model_dump(), sort_keys=False))


def run_folders(roots: Iterable[Path]) -> list[Path]:
    """Return the sorted run folders below these folders: those of sweeps, `CELL/seed=N`, and those with a result.

    Runs in NAME/rates, which select values for the sweep NAME, are found below that folder only.
    """
    found = set()
    for root in roots:
        sweeps = {folder for folder in root.rglob("seed=*") if IN_A_SWEEP.search(folder.as_posix()) and folder.is_dir()}
        folders = sweeps | {file.parent for file in root.rglob(RESULT)}
        found |= {folder for folder in folders if RATES not in folder.relative_to(root).parts}
    return sorted(found)


@contextmanager
def lock(folder: Path, seconds: float = -1.0, name: str = LOCK) -> Iterator[None]:
    """Lock the run folder for this process. The kernel releases the lock when the process ends.

    Remove the folder afterwards if this call created it and it is empty.

    Args:
        folder: the run folder, created if it does not exist.
        seconds: how long to wait for another process that holds the lock, -1 for no limit.
        name: the name of the lock file.

    Raises:
        TimeoutError: if another process still holds the lock.
        OSError: if the file system does not support locks.
    """
    from filelock import FileLock  # slow import

    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    # a soft lock would outlive a killed process
    with FileLock(file, seconds, poll_interval=0.2, fallback_to_soft=False):
        try:
            yield
        finally:
            with suppress(OSError):  # a waiting process creates a new one
                file.unlink()
            with suppress(OSError):
                if is_new:
                    folder.rmdir()


def remove_old_lock(folder: Path) -> None:
    """Remove the lock file of a process that was killed after it had finished its run."""
    if (folder / LOCK).exists():
        with suppress(OSError), lock(folder, seconds=0.0):
            pass


def read_settings(folder: Path) -> Settings | None:
    """Return the settings in config.yaml, None if the file is missing or not written by a run."""
    if not (folder / CONFIG).is_file():
        return None
    try:
        return flatten(yaml.load((folder / CONFIG).read_bytes(), yaml.CSafeLoader))
    except (OSError, yaml.YAMLError, LookupError, AttributeError, TypeError):
        return None


def read_data(folder: Path) -> dict[str, Any]:
    """Return the group `data` of a run's config.yaml, with the seed of its pairs; that of MNIST without the file."""
    try:
        config = yaml.safe_load((folder / CONFIG).read_text())
        seed = config["data"].get("seed")
        return config["data"] | {"seed": config.get("seed") if seed is None else seed}
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError, AttributeError):
        return {**config_yaml()["data"], "name": "mnist"}


def load_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `datasets.load` in the group `data` of a configuration."""
    from digitcmp.data import datasets  # slow import

    given = {key: data[key] for key in inspect.signature(datasets.load).parameters if key in data}
    return given | ({"split_seed": data["seed"]} if data.get("resplit") else {})
