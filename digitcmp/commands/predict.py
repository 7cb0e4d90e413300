"""Answer a network's question about your own pictures: digitcmp predict CHECKPOINT first.png second.png"""

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
    from digitcmp.runs.checkpoint import Predictor

SHADES = " ░▒▓█"
WIDEST = 32  # pixels of an image on the terminal
ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class CsvError(Exception):
    """A CSV file of pairs that cannot be read. The message is one line: the file, the problem and what is expected."""


class Row(NamedTuple):
    """A row of a CSV file: the two files of a pair, and its labels (none, one answer or two classes)."""

    files: list[Path]
    labels: list[str]


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp predict",
        description="Answer a network's question about two pictures, and print the probability of the answer yes.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument(
        "pictures", type=Path, nargs="*", help="two PNG or JPEG files of any size; light on dark or dark on light"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        help="read pairs from this CSV file without a header: two paths per line, relative to its folder. An optional "
        "third column with the right answer (yes or no), or two more columns with the classes, adds the accuracy",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help='print {"probability": p, "holds": p > 0.5, "digits": [a, b] or null}, plus "names" if the classes are '
        "not digits. With --csv one line per pair, with nulls for a pair that cannot be read",
    )
    return parser


def main() -> None:
    """Read the pictures and print the predictions. Exit with 2 and one line for every file that cannot be read."""
    parser = command_line()
    arguments = parser.parse_args()
    if len(arguments.pictures) != (0 if arguments.csv else 2):
        parser.error("two pictures or --csv FILE are expected")
    try:
        rows = read_csv(arguments.csv) if arguments.csv else [Row(arguments.pictures, [])]
    except CsvError as error:
        parser.exit(2, f"{error}\n")
    pairs = [row.files for row in rows]
    decodable = [decodes(files) for files in pairs]
    if not any(decodable):
        sys.exit(2)

    from digitcmp.runs.checkpoint import load  # slow import; unreadable pictures fail before it

    try:
        predictor = load(arguments.checkpoint)
        targets = [target(row, predictor) for row in rows]
    except (CheckpointError, CsvError) as error:
        parser.exit(2, f"{error}\n")
    names = predictor.images.names
    images_of_pairs = [
        read_pair(files, predictor.images) if decoded else None for files, decoded in zip(pairs, decodable, strict=True)
    ]
    readable = [pair for pair in images_of_pairs if pair is not None]
    if not readable:
        sys.exit(2)
    probability, distributions = predictor.predict_digits(np.stack(readable))
    digits = [None] * len(readable) if distributions is None else distributions.argmax(axis=2).tolist()
    task = TASKS[predictor.task]
    console = Console()
    predictions = zip(probability.tolist(), digits, strict=True)
    for files, pair in zip(pairs, images_of_pairs, strict=True):
        if pair is None:
            if arguments.json:  # keep one line per pair
                print(json.dumps({"probability": None, "holds": None, "digits": None}))
            continue
        p, named = next(predictions)
        if arguments.json:
            extra = {} if named is None or names == PAPER.names else {"names": [names[digit] for digit in named]}
            print(json.dumps({"probability": p, "holds": p > 0.5, "digits": named} | extra))
            continue
        classes = None if named is None else [names[digit] for digit in named]
        if arguments.csv:
            print(f"{p:.4f}  {yes_or_no(p):<3}", *(classes or []), *files, sep="  ")
        else:
            show(files, p, classes, pair, task, console)
    known = [target for target, pair in zip(targets, images_of_pairs, strict=True) if pair is not None]
    if None not in known and any(row.labels for row in rows):
        right = np.array(known, dtype=bool)
        print(accuracy(right, probability > 0.5), file=sys.stderr if arguments.json else sys.stdout)
    if len(readable) < len(pairs):
        sys.exit(2)


def decodes(files: list[Path]) -> bool:
    """Return whether all files are complete pictures. Print the error on stderr if not."""
    try:
        for file in files:
            with images.opened(file) as image:
                image.load()
    except ImageError as error:
        print(error, file=sys.stderr)
        return False
    return True


def read_pair(files: list[Path], spec: ImageSpec) -> UInt8[np.ndarray, "2 *image"] | None:
    """Return both pictures as the network's input, (2, H, W) or (2, C, H, W).

    Return None if a picture is blank, and print the error on stderr.

    Args:
        files: the two files.
        spec: the size and channels of the network's images.
    """
    try:
        return np.stack([images.read(file, spec) for file in files])
    except ImageError as error:
        print(error, file=sys.stderr)
        return None


def yes_or_no(probability: float) -> str:
    """Return the more likely answer to the question."""
    return "yes" if probability > 0.5 else "no"


def read_csv(file: Path) -> list[Row]:
    """Return the pairs of a CSV file without a header, with their labels. Raise CsvError if it cannot be read."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeError, csv.Error) as error:
        raise CsvError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    width = next((len(row) for row in rows if row), 0)
    for i, row in enumerate(rows, start=1):
        if row and len(row) not in (2, 3, 4):
            raise CsvError(
                f"{file}, line {i}: {len(row)} values; two paths, and optionally an answer or two classes, are expected"
            )
        if row and len(row) != width:
            raise CsvError(f"{file}, line {i}: {len(row)} values; {width} are expected, as in the first line")
    if not width:
        raise CsvError(f"{file} is empty; two paths per line are expected")
    values = [[value.strip() for value in row] for row in rows if row]
    return [Row([file.parent / path for path in row[:2]], row[2:]) for row in values]


def target(row: Row, predictor: "Predictor") -> bool | None:
    """Return the right answer for a row, None without labels. Raise CsvError for an unknown label."""
    if not row.labels:
        return None
    task, names = TASKS[predictor.task], predictor.images.names
    pair = " and ".join(str(file) for file in row.files)
    if len(row.labels) == 1:
        answers = ANSWERS | {task.yes: True, task.no: False}
        if row.labels[0] not in answers:
            raise CsvError(f"{pair}: {row.labels[0]!r} is not an answer; expected {', '.join(answers)}")
        return answers[row.labels[0]]
    if unknown := [label for label in row.labels if label not in names]:
        raise CsvError(f"{pair}: {unknown[0]!r} is not a class; expected {', '.join(names)}")
    import torch  # slow import

    first, second = (torch.tensor([names.index(label)]) for label in row.labels)
    return bool(task.holds(first, second))


def accuracy(right: Bool[np.ndarray, "batch"], given: Bool[np.ndarray, "batch"]) -> str:
    """Return a line with the accuracy of the given answers and that of always giving the majority answer."""
    share, always = float((right == given).mean()), majority(right)
    line = f"accuracy {share:.4f} of {len(right)} pairs; always the majority answer: {always:.4f}"
    return line if exceeds(share, always, len(right)) else f"{line}. {NOT_TOLD_APART}"


def show(
    files: list[Path],
    probability: float,
    classes: list[str] | None,
    pair: UInt8[np.ndarray, "2 *image"],
    task: Task,
    console: Console,
) -> None:
    """Print both images as the network sees them, the predicted classes, the question and the answer."""
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
    """Return an image as text, two rows of pixels per line: foreground colours above, background colours below."""
    text = Text()
    rows = colours(image)
    rows += [[(0, 0, 0)] * len(rows)] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            text.append("▀", Style(color=f"rgb{top}".replace(" ", ""), bgcolor=f"rgb{bottom}".replace(" ", "")))
        text.append("\n")
    return text


def shades(image: UInt8[np.ndarray, "*image"]) -> Text:
    """Return an image as text for a terminal without colours, one row of pixels per line."""
    return Text("\n".join("".join(2 * SHADES[sum(rgb) // 156] for rgb in row) for row in colours(image)) + "\n")


def colours(image: UInt8[np.ndarray, "*image"]) -> list[list[tuple[int, int, int]]]:
    """Return the (red, green, blue) values of an image by row, reduced to at most WIDEST rows."""
    pixels = np.stack([image] * 3, axis=2) if image.ndim == 2 else np.moveaxis(image, 0, 2)
    resized = images.resize(pixels[None], min(len(pixels), WIDEST))[0]
    return [[(r, g, b) for r, g, b in row] for row in resized.tolist()]
