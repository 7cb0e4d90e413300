"""A drawing of a seven and invalid picture files."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def drawing(size: tuple[int, int] = (300, 200), paper: int = 255, ink: int = 0) -> np.ndarray:
    """Return a drawing of an off-centre seven, (height, width). Paper and ink are gray values."""
    picture = np.full(size, paper, np.uint8)
    picture[40:56, 20:120] = ink
    for i in range(140):
        picture[50 + i, 104 - i // 2 : 120 - i // 2] = ink
    return picture


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width: int, height: int) -> bytes:
    """Return a gray PNG with a header of this size and no pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def png_of_16_bits(values: np.ndarray) -> bytes:
    """Return a 16-bit PNG of these values (H, W), or (H, W, C) with 2 (gray, opacity), 3 or 4 channels."""
    rows = values.reshape(len(values), values.shape[1], -1)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[rows.shape[2]]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 16, kind, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


SEVEN = Image.fromarray(drawing())
BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {  # writers of invalid picture files, and the error
    "missing": (lambda file: None, "cannot be read: No such file or directory"),
    "folder": (Path.mkdir, "cannot be read: Is a directory"),
    "empty": (Path.touch, "is not a picture; expected PNG, JPEG"),
    "text": (lambda file: file.write_text("a digit\n"), "is not a picture; expected PNG, JPEG"),
    "truncated": (lambda file: (SEVEN.save(file), os.truncate(file, 400)), "cannot be read: image file is truncated"),
    "hollow": (lambda file: file.write_bytes(png_header(100, 100)), "cannot be read: "),
    "huge": (
        lambda file: file.write_bytes(png_header(50_000, 50_000)),
        "cannot be read: Image size .2500000000 pixels",
    ),
    "animated": (
        lambda file: SEVEN.save(file, save_all=True, append_images=[Image.fromarray(drawing()[::-1])]),
        "cannot be read: it has several frames",
    ),
    "blank": (lambda file: Image.new("L", (60, 60), 255).save(file), "cannot be read: no digit was detected"),
}
