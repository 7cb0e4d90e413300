"""Is the first digit <= the second, in your own pictures? python -m digitcmp.predict CHECKPOINT first.png second.png"""

import argparse
import csv
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from digitcmp import images
from digitcmp.spec import PAPER
from digitcmp.tasks import TASKS

SHADES = " ░▒▓█"
WIDEST = 32  # pixels of an image on the terminal


class CsvError(Exception):
    """A table of pictures that cannot be read; the message names the file and says why, in one line."""


def main() -> None:
    """Read the pictures, ask the network, print. Exits with 2 and one line for every file that cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m digitcmp.predict",
        description="The probability that the first of two drawn or photographed digits is <= the second.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("pictures", type=Path, nargs="*", help="two PNG or JPEG files, of any size, light or dark")
    parser.add_argument("--csv", type=Path, help="pairs of files instead, two a line, relative to the CSV's folder")
    parser.add_argument(
        "--json",
        action="store_true",
        help='{"probability": p, "holds": p > 0.5, "digits": [a, b] or null}, and "names" of the two if classes have '
        "others than digits; with --csv one a line, of nulls where a picture cannot be read",
    )
    arguments = parser.parse_args()
    if len(arguments.pictures) != (0 if arguments.csv else 2):
        parser.error("two pictures are wanted, or --csv FILE")
    try:
        pairs = read_csv(arguments.csv) if arguments.csv else [arguments.pictures]
    except CsvError as error:
        parser.exit(2, f"{error}\n")
    opened = [files if read_pair(files, images.read_pixels) else None for files in pairs]
    if not any(opened):
        sys.exit(2)

    from digitcmp.checkpoint import CheckpointError, load  # torch takes seconds: only for pictures that can be read

    try:
        comparer = load(arguments.checkpoint)
    except CheckpointError as error:
        parser.exit(2, f"{error}\n")
    read = partial(images.read, images=comparer.images)
    seen = [read_pair(files, read) if files else None for files in opened]
    readable = np.array([pair for pair in seen if pair]).reshape(-1, 2, *comparer.images.shape)
    probability, distributions = comparer.predict_digits(readable)
    digits = [None] * len(readable) if distributions is None else distributions.argmax(axis=2).tolist()
    question = TASKS[comparer.hparams.get("task", "leq")].question  # older checkpoints know no other
    console = Console()
    predictions = zip(probability.tolist(), digits, strict=True)
    for files, pair in zip(pairs, seen, strict=True):
        if pair is None:
            if arguments.json:  # a line for every pair
                print(json.dumps({"probability": None, "holds": None, "digits": None}))
            continue
        p, named = next(predictions)
        names = named and [comparer.images.names[digit] for digit in named]
        if arguments.json:
            more = {"names": names} if names and comparer.images.names != PAPER.names else {}
            print(json.dumps({"probability": p, "holds": p > 0.5, "digits": named} | more))
        elif arguments.csv:
            print(f"{p:.4f}  {yes_or_no(p):<3}", *(names or []), *files, sep="  ")
        else:
            show(files, question, p, names, pair, console)
    if len(readable) < len(pairs):
        sys.exit(2)


def read_pair(files: list[Path], read: Callable[[Path], np.ndarray]) -> list[np.ndarray] | None:
    """Both pictures as `read` gives them, or None if they cannot be read; stderr then says why."""
    try:
        return [read(file) for file in files]
    except images.ImageError as error:
        print(error, file=sys.stderr)
        return None


def yes_or_no(probability: float) -> str:
    """Whether what is asked is more likely than not, in a word."""
    return "yes" if probability > 0.5 else "no"


def read_csv(file: Path) -> list[list[Path]]:
    """The pairs of paths in a CSV file without a header, empty lines left out. Raises CsvError."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeError, csv.Error) as error:
        raise CsvError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    for i, row in enumerate(rows, start=1):
        if row and len(row) != 2:
            raise CsvError(f"{file}, line {i}: two paths are wanted, not {len(row)}")
    if not any(rows):
        raise CsvError(f"{file} holds no pairs")
    return [[file.parent / path.strip() for path in row] for row in rows if row]


def show(
    files: list[Path],
    question: str,
    probability: float,
    names: list[str] | None,
    pair: list[np.ndarray],
    console: Console,
) -> None:
    """Both images as the network sees them, what it takes them for if it names them, and the probability."""
    table = Table(box=None, padding=(0, 4, 0, 0), show_header=False)
    table.add_row(*(Text(file.name) for file in files))
    table.add_row(*(half_blocks(image) if console.color_system else shades(image) for image in pair))
    if names is not None:
        table.add_row(*(Text.assemble("looks like a ", (name, "bold")) for name in names))
    console.print(table, highlight=False)
    console.print(
        f"\n[bold]{yes_or_no(probability)}[/bold]: P({question}) = [bold]{probability:.4f}[/bold]", highlight=False
    )


def half_blocks(image: UInt8[np.ndarray, "*image"]) -> Text:
    """Two rows of pixels in a row of characters: the upper in the character's colour, the lower in its ground's."""
    text = Text()
    rows = colours(image)
    rows += [[(0, 0, 0)] * len(rows)] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            text.append("▀", Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom)))
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


if __name__ == "__main__":
    main()
