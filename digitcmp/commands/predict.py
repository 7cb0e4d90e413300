"""The answer to a network's question about your own pictures: digitcmp predict CHECKPOINT first.png second.png"""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from rich.console import Console
from rich.markup import escape
from rich.style import Style
from rich.table import Table
from rich.text import Text

from digitcmp.data import images
from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.data.tasks import TASKS, Task
from digitcmp.errors import CheckpointError, ImageError
from digitcmp.models.scores import NOT_TOLD_APART, exceeds, majority

if TYPE_CHECKING:
    from digitcmp.runs.checkpoint import Comparer

SHADES = " ░▒▓█"
WIDEST = 32  # pixels of an image on the terminal
ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class CsvError(Exception):
    """A table of pictures that cannot be read; the message names the file and says why, in one line."""


class Row(NamedTuple):
    """A line of a table of pictures: the files of a pair, and its labels, the answer or two classes or none."""

    files: list[Path]
    labels: list[str]


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp predict",
        description="The answer to a network's question about two drawn or photographed digits, or of what else it was "
        "trained on, and the probability of it.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("pictures", type=Path, nargs="*", help="two PNG or JPEG files, of any size, light or dark")
    parser.add_argument(
        "--csv",
        type=Path,
        help="pairs of files instead, two a line, relative to the CSV's folder. A third column with the right answer, "
        "yes or no, or two more columns with the classes of both give the accuracy",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help='{"probability": p, "holds": p > 0.5, "digits": [a, b] or null}, and "names" of the two where '
        "classes are no digits; with --csv one a line, of nulls where a picture cannot be read",
    )
    return parser


def main() -> None:
    """Read the pictures, ask the network, print. Exits with 2 and one line for every file that cannot be read."""
    parser = command_line()
    arguments = parser.parse_args()
    if len(arguments.pictures) != (0 if arguments.csv else 2):
        parser.error("two pictures are wanted, or --csv FILE")
    try:
        rows = read_csv(arguments.csv) if arguments.csv else [Row(arguments.pictures, [])]
    except CsvError as error:
        parser.exit(2, f"{error}\n")
    pairs = [row.files for row in rows]
    highest = [highest_values(files) for files in pairs]
    if all(values is None for values in highest):
        sys.exit(2)
    bits = images.depth(max((value for values in highest for value in values or ()), default=0))
    if bits < 16:
        print(images.depth_remark(bits), file=sys.stderr)

    from digitcmp.runs.checkpoint import load  # torch takes seconds: only for pictures that can be read

    try:
        comparer = load(arguments.checkpoint)
        targets = [target(row, comparer) for row in rows]
    except (CheckpointError, CsvError) as error:
        parser.exit(2, f"{error}\n")
    names = comparer.images.names
    seen = [
        None if values is None else read_pair(files, comparer.images, bits)
        for files, values in zip(pairs, highest, strict=True)
    ]
    readable = [pair for pair in seen if pair is not None]
    if not readable:
        sys.exit(2)
    probability, distributions = comparer.predict_digits(np.stack(readable))
    digits = [None] * len(readable) if distributions is None else distributions.argmax(axis=2).tolist()
    task = TASKS[comparer.task]
    console = Console()
    predictions = zip(probability.tolist(), digits, strict=True)
    for files, pair in zip(pairs, seen, strict=True):
        if pair is None:
            if arguments.json:  # a line for every pair
                print(json.dumps({"probability": None, "holds": None, "digits": None}))
            continue
        p, named = next(predictions)
        if arguments.json:
            what = {} if named is None or names == PAPER.names else {"names": [names[digit] for digit in named]}
            print(json.dumps({"probability": p, "holds": p > 0.5, "digits": named} | what))
            continue
        classes = None if named is None else [names[digit] for digit in named]
        if arguments.csv:
            print(f"{p:.4f}  {yes_or_no(p):<3}", *(classes or []), *files, sep="  ")
        else:
            show(files, p, classes, pair, task, console)
    known = [target for target, pair in zip(targets, seen, strict=True) if pair is not None]
    if None not in known and any(row.labels for row in rows):
        right = np.array(known, dtype=bool)
        print(accuracy(right, probability > 0.5), file=sys.stderr if arguments.json else sys.stdout)
    if len(readable) < len(pairs):
        sys.exit(2)


def highest_values(files: list[Path]) -> list[int] | None:
    """Return the highest value of each 16-bit picture among these, or None if one cannot be read: stderr says why."""
    try:
        surveys = [images.survey(file) for file in files]
    except ImageError as error:
        print(error, file=sys.stderr)
        return None
    return [picture.highest for picture in surveys if picture.highest is not None]


def read_pair(files: list[Path], spec: ImageSpec, bits: int) -> UInt8[np.ndarray, "2 *image"] | None:
    """Both pictures as the network sees them, or None if there is nothing in one; stderr then says so.

    bits: how many bits the 16-bit pictures among all that are compared fill.
    """
    try:
        return np.stack([images.read(file, spec, bits) for file in files])
    except ImageError as error:
        print(error, file=sys.stderr)
        return None


def yes_or_no(probability: float) -> str:
    """Return the more likely answer to the question."""
    return "yes" if probability > 0.5 else "no"


def read_csv(file: Path) -> list[Row]:
    """Read the pairs of paths and their labels in a CSV file without a header. Raises CsvError."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeError, csv.Error) as error:
        raise CsvError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    width = next((len(row) for row in rows if row), 0)
    for i, row in enumerate(rows, start=1):
        if row and len(row) not in (2, 3, 4):
            raise CsvError(
                f"{file}, line {i}: two paths are wanted, and an answer, two classes or nothing, not {len(row)}"
            )
        if row and len(row) != width:
            raise CsvError(f"{file}, line {i}: {len(row)} values, the first line has {width}")
    if not width:
        raise CsvError(f"{file} holds no pairs")
    values = [[value.strip() for value in row] for row in rows if row]
    return [Row([file.parent / path for path in row[:2]], row[2:]) for row in values]


def target(row: Row, comparer: "Comparer") -> bool | None:
    """Return the right answer for a line of a CSV file, None without labels. Raises CsvError for an unknown label."""
    if not row.labels:
        return None
    task, names = TASKS[comparer.task], comparer.images.names
    pair = " and ".join(str(file) for file in row.files)
    if len(row.labels) == 1:
        answers = ANSWERS | {task.yes: True, task.no: False}
        if row.labels[0] not in answers:
            raise CsvError(f"{pair}: {row.labels[0]!r} is no answer; expected {', '.join(answers)}")
        return answers[row.labels[0]]
    if unknown := [label for label in row.labels if label not in names]:
        raise CsvError(f"{pair}: {unknown[0]!r} is no class; expected {', '.join(names)}")
    import torch  # a task takes tensors

    first, second = (torch.tensor([names.index(label)]) for label in row.labels)
    return bool(task.holds(first, second))


def accuracy(right: Bool[np.ndarray, "batch"], given: Bool[np.ndarray, "batch"]) -> str:
    """Return a line of the accuracy of the answers that were given, beside the share of the majority answer."""
    share, always = float((right == given).mean()), majority(right)
    line = f"accuracy {share:.4f} of {len(right)} pairs; the majority answer would have {always:.4f}"
    return line if exceeds(share, always, len(right)) else f"{line}. {NOT_TOLD_APART}"


def show(
    files: list[Path],
    probability: float,
    classes: list[str] | None,
    pair: UInt8[np.ndarray, "2 *image"],
    task: Task,
    console: Console,
) -> None:
    """Print both images as the network sees them, the classes that it names, its question, answer and probability."""
    table = Table(box=None, padding=(0, 4, 0, 0), show_header=False)
    table.add_row(*(Text(file.name) for file in files))
    table.add_row(*(half_blocks(image) if console.color_system else shades(image) for image in pair))
    if classes is not None:
        table.add_row(*(Text.assemble("looks like a ", (name, "bold")) for name in classes))
    console.print(table, highlight=False)
    answer = f"P({escape(task.yes)}) = [bold]{probability:.4f}[/bold]"
    console.print(f"\n{escape(task.question)}", highlight=False)
    console.print(f"[bold]{yes_or_no(probability)}[/bold]: {answer}", highlight=False)


def half_blocks(image: UInt8[np.ndarray, "*image"]) -> Text:
    """Two rows of pixels in a row of characters: the upper in the character's colour, the lower in its ground's."""
    text = Text()
    rows = colours(image)
    rows += [[(0, 0, 0)] * len(rows)] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            text.append("▀", Style(color=f"rgb{top}".replace(" ", ""), bgcolor=f"rgb{bottom}".replace(" ", "")))
        text.append("\n")
    return text


def shades(image: UInt8[np.ndarray, "*image"]) -> Text:
    """A row of pixels in a row of characters, for a terminal without colours."""
    return Text("\n".join("".join(2 * SHADES[sum(rgb) // 156] for rgb in row) for row in colours(image)) + "\n")


def colours(image: UInt8[np.ndarray, "*image"]) -> list[list[tuple[int, int, int]]]:
    """Red, green and blue of every pixel in every row, of at most `WIDEST` of them."""
    pixels = np.stack([image] * 3, axis=2) if image.ndim == 2 else np.moveaxis(image, 0, 2)
    shown = images.resize(pixels[None], min(len(pixels), WIDEST))[0]
    return [[(r, g, b) for r, g, b in row] for row in shown.tolist()]
