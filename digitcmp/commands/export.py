"""Write a saved network as an ONNX file, for use without this project: digitcmp export RUN model.onnx"""

import argparse
import json
import logging
import warnings
from pathlib import Path

from digitcmp import __version__
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError
from digitcmp.files import atomic_write

PIXELS = {  # by ImageSpec.drawn
    True: "values 0..255, digits light on dark; the model normalizes them itself",
    False: "values 0..255; the model normalizes them itself",
}


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp export",
        description="Write a saved network as ONNX. The model maps a batch of pairs of images to probabilities.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="RUN", help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("file", type=Path, help="the file to write, for example model.onnx; an earlier one is replaced")
    return parser


def main() -> None:
    """Export the network and print its inputs and outputs. Exit with 2 and one line for a file that fails."""
    parser = command_line()
    arguments = parser.parse_args()
    if arguments.file.suffix != ".onnx":
        parser.exit(2, f"{arguments.file}: a name that ends with .onnx is expected\n")
    try:
        shape, outputs = export(arguments.checkpoint, arguments.file)
    except (CheckpointError, OSError) as error:
        parser.exit(2, f"{error}\n")
    size = ", ".join(map(str, shape))
    print(f"Wrote {arguments.file}: pairs (B, 2, {size}) float32, pixels 0..255 -> {', '.join(outputs)}")


def export(checkpoint: Path, file: Path) -> tuple[tuple[int, ...], list[str]]:
    """Write the network of a checkpoint as ONNX, completely or not at all.

    The input is `pairs` (B, 2, *shape), float32 pixels 0..255. The outputs are `probability` (B,) of the answer yes,
    and with aux `digits` (B, 2, classes), P(digit). The metadata are `label`, `question`, `yes` and `no` (the
    statements), `classes`, `pixels` and `digitcmp_version`.

    Args:
        checkpoint: a run's folder or its checkpoint.
        file: the file to write.

    Returns:
        The shape of an image and the names of the outputs.

    Raises:
        CheckpointError: if the checkpoint cannot be loaded.
        OSError: if `file` cannot be written.
    """
    import torch

    from digitcmp.runs.checkpoint import load

    predictor = load(checkpoint)
    task, pairs = TASKS[predictor.task], torch.zeros(2, 2, *predictor.images.shape)
    outputs = ["probability", "digits"][: len(predictor(pairs))]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            predictor,
            (pairs,),
            input_names=["pairs"],
            output_names=outputs,
            dynamic_shapes={"pairs": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(
        label=predictor.label,
        question=task.question,
        yes=task.yes,
        no=task.no,
        classes=json.dumps(predictor.images.names),
        pixels=PIXELS[predictor.images.drawn],
        digitcmp_version=__version__,
    )
    with atomic_write(file) as partial:
        program.save(partial, external_data=False)
    return predictor.images.shape, outputs
