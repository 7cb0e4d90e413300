"""Score a saved run on any test pairs: digitcmp evaluate checkpoint=RUN data.test_pairs=5000"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitcmp import files
from digitcmp.config.conf import CONF, config_yaml
from digitcmp.config.groups import DataConfig
from digitcmp.data import datasets
from digitcmp.data.spec import ImageSpec
from digitcmp.data.tasks import TASKS
from digitcmp.errors import ConfigError, DataError
from digitcmp.fields import Group, Natural, validate
from digitcmp.files import checksum
from digitcmp.models.scores import COMPARISON, DIGITS, NOT_TOLD_APART, exceeds, majority, rounded
from digitcmp.runs.folder import CHECKPOINT, load_arguments, read_data
from digitcmp.runs.result import read_result
from digitcmp.runs.versions import provenance

if TYPE_CHECKING:
    from digitcmp.data.pairs import Batch
    from digitcmp.models.network import PairOutput
    from digitcmp.runs.checkpoint import Predictor

HELP = "digitcmp evaluate --help lists every key"
NAMES = {
    "test_acc": "accuracy",
    "majority": "majority answer",
    "test_loss": "loss",
    "digit_acc": "digit accuracy",
    "argmax_acc": "comparing predicted digits",
    "class_order": "order of the classes",
}


class Options(Group):
    """The options of an evaluation; None: as in the run."""

    seed: Natural | None = None
    tta: bool | None = None
    order: bool = False
    data: dict[str, Any] = {}


def main() -> None:
    """Evaluate a run, print the scores and write them. Exit with one line for bad input."""
    import hydra
    from omegaconf import OmegaConf

    from digitcmp.training import process

    def run(config: Any) -> None:
        from digitcmp.runs.checkpoint import locate  # slow import

        with process.one_line():
            checkpoint = locate(Path(str(config.checkpoint)))
            del config.checkpoint
            result = evaluate(checkpoint, OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
            print_scores(result)
            print(f"Written to {write(checkpoint, result)}")

    for i, argument in enumerate(sys.argv):  # the folder of a run contains = and comma, which Hydra accepts in quotes
        if argument.startswith("checkpoint=") and argument[-1] not in "\"'":
            sys.argv[i] = f"checkpoint='{argument.removeprefix('checkpoint=')}'"
    process.command(hydra.main(config_path=str(CONF), config_name="evaluate", version_base="1.3")(run))


def evaluate(checkpoint: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Score a saved network on test pairs, in float32.

    Args:
        checkpoint: the file of the network. The files of its run are read from its folder, if it has one.
        given: the differences from the run, like conf/evaluate.yaml.

    Returns:
        The scores by their names in result.json, with the data set, the pairs and the checkpoint.

    Raises:
        CheckpointError: if the checkpoint cannot be loaded.
        ConfigError: if an option is not allowed.
        DataError: if the data set is missing or differs from the run's in classes, channels or content.
    """
    from digitcmp.models import objective, ranking
    from digitcmp.runs.checkpoint import load

    options = validate(Options, given, "", Options.model_fields, HELP)
    predictor = load(checkpoint)
    network, task = predictor.network, predictor.task
    if options.order and task != "leq":
        raise ConfigError(f"order=true is not allowed: the run's task is {task}; leq is expected")
    run, own = read_result(run_folder(checkpoint)) or {}, read_data(run_folder(checkpoint))
    changes = {key: value for key, value in options.data.items() if value is not None}
    is_other = "name" in changes and (changes["name"] != own["name"] or "file" in changes)
    base = {**config_yaml()["data"], **({"root": own["root"], "test_pairs": own["test_pairs"]} if is_other else own)}
    data = validate(DataConfig, base | changes, "data.", (f"data.{key}" for key in DataConfig.model_fields), HELP)
    crc = None if data.file is None else checksum(data.file)
    images = load_data(load_arguments(data.model_dump()), network.images, None if is_other else run.get("data_crc"))
    seed = next(s for s in (options.seed, own["seed"], network.arguments["seed"]) if s is not None)
    network.tta = network.tta if options.tta is None else options.tta
    pairs, output = answer(predictor, images, data.test_pairs, seed)
    measured = objective.scores(output, pairs.target, pairs.digits, network.images.classes, task, predictor.aux_labels)
    scores = {name: score.item() for name, score in measured.items()}
    result = {
        "label": predictor.label,
        "task": task,
        "checkpoint": checkpoint.name,
        "checkpoint_crc": checksum(checkpoint),
        "dataset": f"{data.name}-{crc}" if is_other and crc else data.name,  # each file is a data set of its own
        **({"data_crc": crc} if crc else {}),
        "test_pairs": data.test_pairs,
        "seed": seed,
        "tta": network.tta,
        **{f"test_{name}": rounded(scores[name]) for name in COMPARISON},
        **{name: rounded(scores[name]) if name in scores else None for name in DIGITS},
        "majority": majority(pairs.target),
        **provenance(),
    }
    if options.order:
        positions = ranking.positions(network, pairs)
        places = [round(position, 6) for position in positions.tolist()]
        result |= {
            "class_order": ranking.agreement(positions),
            "positions": dict(zip(network.images.names, places, strict=True)),
        }
    return result


def load_data(source: Mapping[str, Any], images: ImageSpec, crc: str | None = None) -> datasets.DataSet:
    """Return a data set with images of the network's size.

    Args:
        source: the arguments of `datasets.load`.
        images: the images of the network.
        crc: the checksum that the file must have, None for any.

    Raises:
        DataError: if the number of classes or channels is not the network's, or if the file is another one.
    """
    if crc is not None and (found := checksum(source["file"])) != crc:
        raise DataError(
            f"{source['file']} is not the file that the run was trained on: its checksum is {found}, not {crc}"
        )
    data = datasets.load(**{**source, "root": Path(source["root"]), "side": images.side})
    if (data.images.channels, data.images.classes) != (images.channels, images.classes):
        raise DataError(
            f"{source['name']} has classes={data.images.classes}, channels={data.images.channels}; "
            f"the network expects classes={images.classes}, channels={images.channels}"
        )
    return data


def answer(predictor: Predictor, data: datasets.DataSet, n: int, seed: int) -> tuple[Batch, PairOutput]:
    """Return n test pairs of a data set, drawn by a seed, and the network's output for them."""
    import torch

    from digitcmp.data.pairs import draw_sets

    pairs = draw_sets(data, {"train": 0, "val": 0, "test": n}, seed, predictor.task)["test"]
    with torch.inference_mode():
        return pairs, predictor.network.predict_all(pairs.pairs)


def print_scores(result: Mapping[str, Any]) -> None:
    """Print a result of `evaluate`: the pairs, then one score per line."""
    print(TASKS[result["task"]].question)
    print(f"{result['label']}: {result['dataset']}, {result['test_pairs']:,} test pairs, seed {result['seed']}")
    for key, name in NAMES.items():
        if result.get(key) is not None:
            print(f"{name:<28}{result[key]:.4f}")
    if not exceeds(result["test_acc"], result["majority"], result["test_pairs"]):
        print(NOT_TOLD_APART)
    if positions := result.get("positions"):
        print("classes from first to last: " + ", ".join(sorted(positions, key=positions.__getitem__)))


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
    ends = [name for name, holds in (("tta", result["tta"]), ("order", "positions" in result)) if holds]
    name = ",".join(["evaluation", *(f"{key}={result[key]}" for key in ("dataset", "test_pairs", "seed")), *ends])
    file = run_folder(checkpoint) / f"{name}.json"
    for number in itertools.count(2):
        if not file.exists() or file.read_text() == content:
            break
        file = file.with_name(f"{name},{number}.json")
    files.write(file, content)
    return file
