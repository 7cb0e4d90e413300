"""Train committed runs again and print how far their test accuracies move.

`python benchmarks/repeat.py 5 data.root=data [REPORT...]` chooses five runs of each report of multirun/ at random,
always the same ones. Two are trained at once.
"""

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from digitcmp.report.results import Results
from digitcmp.sweeps.repeat import command

ROOT = Path(__file__).resolve().parents[1]


def moved(run: dict[str, Any]) -> float:
    """Return the difference in test accuracy of a run that is trained again."""
    with TemporaryDirectory() as folder:
        line = [sys.executable, *shlex.split(command(run))[1:], f"hydra.run.dir={folder}"]
        subprocess.run(line + sys.argv[2:3], cwd=ROOT, check=True, capture_output=True)
        again = json.loads((Path(folder) / "result.json").read_text())
    return abs(again["test_acc"] - run["test_acc"])


def main() -> None:
    """Print a row of a Markdown table for each report."""
    count, reports = int(sys.argv[1]), sys.argv[3:]
    print("| report | runs | equal | largest change |\n|:--|--:|--:|--:|")
    for folder in sorted(file.parents[1] for file in (ROOT / "multirun").glob("**/report/runs.csv")):
        if not reports or folder.name in reports:
            runs = Results.load([folder]).runs.sample(count, random_state=0).to_dict("records")
            with ThreadPoolExecutor(2) as pool:
                changes = list(pool.map(moved, runs))
            print(f"| {folder.name} | {count} | {changes.count(0.0)} | {max(changes):.4f} |", flush=True)


if __name__ == "__main__":
    main()
