"""The answers of finished runs to their test pairs, computed again from their checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from digitcmp.errors import RunError
from digitcmp.runs.checkpoint import load
from digitcmp.runs.saved import data_options, load_data, test_output

SAME = 0.005  # the rounding of another processor moves an accuracy by less


def answers(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the answers of each run to its own test pairs.

    Args:
        runs: one row per finished run, with `path`, `cell`, `seed`, `data_seed`, `test_pairs` and `test_acc`.

    Returns:
        One row per run and test pair: `cell seed first second correct`. first and second are numbers of the two images,
        equal for equal images in all runs. `correct` is 1 for a correct answer, else 0.

    Raises:
        RunError: if a run's checkpoint or data set is missing or changed, or its accuracy is not the recorded one.
    """
    numbers: dict[bytes, int] = {}  # by the pixels of an image
    tables = []
    for run in runs.to_dict("records"):
        folder = Path(run["path"])
        try:
            predictor, own = load(folder), data_options(folder)
            data = load_data(own, predictor.images, run.get("data_crc"))
        except (RunError, OSError) as error:
            raise RunError(f"--test-images needs the checkpoints and data of the runs: {error}") from None
        pairs, output = test_output(predictor, data, int(run["test_pairs"]), own["seed"])
        correct = ((output.compare > 0) == pairs.target.bool()).double().numpy()
        if abs(correct.mean() - run["test_acc"]) > SAME:
            raise RunError(
                f"{folder} has the accuracy {correct.mean():.4f} from its checkpoint and {run['test_acc']:.4f} in its "
                "result; the same accuracy is expected. Train the run again."
            )
        images = [image.tobytes() for image in pairs.pairs.flatten(0, 1).byte().numpy()]
        places = np.array([numbers.setdefault(image, len(numbers)) for image in images])
        table = pd.DataFrame({"first": places[::2], "second": places[1::2], "correct": correct})
        tables.append(table.assign(cell=run["cell"], seed=run["seed"]))
    return pd.concat(tables, ignore_index=True)
