"""A run's folder: the names of its files, its lock and its configuration. result.json is written last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from digitcmp.config.run import Run
from digitcmp.errors import RunError
from digitcmp.files import write

RESULT, METRICS, CONFIG, CHECKPOINT = "result.json", "metrics.csv", "config.yaml", "checkpoints/last.ckpt"
BEST = "checkpoints/best.ckpt"  # only while a run with checkpoint=best trains
ERROR = ".digitcmp.error"  # the error of a failed run of a sweep
LOCK, PICTURES, EVENTS = ".digitcmp.lock", "pictures", ".digitcmp"  # the end of the names of TensorBoard's files
RATES, SELECTION = "rates", "selected.csv"  # of a sweep: the folder of the runs that select a value, and its values
IN_A_SWEEP = re.compile(r"(^|/)model=[^,/]+,aux=(true|false),lr=[^/]+/seed=\d+$")
PICTURE_NAMES = ("mistakes", "error rate by digits", "calibration", "digit confusion")
OURS = (".partial", ".error")  # the ends of names that only a run writes
WRITTEN = (  # the files of a run beside its lock, the result first and the configuration last
    *(RESULT, METRICS, CHECKPOINT, BEST, f"events.out.tfevents.*{EVENTS}", "fit-*-profile.txt", ERROR),
    *(f"{PICTURES}/{name}.png" for name in PICTURE_NAMES),
    *(f"{name}.*.partial" for name in (RESULT, CONFIG)),
    CONFIG,
)


def claim(folder: Path, run: Run) -> None:
    """Claim a folder for a run: remove the files of an earlier run and write config.yaml, the resolved configuration.

    Raises:
        RunError: if the folder holds a file with the name of a run's, but no run. Nothing has been removed then.
    """
    files = [file for name in WRITTEN for file in folder.glob(name)]
    others = [file for file in files if file.suffix not in OURS]
    if others and not holds_run(folder):
        name = others[0].relative_to(folder).as_posix()
        raise RunError(f"{folder} contains {name}, a file that no run wrote. Choose another folder.")
    for file in files:
        file.unlink()
    write(folder / CONFIG, yaml.safe_dump(run.model_dump(), sort_keys=False))


def holds_run(folder: Path) -> bool:
    """Return whether a folder has a config.yaml that a run wrote."""
    file = folder / CONFIG
    try:
        config = yaml.load(file.read_bytes(), yaml.CSafeLoader) if file.is_file() else None
    except yaml.YAMLError:
        return False
    return isinstance(config, dict) and {"task", "model", "optimizer", "seed"} <= config.keys()


def run_folders(roots: Iterable[Path]) -> list[Path]:
    """Return the sorted run folders below these folders: those of sweeps, `CELL/seed=N`, and those with a result.

    Runs in NAME/rates, which select values for the sweep NAME, are found below that folder only.
    """
    runs = set()
    for root in roots:
        sweeps = {folder for folder in root.rglob("seed=*") if IN_A_SWEEP.search(folder.as_posix()) and folder.is_dir()}
        folders = sweeps | {file.parent for file in root.rglob(RESULT)}
        runs |= {folder for folder in folders if RATES not in folder.relative_to(root).parts}
    return sorted(runs)


@contextmanager
def lock(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Lock the run folder for this process. The kernel releases the lock when the process ends.

    Remove the folder afterwards if this call created it and it is empty.

    Args:
        folder: the run folder, created if it does not exist.
        name: the name of the lock file, which is removed afterwards.

    Raises:
        OSError: if the file system does not support locks.
    """
    from filelock import FileLock  # slow import

    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    # a soft lock would outlive a killed process
    with FileLock(folder / name, poll_interval=0.2, fallback_to_soft=False):
        try:
            yield
        finally:
            with suppress(OSError):  # a waiting process creates a new one
                (folder / name).unlink()
            with suppress(OSError):
                if is_new:
                    folder.rmdir()
