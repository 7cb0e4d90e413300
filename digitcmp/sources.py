"""The data sets that are known by name, and what can be said of one before it is read: neither torch nor NumPy."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from digitcmp.spec import PAPER, ImageSpec

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Source:
    """train, test: how many images there are of each; images: what they are unless data.side says another size.

    cls: torchvision's class, of what comes through it.
    """

    train: int
    test: int
    images: ImageSpec
    cls: str | None = None


SOURCES = {
    "mnist": Source(60_000, 10_000, PAPER, "MNIST"),
    "fashion_mnist": Source(60_000, 10_000, ImageSpec(names=GARMENTS, drawn=False), "FashionMNIST"),
    "kmnist": Source(60_000, 10_000, ImageSpec(names=HIRAGANA), "KMNIST"),
    "digits": Source(1_201, 596, ImageSpec(side=8, drawn=False)),  # its digits fill all of the 8x8
}


def checksum(path: Path) -> str:
    """CRC-32 as 8 hexadecimal digits, of a file or of a folder: of the names and contents of all files in it.

    Hidden ones, and those in hidden folders, are not read and do not count. Raises OSError.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not is_hidden(file.relative_to(path)))
    stamps = [(file, status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()]]
    return read_checksum(path, tuple(stamps))


def is_hidden(file: Path) -> bool:
    """Whether a name in a relative path begins with a dot."""
    return any(part.startswith(".") for part in file.parts)


@cache
def read_checksum(path: Path, stamps: tuple[tuple[Path, int, int], ...]) -> str:
    """The checksum of files that are of these sizes and were written at these times: read once for a sweep."""
    crc = 0
    for file, *_ in stamps:
        name = "" if file == path else file.relative_to(path).as_posix()
        crc = zlib.crc32(file.read_bytes(), zlib.crc32(name.encode(), crc))
    return f"{crc:08x}"
