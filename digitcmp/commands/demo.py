"""Draw two digits in the browser, or choose pictures, and see them compared: digitcmp demo CHECKPOINT"""

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
from digitcmp.data.statements import relation, shown
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError, DataError, ImageError
from digitcmp.runs.folder import data_source

if TYPE_CHECKING:
    from digitcmp.runs.checkpoint import Comparer

PAGE = Path(__file__).with_name("demo.html")
HOST, ANY = "127.0.0.1", "0.0.0.0"  # this machine alone; every network it is in
SIDE = 140  # pixels of a canvas as the page sends it, about as many where it shows pictures
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
        description="A page in the browser that asks a network its question about two drawn digits, or about two "
        "pictures where it was trained on others.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0 takes any that is free")
    parser.add_argument(
        "--host",
        default=HOST,
        help=f"default: {HOST}, for this machine alone. {ANY} lets whoever reaches this machine open the page by its "
        "address, a phone in the same network for example: without a password and unencrypted, and all that can be "
        "had is the page, what the network says of pictures and test images of its data set",
    )
    return parser


def main() -> None:
    """Serve the page until Ctrl-C. Exits with 2 and one line for a bad checkpoint, a wrong host or a taken port."""
    parser = command_line()
    arguments = parser.parse_args()
    host, port = arguments.host, arguments.port
    if not host:  # to a socket, every network
        parser.exit(2, f"--host is empty: {HOST}, {ANY} or another address of this machine is wanted\n")

    from digitcmp.runs.checkpoint import load, locate  # torch takes seconds

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
        places = [HOST, lan_address()] if host == ANY else [host]
        links = ", ".join(f"http://{place}:{server.server_port}" for place in places if place)
        print(f"{'Draw' if comparer.images.drawn else 'Choose pictures'} at {links}   (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()


def test_images(checkpoint: Path, spec: ImageSpec) -> datasets.Pool | None:
    """The test images of the data set that a network was trained on, None if they are not there any more."""
    source = data_source(run_folder(checkpoint))
    try:
        data = datasets.load(**source | {"root": Path(source["root"]), "side": spec.side})
    except (DataError, OSError):
        return None
    return data.test if data.images == spec else None


def lan_address() -> str | None:
    """This machine's address in its network, None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses the interface; an address nobody has
        except OSError:
            return None
        return probe.getsockname()[0]


class Server(ThreadingHTTPServer):
    """The page and what it asks for. Raises OSError, OverflowError or UnicodeError for a place it cannot have.

    examples: test images that the page offers where the network is not asked of drawings.
    """

    daemon_threads = True
    request_queue_size = 128  # that wait to be accepted; of a burst, the kernel drops what is more

    def __init__(self, comparer: Comparer, port: int, host: str = HOST, examples: datasets.Pool | None = None) -> None:
        super().__init__((host, port), Handler)
        self.comparer = comparer
        self.names = {HOST, "localhost", host}
        self.is_open = host not in (HOST, "localhost")
        spec, self.examples = comparer.images, examples
        side = SIDE if spec.drawn else spec.side * math.ceil(SIDE / spec.side)  # whole pixels of an image
        self.canvases = (2, side, side) if spec.drawn else (2, side, side, 4)  # opacity, or red, green, blue, opacity
        task = TASKS[comparer.task]
        sign, other = relation(task.yes), relation(task.no)
        words = {"yes": shown(task.yes), "sign": sign, "relations": [sign, other] if sign and other else ["yes", "no"]}
        facts = {"side": side, "image": spec.side, "names": spec.names, "drawn": spec.drawn, "tests": bool(examples)}
        named = comparer.network.arguments["aux"] and comparer.aux_labels == "digits"
        kinds = {"no-digits": not named, "chosen": not spec.drawn, "long": max(map(len, spec.names)) > 2}
        kinds["word"] = not (sign and other)
        page = PAGE.read_text(encoding="utf-8").replace("{network}", html.escape(comparer.label))
        page = page.replace("{kinds}", " ".join(kind for kind, holds in kinds.items() if holds))
        page = page.replace("{question}", html.escape(shown(task.question)))
        page = page.replace("{relation}", html.escape(sign if sign and other else "?"))
        self.page = page.replace("{facts}", json.dumps(facts | words).replace("<", "\\u003c")).encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nothing to report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """GET / is the page, /test-image an image and its class; POST /compare takes two canvases and gives `compare`.

    Errors are JSON too.
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
            return self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/octet-stream is wanted")
        length = self.headers["Content-Length"]
        if length is None:
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        wanted = math.prod(self.server.canvases)
        if length != str(wanted):
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{wanted} bytes are wanted, not {length[:20]}")
        body = self.rfile.read(wanted)
        if len(body) < wanted:
            return self.send_error(HTTPStatus.BAD_REQUEST, f"the body ends after {len(body)} of {wanted} bytes")
        canvases = np.frombuffer(body, np.uint8).reshape(self.server.canvases)
        self.reply(HTTPStatus.OK, "application/json", json.dumps(compare(self.server.comparer, canvases)).encode())

    def has_allowed_host(self) -> bool:
        """Whether the Host header names this server; if not, the request is refused.

        Another site can make its name lead here and then read what its pages ask (DNS rebinding), but it cannot make
        the browser send an address instead.
        """
        name = self.headers.get("Host", "").rsplit(":", 1)[0]
        if name in self.server.names or (self.server.is_open and is_address(name)):
            return True
        allowed = [*sorted(self.server.names), *(["any address"] if self.server.is_open else [])]
        self.send_error(HTTPStatus.FORBIDDEN, f"served as {', '.join(allowed)} alone")
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
        """A line for every stroke would bury the address."""


def is_address(name: str) -> bool:
    """Whether this is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def compare(comparer: Comparer, canvases: np.ndarray) -> dict[str, Any]:
    """What the page shows of two canvases (2, H, W) of strokes or (2, H, W, 4) of pictures, uint8: JSON values.

    `seen`: for each the pixels that the network gets, or None if nothing is there. `probability` that the answer
    is yes, and with aux `digits`, twice a probability for every class: None until both are there.
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
