"""Tests of the content of report.html and of its behaviour in a browser."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records import grid, report

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
GOLDEN = Path(__file__).with_name("report.html")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of `grid`, in a folder whose name is not HTML."""
    sweep = grid(tmp_path_factory.mktemp("sweeps") / "<b>&")
    report(sweep, drawn=True)
    return sweep / "report" / "report.html"


def test_golden(page: Path) -> None:
    """The page without styles, scripts and drawings equals the stored one. Replace that if a change is intended."""
    text = re.sub(r"(?s)<(svg|style|script)\b([^>]*)>.*?</\1>", r"<\1\2></\1>", page.read_text())
    new = page.with_name("golden.html")
    new.write_text(text)
    assert text == GOLDEN.read_text(), f"cp {new} {GOLDEN}"


def test_nothing_from_elsewhere_and_names_are_text(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"https?:|//\w|url\((?!#)|@import|xmlns", text)
    assert set(re.findall(r'(?:src|href)="(.)', text)) == {"#"} and "<b>&" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not (CHROMIUM and CHROMEDRIVER):
        pytest.skip("no chromium and chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    switches = "headless=new no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    for switch in [
        *switches.split(),
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "window-size=1200,900",
    ]:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, Service(CHROMEDRIVER)) as browser:
        yield browser


def test_in_a_browser(page: Path, browser: Any) -> None:
    """Columns sort, the search field filters, marks show their values, and no other site is requested."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    browser.get("about:blank")
    browser.get_log("performance")  # discards the requests of the browser's own start
    browser.get(page.as_uri())

    def rows(table: int, column: int) -> list[str]:
        body = browser.find_elements(By.TAG_NAME, "table")[table].find_elements(By.CSS_SELECTOR, "tbody tr")
        return [row.find_elements(By.TAG_NAME, "td")[column].text for row in body if row.is_displayed()]

    assert rows(0, 0) == ["WS1", "WS3", "AL2", "AL4"]
    accuracy = browser.find_element(By.XPATH, "(//table)[1]//th[.='test accuracy']/button")
    accuracy.click()
    accuracy.click()
    assert rows(0, 0) == ["AL4", "AL2", "WS3", "WS1"]
    browser.find_element(By.XPATH, "(//table)[1]//th[.='lr']/button").click()  # by value; equal values keep their order
    assert rows(0, 0) == ["AL2", "WS1", "WS3", "AL4"]

    heads = [table.text for table in browser.find_elements(By.TAG_NAME, "thead")]
    [effects] = [i for i, text in enumerate(heads) if "verdict" in text]
    assert len(rows(effects, 0)) == 5
    browser.find_elements(By.TAG_NAME, "table")[effects].find_element(
        By.XPATH, "../preceding-sibling::input[@type='search'][1]"
    ).send_keys("SHARING claimed")
    assert rows(effects, 0) == ["WS3 − WS1"]  # AL4 - AL2 has no interval: its differences are equal

    tip = browser.find_element(By.ID, "tip")
    for start, said in (
        ("AL4, epoch 2:", "AL4, epoch 2: 0.901 ± 0.011"),
        ("AL4: ", "AL4: 0.951 ± 0.011, 95 % interval"),
    ):
        assert not tip.is_displayed()
        mark = browser.find_element(By.CSS_SELECTOR, f'[data-tip^="{start}"]')
        browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", mark)
        ActionChains(browser).move_to_element(mark).perform()
        assert tip.text.startswith(said)
        ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "footer")).perform()

    assert [entry["message"] for entry in browser.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked and {url.partition(":")[0] for url in asked} <= {"file", "data"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(page: Path, browser: Any, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    colours = "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]"
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in browser.execute_script(colours))
    assert (ink < paper) == (scheme == "light")
    axis = browser.find_element("css selector", "svg text, svg [style*='stroke: currentColor']")
    assert axis.value_of_css_property("stroke") == browser.execute_script(colours)[0]
