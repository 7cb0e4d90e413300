"""Standard output and error that cannot stop a run if they are closed, full or lack a character."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = {"stdout": "standard output", "stderr": "standard error"}


class Stream(io.FileIO):
    """A standard stream that never fails. `error` is the reason why it has stopped writing, None while it writes."""

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
    """Guard the output of a command: a failing stream does not stop it, and unsupported characters become `?`.

    If output was lost, print a line on standard error at the end and exit with 1, or with 0 if the reader of a pipe
    has ended (`| head`).
    """
    for number in range(3):  # otherwise the next opened file would become one of the closed streams
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, this one
    streams = {}
    for number, name in enumerate(NAMES, 1):
        current = getattr(sys, name)
        if current is getattr(sys, f"__{name}__"):  # not captured, by a notebook for instance
            streams[name] = stream = Stream(number, "w", closefd=False)
            encoding = getattr(current, "encoding", None)
            buffering = name == "stderr" or stream.isatty()
            wrapper = io.TextIOWrapper(io.BufferedWriter(stream), encoding, errors="replace", line_buffering=buffering)
            setattr(sys, name, wrapper)
            setattr(sys, f"__{name}__", wrapper)
    try:
        yield
    except SystemExit as stop:
        if stop.code:
            raise
    for name, stream in streams.items():
        getattr(sys, name).flush()
        if stream.error:
            line = f"{NAMES[name]}: {stream.error.strerror}: the output is incomplete"
            if stream.error.errno != errno.EPIPE:
                sys.exit(line)
            print(line, file=sys.stderr)
