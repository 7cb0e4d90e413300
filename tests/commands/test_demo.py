"""Tests of the demo: its server, and its page in a real browser."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, fit
from drawings import BROKEN, broken, drawing
from image_sets import save_npz
from PIL import Image
from saved import checkpoint, untrained

import digitcmp
from digitcmp.commands import demo
from digitcmp.data.datamodule import PairData
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.folder import CHECKPOINT, CONFIG

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def al4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("al4"))


@pytest.fixture(scope="module")
def server(al4: Path) -> Iterator[demo.Server]:
    with demo.Server(digitcmp.load(al4), port=0) as server, running(server):
        yield server


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Server]:
    """Yield the running server of a network that predicts no digits."""
    saved = checkpoint(tmp_path_factory.mktemp("plain"), aux=False, pairs=40, epochs=1)
    with demo.Server(digitcmp.load(saved), port=0) as server, running(server):
        yield server


@contextmanager
def running(server: demo.Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def request(
    server: demo.Server, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


def canvases(*digits: np.ndarray | None) -> bytes:
    """Return the request body of the page: two canvases, each empty or with a digit in its top left corner."""
    body = np.zeros((2, demo.SIDE, demo.SIDE), np.uint8)
    for canvas, digit in zip(body, digits, strict=True):
        if digit is not None:
            canvas[: digit.shape[0], : digit.shape[1]] = digit
    return body.tobytes()


def seven() -> np.ndarray:
    return 255 - drawing()[30:200:2, :130:2]


def digit_one() -> np.ndarray:
    digit = np.zeros((100, 60), np.uint8)
    digit[10:90, 30:39] = 255
    return digit


def test_the_page_needs_nothing_from_elsewhere(server: demo.Server) -> None:
    status, headers, page = request(server, "GET", "/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"http:" not in page and b"https:" not in page
    assert b">AL4<" in page


def test_the_page_asks_the_question_of_the_network(tmp_path: Path) -> None:
    """The statement of odd_sum has no sign between both images, so the page shows none."""
    comparer = digitcmp.load(untrained(tmp_path / "last.ckpt", task="odd_sum", backbone="ws2"))
    server = demo.Server(comparer, port=0)
    server.server_close()
    page = server.page.decode()
    assert "<title>Is the sum of both odd?</title>" in page and "<h1>Is the sum of both odd?</h1>" in page
    assert '"yes": "the sum is odd", "sign": null, "relations": ["yes", "no"]' in page
    assert "≤" not in page


def test_only_this_machine_is_served(server: demo.Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_phone_in_the_network_is_served_by_address(al4: Path) -> None:
    """A Host header with an IP address or localhost is accepted. Other names are rejected against DNS rebinding."""
    with demo.Server(digitcmp.load(al4), 0, demo.ANY) as server, running(server):
        for name in ("192.0.2.7", f"192.0.2.7:{server.server_port}", "127.0.0.1", "localhost:80"):
            assert request(server, "GET", "/", headers={"Host": name})[0] == 200
            assert request(server, "POST", "/compare", canvases(None, None), BINARY | {"Host": name})[0] == 200
        for name in ("elsewhere.example", "192.0.2.7.elsewhere.example", "", "1", "192.0.2.7@elsewhere.example"):
            assert request(server, "GET", "/", headers={"Host": name})[0] == 403
            assert request(server, "POST", "/compare", canvases(None, None), BINARY | {"Host": name})[0] == 403


def test_a_burst_of_requests_is_served(al4: Path) -> None:
    """40 requests are sent before the server accepts the first. A dropped connection would run into the timeout."""
    with demo.Server(digitcmp.load(al4), 0) as server:
        connections = [http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20) for _ in range(40)]
        for connection in connections:
            connection.request("POST", "/compare", canvases(digit_one(), seven()), BINARY)
        with running(server):
            assert [connection.getresponse().status for connection in connections] == 40 * [200]
        for connection in connections:
            connection.close()


def test_comparisons(server: demo.Server) -> None:
    reply = json.loads(request(server, "POST", "/compare", canvases(digit_one(), seven()), BINARY)[2])
    assert reply["probability"] > 0.9
    assert [int(np.argmax(digits)) for digits in reply["digits"]] == [1, 7]
    assert [len(image) for image in reply["seen"]] == [196, 196]
    assert (
        json.loads(request(server, "POST", "/compare", canvases(seven(), digit_one()), BINARY)[2])["probability"] < 0.1
    )


def test_one_digit_is_seen_before_the_other_is_drawn(server: demo.Server) -> None:
    reply = json.loads(request(server, "POST", "/compare", canvases(None, seven()), BINARY)[2])
    assert reply["probability"] is None and reply["digits"] is None
    assert reply["seen"][0] is None and max(reply["seen"][1]) == 255


def test_without_aux(plain_server: demo.Server) -> None:
    reply = json.loads(request(plain_server, "POST", "/compare", canvases(digit_one(), seven()), BINARY)[2])
    assert 0 <= reply["probability"] <= 1 and reply["digits"] is None
    assert b'<main class="no-digits">' in request(plain_server, "GET", "/")[2]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/favicon.ico", {}, 404),
        ("GET", "/../../etc/passwd", {}, 404),
        ("POST", "/", BINARY, 404),
        ("PUT", "/compare", BINARY, 501),
        ("OPTIONS", "/compare", {"Origin": "http://elsewhere.example"}, 501),
        ("POST", "/compare", {"Content-Type": "text/plain"}, 415),
        ("POST", "/compare", {}, 415),
        ("POST", "/compare", BINARY | {"Transfer-Encoding": "chunked"}, 411),
        ("POST", "/compare", BINARY | {"Content-Length": "99999999999"}, 413),
        ("POST", "/compare", BINARY | {"Content-Length": "-1"}, 413),
        ("POST", "/compare", BINARY | {"Content-Length": "<script>"}, 413),
        ("GET", "/", {"Host": "elsewhere.example"}, 403),  # a foreign name that resolves to 127.0.0.1
        ("POST", "/compare", {"Host": "127.0.0.1.elsewhere.example"}, 403),
        ("GET", "/", {"Host": ""}, 403),
        ("GET", "/" + 70_000 * "a", {}, 414),
    ],
)
def test_what_is_refused(method: str, path: str, headers: dict[str, str], status: int, server: demo.Server) -> None:
    refused, fields, body = request(server, method, path, headers=headers)
    assert refused == status and fields["Content-Type"] == "application/json"
    assert list(json.loads(body)) == ["error"]


def test_names_of_this_machine(server: demo.Server) -> None:
    for name in ("localhost", "127.0.0.1", f"localhost:{server.server_port}", "localhost:9000"):  # ssh -L 9000:...
        assert request(server, "GET", "/", headers={"Host": name})[0] == 200


@pytest.mark.parametrize("kind", sorted(BROKEN.keys() - {"missing", "folder"}))
def test_files_are_refused(kind: str, server: demo.Server, tmp_path: Path) -> None:
    broken(kind, tmp_path / "file.png")
    status, _, body = request(server, "POST", "/compare", (tmp_path / "file.png").read_bytes(), BINARY)
    assert status == 413 and f"{2 * demo.SIDE**2} are expected" in json.loads(body)["error"]


def test_garbage_of_the_right_size(server: demo.Server) -> None:
    rng = np.random.default_rng(0)
    bodies = [
        rng.integers(0, 256, 2 * demo.SIDE**2, dtype=np.uint8).tobytes(),
        b"\xff" * 2 * demo.SIDE**2,
        b"\0\xff" * (2 * demo.SIDE**2 // 2),
    ]
    for body in bodies:
        status, _, reply = request(server, "POST", "/compare", body, BINARY)
        assert status == 200 and list(json.loads(reply)) == ["seen", "probability", "digits"]


def test_the_server_survives_garbage(server: demo.Server, capfd: pytest.CaptureFixture[str]) -> None:
    head = b"POST /compare HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    for sent in (b"\0\xff" * 500, b"\r\n\r\n", b"GET\r\n\r\n", head + b"Content-Length: 39200\r\n\r\nshort", b""):
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            reply = b"".join(iter(lambda: connection.recv(10_000), b""))  # noqa: B023
            assert b'{"error"' in reply or reply == b""
    for _ in range(5):  # the client disconnects at once
        connection = socket.create_connection(("127.0.0.1", server.server_port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(head)
        connection.close()
    assert request(server, "GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_command(al4: Path) -> None:
    """The command prints its address, and Ctrl-C ends it without an error."""
    command = [sys.executable, "-m", "digitcmp", "demo", str(al4), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("Draw at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and process.stderr.read() == ""


@pytest.mark.parametrize(
    ("saved", "options", "message"),
    [
        (True, ["--port", "taken"], "--host 127.0.0.1 --port {port} is not available: "),
        (True, ["--port", "70000"], "--host 127.0.0.1 --port 70000 is not available: "),
        (True, ["--host", "192.0.2.7"], "--host 192.0.2.7 --port 8000 is not available: "),
        (True, ["--host", "a..b"], "--host a..b --port 8000 is not available: "),
        (True, ["--host", ""], "--host is empty; 127.0.0.1, 0.0.0.0 or another address of this machine is expected"),
        (False, ["--port", "taken"], "gone.ckpt does not exist"),
    ],
)
def test_what_fails_ends_with_2_and_a_line(
    saved: bool,
    options: list[str],
    message: str,
    al4: Path,
    server: demo.Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken = str(server.server_port)
    options = [taken if option == "taken" else option for option in options]
    monkeypatch.setattr(sys, "argv", ["demo", str(al4 if saved else al4.with_name("gone.ckpt")), *options])
    with pytest.raises(SystemExit) as stop:
        demo.main()
    err = capsys.readouterr().err
    assert stop.value.code == 2 and message.format(port=taken) in err and err.count("\n") == 1


@pytest.fixture(scope="module", params=[1, 3])
def garments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Server]:
    """Yield the running server of a network for 20x20 images of two named classes, gray or coloured, not drawn."""
    folder = tmp_path_factory.mktemp("garments")
    save_npz(
        folder / "garments.npz", classes=2, channels=request.param, n=200, names=np.array(["Bag", "Sneaker</script>"])
    )
    data = PairData("npz", 60, 10, 10, seed=0, file=str(folder / "garments.npz"))
    data.setup()
    mean, std = data.moments
    network = PairEnsemble("ws2", aux=True, mean=mean, std=std, images=asdict(data.images))
    module = DigitComparison(network, lr=2e-3)
    fit(data, module, max_epochs=20).save_checkpoint(folder / CHECKPOINT, weights_only=True)
    config = {"data": {"name": "npz", "file": str(folder / "garments.npz"), "root": str(folder)}}
    (folder / CONFIG).write_text(json.dumps(config))
    comparer = digitcmp.load(folder)
    examples = demo.test_images(folder / CHECKPOINT, comparer.images)
    with demo.Server(comparer, 0, examples=examples) as server, running(server):
        yield server


def test_pictures_are_compared_where_nobody_draws(garments: demo.Server) -> None:
    page = request(garments, "GET", "/")[2]
    assert b'"Sneaker\\u003c/script>"' in page and "<h1>Is the first ≤ the second?</h1>".encode() in page
    assert request(garments, "GET", "/")[2].count(b"</script>") == 1
    examples = [json.loads(request(garments, "GET", "/test-image")[2]) for _ in range(20)]
    channels, names = garments.comparer.images.channels, garments.comparer.images.names
    bag, sneaker = (next(example for example in examples if example["name"] == name) for name in names)
    body = np.full((2, 7 * 20, 7 * 20, 4), 255, np.uint8)  # the page sends every pixel as a square of 7x7
    for canvas, example in zip(body, (bag, sneaker), strict=True):
        pixels = np.reshape(np.array(example["pixels"], np.uint8), (channels, 20, 20))
        canvas[..., :3] = np.moveaxis(pixels.repeat(7, axis=1).repeat(7, axis=2), 0, 2)
    comparison = json.loads(request(garments, "POST", "/compare", body.tobytes(), BINARY)[2])
    assert comparison["seen"] == [bag["pixels"], sneaker["pixels"]]
    assert comparison["probability"] > 0.5
    assert [int(np.argmax(classes)) for classes in comparison["digits"]] == [0, 1]
    body[0] = 0  # no image is chosen
    comparison = json.loads(request(garments, "POST", "/compare", body.tobytes(), BINARY)[2])
    assert comparison["seen"] == [None, sneaker["pixels"]] and comparison["probability"] is None


def test_drawings_come_with_no_test_images(server: demo.Server) -> None:
    assert request(server, "GET", "/test-image")[0] == 404


@contextmanager
def opened(tmp_path: Path) -> Iterator[Any]:
    """Open a headless Chromium and yield its driver."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    switches = "headless=new no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    for switch in [*switches.split(), "disable-sync", f"user-data-dir={tmp_path}", "window-size=1000,900"]:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, Service(CHROMEDRIVER)) as browser:
        yield browser


@pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="no chromium and chromedriver")
def test_choosing_in_a_browser(garments: demo.Server, tmp_path: Path) -> None:
    """With a test image on the left and a file on the right, the question names their classes."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    spec, examples = garments.comparer.images, garments.examples
    assert examples is not None
    image = examples.images[int(np.argmax(examples.labels == 1))]
    picture = image if spec.channels == 1 else np.ascontiguousarray(np.moveaxis(image, 0, 2))
    Image.fromarray(picture).resize((60, 60), Image.Resampling.NEAREST).save(tmp_path / "mine.png")
    with opened(tmp_path / "profile") as browser:
        browser.get(f"http://127.0.0.1:{garments.server_port}")
        assert browser.find_element(By.ID, "words").text == "Choose a picture in both fields."
        browser.find_elements(By.CSS_SELECTOR, ".test")[0].click()
        words = "return document.getElementById('words').textContent"
        WebDriverWait(browser, 30).until(lambda _: browser.execute_script(words) == "Now the second picture.")
        browser.find_elements(By.CSS_SELECTOR, ".choose input")[1].send_keys(str(tmp_path / "mine.png"))
        WebDriverWait(browser, 30).until(lambda _: "probability" in browser.execute_script(words))
        question = browser.find_element(By.TAG_NAME, "h1").text
        assert question in [f"{name} ≤ Sneaker</script>?" for name in spec.names]
        browser.find_element(By.CSS_SELECTOR, ".swap").click()
        swapped = " ≤ ".join(reversed(question.removesuffix("?").split(" ≤ "))) + "?"
        WebDriverWait(browser, 30).until(lambda _: browser.find_element(By.TAG_NAME, "h1").text == swapped)
        assert browser.get_log("browser") == []


@pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="no chromium and chromedriver")
def test_drawing_in_a_browser(server: demo.Server, tmp_path: Path) -> None:
    """A one and a seven are drawn by strokes, swapped and cleared. The page shows the right answer each time."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    with opened(tmp_path) as browser:

        def texts() -> tuple[str, str, list[str]]:
            """Wait for the last answer, and return the relation, the percentage and the predicted digits."""
            idle = "return document.documentElement.dataset.state === 'idle'"
            WebDriverWait(browser, 30).until(lambda _: browser.execute_script(idle))
            relation, percent = (browser.find_element(By.CSS_SELECTOR, css).text for css in (".relation", "#percent"))
            return relation, percent, [row.text for row in browser.find_elements(By.CSS_SELECTOR, "li.top")]

        def draw(field: int, *points: tuple[int, int]) -> None:
            canvas = browser.find_elements(By.CSS_SELECTOR, ".pad canvas")[field]
            strokes = ActionChains(browser, duration=10).move_to_element_with_offset(canvas, *points[0])
            strokes.click_and_hold()
            for point in points[1:]:
                strokes.move_to_element_with_offset(canvas, *point)
            strokes.release().perform()

        browser.get(f"http://127.0.0.1:{server.server_port}")
        assert browser.find_element(By.ID, "words").text == "Draw a digit in both fields."
        draw(0, (10, -90), (5, 0), (0, 90))
        assert texts() == ("≤", "", [])
        assert browser.find_element(By.ID, "words").text == "Now the second digit."
        draw(1, (-60, -80), (60, -80), (20, 10), (0, 90))
        relation, percent, digits = texts()
        assert (relation, digits) == ("≤", ["1", "7"]) and float(percent.strip("> %")) > 90
        browser.find_element(By.CSS_SELECTOR, ".swap").click()
        relation, percent, digits = texts()
        assert (relation, digits) == (">", ["7", "1"]) and float(percent.strip("< %")) < 10
        lit = "return [...arguments[0].getContext('2d').getImageData(0, 0, 14, 14).data].filter(v => v > 99).length"
        seen = browser.find_elements(By.CSS_SELECTOR, ".seen canvas")
        assert all(browser.execute_script(lit, canvas) > 196 for canvas in seen)  # 196 of the values are opacities
        browser.find_elements(By.CSS_SELECTOR, ".clear")[0].click()
        assert texts() == ("≤", "", [])
        assert browser.get_log("browser") == []  # neither script errors nor blocked requests
