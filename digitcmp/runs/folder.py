"""A run's folder: the names of its files, its lock, its configuration.

A run folder holds config.yaml, metrics.csv, checkpoints/last.ckpt, TensorBoard events, .manifest with the names of the
run's files and, once the run is finished, result.json.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from digitcmp.config.run import Run, Settings, flatten
from digitcmp.files import write

RESULT, METRICS, CONFIG, CHECKPOINT = "result.json", "metrics.csv", "config.yaml", "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"  # while a run with checkpoint=best trains
ERROR = ".digitcmp.error"  # why a run of a sweep failed
LOCK, MANIFEST, PICTURES = ".digitcmp.lock", ".manifest", "pictures"
IN_A_SWEEP = re.compile(r"(^|/)model=[^,/]+,aux=(true|false),lr=[^/]+/seed=\d+$")


def run_folders(roots: Iterable[Path]) -> list[Path]:
    """Return the run folders under these folders, sorted: those of sweeps, `CELL/seed=N`, and any with a result."""
    roots = list(roots)
    sweeps = {folder for root in roots for folder in root.rglob("seed=*") if IN_A_SWEEP.search(folder.as_posix())}
    return sorted(
        {folder for folder in sweeps if folder.is_dir()}
        | {file.parent for root in roots for file in root.rglob(RESULT)}
    )


@contextmanager
def lock(folder: Path, seconds: float = -1.0, name: str = LOCK) -> Iterator[None]:
    """Lock the run folder for this process. The kernel releases the lock when the process ends.

    Remove the folder afterwards if this call created it and it is empty.

    Args:
        folder: the run folder, created if it does not exist.
        seconds: how long to wait for a process that holds the lock, -1 for as long as it takes.
        name: the name of the locked file.

    Raises:
        TimeoutError: if the other process still holds the lock.
        OSError: if the file system does not support locks.
    """
    from filelock import FileLock  # a dry run need not wait for it

    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    # a soft lock would outlive a killed process
    with FileLock(file, seconds, poll_interval=0.2, fallback_to_soft=False):
        try:
            yield
        finally:
            with suppress(OSError):  # a waiting process makes a new one; Windows removes it by itself
                file.unlink()
            with suppress(OSError):
                if made:
                    folder.rmdir()


def remove_old_lock(folder: Path) -> None:
    """Remove the lock of a process that was killed after its run was finished."""
    if (folder / LOCK).exists():
        with suppress(OSError), lock(folder, seconds=0.0):
            pass


def read_settings(folder: Path) -> Settings | None:
    """Return the settings in config.yaml, None if the file is missing or is not a run's."""
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
    """Write config.yaml, the resolved configuration."""
    write(folder / CONFIG, yaml.safe_dump(run.model_dump(), sort_keys=False))
