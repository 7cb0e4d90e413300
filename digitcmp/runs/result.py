"""result.json: its keys, and functions that write, read and check it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digitcmp.config.run import Run
from digitcmp.errors import RunError, StaleError
from digitcmp.files import checksum, write
from digitcmp.models.scores import DIGITS
from digitcmp.models.scores import names as score_names
from digitcmp.runs.folder import CHECKPOINT, METRICS, RESULT
from digitcmp.runs.provenance import code_files

SCORES = (*score_names(aux=False), *DIGITS)
FILES = {"metrics_crc": METRICS, "checkpoint_crc": CHECKPOINT}  # the keys of their checksums
DATA_REMARKS = "data_remarks"  # conversions of the data
MAJORITY = "majority"  # accuracy of the more frequent answer on the test pairs
NETWORK = "network"  # facts of the registered backbone
CHECKSUM = "result_crc"  # the checksum of all other keys
RESULT_KEYS = (  # every other key is a setting
    *("cell", "label", "params"),
    *("found_lr", "found_batch_size"),  # set by Lightning's LearningRateFinder and BatchSizeFinder
    *("epochs_trained", "checkpoint_epoch"),  # the last epoch, and the epoch whose weights are saved and scored
    *(*SCORES, MAJORITY, NETWORK, "fit_seconds", "device", "git_commit", "versions", "config_hash", *FILES),
    *("code", "files"),  # digests of the run's code
    *(DATA_REMARKS, CHECKSUM),
)


def record_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Add the checksums to a result, write it as result.json and return it. This is a run's last step."""
    result |= {key: checksum(folder / name) for key, name in FILES.items()}
    result[CHECKSUM] = result_checksum(result)
    write(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return result


def result_checksum(result: Mapping[str, Any]) -> str:
    """Return the checksum of a result without its own checksum, independent of the order of keys."""
    values = {key: value for key, value in result.items() if key != CHECKSUM}
    return checksum(json.dumps(values, sort_keys=True).encode())


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return result.json, None if it is missing.

    Return None too and report it on stderr if the file, metrics.csv or the checkpoint does not have its checksum. A
    deleted checkpoint is accepted.
    """
    if not (folder / RESULT).is_file():
        return None
    try:
        result: dict[str, Any] = json.loads((folder / RESULT).read_text("utf-8"))
        intact = {RESULT: result[CHECKSUM] == result_checksum(result)}
        for key, name in FILES.items():
            file = folder / name
            if name == METRICS or file.exists():
                intact[name] = file.is_file() and checksum(file) == result[key]
        damaged = [name for name, is_intact in intact.items() if not is_intact]
    except (ValueError, LookupError, TypeError, AttributeError):  # a damaged file is any JSON, or none
        damaged = [RESULT]
    if damaged:
        print(f"{folder / damaged[0]} is damaged. The run counts as not finished.", file=sys.stderr)
        return None
    return result


def finished_result(folder: Path, run: Run) -> dict[str, Any] | None:
    """Return the run's result if the folder holds it, else None. Report a damaged file on stderr.

    Raises:
        RunError: if the folder holds a finished run with other settings.
        StaleError: if other code made the result and `stale` is ask.
    """
    if (result := read_result(folder)) is None:
        return None
    for key in [*run.settings, *(result.keys() - set(RESULT_KEYS) - run.settings.keys())]:
        old, new = (settings.get(key, run.defaults.get(key)) for settings in (result, run.settings))
        if old != new:
            raise RunError(
                f"{folder} holds a finished run with {key}={old}, not {key}={new}. "
                "Choose another folder (sweep=NAME), or set force=true to replace the run."
            )
    changed = result.get("files", {}).items() ^ code_files(run).items()
    if changed and run.stale == "ask":
        raise StaleError(f"{folder} holds this run, finished by", sorted({name for name, _ in changed}))
    return result if run.stale == "keep" or not changed else None
