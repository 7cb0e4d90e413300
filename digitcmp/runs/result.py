"""result.json: its keys, and functions that write, read and check it."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from digitcmp.config.run import Run
from digitcmp.errors import RunError, StaleError
from digitcmp.files import checksum, write
from digitcmp.models.scores import DIGITS
from digitcmp.models.scores import names as score_names
from digitcmp.runs import fingerprint
from digitcmp.runs.folder import CHECKPOINT, METRICS, RESULT, read_settings
from digitcmp.runs.versions import versions

EPOCHS = ("epochs_trained", "checkpoint_epoch")  # the last epoch, and the epoch whose weights are saved and scored
FOUND = ("found_lr", "found_batch_size")  # set by Lightning's LearningRateFinder and BatchSizeFinder
SCORES = (*score_names(aux=False), *DIGITS)
CODE = ("code", "files")  # digests of the run's code
ORIGIN = ("fit_seconds", "device", "git_commit", "versions", "config_hash", "metrics_crc", "checkpoint_crc", *CODE)
DATA_REMARKS = "data_remarks"  # conversions of the data
MAJORITY = "majority"  # accuracy of the more frequent answer on the test pairs
NETWORK = "network"  # facts of the registered backbone
CHECKSUM = "result_crc"  # the checksum of all other keys
# every other key is a setting
RESULT_KEYS = ("cell", "label", "params", *FOUND, *EPOCHS, *SCORES, MAJORITY, NETWORK, *ORIGIN, DATA_REMARKS, CHECKSUM)


def record_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Add the checksums to a result, write it as result.json and return it. This is a run's last step."""
    for key, name in (("metrics_crc", METRICS), ("checkpoint_crc", CHECKPOINT)):
        result[key] = checksum((folder / name).read_bytes())
    result[CHECKSUM] = result_checksum(result)
    write(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return result


def result_checksum(result: Mapping[str, Any]) -> str:
    """Return the checksum of a result without its own checksum, independent of the order of keys."""
    values = {key: value for key, value in result.items() if key != CHECKSUM}
    return checksum(json.dumps(values, sort_keys=True).encode())


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return result.json, None if it is missing or damaged. Report a damaged file on stderr."""
    result, damaged = checked_result(folder)
    if damaged:
        print(f"{folder / damaged} is damaged. The run counts as not finished.", file=sys.stderr)
    return result


def checked_result(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return result.json and the name of a damaged file, each None if there is none.

    metrics.csv and the checkpoint are compared with their checksums. A deleted checkpoint is accepted.
    """
    if not (folder / RESULT).exists():
        return None, None
    present = [name for name in (RESULT, METRICS, CHECKPOINT) if name != CHECKPOINT or (folder / name).exists()]
    for name in present:
        if not (folder / name).is_file():  # a pipe would block
            return None, name
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
        if result[CHECKSUM] != result_checksum(result) or not all(math.isfinite(result[key] or 0) for key in SCORES):
            return None, RESULT
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, RESULT
    for name, key in ((METRICS, "metrics_crc"), (CHECKPOINT, "checkpoint_crc")):
        if name in present and checksum((folder / name).read_bytes()) != result[key]:
            return None, name
    return result, None


def finished_result(folder: Path, run: Run) -> dict[str, Any] | None:
    """Return the run's result if the folder holds it, else None. Report a damaged file on stderr.

    Raises:
        RunError: if the folder holds a run with other settings, finished or damaged.
        StaleError: if other code made the result and `stale` is ask.
    """
    result, damaged = checked_result(folder)
    if stored := result or (damaged and read_settings(folder)):
        reject_other_settings(folder, run, stored, "finished" if result else "damaged")
        if damaged:
            print(f"{folder / damaged} is damaged. The run counts as not finished.", file=sys.stderr)
    if result and run.stale != "keep":
        changed = fingerprint.changed(result.get("files", {}), fingerprint.files(run))
        if changed and run.stale == "ask":
            raise StaleError(f"{folder} holds this run, finished by", changed)
        if changed:
            return None
    return result


def reject_other_settings(folder: Path, run: Run, stored: Mapping[str, Any], state: str) -> None:
    """Raise RunError if the settings stored in a folder are not the run's. A missing key counts as its default."""
    for key in [*run.settings, *(stored.keys() - set(RESULT_KEYS) - run.settings.keys())]:
        old, new = (settings.get(key, run.defaults.get(key)) for settings in (stored, run.settings))
        if old != new:
            raise RunError(
                f"{folder} holds a {state} run with {key}={old}, not {key}={new}. "
                "Choose another folder (sweep=NAME), or set force=true to replace the run."
            )


def remarks_on(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a remark on each other set of versions that accepted results were made with."""
    here, lines = versions().split(", "), []
    for recorded, n in Counter(result["versions"] for result in results).items():
        if others := [version for version in recorded.split(", ") if version not in here]:
            lines.append(f"{n} finished with {', '.join(others)}; installed are {versions()}")
    return lines
