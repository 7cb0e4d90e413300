"""Serve a page that compares two drawn digits, or two test images of another data set: digitcmp demo RUN"""

import argparse
import base64
import io
import json
import math
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Template
from PIL import Image

from digitcmp.data.images import centred
from digitcmp.data.tasks import TASKS, relation, typeset
from digitcmp.errors import ImageError, RunError

CANVAS, EXAMPLES = 280, 60  # pixels of a canvas to draw on; test images on the page


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="digitcmp demo", description="Serve a page that compares two images.")
    parser.add_argument("checkpoint", type=Path, metavar="RUN", help="a run's folder or its checkpoints/last.ckpt")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000); 0 for a free one")
    return parser


def main() -> None:
    """Serve the page until Ctrl-C. Exit with 2 and one line for a bad checkpoint or port, or a missing data set."""
    arguments = command_line().parse_args()
    try:
        server = Server(arguments.checkpoint, arguments.port)
    except RunError as error:
        command_line().exit(2, f"{error}\n")
    except (OSError, OverflowError) as error:
        command_line().exit(2, f"--port {arguments.port} is not available: {error}\n")
    try:
        print(f"Compare two images at http://127.0.0.1:{server.server_port}   (Ctrl-C stops the server)", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()


class Server(ThreadingHTTPServer):
    """A server of the page of a network, for this machine only. Raises CheckpointError, DataError, OSError."""

    def __init__(self, checkpoint: Path, port: int) -> None:
        from digitcmp.runs.checkpoint import load  # slow imports
        from digitcmp.runs.saved import data_options, load_data

        self.predictor = predictor = load(checkpoint)
        spec, task = predictor.images, TASKS[predictor.task]
        self.side, examples = CANVAS if spec.drawn else spec.side, []
        if not spec.drawn:
            test = load_data(data_options(predictor.folder), spec).test
            chosen = np.random.default_rng(0).permutation(len(test.labels))[:EXAMPLES]
            examples = [(png(test.images[i]), spec.names[test.labels[i]]) for i in chosen]
        page = Template(Path(__file__).with_name("demo.html").read_text("utf-8"), autoescape=True)
        signs = [relation(task.yes) or "yes", relation(task.no) or "no"]
        words = {"question": typeset(task.question), "yes": typeset(task.yes), "signs": signs}
        self.page = page.render(words, network=predictor, side=self.side, examples=examples)
        super().__init__(("127.0.0.1", port), Handler)

    def compare(self, canvases: np.ndarray) -> dict[str, Any]:
        """Return the network's inputs as PNG files and its output; "" and None without two images.

        Args:
            canvases: RGBA values, uint8 (2, side, side, 4). An empty canvas is transparent.
        """
        spec = self.predictor.images
        pair: list[np.ndarray | None] = []
        for canvas in canvases:
            try:
                pixels = canvas[..., 0] if spec.channels == 1 else np.moveaxis(canvas[..., :3], 2, 0)
                pair.append(centred(canvas[..., 3], spec.side) if spec.drawn else pixels)
            except ImageError:  # an empty canvas
                pair.append(None)
        result: dict[str, Any] = {"seen": ["" if image is None else png(image) for image in pair]}
        if any(image is None for image in pair) or not canvases[..., 3].any(axis=(1, 2)).all():
            return result | {"probability": None, "digits": None}
        probability, digits = self.predictor.predict_digits([pair])
        return result | {"probability": probability[0].item(), "digits": None if digits is None else digits[0].tolist()}


class Handler(BaseHTTPRequestHandler):
    """GET returns the page. POST accepts the values of two canvases and returns the result of `compare` as JSON."""

    server: Server

    def do_GET(self) -> None:
        self.reply("text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        shape = (2, self.server.side, self.server.side, 4)
        length = math.prod(shape)
        if self.headers["Content-Length"] != str(length):
            return self.send_error(400, f"two canvases of the shape {shape[1:]} are expected")
        canvases = np.frombuffer(self.rfile.read(length), np.uint8).reshape(shape)
        self.reply("application/json", json.dumps(self.server.compare(canvases)))

    def reply(self, kind: str, text: str) -> None:
        if self.headers.get("Host", "").split(":")[0] not in ("127.0.0.1", "localhost"):
            return self.send_error(403)  # another site has resolved its name to this machine
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing: the page sends a request for every stroke."""


def png(image: np.ndarray) -> str:
    """Return an image, (H, W) or (3, H, W), as the address of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image if image.ndim == 2 else np.moveaxis(image, 0, 2).copy()).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
