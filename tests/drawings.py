"""A drawing of a seven and invalid picture files."""

import struct
import zlib
from pathlib import Path

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


def broken(kind: str, file: Path) -> None:
    """Write an invalid picture file of this kind, a key of BROKEN."""
    seven = Image.fromarray(drawing())
    if kind == "animated":
        seven.save(file, save_all=True, append_images=[Image.fromarray(drawing()[::-1])])
    elif kind == "truncated":
        seven.save(file)
        file.write_bytes(file.read_bytes()[:-200])
    elif kind == "huge":
        file.write_bytes(png_header(50_000, 50_000))
    elif kind == "large":
        file.write_bytes(png_header(10_000, 10_000))
    elif kind == "hollow":
        file.write_bytes(png_header(100, 100))
    elif kind == "text":
        file.write_text("a digit\n")
    elif kind == "empty":
        file.touch()
    elif kind == "blank":
        Image.new("L", (60, 60), 255).save(file)
    elif kind == "folder":
        file.mkdir()


BROKEN = {
    "missing": "cannot be read: No such file or directory",
    "folder": "cannot be read: Is a directory",
    "empty": "is not a picture; expected PNG, JPEG",
    "text": "is not a picture; expected PNG, JPEG",
    "truncated": "cannot be read: image file is truncated",
    "hollow": "cannot be read: ",
    "huge": "cannot be read: Image size .2500000000 pixels. exceeds limit",
    "large": "cannot be read: Image size .100000000 pixels. exceeds limit",
    "animated": "cannot be read: it has several frames",
    "blank": "cannot be read: no digit was detected",
}
