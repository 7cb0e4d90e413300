"""Is the first digit <= the second, in your own pictures? digitcmp predict CHECKPOINT first.png second.png"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from digitcmp.data import images
from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError, ImageError

SHADES = " ░▒▓█"
WIDEST = 32  # pixels of an image on the terminal


class CsvError(Exception):
    """A table of pictures that cannot be read; the message names the file and says why, in one line."""


def main() -> None:
    """Read the pictures, ask the network, print. Exits with 2 and one line for every file that cannot be read."""
    parser = argparse.ArgumentParser(
        prog="digitcmp predict",
        description="The probability that the first of two drawn or photographed digits is <= the second, or of what "
        "else the network was trained on.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("pictures", type=Path, nargs="*", help="two PNG or JPEG files, of any size, light or dark")
    parser.add_argument("--csv", type=Path, help="pairs of files instead, two a line, relative to the CSV's folder")
    parser.add_argument(
        "--json",
        action="store_true",
        help='{"probability": p, "holds": p > 0.5, "digits": [a, b] or null}, and "names" of the two where '
        "classes are no digits; with --csv one a line, of nulls where a picture cannot be read",
    )
    arguments = parser.parse_args()
    if len(arguments.pictures) != (0 if arguments.csv else 2):
        parser.error("two pictures are wanted, or --csv FILE")
    try:
        pairs = read_csv(arguments.csv) if arguments.csv else [arguments.pictures]
    except CsvError as error:
        parser.exit(2, f"{error}\n")
    highest = [highest_values(files) for files in pairs]
    if all(values is None for values in highest):
        sys.exit(2)
    bits = images.depth(max((value for values in highest for value in values or ()), default=0))
    if bits < 16:
        print(images.depth_remark(bits), file=sys.stderr)

    from digitcmp.runs.checkpoint import load  # torch takes seconds: only for pictures that can be read

    try:
        comparer = load(arguments.checkpoint)
    except CheckpointError as error:
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
    question = TASKS[comparer.task].yes
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
            show(files, p, classes, pair, question, console)
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
    """Whether what is asked is more likely true than not, in a word."""
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
    probability: float,
    classes: list[str] | None,
    pair: UInt8[np.ndarray, "2 *image"],
    question: str,
    console: Console,
) -> None:
    """Both images as the network sees them, what it takes them for if it names classes, and the probability."""
    table = Table(box=None, padding=(0, 4, 0, 0), show_header=False)
    table.add_row(*(Text(file.name) for file in files))
    table.add_row(*(half_blocks(image) if console.color_system else shades(image) for image in pair))
    if classes is not None:
        table.add_row(*(Text.assemble("looks like a ", (name, "bold")) for name in classes))
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
