"""A saved run: the data set that it was trained on, and the output of its network for test pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

from digitcmp.config.conf import config_yaml
from digitcmp.data import datasets
from digitcmp.data.pairs import Batch, draw_sets
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError, RunError
from digitcmp.files import checksum
from digitcmp.models.network import PairOutput
from digitcmp.runs.checkpoint import Predictor, load
from digitcmp.runs.folder import CONFIG

if TYPE_CHECKING:
    import pandas as pd

SAME = 0.005  # the rounding of another processor moves an accuracy by less


def data_options(folder: Path) -> dict[str, Any]:
    """Return the group `data` of a run's config.yaml, with the seed of its pairs; that of MNIST without the file."""
    try:
        config = yaml.safe_load((folder / CONFIG).read_text())
        seed = config["data"]["seed"]
        return config["data"] | {"seed": config["seed"] if seed is None else seed}
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError):
        return {**config_yaml()["data"], "name": "mnist"}


def load_data(options: Mapping[str, Any], images: ImageSpec, crc: str | None = None) -> datasets.DataSet:
    """Return the data set of a run, with images of the network's size.

    Args:
        options: the group `data` of a configuration.
        images: the images of the network.
        crc: the checksum that the file must have, None for any.

    Raises:
        DataError: if the number of classes or channels is not the network's, or if the file is another one.
    """
    file = options["file"]
    if file and crc and (actual := checksum(file)) != crc:
        raise DataError(f"{file} is not the file that the run was trained on: its checksum is {actual}, not {crc}")
    split_seed = options["seed"] if options["resplit"] else None
    source = {key: options[key] for key in datasets.OPTIONS} | {"side": images.side}
    data = datasets.load(**source, split_seed=split_seed)
    if (data.images.channels, data.images.classes) != (images.channels, images.classes):
        raise DataError(
            f"{options['name']} has classes={data.images.classes}, channels={data.images.channels}; "
            f"the network expects classes={images.classes}, channels={images.channels}"
        )
    return data


def test_output(predictor: Predictor, data: datasets.DataSet, n: int, seed: int) -> tuple[Batch, PairOutput]:
    """Return n test pairs of a data set, drawn by a seed, and the network's output for them."""
    pairs = draw_sets(data, {"train": 0, "val": 0, "test": n}, seed, predictor.task)["test"]
    with torch.inference_mode():
        return pairs, predictor.network.predict_all(pairs.pairs)


def answers(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the answers of each run to its own test pairs, from its checkpoint.

    Args:
        runs: one row per finished run, with `path`, `cell`, `seed`, `data_crc`, `test_pairs` and `test_acc`.

    Returns:
        One row per run and test pair: `cell seed first second correct`. first and second are numbers of the two images,
        equal for equal images in all runs. `correct` is 1 for a correct answer, else 0.

    Raises:
        RunError: if a run's checkpoint or data set is missing or changed, or its accuracy is not the recorded one.
    """
    import pandas as pd  # slow import

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
