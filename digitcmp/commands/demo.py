"""Serve a page that compares two drawn digits or two pictures: digitcmp demo CHECKPOINT"""

from __future__ import annotations

import argparse
import html
import ipaddress
import json
import math
import random
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from digitcmp.commands.evaluate import run_folder
from digitcmp.data import datasets, images
from digitcmp.data.spec import ImageSpec
from digitcmp.data.statements import relation, typeset
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError, DataError, ImageError
from digitcmp.runs.folder import data_source

if TYPE_CHECKING:
    from digitcmp.runs.checkpoint import Comparer

PAGE = Path(__file__).with_name("demo.html")
HOST, ANY = "127.0.0.1", "0.0.0.0"  # this machine only; all its networks
SIDE = 140  # pixels of a canvas as the page sends it; for pictures, the next multiple of the image side
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="digitcmp demo",
        description="Serve a page on which a network answers its question about two drawn digits, or about two "
        "pictures if it was not trained on digits.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument(
        "--port", type=int, default=8000, help="port of the server (default: 8000); 0 chooses a free one"
    )
    parser.add_argument(
        "--host",
        default=HOST,
        help=f"address of the server (default: {HOST}, this machine only). {ANY} opens the page to every machine that "
        "reaches this one, such as a phone in the same network, without a password and unencrypted. It exposes the "
        "page, the network's answers and test images of its data set",
    )
    return parser


def main() -> None:
    """Serve the page until Ctrl-C. Exit with 2 and one line for a bad checkpoint, host or port."""
    parser = command_line()
    arguments = parser.parse_args()
    host, port = arguments.host, arguments.port
    if not host:  # a socket would listen on every network
        parser.exit(2, f"--host is empty; {HOST}, {ANY} or another address of this machine is expected\n")

    from digitcmp.runs.checkpoint import load, locate  # slow import

    try:
        comparer = load(arguments.checkpoint)
        examples = None if comparer.images.drawn else test_images(locate(arguments.checkpoint), comparer.images)
    except CheckpointError as error:
        parser.exit(2, f"{error}\n")
    try:
        server = Server(comparer, port, host, examples)
    except (OSError, OverflowError, UnicodeError) as error:
        parser.exit(2, f"--host {host} --port {port} is not available: {error}\n")
    try:
        addresses = [HOST, lan_address()] if host == ANY else [host]
        links = ", ".join(f"http://{address}:{server.server_port}" for address in addresses if address)
        print(
            f"{'Draw' if comparer.images.drawn else 'Choose pictures'} at {links}   (Ctrl-C stops the server)",
            flush=True,
        )
        server.serve_forever()
    except KeyboardInterrupt:
        print()


def test_images(checkpoint: Path, spec: ImageSpec) -> datasets.Pool | None:
    """Return the test images of the run's data set, None if they are missing or have changed their shape or classes."""
    source = data_source(run_folder(checkpoint))
    try:
        data = datasets.load(**source | {"root": Path(source["root"]), "side": spec.side})
    except (DataError, OSError):
        return None
    return data.test if data.images == spec else None


def lan_address() -> str | None:
    """Return this machine's address in its network, None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses the interface and sends nothing; the address is reserved
        except OSError:
            return None
        return probe.getsockname()[0]


class Server(ThreadingHTTPServer):
    """The server of the page, the comparisons and the test images.

    Args:
        comparer: the network.
        port: the port, 0 for a free one.
        host: the address.
        examples: test images that the page offers if the network does not compare drawings.

    Raises:
        OSError, OverflowError, UnicodeError: if host and port are not available.
    """

    daemon_threads = True
    request_queue_size = 128  # connections that wait; the kernel drops further ones

    def __init__(self, comparer: Comparer, port: int, host: str = HOST, examples: datasets.Pool | None = None) -> None:
        super().__init__((host, port), Handler)
        self.comparer = comparer
        self.names = {HOST, "localhost", host}
        self.is_open = host not in (HOST, "localhost")
        spec, self.examples = comparer.images, examples
        side = SIDE if spec.drawn else spec.side * math.ceil(SIDE / spec.side)  # a multiple of the image side
        self.canvases = (2, side, side) if spec.drawn else (2, side, side, 4)  # alpha, or RGBA
        task = TASKS[comparer.task]
        sign, opposite = relation(task.yes), relation(task.no)
        signs = [sign, opposite] if sign and opposite else ["yes", "no"]
        words = {"yes": typeset(task.yes), "sign": sign, "relations": signs}
        facts = {"side": side, "image": spec.side, "names": spec.names, "drawn": spec.drawn, "tests": bool(examples)}
        named = comparer.network.arguments["aux"] and comparer.aux_labels == "digits"
        classes = {"no-digits": not named, "chosen": not spec.drawn, "long": max(map(len, spec.names)) > 2}
        classes["word"] = not (sign and opposite)
        page = PAGE.read_text(encoding="utf-8").replace("{network}", html.escape(comparer.label))
        page = page.replace("{classes}", " ".join(name for name, holds in classes.items() if holds))
        page = page.replace("{question}", html.escape(typeset(task.question)))
        page = page.replace("{relation}", html.escape(sign if sign and opposite else "?"))
        self.page = page.replace("{facts}", json.dumps(facts | words).replace("<", "\\u003c")).encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, except for a connection that the browser closed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Requests of the page: GET / returns the page, GET /test-image an image and its class as JSON.

    POST /compare accepts two canvases and returns the result of `compare` as JSON. Errors are JSON as well.
    """

    server: Server
    timeout = 10  # seconds to wait for a client's next bytes

    def do_GET(self) -> None:
        if not self.has_allowed_host():
            return
        examples = self.server.examples
        if self.path == "/":
            self.reply(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif self.path == "/test-image" and examples:
            i = random.randrange(len(examples.labels))
            names = self.server.comparer.images.names
            chosen = {"pixels": examples.images[i].flatten().tolist(), "name": names[examples.labels[i]]}
            self.reply(HTTPStatus.OK, "application/json", json.dumps(chosen).encode())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if not self.has_allowed_host():
            return
        if self.path != "/compare":
            return self.send_error(HTTPStatus.NOT_FOUND)
        if self.headers.get_content_type() != "application/octet-stream":
            return self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/octet-stream is expected")
        length = self.headers["Content-Length"]
        if length is None:
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        expected = math.prod(self.server.canvases)
        if length != str(expected):
            return self.send_error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {length[:20]} bytes; {expected} are expected"
            )
        body = self.rfile.read(expected)
        if len(body) < expected:
            return self.send_error(HTTPStatus.BAD_REQUEST, f"the body ends after {len(body)} of {expected} bytes")
        canvases = np.frombuffer(body, np.uint8).reshape(self.server.canvases)
        self.reply(HTTPStatus.OK, "application/json", json.dumps(compare(self.server.comparer, canvases)).encode())

    def has_allowed_host(self) -> bool:
        """Return whether the Host header names this server, and reject the request if it does not.

        This prevents DNS rebinding: another site can resolve its own name to this server and read the answers, but the
        browser still sends that name.
        """
        name = self.headers.get("Host", "").rsplit(":", 1)[0]
        if name in self.server.names or (self.server.is_open and is_address(name)):
            return True
        allowed = [*sorted(self.server.names), *(["any address"] if self.server.is_open else [])]
        self.send_error(HTTPStatus.FORBIDDEN, f"Host {name} is not allowed; {', '.join(allowed)} is expected")
        return False

    def reply(self, status: int, content_type: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(content)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        error = json.dumps({"error": message or HTTPStatus(code).phrase})
        self.reply(code, "application/json", error.encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing: the page sends a request for every stroke."""


def is_address(name: str) -> bool:
    """Return whether a host name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def compare(comparer: Comparer, canvases: np.ndarray) -> dict[str, Any]:
    """Return the network's input and output for two canvases, as JSON values.

    Args:
        comparer: the network.
        canvases: uint8, (2, H, W) of strokes or (2, H, W, 4) of RGBA pictures.

    Returns:
        `seen`: for each canvas, the pixels of the network's input, None if it is empty. `probability`: of the answer
        yes. `digits`: with aux, the probability of every class for both images. The last two are None if a canvas is
        empty.
    """
    spec = comparer.images
    seen: list[np.ndarray | None] = []
    for canvas in canvases:
        try:
            if spec.drawn:
                seen.append(images.centred(canvas, spec.side))
            else:
                picture = Image.fromarray(np.ascontiguousarray(canvas[..., :3]))
                image = images.fitted(images.pixels(picture, gray=spec.channels == 1), spec)
                seen.append(image if canvas[..., 3].any() else None)
        except ImageError:
            seen.append(None)
    result: dict[str, Any] = {
        "seen": [None if image is None else image.flatten().tolist() for image in seen],
        "probability": None,
        "digits": None,
    }
    if all(image is not None for image in seen):
        probability, digits = comparer.predict_digits([seen])
        result["probability"] = probability[0].item()
        result["digits"] = None if digits is None else digits[0].tolist()
    return result
