"""The report in a real browser: offline, on a phone, in the dark, and under the pointer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

from core.paths import REPORTS
from pipelines.compare import compare
from tests.analysis.synthetic import draw_no_png, write_experiment
from tests.browser import MISSING, REASON, open_browser, set_page

SCREEN = {"height": 900, "deviceScaleFactor": 1, "mobile": False}

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)


VARIANTS = ["lstm", "bilstm", "rnn", "birnn", "gru", "bigru", "stacked_lstm", "stacked_bilstm"]


def write_page(folder: Path, variants: list[str]) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        draw_no_png(patch)
        compare(write_experiment(variants, [1, 2], documents=150))
    return (folder / REPORTS / "comparison.html").as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("project"), VARIANTS[:2])


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser() as opened:
        yield opened


def test_the_page_begins_with_the_verdict_and_shows_what_is_pointed_at(browser: Chrome, address: str) -> None:
    browser.get(address)
    verdict = browser.find_element(By.CLASS_NAME, "headline")
    assert "lstm" in verdict.text
    assert verdict.location["y"] < 200
    mark = browser.find_element(By.CSS_SELECTOR, ".panels svg .tip use")
    ActionChains(browser).move_to_element(mark).perform()
    assert "lstm" in browser.find_element(By.ID, "tip").text
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_neither_the_page_nor_a_table_is_wider_than_the_screen(
    browser: Chrome, address: str, tmp_path: Path, count: int
) -> None:
    browser.get(address if count == 2 else write_page(tmp_path, VARIANTS[:count]))
    for width in (360, 390, 480, 800, 1000, 1280, 1600):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**SCREEN, "width": width})
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        overhangs = "return [...document.querySelectorAll('.scroll')].map(x => x.scrollWidth - x.clientWidth)"
        assert browser.execute_script(overhangs) == [0, 0, 0], f"{count} variants on {width} pixels"


def test_the_dark_page_is_dark_and_its_text_is_light(browser: Chrome, address: str) -> None:
    brightness = "return getComputedStyle(document.body)[arguments[0]].match(/\\d+/g).slice(0, 3).map(Number)"
    set_page(browser, 1500, 1100, dark=True)
    try:
        browser.get(address)
        assert max(browser.execute_script(brightness, "backgroundColor")) < 60
        assert min(browser.execute_script(brightness, "color")) > 180
    finally:
        set_page(browser, 1500, 1100)
