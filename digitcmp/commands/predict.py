"""Answer a network's question about your own pictures: digitcmp predict RUN first.png second.png"""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digitcmp.data import images
from digitcmp.data.spec import PAPER
from digitcmp.data.tasks import TASKS
from digitcmp.errors import DataError, ImageError, RunError
from digitcmp.models.scores import NOT_TOLD_APART, exceeds, majority

if TYPE_CHECKING:
    from digitcmp.runs.checkpoint import Predictor

SHADES, WIDEST = " ░▒▓█", 32  # of images on the terminal, the latter in pixels


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="digitcmp predict", description="Answer a network's question about pictures.")
    parser.add_argument("checkpoint", type=Path, metavar="RUN", help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("pictures", nargs="*", help="two pictures of any size, light on dark or dark on light")
    text = "a file without a header: two paths per line, relative to it; optionally yes or no, or both classes"
    parser.add_argument("--csv", type=Path, metavar="FILE", help=text)
    text = "print an object per pair, with nulls for an unreadable one"
    parser.add_argument("--json", action="store_true", help=text)
    return parser


def main() -> None:
    """Read the pictures and print the predictions. Exit with 2 and one line for every file that cannot be read."""
    parser = command_line()
    arguments = parser.parse_args()
    if len(arguments.pictures) != (0 if arguments.csv else 2):
        parser.error("two pictures or --csv FILE are expected")
    from digitcmp.runs.checkpoint import load  # slow import

    try:
        rows = read_csv(arguments.csv) if arguments.csv else [arguments.pictures]
        predictor = load(arguments.checkpoint)
        truth = [right_answer(row, predictor) for row in rows]
    except RunError as error:
        parser.exit(2, f"{error}\n")
    given = [print_answer(row, predictor, arguments) for row in rows]
    labelled = [(right, p > 0.5) for right, p in zip(truth, given, strict=True) if right is not None and p is not None]
    if labelled:
        right, yes = np.array(labelled).T
        share, always = float((right == yes).mean()), majority(right)
        line = f"accuracy {share:.4f} of {len(right)} pairs; always the majority answer: {always:.4f}"
        line += "" if exceeds(share, always, len(right)) else f". {NOT_TOLD_APART}"
        print(line, file=sys.stderr if arguments.json else sys.stdout)
    sys.exit(2 if None in given else 0)


def read_csv(file: Path) -> list[list[str]]:
    """Return the rows of a CSV file, with the paths of two pictures first. Raise DataError if it cannot be read."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[value.strip() for value in row] for row in csv.reader(stream) if row]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    lengths = {len(row) for row in rows}
    if lengths not in ({2}, {3}, {4}):
        found = " or ".join(map(str, sorted(lengths))) or "no"
        raise DataError(f"{file} has lines of {found} values; two paths are expected, and labels in all lines or none")
    return [[str(file.parent / path) for path in row[:2]] + row[2:] for row in rows]


def right_answer(row: list[str], predictor: "Predictor") -> bool | None:
    """Return the right answer for a row, None without labels. Raise DataError for an unknown label."""
    labels, names = row[2:], list(predictor.images.names)
    allowed = ["no", "yes"] if len(labels) == 1 else names
    if unknown := {*labels} - {*allowed}:
        raise DataError(f"{row[0]} and {row[1]}: {unknown.pop()!r} is not allowed; expected {', '.join(allowed)}")
    if len(labels) < 2:
        return labels == ["yes"] if labels else None
    import torch

    return bool(TASKS[predictor.task].holds(*(torch.tensor([names.index(label)]) for label in labels)))


def print_answer(row: list[str], predictor: "Predictor", arguments: argparse.Namespace) -> float | None:
    """Print the answer for the pictures of a row, and return the probability of yes; None if one cannot be read."""
    spec, task = predictor.images, TASKS[predictor.task]
    try:
        pair = np.stack([images.read(Path(file), spec) for file in row[:2]])
    except ImageError as error:
        print(error, file=sys.stderr)
        if arguments.json:  # keep one line per pair
            print(json.dumps({"probability": None, "holds": None, "digits": None}))
        return None
    predicted = predictor.predict_digits(pair[None])
    p, digits = predicted.probability[0].item(), predicted.digits
    indices = None if digits is None else digits[0].argmax(axis=1).tolist()
    names = [spec.names[index] for index in indices or ()]
    said = "yes" if p > 0.5 else "no"
    if arguments.json:
        extra = {"names": names} if names and spec.names != PAPER.names else {}
        print(json.dumps({"probability": p, "holds": p > 0.5, "digits": indices} | extra))
    elif arguments.csv:
        print(f"{p:.4f}  {said:<3}", *names, *row[:2], sep="  ")
    else:
        columns = [[Path(file).name, *drawn(image), ""] for file, image in zip(row, pair, strict=True)]
        for column, name in zip(columns, names, strict=False):
            column.append(f"looks like a {name}")
        width = max(map(len, columns[0])) + 4
        for first, second in zip(*columns, strict=True):
            print(f"{first:<{width}}{second}")
        print(f"\n{task.question}\n{said}: P({task.yes}) = {p:.4f}")
    return p


def drawn(image: np.ndarray) -> list[str]:
    """Return an image as lines of text, in shades of gray."""
    gray = image if image.ndim == 2 else image.mean(axis=0).astype(np.uint8)
    pixels = images.resize(gray[None], min(len(gray), WIDEST))[0]
    return ["".join(2 * SHADES[pixel] for pixel in row) for row in pixels // 52]
