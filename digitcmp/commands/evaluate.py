"""The test metrics of a saved run on any pairs: digitcmp evaluate CHECKPOINT data.test_pairs=5000"""

import argparse
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from digitcmp import files
from digitcmp.data import datasets
from digitcmp.data.sources import SOURCES
from digitcmp.errors import CheckpointError, DataError
from digitcmp.files import checksum
from digitcmp.models.scores import rounded
from digitcmp.runs.folder import CHECKPOINT, data_source
from digitcmp.runs.provenance import provenance
from digitcmp.runs.result import read_result

LEAST = {"data.test_pairs": 1, "seed": 0}  # of what is a whole number
TRUTHS = ("tta", "order")
KEYS = {
    "data": f"another data set than the run's: {', '.join(SOURCES)}",
    "data.test_pairs": "how many pairs of its test images",
    "data.file": "where the run's .npz or folder lies now",
    "data.root": "torchvision's folder, by default the run's",
    "seed": "draws the pairs, a whole number >= 0; by default the run's",
    "tta": "true or false, by default as in the run: average over the images shifted by a pixel",
    "order": "true or false, by default: also the order of the classes that the comparisons give",
}
NAMES = {
    "test_acc": "accuracy",
    "test_loss": "loss",
    "digit_acc": "digit accuracy",
    "argmax_acc": "comparing predicted digits",
    "class_order": "order of the classes",
}


class OverrideError(Exception):
    """An override that is not allowed; the message names it and says what is, in one line."""


def main() -> None:
    """Evaluate, print, write. Exits with 2 and one line for what is not allowed or cannot be read."""
    parser = argparse.ArgumentParser(
        prog="digitcmp evaluate",
        description="The test metrics of a saved run, on its own test pairs unless told otherwise.\n"
        "Writes them beside the run, as evaluation,...json.",
        epilog="what KEY may be:\n" + "\n".join(f"  {key:<17}{line}" for key, line in KEYS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what is not as in the run, see below")
    arguments = parser.parse_args()
    try:
        overrides = parse(arguments.overrides)
    except OverrideError as error:
        parser.exit(2, f"{error}\n")

    from digitcmp.runs.checkpoint import locate  # torch takes seconds

    try:
        checkpoint = locate(arguments.checkpoint)
        result = evaluate(checkpoint, overrides)
        file = write(checkpoint, result)
    except (CheckpointError, DataError, OSError) as error:
        parser.exit(2, f"{error}\n")
    print(f"{result['label']}: {result['dataset']}, {result['test_pairs']:,} test pairs, seed {result['seed']}")
    for key, name in NAMES.items():
        if result.get(key) is not None:
            print(f"{name:<28}{result[key]:.4f}")
    if "positions" in result:
        print("from first to last: " + ", ".join(sorted(result["positions"], key=result["positions"].__getitem__)))
    print(f"Written to {file}")


def parse(overrides: Iterable[str]) -> dict[str, Any]:
    """['data=kmnist', 'seed=3'] -> {'data': 'kmnist', 'seed': 3}. Raises OverrideError."""
    parsed: dict[str, Any] = {}
    for override in overrides:
        key, _, text = override.partition("=")
        if key not in KEYS or not text:
            raise OverrideError(f"{override} is not allowed: {', '.join(f'{key}=' for key in KEYS)}")
        if key in LEAST and not (text.isdecimal() and int(text) >= LEAST[key]):
            raise OverrideError(f"{override} is not allowed: a whole number >= {LEAST[key]}")
        if key == "data" and text not in SOURCES:
            raise OverrideError(f"{override} is not allowed: {', '.join(SOURCES)}")
        if key in TRUTHS and text not in ("true", "false"):
            raise OverrideError(f"{override} is not allowed: true or false")
        parsed[key] = int(text) if key in LEAST else text == "true" if key in TRUTHS else text
    return parsed


def evaluate(checkpoint: Path, overrides: dict[str, Any]) -> dict[str, Any]:
    """The metrics under the names they have in result.json, with what they were measured on and by.

    In float32. What `overrides` does not say is as in the run: data set, number of test pairs, seed of the pairs. A
    checkpoint without its run's result.json is evaluated on 1,000 MNIST pairs drawn with its own seed. Images have the
    size that the network takes. Raises CheckpointError, DataError, also for a data set of other classes or channels.
    """
    import torch

    from digitcmp.data.pairs import draw_sets
    from digitcmp.models import objective, order
    from digitcmp.runs.checkpoint import load

    comparer = load(checkpoint)
    network, task = comparer.network, comparer.task
    run = read_result(run_folder(checkpoint)) or {}
    source = data_source(run_folder(checkpoint))
    if overrides.get("data", source["name"]) != source["name"]:
        source = {"name": overrides["data"], "root": source["root"]}
    if "data.file" in overrides and not source.get("file"):
        raise DataError(f"data.file={overrides['data.file']} is not allowed: {source['name']} is not of a file")
    source |= {key: overrides[f"data.{key}"] for key in ("root", "file") if f"data.{key}" in overrides}
    name, wanted = source["name"], network.images
    if overrides.get("order") and task != "leq":
        raise DataError(f"order=true is not allowed: the run's task is {task}, not leq")
    data = datasets.load(**source | {"root": Path(source["root"]), "side": wanted.side})
    file = source.get("file")
    crc = checksum(Path(file)) if file else None
    if file and crc != (known := run.get("data_crc", crc)):
        raise DataError(f"{file} is not what the run was trained on: its checksum is {crc}, not {known}")
    if (data.images.channels, data.images.classes) != (wanted.channels, wanted.classes):
        raise DataError(
            f"{name} has {data.images.classes} classes in {data.images.channels} channels, "
            f"the network was trained on {wanted.classes} in {wanted.channels}"
        )
    seed = network.arguments["seed"] if run.get("data_seed") is None else run["data_seed"]
    seed = overrides.get("seed", seed)
    counts = {"train": 0, "val": 0, "test": overrides.get("data.test_pairs", run.get("test_pairs", 1000))}
    pairs = draw_sets(data, counts, seed, task)["test"]
    network.tta = overrides.get("tta", network.tta)
    with torch.inference_mode():
        scores = objective.scores(
            network.predict_all(pairs.pairs), pairs.target, pairs.digits, task, comparer.aux_labels
        )
        positions = order.positions(network, pairs) if overrides.get("order") else None
    scores = {name: rounded(value) for name, value in scores.items()}
    result = {
        "label": comparer.label,
        "checkpoint": checkpoint.name,
        "checkpoint_crc": checksum(checkpoint),
        "dataset": name,
        **({"data_crc": crc} if crc else {}),
        "test_pairs": len(pairs.target),
        "seed": seed,
        "tta": network.tta,
        "test_loss": scores["loss"],
        "test_acc": scores["acc"],
        "digit_acc": scores.get("digit_acc"),
        "argmax_acc": scores.get("argmax_acc"),
        **provenance(),
    }
    if positions is not None:
        named = zip(wanted.names, positions.tolist(), strict=True)
        result |= {"class_order": order.agreement(positions), "positions": {name: round(at, 6) for name, at in named}}
    return result


def run_folder(checkpoint: Path) -> Path:
    """The run's folder if the checkpoint lies where train.py writes it, else the checkpoint's own."""
    folder = checkpoint.resolve().parent
    return folder.parent if folder.name == Path(CHECKPOINT).parent.name else folder


def write(checkpoint: Path, result: dict[str, Any]) -> Path:
    """Write the result beside the run and return its file; another evaluation of that name stays, ours gets a number.

    Raises OSError.
    """
    text = json.dumps(result, indent=1) + "\n"
    name = ",".join(["evaluation", *(f"{key}={result[key]}" for key in ("dataset", "test_pairs", "seed"))])
    name += ",tta" if result["tta"] else ""
    name += ",order" if "positions" in result else ""
    for number in itertools.count(1):
        file = run_folder(checkpoint) / f"{name}{'' if number == 1 else f',{number}'}.json"
        if not file.exists() or file.read_text() == text:
            break
    files.write(file, text)
    return file
