"""Atomic writes and checksums of files."""

import json
import os
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

OUTCOME = "DIGITCMP_OUTCOME"  # the environment variable that names the file in which `digitcmp.sweep` is answered


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Yield a temporary path beside `file`. It replaces `file` at the end, or is removed after an error."""
    partial = file.parent / f"{file.name}.{socket.gethostname()}.{os.getpid()}.partial"
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def write(file: Path, text: str) -> None:
    """Write a text file atomically and wait until it is on the disk."""
    with atomic_write(file) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def outcome(**content: Any) -> None:
    """Write the folder and failures of a sweep, or its error, as JSON into the file that OUTCOME names, if any."""
    if file := os.environ.get(OUTCOME):
        write(Path(file), json.dumps(content))


def checksum(content: bytes | Path | str | Mapping[str, str]) -> str:
    """Return the CRC-32 of bytes, of a file or folder, or of several by name, as 8 hexadecimal digits.

    The checksum of a folder covers the names and contents of all its files except hidden ones. A path is read again
    only if a size or a modification time has changed.

    Raises:
        OSError: if a file cannot be read.
    """
    if isinstance(content, bytes):
        return f"{zlib.crc32(content):08x}"
    if isinstance(content, Mapping):
        return checksum(repr(sorted((name, checksum(path)) for name, path in content.items())).encode())
    content = Path(content)
    files = [content]
    if content.is_dir():
        files = sorted(file for file in content.rglob("*") if file.is_file() and not hidden(file.relative_to(content)))
    stamps = [(file, status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()]]
    return read_checksum(content, tuple(stamps))


def hidden(file: Path) -> bool:
    """Return whether a file or a folder in a relative path begins with a dot."""
    return any(part.startswith(".") for part in file.parts)


@cache
def read_checksum(path: Path, stamps: tuple[tuple[Path, int, int], ...]) -> str:
    """Return the checksum of files with these sizes and modification times (ns), cached so that a sweep reads once."""
    crc = 0
    for file, *_ in stamps:
        name = "" if file == path else file.relative_to(path).as_posix()
        crc = zlib.crc32(file.read_bytes(), zlib.crc32(name.encode(), crc))
    return f"{crc:08x}"
