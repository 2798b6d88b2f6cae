"""MLflow's own pages, from its own server, in a real browser: both variants are seen and compared."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import MISSING, REASON, open_browser
from tests.tracking.connected import comparison_run, training_run
from tests.tracking.served_pages import served_pages

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)
ROOT = Path(__file__).parents[2]
EXPERIMENT = "an experiment of one's own"
ACCURACIES = {"lstm · seed 1": 0.8712, "lstm · seed 2": 0.8698, "bilstm · seed 1": 0.8821, "bilstm · seed 2": 0.8807}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `make ui` prints for a store with a comparison of four trainings in the experiment of params.yaml."""
    root = tmp_path_factory.mktemp("project")
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (root / "params.yaml").write_text(params.replace("experiment: lstm-vs-bilstm", f"experiment: {EXPERIMENT}"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, accuracy in ACCURACIES.items():
            variant, _, _, seed = name.split(" ")
            with training_run(EXPERIMENT, variant, int(seed), name) as run:
                run.log_params({"variant": {"cell": "lstm"}})
                run.log_metrics({"test_accuracy": accuracy})
        with comparison_run(EXPERIMENT, "lstm · bilstm on imdb", "c", list(ACCURACIES), {}, "bilstm is better."):
            pass
        with served_pages(root) as addresses:
            yield addresses


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser() as opened:
        yield opened


def wait_for(browser: Chrome, *texts: str) -> str:
    """The page's text, once all `texts` stand there."""
    try:
        WebDriverWait(browser, 60).until(lambda _: all(text in read(browser) for text in texts))
    except Exception:
        raise AssertionError(
            f"{[text for text in texts if text not in read(browser)]} not in:\n{read(browser)}"
        ) from None
    return read(browser)


def read(browser: Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))


def test_the_trainings_of_both_variants_are_listed_best_first_in_the_view_for_model_training(
    addresses: dict[str, str], browser: Chrome
) -> None:
    browser.get(addresses["trainings, best first"])
    page = wait_for(browser, *ACCURACIES)
    order = sorted(ACCURACIES, key=lambda name: browser.find_element(By.LINK_TEXT, name).location["y"])
    assert order == sorted(ACCURACIES, key=lambda name: -ACCURACIES[name])
    assert "Agent versions" not in page  # of the view for language models


def test_the_compare_page_shows_lstm_beside_bilstm(addresses: dict[str, str], browser: Chrome) -> None:
    browser.get(addresses["latest comparison, side by side"])
    wait_for(browser, "Comparing 4 Runs", "test_accuracy", *ACCURACIES)


def test_from_the_experiment_the_comparison_is_one_click_away(addresses: dict[str, str], browser: Chrome) -> None:
    browser.get(addresses["all runs"])
    wait_for(browser, "the trainings side by side")
    browser.find_element(By.PARTIAL_LINK_TEXT, "the trainings side by side").click()
    if len(browser.window_handles) > 1:
        browser.switch_to.window(browser.window_handles[-1])
    wait_for(browser, "Comparing 4 Runs", *ACCURACIES)
