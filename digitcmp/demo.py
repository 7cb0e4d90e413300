"""Draw two digits in the browser and watch the network compare them: python -m digitcmp.demo CHECKPOINT"""

from __future__ import annotations

import argparse
import html
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcmp import images, paper

if TYPE_CHECKING:
    from digitcmp.checkpoint import Comparer

PAGE = Path(__file__).with_name("demo.html")
HOST = "127.0.0.1"
SIDE = 140  # pixels of a canvas as the page sends it
BODY = 2 * SIDE * SIDE  # bytes of a request, a gray value each
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def main() -> None:
    """Serve the page until Ctrl-C. Exits with 2 and one line for a checkpoint that cannot be read or a taken port."""
    parser = argparse.ArgumentParser(
        prog="python -m digitcmp.demo",
        description="A page on this machine alone: draw two digits and see what the network makes of them.",
    )
    parser.add_argument("checkpoint", type=Path, help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0 takes any that is free")
    arguments = parser.parse_args()

    from digitcmp.checkpoint import CheckpointError, load  # torch takes seconds

    try:
        server = Server(load(arguments.checkpoint), arguments.port)
    except CheckpointError as error:
        parser.exit(2, f"{error}\n")
    except (OSError, OverflowError) as error:
        parser.exit(2, f"--port {arguments.port} is not available: {error}\n")
    try:
        print(f"Draw at http://{HOST}:{server.server_port}   (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()


class Server(ThreadingHTTPServer):
    """The page and its answers, for this machine alone. Raises OSError or OverflowError for a port it cannot have."""

    daemon_threads = True

    def __init__(self, comparer: Comparer, port: int) -> None:
        super().__init__((HOST, port), Handler)
        self.comparer = comparer
        made_with = comparer.hparams
        name = paper.label(made_with["backbone"], made_with["aux"], made_with["head"])
        page = PAGE.read_text(encoding="utf-8").replace("{network}", html.escape(name))
        self.page = page.replace("{aux}", "" if made_with["aux"] else "no-digits").encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nothing to report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """GET / is the page. POST /compare takes two canvases and gives `compare` of them. Errors are JSON too."""

    server: Server
    timeout = 10  # seconds to wait for a client's next bytes

    def do_GET(self) -> None:
        if not self.is_local():
            return
        if self.path != "/":
            return self.send_error(HTTPStatus.NOT_FOUND)
        self.reply(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        if not self.is_local():
            return
        if self.path != "/compare":
            return self.send_error(HTTPStatus.NOT_FOUND)
        if self.headers.get_content_type() != "application/octet-stream":
            return self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/octet-stream is wanted")
        length = self.headers["Content-Length"]
        if length is None:
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        if length != str(BODY):
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{BODY} bytes are wanted, not {length[:20]}")
        body = self.rfile.read(BODY)
        if len(body) < BODY:
            return self.send_error(HTTPStatus.BAD_REQUEST, f"the body ends after {len(body)} of {BODY} bytes")
        canvases = np.frombuffer(body, np.uint8).reshape(2, SIDE, SIDE)
        answer = compare(self.server.comparer, canvases)
        self.reply(HTTPStatus.OK, "application/json", json.dumps(answer).encode())

    def is_local(self) -> bool:
        """Whether the page was asked for by a name of this machine; another site's name may lead here too."""
        name = self.headers.get("Host", "").rsplit(":", 1)[0]
        if name not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, f"only {HOST} and localhost are served")
            return False
        return True

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


def compare(comparer: Comparer, canvases: np.ndarray) -> dict[str, Any]:
    """What the page shows of two canvases (2, H, W), uint8: JSON values.

    `seen`: for each the 196 gray values that the network gets, or None if nothing is drawn. `probability` that
    first <= second, and with aux `digits`, twice ten probabilities: None until both are drawn.
    """
    seen: list[np.ndarray | None] = []
    for canvas in canvases:
        try:
            seen.append(images.centred(canvas))
        except images.ImageError:
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


if __name__ == "__main__":
    main()
