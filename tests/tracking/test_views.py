"""The saved views, opened in a real browser: a new MLflow that reads another format shows other numbers."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from config.params import load
from core.paths import TUNED
from pipelines.tune import tune
from tests.browser import MISSING, REASON, open_browser
from tests.pipelines.project import change_params, enter
from tests.predictor.project import registered_project
from tests.tracking.served_pages import served_pages
from tests.tracking.test_pages import wait_for
from tracking import tuning_from_outputs
from tracking.connection import connect

HEADINGS_THAT_FIT = """
    const right = (element) => element.getBoundingClientRect().right
    const cells = Array.from(document.querySelectorAll(".ag-header-cell")).filter(cell => cell.querySelector("span"))
    return cells.map(cell => [cell.textContent.trim(), right(cell.querySelector("span")) <= right(cell)])
"""

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a comparison, and a search of three trials for each variant."""
    folder = tmp_path_factory.mktemp("views") / "project"
    shutil.copytree(registered_project(tmp_path_factory), folder)
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        space = {"learning_rate": {"low": 0.001, "high": 0.01}, "pooling": ["max", "mean"]}
        change_params(folder, {"compare.tuning.trials": 3, "compare.tuning.space": space})
        params = load()
        for variant in params.compare.variants:
            tune(params, variant)
            with connect(params.tracking.experiment) as mlflow:
                assert tuning_from_outputs.complete(mlflow, variant)
    return folder


@pytest.fixture(scope="module")
def addresses(project: Path) -> Iterator[dict[str, str]]:
    """What `make ui` prints."""
    with served_pages(project) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser(2000, 1200) as opened:
        yield opened


def texts(browser: Chrome, elements: str) -> list[str]:
    """What stands in the elements of this CSS selector, which may be parts of drawings."""
    found = browser.execute_script(
        f"return Array.from(document.querySelectorAll('{elements}')).map(e => e.textContent)"
    )
    return [text.strip() for text in found]


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
    WebDriverWait(browser, 60).until(lambda _: texts(browser, ".ytick"))
    assert min(map(float, texts(browser, ".ytick"))) > 0  # MLflow's bands would begin there, and squeeze the curves


def test_comparisons_shows_the_difference_with_its_interval(
    addresses: dict[str, str], browser: Chrome, project: Path
) -> None:
    gap = json.loads((project / "reports/comparison.json").read_text())["differences"]["bilstm"]["accuracy"]
    browser.get(addresses["Comparisons"])
    wait_for(browser, "bilstm · gru2 on reviews", *(shown(gap[key]) for key in ("value", "low", "high")))
    fits = dict(browser.execute_script(HEADINGS_THAT_FIT))
    assert all(fits[f"bilstm.accuracy_difference{end}"] for end in ("", "_low", "_high"))


def test_tuning_shows_setting_and_score_of_each_trial_best_first_on_axes(
    addresses: dict[str, str], browser: Chrome, project: Path
) -> None:
    scores = {
        f"{variant} · trial {trial['number'] + 1}": trial["scores"]["accuracy"]
        for variant in ("bilstm", "gru2")
        for trial in json.loads((project / TUNED / variant / "trials.json").read_text())["trials"]
    }
    browser.get(addresses["Tuning"])
    page = wait_for(browser, "Parallel Coordinates", "best_validation_accuracy", "6 matching runs", *scores)
    order = sorted(scores, key=page.index)
    assert [scores[name] for name in order] == sorted(scores.values(), reverse=True)
    axes = WebDriverWait(browser, 60).until(lambda _: texts(browser, ".dimension .label"))  # drawn after the rows
    assert axes == ["variant", "learning_rate", "pooling", "best_validation_accuracy"]


def test_the_experiments_description_links_to_all_views(addresses: dict[str, str], browser: Chrome) -> None:
    browser.get(addresses["all runs"])
    wait_for(browser, "the trainings side by side")
    links = {link.text: link.get_attribute("href") for link in browser.find_elements("partial link text", "")}
    hidden = browser.execute_script("return Array.from(document.links).map(link => [link.innerText, link.href])")
    named = {**links, **dict(hidden)}
    for name in ("Variants", "Learning curves", "Comparisons"):
        assert named[name] == addresses[name]
