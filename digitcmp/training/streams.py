"""Standard output and error that may be closed, full or of few letters: what is trained is trained all the same."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = {"stdout": "standard output", "stderr": "standard error"}


class Stream(io.FileIO):
    """A standard stream that takes everything; `error` says why it no longer passes it on."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return len(data)


@contextmanager
def guarded() -> Iterator[None]:
    """Around a command: what it says cannot stop it, and a letter that a stream does not have becomes `?`.

    At the end a line on standard error if something was lost; the exit status is then 1, but 0 if it was only that
    nobody read on (`| head`).
    """
    open_closed()
    streams = {name: replaced(name) for name in NAMES if getattr(sys, name) is getattr(sys, f"__{name}__")}
    try:
        yield
    except SystemExit as stop:
        if stop.code:
            raise
    for name, stream in streams.items():
        getattr(sys, name).flush()
        if stream.error:
            line = f"{NAMES[name]}: {stream.error.strerror}: not all was shown"
            if stream.error.errno != errno.EPIPE:
                sys.exit(line)
            print(line, file=sys.stderr)


def open_closed() -> None:
    """Give standard input, output and error to the null device where they are closed: the next file would get them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one


def replaced(name: str) -> Stream:
    """Put a Stream in the place of `stdout` or `stderr`."""
    current = getattr(sys, name)
    stream = Stream({"stdout": 1, "stderr": 2}[name], "w", closefd=False)
    encoding = getattr(current, "encoding", None)
    buffering = name == "stderr" or stream.isatty()
    text = io.TextIOWrapper(io.BufferedWriter(stream), encoding, errors="replace", line_buffering=buffering)
    setattr(sys, name, text)
    setattr(sys, f"__{name}__", text)
    return stream
