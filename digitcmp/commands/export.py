"""A saved network as an ONNX file, for use without this project: digitcmp export CHECKPOINT model.onnx"""

import argparse
import json
import logging
import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError
from digitcmp.files import atomic_write

PIXELS = {  # by whether the images are drawn
    True: "values 0..255, of digits light on a dark ground; the file normalises them itself",
    False: "values 0..255; the file normalises them itself",
}


class TargetError(Exception):
    """A target that must not be written over; the message names it and what is allowed, in one line."""


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp export",
        description="Write a saved network as ONNX: any number of pairs of images in, probabilities out.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("file", type=Path, help="the file to write, model.onnx")
    return parser


def main() -> None:
    """Export and say what the file takes and gives. Exits with 2 and one line for a file that fails."""
    parser = command_line()
    arguments = parser.parse_args()
    try:
        shape, outputs = export(arguments.checkpoint, arguments.file)
    except (CheckpointError, TargetError, OSError) as error:
        parser.exit(2, f"{error}\n")
    size = ", ".join(map(str, shape))
    print(f"Wrote {arguments.file}: pairs (B, 2, {size}) float32, pixels 0..255 -> {', '.join(outputs)}")


def export(checkpoint: Path, file: Path) -> tuple[tuple[int, ...], list[str]]:
    """Write the network of a checkpoint to `file`, whole or not at all, and return an image's shape and its outputs.

    The input is `pairs` (B, 2, *shape), float32 pixels 0..255. The outputs are `probability` (B,) that the answer is
    yes, and with aux `digits` (B, 2, classes), P(digit). The metadata `label`, `question`, `yes` (the statement that
    the probability is of), `no`, `classes`, `pixels` and `digitcmp_version` describe it.

    Raises TargetError for a file that exists and is no earlier export, CheckpointError, OSError.
    """
    if os.path.lexists(file) and not (file.suffix == ".onnx" and file.is_file() and not file.is_symlink()):
        raise TargetError(f"{file} is there and no regular .onnx file: a new file or an earlier export is wanted")
    if file.exists() and checkpoint.exists() and file.samefile(checkpoint):
        raise TargetError(f"{file} is the checkpoint: a new file or an earlier export is wanted")

    import torch

    from digitcmp.runs.checkpoint import load

    comparer = load(checkpoint)
    pairs = torch.zeros(2, 2, *comparer.images.shape)
    outputs = ["probability", "digits"][: len(comparer(pairs))]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            comparer,
            (pairs,),
            input_names=["pairs"],
            output_names=outputs,
            dynamic_shapes={"pairs": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(
        label=comparer.label,
        question=TASKS[comparer.task].question,
        yes=TASKS[comparer.task].yes,
        no=TASKS[comparer.task].no,
        classes=json.dumps(comparer.images.names),
        pixels=PIXELS[comparer.images.drawn],
        digitcmp_version=project_version(),
    )
    with atomic_write(file) as partial:
        program.save(partial, external_data=False)
    return comparer.images.shape, outputs


def project_version() -> str:
    """The version of this project, `unknown` where it runs without being installed."""
    try:
        return version("digitcmp")
    except PackageNotFoundError:
        return "unknown"
