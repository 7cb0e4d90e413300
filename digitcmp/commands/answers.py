"""The answers of finished runs to their test pairs, computed again from their checkpoints."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from digitcmp.commands.evaluate import checked_crc
from digitcmp.data import datasets
from digitcmp.data.pairs import draw_sets
from digitcmp.errors import CheckpointError, DataError, RunError
from digitcmp.report.statistics.shared_images import Answers
from digitcmp.runs.checkpoint import load
from digitcmp.runs.folder import data_source

SAME = 0.005  # the rounding of another processor moves an accuracy by less


def answers(runs: pd.DataFrame) -> list[Answers]:
    """Return the answers of each run to its own test pairs.

    Args:
        runs: one row per finished run, with `path`, `seed`, `data_seed`, `test_pairs` and `test_acc`.

    Raises:
        RunError: if a run's checkpoint or data set is missing or changed, or its accuracy is not the recorded one.
    """
    numbers: dict[bytes, int] = {}  # by the pixels of an image
    result = []
    for run in runs.to_dict("records"):
        folder = Path(run["path"])
        try:
            comparer = load(folder)
            source = data_source(folder)
            checked_crc(source, run)
            data = load_data(json.dumps(source | {"side": comparer.images.side}))
        except (CheckpointError, DataError, OSError) as error:
            raise RunError(f"{folder} has no answers: {error}") from None
        seed = run["seed"] if pd.isna(run.get("data_seed", np.nan)) else int(run["data_seed"])
        counts = {"train": 0, "val": 0, "test": int(run["test_pairs"])}
        pairs = draw_sets(data, counts, seed, comparer.task)["test"]
        with torch.inference_mode():
            output = comparer.network.predict_all(pairs.pairs)
        correct = ((output.compare > 0) == pairs.target.bool()).double().numpy()
        if abs(correct.mean() - run["test_acc"]) > SAME:
            raise RunError(
                f"{folder} has the accuracy {correct.mean():.4f} from its checkpoint and {run['test_acc']:.4f} in its "
                "result; the same accuracy is expected. Train the run again."
            )
        images = [image.tobytes() for image in pairs.pairs.flatten(0, 1).to(torch.uint8).numpy()]
        places = [numbers.setdefault(image, len(numbers)) for image in images]
        result.append(Answers(np.array(places).reshape(-1, 2), correct))
    return result


@cache
def load_data(source: str) -> datasets.DataSet:
    """Return the data set with these arguments of `datasets.load`, given as JSON, which can be a key of the cache."""
    arguments = json.loads(source)
    return datasets.load(**arguments | {"root": Path(arguments["root"])})
