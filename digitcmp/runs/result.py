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
from digitcmp.runs.folder import CHECKPOINT, CONFIG, MANIFEST, METRICS, RESULT, read_settings
from digitcmp.runs.versions import versions

EPOCHS = ("epochs_trained", "checkpoint_epoch")  # the last epoch, and the epoch whose weights are saved and scored
FOUND = ("found_lr", "found_batch_size")  # set by Lightning's LearningRateFinder and BatchSizeFinder
SCORES = (*score_names(aux=False), *DIGITS)
CODE = ("code", "files", "functions")  # digests of the run's code by file; by function in older results
ORIGIN = ("fit_seconds", "device", "git_commit", "versions", "config_hash", "metrics_crc", "checkpoint_crc", *CODE)
DATA_REMARKS = "data_remarks"  # conversions of the data; older results have none
MAJORITY = "majority"  # accuracy of the more frequent answer on the test pairs; older results have none
NETWORK = "network"  # facts of the registered backbone; older results have none
CHECKSUM = "result_crc"  # the checksum of all other keys; older results have none
# every other key is a setting
RESULT_KEYS = ("cell", "label", "params", *FOUND, *EPOCHS, *SCORES, MAJORITY, NETWORK, *ORIGIN, DATA_REMARKS, CHECKSUM)
REQUIRED = {"model", "seed", *RESULT_KEYS} - {*FOUND, *EPOCHS, *CODE, MAJORITY, NETWORK, DATA_REMARKS, CHECKSUM}


def record_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Add the checksums to a result, write it as result.json and return it. This is a run's last step."""
    result |= {
        "metrics_crc": checksum((folder / METRICS).read_bytes()),
        "checkpoint_crc": checksum((folder / CHECKPOINT).read_bytes()),
    }
    result |= {CHECKSUM: result_checksum(result)}
    write(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return result


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
    for name in (RESULT, METRICS, CHECKPOINT):
        deleted = name == CHECKPOINT and not (folder / name).exists()
        if not deleted and not (folder / name).is_file():  # a pipe would block
            return None, name
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
        scores = [result[name] for name in SCORES]
        unchanged = result.get(CHECKSUM) in (None, result_checksum(result))
        complete = result.keys() >= REQUIRED and all(math.isfinite(score or 0) for score in scores)
        if not unchanged or not complete:
            return None, RESULT
    except (ValueError, LookupError, AttributeError, TypeError):
        return None, RESULT
    if checksum((folder / METRICS).read_bytes()) != result["metrics_crc"]:
        return None, METRICS
    if (folder / CHECKPOINT).exists() and checksum((folder / CHECKPOINT).read_bytes()) != result["checkpoint_crc"]:
        return None, CHECKPOINT
    return result, None


def result_checksum(result: Mapping[str, Any]) -> str:
    """Return the CRC-32 of a result without its own checksum, independent of the order of keys."""
    values = {key: value for key, value in result.items() if key != CHECKSUM}
    return checksum(json.dumps(values, sort_keys=True).encode())


def finished_result(folder: Path, run: Run) -> dict[str, Any] | None:
    """Return the run's result if the folder holds it, else None. Report a damaged file on stderr.

    Results of older versions, without digests of their code, are accepted.

    Raises:
        RunError: if the folder holds a run with other settings, finished or damaged.
        StaleError: if other code made the result and `stale` is ask.
    """
    result, damaged = checked_result(folder)
    if damaged:
        if settings := read_settings(folder):
            reject_other_settings(folder, run, settings, "damaged")
            print(f"{folder / damaged} is damaged. The run counts as not finished.", file=sys.stderr)
        elif (folder / MANIFEST).exists():
            raise RunError(f"{folder} holds a damaged run without {CONFIG}. Set force=true to train it again.")
    if not result:
        return None
    reject_other_settings(folder, run, result, "finished")
    if "files" in result and run.stale != "keep":
        changed = fingerprint.changed(result["files"], fingerprint.files(run))
        if changed and run.stale == "retrain":
            return None
        if changed:
            raise StaleError(f"{folder} holds this run, finished by", changed)
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


def remarks_on(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return remarks on finished runs that are accepted: other versions of packages, and unrecorded code."""
    lines = []
    if unknown := sum("files" not in result and "functions" not in result for result in results):
        lines.append(f"{unknown} finished without a record of their code")
    if former := sum("files" not in result and "functions" in result for result in results):
        lines.append(f"{former} finished by an earlier version; their code cannot be compared")
    here = versions().split(", ")
    for recorded, n in Counter(result["versions"] for result in results).items():
        if others := [version for version in recorded.split(", ") if version not in here]:
            lines.append(f"{n} finished with {', '.join(others)}; installed are {versions()}")
    return lines
