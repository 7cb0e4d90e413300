"""Score a saved run on any test pairs: digitcmp evaluate CHECKPOINT data.test_pairs=5000"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitcmp import files
from digitcmp.data import datasets
from digitcmp.data.sources import FILES, READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError, DataError
from digitcmp.files import checksum
from digitcmp.models.scores import NOT_TOLD_APART, exceeds, majority, rounded
from digitcmp.runs.folder import CHECKPOINT, data_source
from digitcmp.runs.result import read_result
from digitcmp.runs.versions import provenance

if TYPE_CHECKING:
    from digitcmp.data.pairs import Batch
    from digitcmp.models.network import PairOutput
    from digitcmp.runs.checkpoint import Predictor

LEAST = {"data.test_pairs": 1, "seed": 0}  # the smallest allowed whole number
BOOLEANS = ("tta", "order")
TEST_PAIRS = 1000  # for a checkpoint without result.json
KEYS = {  # all but `data`
    "data.test_pairs": "number of test pairs; default: the run's",
    "data.file": "new path of the run's file or folder; with data=npz, csv, parquet or folder, your own",
    "data.root": "torchvision's folder; default: the run's",
    "seed": "seed of the pairs, a whole number >= 0; default: the run's",
    "tta": "true or false: average over the images shifted by one pixel; default: as in the run",
    "order": "true or false: also report the order of the classes by the comparisons; default: false",
}
NAMES = {
    "test_acc": "accuracy",
    "majority": "majority answer",
    "test_loss": "loss",
    "digit_acc": "digit accuracy",
    "argmax_acc": "comparing predicted digits",
    "class_order": "order of the classes",
}


class OverrideError(Exception):
    """An override that is not allowed."""


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp evaluate",
        description="Score a saved run on its own test pairs, or on other pairs.\n"
        "The scores are written into the run's folder as evaluation,...json.",
        epilog="keys:\n" + "\n".join(f"  {key:<17}{line}" for key, line in help_lines().items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="differences from the run, see the keys below"
    )
    return parser


def main() -> None:
    """Evaluate a run, print the scores and write them. Exit with 2 and one line for bad input."""
    parser = command_line()
    arguments = parser.parse_args()
    try:
        overrides = parse(arguments.overrides)
    except OverrideError as error:
        parser.exit(2, f"{error}\n")

    from digitcmp.runs.checkpoint import locate  # slow import

    try:
        checkpoint = locate(arguments.checkpoint)
        result = evaluate(checkpoint, overrides)
        file = write(checkpoint, result)
    except (CheckpointError, DataError, OSError) as error:
        parser.exit(2, f"{error}\n")
    print_scores(result)
    print(f"Written to {file}")


def help_lines() -> dict[str, str]:
    """Return the keys that can be overridden, each with its meaning."""
    return {"data": f"another data set: {known_names()}, or npz, csv, parquet or folder with data.file="} | KEYS


def parse(overrides: Iterable[str]) -> dict[str, Any]:
    """Return overrides as a dict: ['data=kmnist', 'seed=3'] -> {'data': 'kmnist', 'seed': 3}. Raise OverrideError."""
    parsed: dict[str, Any] = {}
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in help_lines() or not value:
            raise OverrideError(f"{override} is not allowed; expected {', '.join(f'{key}=' for key in help_lines())}")
        try:
            parsed[key] = parse_value(key, value)
        except ValueError as error:
            raise OverrideError(f"{override} is not allowed; expected {error}") from None
    if parsed.get("data") in FILES and "data.file" not in parsed:
        raise OverrideError(f"data={parsed['data']} is not allowed: it needs data.file=FILE")
    return parsed


def parse_value(key: str, text: str) -> int | bool | str:
    """Return the value of a key as its type. Raise ValueError with the allowed values."""
    if key in LEAST:
        if not text.isdecimal() or int(text) < LEAST[key]:
            raise ValueError(f"a whole number >= {LEAST[key]}")
        return int(text)
    if key in BOOLEANS:
        if text not in ("true", "false"):
            raise ValueError("true or false")
        return text == "true"
    if key == "data" and not (text in SOURCES or text in READERS or text in FILES):
        raise ValueError(", ".join((known_names(), *FILES)))
    return text


def evaluate(checkpoint: Path, overrides: dict[str, Any]) -> dict[str, Any]:
    """Score a saved network on test pairs, in float32.

    Without its run's result.json, a checkpoint is evaluated on 1,000 MNIST pairs drawn with its own seed.

    Args:
        checkpoint: the file of the network. The files of its run are read from its folder.
        overrides: the differences from the run, by the keys of `help_lines`.

    Returns:
        The scores by their names in result.json, with the data set, the pairs and the checkpoint.

    Raises:
        CheckpointError: if the checkpoint cannot be loaded.
        DataError: if the data set is missing or differs from the run's in classes, channels or content.
    """
    from digitcmp.runs.checkpoint import load

    predictor = load(checkpoint)
    network = predictor.network
    if overrides.get("order") and predictor.task != "leq":
        raise DataError(f"order=true is not allowed: the run's task is {predictor.task}, not leq")
    run = read_result(run_folder(checkpoint)) or {}
    source = chosen_source(data_source(run_folder(checkpoint)), overrides)
    own_file = overrides.get("data") in FILES  # not the run's data set
    crc = checked_crc(source, {} if own_file else run)
    data = load_data(source, network.images)
    seed = overrides.get("seed", pairs_seed(run, network.arguments["seed"]))
    n = overrides.get("data.test_pairs", run.get("test_pairs", TEST_PAIRS))
    network.tta = overrides.get("tta", network.tta)
    scores = score(predictor, data, n, seed, bool(overrides.get("order")))
    return {
        "label": predictor.label,
        "task": predictor.task,
        "checkpoint": checkpoint.name,
        "checkpoint_crc": checksum(checkpoint),
        "dataset": f"{source['name']}-{crc}" if own_file else source["name"],  # each file is a data set of its own
        **({"data_crc": crc} if crc else {}),
        "test_pairs": n,
        "seed": seed,
        "tta": network.tta,
        **{name: scores.pop(name) for name in ("test_loss", "test_acc", "digit_acc", "argmax_acc", "majority")},
        **provenance(),
        **scores,
    }


def chosen_source(source: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `datasets.load` for the run's data set, with the overrides applied.

    Raises:
        DataError: if data.file is given for a data set without a file.
    """
    chosen = dict(source)
    if overrides.get("data") in FILES:
        chosen = {"name": overrides["data"], "root": source["root"], "file": overrides["data.file"]}
    elif overrides.get("data", source["name"]) != source["name"]:
        chosen = {"name": overrides["data"], "root": source["root"]}
    if "data.file" in overrides and not chosen.get("file"):
        raise DataError(f"data.file={overrides['data.file']} is not allowed: data set {chosen['name']} has no file")
    for key in ("root", "file"):
        if f"data.{key}" in overrides:
            chosen[key] = overrides[f"data.{key}"]
    return chosen


def checked_crc(source: Mapping[str, Any], run: Mapping[str, Any]) -> str | None:
    """Return the checksum of the data set's file, None without a file.

    Raises:
        DataError: if the file is missing or is not the file that the run was trained on.
    """
    if not source.get("file"):
        return None
    file = source["file"]
    for path in file.values() if isinstance(file, Mapping) else [file]:
        if not Path(path).exists():
            raise DataError(f"{path} does not exist; a file or folder is expected")
    crc = checksum(file)
    known = run.get("data_crc", crc)
    if crc != known:
        raise DataError(f"{file} is not the file that the run was trained on: its checksum is {crc}, not {known}")
    return crc


def load_data(source: Mapping[str, Any], images: ImageSpec) -> datasets.DataSet:
    """Return a data set with images of the network's size.

    Raises:
        DataError: if the number of classes or channels is not the network's.
    """
    data = datasets.load(**{**source, "root": Path(source["root"]), "side": images.side})
    if (data.images.channels, data.images.classes) != (images.channels, images.classes):
        raise DataError(
            f"{source['name']} has classes={data.images.classes}, channels={data.images.channels}; "
            f"the network expects classes={images.classes}, channels={images.channels}"
        )
    return data


def pairs_seed(run: Mapping[str, Any], seed: int) -> int:
    """Return the seed of a run's pairs: `data_seed` of its result, or the run's seed."""
    own = run.get("data_seed")
    return seed if own is None or own != own else int(own)  # nan in a table of runs


def answer(predictor: Predictor, data: datasets.DataSet, n: int, seed: int) -> tuple[Batch, PairOutput]:
    """Return n test pairs of a data set, drawn by a seed, and the network's output for them."""
    import torch

    from digitcmp.data.pairs import draw_sets

    pairs = draw_sets(data, {"train": 0, "val": 0, "test": n}, seed, predictor.task)["test"]
    with torch.inference_mode():
        return pairs, predictor.network.predict_all(pairs.pairs)


def score(predictor: Predictor, data: datasets.DataSet, n: int, seed: int, with_order: bool) -> dict[str, Any]:
    """Return the network's scores on test pairs, by their names in result.json. Digit scores are None without aux.

    Args:
        predictor: the network and its task.
        data: the data set.
        n: the number of pairs.
        seed: the seed of the pairs.
        with_order: also return `class_order` and `positions`, the order of the classes by the comparisons.
    """
    import torch

    from digitcmp.models import objective, order

    network, task = predictor.network, predictor.task
    pairs, output = answer(predictor, data, n, seed)
    with torch.inference_mode():
        scores = objective.scores(output, pairs.target, pairs.digits, task, predictor.aux_labels)
        positions = order.positions(network, pairs) if with_order else None
    result: dict[str, Any] = {
        "test_loss": rounded(scores["loss"]),
        "test_acc": rounded(scores["acc"]),
        "digit_acc": None,
        "argmax_acc": None,
        "majority": majority(pairs.target),
    }
    for name in ("digit_acc", "argmax_acc"):
        if name in scores:
            result[name] = rounded(scores[name])
    if positions is not None:
        result["class_order"] = order.agreement(positions)
        result["positions"] = {
            name: round(position, 6) for name, position in zip(network.images.names, positions.tolist(), strict=True)
        }
    return result


def print_scores(result: Mapping[str, Any]) -> None:
    """Print a result of `evaluate`: the pairs, then one score per line."""
    print(TASKS[result["task"]].question)
    print(f"{result['label']}: {result['dataset']}, {result['test_pairs']:,} test pairs, seed {result['seed']}")
    for key, name in NAMES.items():
        if result.get(key) is not None:
            print(f"{name:<28}{result[key]:.4f}")
    if not exceeds(result["test_acc"], result["majority"], result["test_pairs"]):
        print(NOT_TOLD_APART)
    if "positions" in result:
        positions = result["positions"]
        print("classes from first to last: " + ", ".join(sorted(positions, key=lambda name: positions[name])))


def run_folder(checkpoint: Path) -> Path:
    """Return the folder of the run that wrote a checkpoint, or the checkpoint's own folder if it was moved."""
    folder = checkpoint.resolve().parent
    return folder.parent if folder.name == Path(CHECKPOINT).parent.name else folder


def write(checkpoint: Path, result: dict[str, Any]) -> Path:
    """Write the result into the run's folder and return the file. Number the name if another evaluation has it.

    Raises:
        OSError: if the file cannot be written.
    """
    content = json.dumps(result, indent=1) + "\n"
    parts = ["evaluation", *(f"{key}={result[key]}" for key in ("dataset", "test_pairs", "seed"))]
    if result["tta"]:
        parts.append("tta")
    if "positions" in result:
        parts.append("order")
    name = ",".join(parts)
    file = run_folder(checkpoint) / f"{name}.json"
    for number in itertools.count(2):
        if not file.exists() or file.read_text() == content:
            break
        file = run_folder(checkpoint) / f"{name},{number}.json"
    files.write(file, content)
    return file
