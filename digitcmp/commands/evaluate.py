"""Score a saved run on any test pairs: digitcmp evaluate checkpoint=RUN data.test_pairs=5000"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digitcmp import files
from digitcmp.config.conf import CONF, config_yaml
from digitcmp.config.groups import DataConfig
from digitcmp.data.tasks import TASKS
from digitcmp.errors import ConfigError
from digitcmp.fields import Group, Natural, validate
from digitcmp.files import checksum
from digitcmp.models.scores import COMPARISON, DIGITS, NOT_TOLD_APART, exceeds, majority, rounded
from digitcmp.runs.provenance import provenance
from digitcmp.runs.result import read_result

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

    checkpoint: str
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
        with process.one_line():
            given: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            folder, result = evaluate(given)
            print_scores(result)
            print(f"Written to {write(folder, result)}")

    for i, argument in enumerate(sys.argv):  # the folder of a run contains = and comma, which Hydra accepts in quotes
        if argument.startswith("checkpoint=") and argument[-1] not in "\"'":
            sys.argv[i] = f"checkpoint='{argument.removeprefix('checkpoint=')}'"
    process.command(hydra.main(config_path=str(CONF), config_name="evaluate", version_base="1.3")(run))


def evaluate(given: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Score a saved network on test pairs, in float32.

    Args:
        given: the options, like conf/evaluate.yaml.

    Returns:
        The run's folder, and the scores by their names in result.json, with the data set, the pairs and the checkpoint.

    Raises:
        CheckpointError: if the checkpoint cannot be loaded.
        ConfigError: if an option is not allowed.
        DataError: if the data set is missing or differs from the run's in classes, channels or content.
    """
    from digitcmp.models import objective, ranking  # slow imports
    from digitcmp.runs.checkpoint import load
    from digitcmp.runs.saved import data_options, load_data, test_output

    options = validate(Options, given)
    predictor = load(options.checkpoint)
    network, task = predictor.network, predictor.task
    if options.order and task != "leq":
        raise ConfigError(f"order=true is not allowed: the run's task is {task}; leq is expected")
    run, own = read_result(predictor.folder) or {}, data_options(predictor.folder)
    changes = {key: value for key, value in options.data.items() if value is not None}
    is_other = "name" in changes and (changes["name"] != own["name"] or "file" in changes)
    base = config_yaml()["data"] | ({key: own[key] for key in ("root", "test_pairs")} if is_other else own)
    data = validate(DataConfig, base | changes, "data.")
    images = load_data(data.model_dump(), network.images, None if is_other else run.get("data_crc"))
    seed = next(s for s in (options.seed, own["seed"], network.arguments["seed"]) if s is not None)
    network.tta = network.tta if options.tta is None else options.tta
    pairs, output = test_output(predictor, images, data.test_pairs, seed)
    measured = objective.scores(output, pairs.target, pairs.digits, network.images.classes, task, predictor.aux_labels)
    scores = {name: rounded(score.item()) for name, score in measured.items()}
    crc = None if data.file is None else checksum(data.file)
    result = {
        "label": predictor.label,
        "task": task,
        "checkpoint": predictor.file.name,
        "checkpoint_crc": checksum(predictor.file),
        "dataset": f"{data.name}-{crc}" if is_other and crc else data.name,  # each file is a data set of its own
        **({"data_crc": crc} if crc else {}),
        "test_pairs": data.test_pairs,
        "seed": seed,
        "tta": network.tta,
        **{f"test_{name}": scores[name] for name in COMPARISON},
        **{name: scores.get(name) for name in DIGITS},
        "majority": majority(pairs.target),
        **provenance(),
    }
    if options.order:
        positions = ranking.positions(network, pairs)
        places = [round(position, 6) for position in positions.tolist()]
        result["class_order"] = ranking.agreement(positions)
        result["positions"] = dict(zip(network.images.names, places, strict=True))
    return predictor.folder, result


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


def write(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write the result into the run's folder, in place of one of the same pairs and options, and return the file.

    Raises:
        OSError: if the file cannot be written.
    """
    ends = [name for name, holds in (("tta", result["tta"]), ("order", "positions" in result)) if holds]
    name = ",".join(["evaluation", *(f"{key}={result[key]}" for key in ("dataset", "test_pairs", "seed")), *ends])
    file = folder / f"{name}.json"
    files.write(file, json.dumps(result, indent=1) + "\n")
    return file
