"""Tests of the demo: its server, and its page in a real browser."""

import http.client
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, Program, fit, inside, until
from drawings import drawing
from image_sets import save_npz
from saved import checkpoint, untrained

from digitcmp.commands import demo
from digitcmp.config.conf import config_yaml
from digitcmp.data.datamodule import PairData
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.folder import CHECKPOINT, CONFIG

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
browser_needed = pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="no chromium and chromedriver")
SEVEN = 255 - drawing()[30:200:2, :130:2]
ONE = np.zeros((100, 60), np.uint8)
ONE[10:90, 30:39] = 255


@pytest.fixture(scope="module")
def al4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("al4"))


@pytest.fixture(scope="module")
def server(al4: Path) -> Iterator[demo.Server]:
    with running(al4) as server:
        yield server


@contextmanager
def running(saved: Path) -> Iterator[demo.Server]:
    with demo.Server(saved, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def request(
    server: demo.Server, method: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    try:
        connection.request(method, "/", body, headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def canvases(*digits: np.ndarray | None) -> bytes:
    """Return the request body of the page: two canvases, each empty or with a digit in its top left corner."""
    body = np.zeros((2, demo.CANVAS, demo.CANVAS, 4), np.uint8)
    for canvas, digit in zip(body, digits, strict=True):
        if digit is not None:
            canvas[: digit.shape[0], : digit.shape[1], 3] = digit
    return body.tobytes()


def compared(server: demo.Server, *digits: np.ndarray | None) -> dict[str, Any]:
    status, reply = request(server, "POST", canvases(*digits))
    assert status == 200
    return json.loads(reply)


def test_the_page_asks_the_question_of_the_network(server: demo.Server, tmp_path: Path) -> None:
    """The page needs no other server. The statement of odd_sum has no sign between both images."""
    page = request(server, "GET")[1]
    assert "<h1>Is the first ≤ the second?</h1>AL4" in page and 'SIGNS = ["\\u2264", "\\u003e"]' in page
    assert "http:" not in page and "https:" not in page and page.count("<li>") == 20
    with running(untrained(tmp_path / "last.ckpt", task="odd_sum", backbone="ws2")) as other:
        page = request(other, "GET")[1]
        assert "<h1>Is the sum of both odd?</h1>" in page and 'SIGNS = ["yes", "no"]' in page
        assert '"probability of: " + "the sum is odd"' in page and "<li>" not in page  # without aux
        reply = compared(other, ONE, SEVEN)
        assert 0 <= reply["probability"] <= 1 and reply["digits"] is None


def test_comparisons(server: demo.Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    reply = compared(server, ONE, SEVEN)
    assert reply["probability"] > 0.9 and [int(np.argmax(digits)) for digits in reply["digits"]] == [1, 7]
    assert all(image.startswith("data:image/png;base64,") for image in reply["seen"])
    assert compared(server, SEVEN, ONE)["probability"] < 0.1
    reply = compared(server, None, SEVEN)  # the page shows one digit before the other is drawn
    assert reply["probability"] is None and reply["digits"] is None and reply["seen"][0] == "" != reply["seen"][1]


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {}, 501),
        ("POST", {}, 400),
        ("POST", {"Transfer-Encoding": "chunked"}, 400),
        ("POST", {"Content-Length": "99999999999"}, 400),
        ("GET", {"Host": "elsewhere.example"}, 403),  # a foreign name that resolves to 127.0.0.1
        ("GET", {"Host": "127.0.0.1.elsewhere.example"}, 403),
        ("GET", {"Host": ""}, 403),
        ("GET", {"Host": "localhost:9000"}, 200),  # ssh -L 9000:...
    ],
)
def test_requests(method: str, headers: dict[str, str], status: int, server: demo.Server) -> None:
    assert request(server, method, headers=headers)[0] == status


def test_garbage_of_the_right_size(server: demo.Server) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 8 * demo.CANVAS**2, dtype=np.uint8).tobytes()
    for body in (noise, b"\xff" * len(noise), b"\0\xff" * (len(noise) // 2)):
        status, reply = request(server, "POST", body)
        assert status == 200 and list(json.loads(reply)) == ["seen", "probability", "digits"]


def test_command(al4: Path) -> None:
    """The command prints its address, and Ctrl-C ends it without an error."""
    process = Program(ROOT, "-m", "digitcmp", "demo", str(al4), "--port", "0")
    until(lambda: b"Compare two images at http://127.0.0.1:" in os.pread(process.output[0], 1000, 0))
    os.kill(process.pid, signal.SIGINT)
    assert process.done().stderr == ""


@pytest.mark.parametrize(
    ("name", "port", "message"),
    [
        ("last.ckpt", "taken", "--port {port} is not available: "),
        ("last.ckpt", "70000", "--port 70000 is not available: "),
        ("gone.ckpt", "taken", "gone.ckpt cannot be read: "),
    ],
)
def test_bad_input_ends_with_2_and_a_line(name: str, port: str, message: str, al4: Path, server: demo.Server) -> None:
    taken = str(server.server_port)
    err = inside("demo", al4.with_name(name), "--port", port.replace("taken", taken), code=2).stderr
    assert message.format(port=taken) in err and err.count("\n") == 1


@pytest.fixture(scope="module", params=[1, 3])
def garments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Server]:
    """Yield the running server of a network for 20x20 images of two named classes, gray or coloured, not drawn."""
    folder = tmp_path_factory.mktemp("garments")
    names = np.array(["Bag", "Sneaker</script>"])
    save_npz(folder / "garments.npz", classes=2, channels=request.param, n=200, names=names)
    data = PairData("npz", 60, 10, 10, seed=0, file=str(folder / "garments.npz"))
    data.setup()
    mean, std = data.moments
    network = PairEnsemble("ws2", aux=True, mean=mean, std=std, images=asdict(data.images))
    module = DigitComparison(network, lr=2e-3)
    fit(data, module, max_epochs=20).save_checkpoint(folder / CHECKPOINT, weights_only=True)
    own = config_yaml()["data"] | {"name": "npz", "file": str(folder / "garments.npz")}
    (folder / CONFIG).write_text(json.dumps({"seed": 0, "data": own}))
    with running(folder) as server:
        yield server


@contextmanager
def opened(server: demo.Server, tmp_path: Path) -> Iterator[Any]:
    """Open the page in a headless Chromium and yield its driver. Its script must end without errors."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    switches = "headless=new no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    for switch in [*switches.split(), "disable-sync", f"user-data-dir={tmp_path}", "window-size=1000,900"]:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, Service(CHROMEDRIVER)) as browser:
        browser.get(f"http://127.0.0.1:{server.server_port}")
        yield browser
        assert browser.get_log("browser") == []


@browser_needed
def test_test_images_in_a_browser(garments: demo.Server, tmp_path: Path) -> None:
    """A network that does not compare drawings offers test images, each with its class."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    with opened(garments, tmp_path) as browser:
        for canvas in browser.find_elements(By.CSS_SELECTOR, ".pad canvas"):
            canvas.click()
        words = browser.find_element(By.ID, "words")
        WebDriverWait(browser, 30).until(lambda _: words.text == "probability of: first ≤ second")
        names = [name.text for name in browser.find_elements(By.CSS_SELECTOR, ".name")]
        assert set(names) <= {"Bag", "Sneaker</script>"}
        assert [row.text for row in browser.find_elements(By.CSS_SELECTOR, "li.top")] == names
        sign = browser.find_element(By.CSS_SELECTOR, ".sign").text
        assert sign == ("≤" if names <= sorted(names) else ">")


@browser_needed
def test_drawing_in_a_browser(server: demo.Server, tmp_path: Path) -> None:
    """A one and a seven are drawn by strokes, swapped and cleared. The page shows the right answer each time."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    with opened(server, tmp_path) as browser:

        def expect(sign: str, digits: list[str], words: str = "probability of: first ≤ second") -> float:
            """Wait until the page shows this answer, and return its percentage."""

            def shown() -> tuple[str, list[str], str]:
                tops = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "li.top")]
                return (
                    browser.find_element(By.CSS_SELECTOR, ".sign").text,
                    tops,
                    browser.find_element(By.ID, "words").text,
                )

            WebDriverWait(browser, 30).until(lambda _: shown() == (sign, digits, words), str(shown()))
            return float(browser.find_element(By.TAG_NAME, "b").text.strip("<> %") or "nan")

        def draw(field: int, *points: tuple[int, int]) -> None:
            canvas = browser.find_elements(By.CSS_SELECTOR, ".pad canvas")[field]
            strokes = ActionChains(browser, duration=10).move_to_element_with_offset(canvas, *points[0])
            strokes.click_and_hold()
            for point in points[1:]:
                strokes.move_to_element_with_offset(canvas, *point)
            strokes.release().perform()

        draw(0, (10, -90), (5, 0), (0, 90))
        expect("≤", [], "Fill both fields.")
        draw(1, (-60, -80), (60, -80), (20, 10), (0, 90))
        assert expect("≤", ["1", "7"]) > 90
        browser.find_element(By.CSS_SELECTOR, ".swap").click()
        assert expect(">", ["7", "1"]) < 10
        browser.find_elements(By.CSS_SELECTOR, ".field button")[0].click()
        expect("≤", [], "Fill both fields.")
