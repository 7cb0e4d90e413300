"""The data set of a saved run, and the output of its network for test pairs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from digitcmp.config.conf import config_yaml
from digitcmp.data import datasets
from digitcmp.data.pairs import Batch, draw_sets
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError
from digitcmp.files import checksum
from digitcmp.models.network import PairOutput
from digitcmp.runs.checkpoint import Predictor
from digitcmp.runs.folder import CONFIG


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
    arguments = {key: options[key] for key in inspect.signature(datasets.load).parameters if key in options}
    split = {"split_seed": options["seed"]} if options["resplit"] else {}
    data = datasets.load(**arguments | split | {"root": Path(options["root"]), "side": images.side})
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
