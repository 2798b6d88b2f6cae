"""The saved views, opened in a real browser: a new MLflow that reads another format shows other numbers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser import MISSING, REASON, open_browser
from tests.predictor.project import registered_project
from tests.tracking.served_pages import served_pages
from tests.tracking.test_pages import wait_for

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return registered_project(tmp_path_factory)


@pytest.fixture(scope="module")
def addresses(project: Path) -> Iterator[dict[str, str]]:
    """What `make ui` prints."""
    with served_pages(project) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser(2000, 1200) as opened:
        yield opened


def shown(value: float) -> str:
    """The beginning of a number, as far as a column shows it."""
    return str(value)[:6]


def test_variants_shows_the_mean_over_seeds_and_each_seed(
    addresses: dict[str, str], browser: Chrome, project: Path
) -> None:
    assert next(iter(addresses)) == "Variants"  # which opens first
    comparison = json.loads((project / "reports/comparison.json").read_text())
    means = {name: shown(scores["accuracy"]["mean"]) for name, scores in comparison["variants"].items()}
    trainings = [f"{variant} · seed {seed}" for variant in means for seed in (1, 2)]
    parameters = [str(scores["parameters"]) for scores in comparison["variants"].values()]
    columns = ["test_accuracy", "test_macro_f1", "training_seconds", "parameters.total"]
    browser.get(addresses["Variants"])
    page = wait_for(browser, "Group: bilstm", "Group: gru2", *means.values(), *trainings, *columns, *parameters)
    assert "4 matching runs" in page


def test_learning_curves_draws_a_line_for_each_variant(addresses: dict[str, str], browser: Chrome) -> None:
    browser.get(addresses["Learning curves"])
    wait_for(
        browser, "Group: bilstm", "validation_accuracy", "validation_loss", "bilstm (train_loss)", "gru2 (train_loss)"
    )


def test_comparisons_shows_the_difference_with_its_interval(
    addresses: dict[str, str], browser: Chrome, project: Path
) -> None:
    gap = json.loads((project / "reports/comparison.json").read_text())["differences"]["bilstm"]["accuracy"]
    browser.get(addresses["Comparisons"])
    wait_for(browser, "bilstm · gru2 on reviews", *(shown(gap[key]) for key in ("value", "low", "high")))


def test_the_experiments_description_links_to_all_views(addresses: dict[str, str], browser: Chrome) -> None:
    browser.get(addresses["all runs"])
    wait_for(browser, "the trainings side by side")
    links = {link.text: link.get_attribute("href") for link in browser.find_elements("partial link text", "")}
    hidden = browser.execute_script("return Array.from(document.links).map(link => [link.innerText, link.href])")
    named = {**links, **dict(hidden)}
    for name in ("Variants", "Learning curves", "Comparisons"):
        assert named[name] == addresses[name]
