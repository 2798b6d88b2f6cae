"""The report in a real browser: offline, on a phone, in the dark, and under the pointer."""

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from pipelines.compare import compare
from pipelines.outputs import REPORTS
from tests.analysis.synthetic import write_experiment
from tests.browser import MISSING, REASON, open_browser

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        compare(write_experiment(["lstm", "bilstm"], [1, 2], documents=150))
    return (folder / REPORTS / "comparison.html").as_uri()


def test_the_page_begins_with_the_verdict_and_shows_what_is_pointed_at(address: str) -> None:
    with open_browser() as browser:
        browser.get(address)
        verdict = browser.find_element(By.CLASS_NAME, "headline")
        assert "lstm" in verdict.text
        assert verdict.location["y"] < 200
        mark = browser.find_element(By.CSS_SELECTOR, ".panels svg .tip use")
        ActionChains(browser).move_to_element(mark).perform()
        assert "lstm" in browser.find_element(By.ID, "tip").text
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_sticks_out_on_a_narrow_screen(address: str, width: int) -> None:
    with open_browser(width, 900) as browser:
        browser.get(address)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_dark_page_is_dark_and_its_text_is_light(address: str) -> None:
    brightness = "return getComputedStyle(document.body)[arguments[0]].match(/\\d+/g).slice(0, 3).map(Number)"
    with open_browser(dark=True) as browser:
        browser.get(address)
        assert max(browser.execute_script(brightness, "backgroundColor")) < 60
        assert min(browser.execute_script(brightness, "color")) > 180
