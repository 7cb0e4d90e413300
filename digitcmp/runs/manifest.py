"""The files that a run may write and remove. .manifest lists them before the run writes any of them."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from digitcmp.config.run import Run
from digitcmp.errors import RunError
from digitcmp.runs.folder import BEST, CHECKPOINT, CONFIG, ERROR, MANIFEST, METRICS, PICTURES, RESULT, read_settings
from digitcmp.runs.result import checked_result

PICTURE_NAMES = ("mistakes", "error rate by digits", "calibration", "digit confusion", "first-layer filters")
NAME = re.compile(  # the names that a manifest may contain
    r"(result\.json|config\.yaml|checkpoints/(last|best)\.ckpt)(\.[^/*?\[\]]+\.partial)?"
    r"|metrics\.csv|pictures/[\w -]+\.png|fit-\w+-profile\.txt|events\.out\.tfevents\.\*\.[^/*?\[\]]+\.\*"
)


def claim(folder: Path, run: Run) -> None:
    """Claim a folder for this run: remove the files of earlier runs and list the files that this run will write.

    Raises:
        RunError: if the folder holds a third-party file with one of these names. Nothing has been removed then.
    """
    process = f"{socket.gethostname()}.{os.getpid()}"
    names = [RESULT, METRICS, CONFIG, CHECKPOINT]
    names += [f"fit-{run.trainer.profiler}-profile.txt"] if isinstance(run.trainer.profiler, str) else []
    names += [BEST] if run.checkpoint == "best" else []
    names += [f"{PICTURES}/{picture}.png" for picture in PICTURE_NAMES]
    names += [f"{name}.{process}.partial" for name in (RESULT, CONFIG, CHECKPOINT, BEST)]
    names += [f"events.out.tfevents.*.{process}.*"]  # TensorBoard inserts the time
    ours = recorded_names(folder, run, names)
    for name in names:
        if name not in ours and (other := next(folder.glob(name), None)):
            raise RunError(
                f"{folder} contains {other.relative_to(folder)}, a file that no run wrote. Choose another folder."
            )
    for name in sorted(ours, key=lambda name: name != RESULT):  # the result first: a run without it is unfinished
        for file in folder.glob(name):
            file.unlink()
    (folder / ERROR).unlink(missing_ok=True)
    with (folder / MANIFEST).open("w") as stream:
        stream.write("".join(f"{name}\n" for name in names))
        stream.flush()
        os.fsync(stream.fileno())


def recorded_names(folder: Path, run: Run, names: list[str]) -> list[str]:
    """Return the file names that earlier runs recorded in the folder's manifest.

    Runs of older versions have no manifest. Return `names` for the folder of such a run, [] for any other folder.

    Raises:
        RunError: if the manifest lists a name that no run writes.
    """
    try:
        known = (folder / MANIFEST).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return names if read_settings(folder) == run.settings or checked_result(folder)[0] else []
    except (OSError, UnicodeError):
        known = [""]
    if strange := [name for name in known if not NAME.fullmatch(name)]:
        raise RunError(
            f"{folder} contains a {MANIFEST} that no run wrote: it lists {strange[0]!r}. Choose another folder."
        )
    return known
