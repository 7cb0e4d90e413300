"""Finished runs as tables: one row per run, per epoch, per evaluation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from digitcmp.runs.folder import METRICS, run_folders
from digitcmp.runs.result import CHECKSUM, NETWORK, read_result

if TYPE_CHECKING:
    import pandas as pd


def run_table(roots: Iterable[Path]) -> pd.DataFrame:
    """Return one row per finished run: its result without the checksum, and `path`, its folder."""
    import pandas as pd

    results = []
    for folder in run_folders(roots):
        try:
            results.append((folder, read_result(folder)))
        except OSError as error:
            print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
    rows = []
    for folder, result in results:
        if result:
            facts = {NETWORK: json.dumps(result[NETWORK])} if NETWORK in result else {}  # a text, as in a CSV file
            rows.append(result | facts | {"path": str(folder)})
    table = pd.DataFrame(rows)
    return table.drop(columns=CHECKSUM, errors="ignore")


def curve_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return metrics.csv of these runs (rows of `run_table`), one row per epoch, with `path`, `cell` and `seed`."""
    import pandas as pd

    frames = [
        pd.read_csv(Path(run.path) / METRICS).assign(path=run.path, cell=run.cell, seed=run.seed)
        for run in table.itertuples()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def evaluation_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the results of digitcmp.evaluate beside these runs (rows of `run_table`), one row per evaluation.

    The columns of the run are `cell`, `run_seed` and `own_pairs`, whether it was evaluated on its own test pairs.
    Results of a checkpoint that has been replaced are left out. So are damaged files, which are named on stderr.
    """
    import pandas as pd

    found = []
    for run in table.itertuples():
        files = Path(run.path).glob("evaluation,*.json")
        for file in sorted(files, key=lambda file: file.stem):  # the first of a name before its ',2'
            try:
                result = json.loads(file.read_text())
                if result["checkpoint_crc"] != run.checkpoint_crc:  # of a run that was trained here before
                    continue
                own = result["seed"] == (run.seed if pd.isna(run.data_seed) else run.data_seed)
            except (ValueError, KeyError, TypeError):
                print(f"{file} is damaged: left out", file=sys.stderr)
                continue
            if "positions" in result:
                result["positions"] = json.dumps(result["positions"])  # a text, as in a CSV file
            found.append({"cell": run.cell, "run_seed": run.seed, "own_pairs": own} | result)
    return pd.DataFrame(found)
