"""Tables of finished runs: one row per run, per epoch or per evaluation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from digitcmp.runs.folder import METRICS, run_folders
from digitcmp.runs.result import CHECKSUM, NETWORK, read_result

if TYPE_CHECKING:
    import pandas as pd


def run_table(roots: Iterable[Path]) -> pd.DataFrame:
    """Return one row per finished run: its result without the checksum, and `path`, the run's folder."""
    import pandas as pd

    rows = []
    for folder in run_folders(roots):
        try:
            result = read_result(folder)
        except OSError as error:
            print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
            continue
        if result:
            facts = {NETWORK: json.dumps(result[NETWORK])} if NETWORK in result else {}  # a string, as in a CSV file
            rows.append(result | facts | {"path": str(folder)})
    return pd.DataFrame(rows).drop(columns=CHECKSUM, errors="ignore")


def curve_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return metrics.csv of these runs (rows of `run_table`), one row per epoch, with `path`, `cell` and `seed`."""
    import pandas as pd

    by_header: dict[str, list[str]] = {}
    for i, path in enumerate(table.path):
        header, *lines = (Path(path) / METRICS).read_text("utf-8").splitlines()
        by_header.setdefault(header, []).extend(f"{i},{line}" for line in lines if line)
    if not by_header:
        return pd.DataFrame()
    frames = []  # parsing each file separately is slow
    for header, lines in by_header.items():
        frames.append(pd.read_csv(StringIO("\n".join([f"run,{header}", *lines]))))
    curves = pd.concat(frames, ignore_index=True).sort_values("run", kind="stable", ignore_index=True)
    run = curves.pop("run").to_numpy()
    return curves.assign(**{key: table[key].to_numpy()[run] for key in ("path", "cell", "seed")})


def evaluation_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the results of `digitcmp evaluate` in the folders of these runs, one row per evaluation.

    Damaged files and evaluations of a replaced checkpoint are left out. Damaged files are reported on stderr.

    Args:
        table: rows of `run_table`.

    Returns:
        The columns of the evaluation, with `cell` and `run_seed` of the run, and `own_pairs`, whether the pairs are the
        run's own test pairs.
    """
    import pandas as pd

    rows = []
    for run in table.itertuples():
        for file in sorted(Path(run.path).glob("evaluation,*.json"), key=lambda file: file.stem):
            try:
                result = json.loads(file.read_text())
                if result["checkpoint_crc"] != run.checkpoint_crc:  # of an earlier run in this folder
                    continue
                own = result["seed"] == (run.seed if pd.isna(run.data_seed) else run.data_seed)
            except (ValueError, KeyError, TypeError):
                print(f"{file} is damaged and left out", file=sys.stderr)
                continue
            if "positions" in result:
                result["positions"] = json.dumps(result["positions"])  # a string, as in a CSV file
            rows.append({"cell": run.cell, "run_seed": run.seed, "own_pairs": own} | result)
    return pd.DataFrame(rows)
