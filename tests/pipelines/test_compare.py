import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.comparison.metrics import metric_named
from config.params import Params
from core import file_io, paths
from core.errors import DataError, ParamsError
from outputs import measurements
from pipelines.compare import compare
from provenance import source_code
from tests.analysis.synthetic import CONDITIONS, draw_nothing, write_experiment
from tracking.comparison_from_outputs import comparison_metrics


@pytest.fixture
def drawn() -> None:
    """For tests that look at pictures; the others go without them."""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(tmp_path)
    if "drawn" not in request.fixturenames:
        draw_nothing(monkeypatch)


def read_reports() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(paths.REPORTS.rglob("*")) if path.is_file()}


def read_summary() -> Any:
    return json.loads((paths.REPORTS / "comparison.json").read_text(encoding="utf-8"))


def with_metric(params: Params, metric: str) -> Params:
    return params.model_copy(update={"compare": params.compare.model_copy(update={"metric": metric})})


class Page(HTMLParser):
    """Collects what a page loads from elsewhere, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.shown: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag in ("script", "img", "link", "iframe", "source"):
            self.loaded += [known[name] or "" for name in ("src", "href") if name in known]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


@pytest.mark.usefixtures("drawn")
def test_a_better_variant_is_found_and_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2, 3], documents=1500, skill={"bilstm": 1.6})

    result = compare(params)

    assert result.verdict.sentence_without_costs.startswith("bilstm is better than lstm on made up")
    assert "bilstm is better than lstm" in capsys.readouterr().out
    summary = read_summary()
    assert summary["verdict"] == result.verdict.sentence_without_costs
    means = {name: summary["variants"][name]["accuracy"]["mean"] for name in ("lstm", "bilstm")}
    gap = summary["differences"]["bilstm"]["accuracy"]
    assert gap["value"] == pytest.approx(means["bilstm"] - means["lstm"], abs=1e-5)
    assert 0 < gap["low"] < gap["value"] < gap["high"]
    assert {path.name for path in (paths.REPORTS / "figures").iterdir()} == {
        "scores.png", "metrics.png", "slices.png", "learning_curves.png", "calibration.png", "confusion.png"
    }  # fmt: skip


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "roc_auc", "loss"])
def test_another_metric_decides_the_verdict_and_stands_first(metric: str, capsys: pytest.CaptureFixture[str]) -> None:
    params = with_metric(write_experiment(["lstm", "bilstm"], [1, 2, 3], documents=900, skill={"bilstm": 1.6}), metric)
    title, unit = metric_named(metric).title, metric_named(metric).unit

    result = compare(params)

    summary = read_summary()
    gap = summary["differences"]["bilstm"][metric]
    assert summary["metric"] == metric
    assert gap["smallest_detectable"] > 0
    assert "smallest_detectable" not in summary["differences"]["bilstm"]["accuracy"]
    assert (gap["value"] < 0) == (metric == "loss")
    assert result.verdict.sentence_without_costs.startswith("bilstm is better than lstm on made up")
    assert f"{unit} of test {title}" in result.verdict.sentence_without_costs
    html = (paths.REPORTS / "comparison.html").read_text(encoding="utf-8")
    assert re.findall(r"<tr[^>]*><th>([^<&]+)&nbsp;[↑↓]", html)[0] == title
    shown = "".join(Page(html).shown)
    for text in (
        f"The verdict is based on {title}",
        f"a newly trained lstm ({title})",
        f"80 % power ({title})",
        "by seed (accuracy)",
    ):
        assert text in shown, text
    assert f"difference from lstm, {unit}" in html
    assert f"test {title}" in html
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ")]
    assert rows[0].startswith(f"│ {title} ")


def test_mlflow_gets_the_difference_that_decides() -> None:
    result = compare(with_metric(write_experiment(["lstm", "bilstm"], [1, 2], documents=150), "loss"))

    metrics = comparison_metrics(result)

    gap = result.comparison.differences["bilstm"]["loss"]
    assert metrics["bilstm.loss_difference"] == gap.value
    assert metrics["bilstm.loss_difference_p_value"] == gap.p_value_corrected
    assert "bilstm.accuracy_difference" not in metrics


@pytest.mark.parametrize(
    ("classes", "absent", "reason"),
    [
        (("no", "yes", "never"), 2, "the test split has no document of class 'never'"),
        (("only",), None, "the data have only one class"),
    ],
)
def test_a_roc_auc_that_is_undefined_is_refused_and_no_other_metric_takes_its_place(
    classes: tuple[str, ...], absent: int | None, reason: str
) -> None:
    params = with_metric(write_experiment(["lstm", "bilstm"], [1, 2], classes, documents=60, absent=absent), "roc_auc")

    with pytest.raises(ParamsError, match=f"^compare.metric is 'roc_auc', but {reason}; allowed here: accuracy, macro"):
        compare(params)
    assert not paths.REPORTS.exists()
    assert compare(with_metric(params, "macro_f1")).verdict.sentence_without_costs


def test_accuracies_are_those_of_the_prediction_files_whatever_their_order() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=200)
    right = []
    for seed in params.compare.seeds:
        table = pq.read_table(paths.folder("bilstm", seed) / "predictions.parquet")
        predicted = np.array(table["probabilities"].to_pylist()).argmax(axis=1)
        right.append(float((predicted == table["label"].to_numpy()).mean()))

    compare(params)

    assert read_summary()["variants"]["bilstm"]["accuracy"]["mean"] == pytest.approx(np.mean(right), abs=1e-5)


def test_sizes_that_differ_between_the_seeds_of_a_variant_are_reported_as_mean_and_range() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)
    before = read_config("bilstm", 1)
    changed = {"parameters": {"total": before["parameters"]["total"] + 100, "embedding": 7}}
    changed["variant"] = before["variant"] | {"hidden_size": 128}
    file_io.write_json(paths.folder("bilstm", 2) / "config.json", before | read_config("bilstm", 2) | changed)
    compare(params)
    assert read_summary()["variants"]["bilstm"]["parameters"] == before["parameters"]["total"] + 50
    page = (paths.REPORTS / "comparison.html").read_text(encoding="utf-8")
    assert "Their hidden sizes are 64 to 128 and 64" in page


def read_config(variant: str, seed: int) -> Any:
    return json.loads((paths.folder(variant, seed) / "config.json").read_text(encoding="utf-8"))


def test_two_seeds_that_disagree_give_no_impossible_difference(tmp_path: Path) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150, skill={"lstm": 0.1})
    shutil.copytree(paths.folder("bilstm", 1), paths.folder("lstm", 1), dirs_exist_ok=True)
    result = compare(params)
    difference = read_summary()["differences"]["bilstm"]["accuracy"]
    assert (difference["low"], difference["high"]) == (-1, 1)
    assert "−100.0 to +100.0" in result.verdict.sentence
    assert "of more than" not in " ".join(result.verdict.details)


def test_warnings_stand_in_the_summary() -> None:
    result = compare(write_experiment(["lstm", "bilstm"], [1], documents=150))
    assert read_summary()["warnings"] == result.verdict.warnings
    assert any(warning.startswith("With one seed") for warning in result.verdict.warnings)


@pytest.mark.parametrize(("source", "name"), [
    ("folder a?b/film #2.csv", "film #2"), ("https://host.org/reviews.csv?token=a", "reviews"), ("data/", "data"),
])  # fmt: skip
def test_the_name_of_custom_data_is_that_of_its_file(source: str, name: str) -> None:
    params = write_experiment(["lstm", "bilstm"], [1], documents=50)
    card = json.loads((paths.RAW / "card.json").read_text(encoding="utf-8"))
    file_io.write_json(paths.RAW / "card.json", card | {"name": "custom"})
    data = params.data.model_copy(update={"name": "custom", "source": source})
    assert compare(params.model_copy(update={"data": data})).experiment.data == name


def test_costs_stand_beside_the_scores_as_far_as_they_were_measured() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)

    sentence = compare(params).verdict.sentence

    shown = " ".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    for text in ("training, seconds", "30.", "40.", "1,000,000", "500,000", "0.10", "0.20", "same hidden size (64)"):
        assert text in shown, text
    assert "at 2.00 × the parameters (" in sentence
    assert "2.0 × the time for a prediction and 1.0 × the peak memory" in sentence
    assert "not measured here" not in shown

    shutil.rmtree("measurements")
    assert "at 2.00 × the parameters" in compare(params).verdict.sentence
    shown = " ".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    assert "not measured here" in shown and "Times and memory are not shown" in shown
    assert "Times and memory were measured" not in shown


def test_the_page_says_on_what_the_costs_were_measured_and_outputs_of_dvc_do_not() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)

    compare(params)

    shown = " ".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    for text in ("EPYC (znver4)", "grid of 2", "cold start of training", "9.5", "cold start of prediction", "1.5"):
        assert text in shown, text
    assert "Other hardware gives different numbers." in shown
    assert "not compared" not in shown
    reports_before = {name: content for name, content in read_reports().items() if not name.endswith(".html")}
    assert not [name for name, content in reports_before.items() if b"EPYC" in content or b"grid of" in content]

    shutil.rmtree("measurements")
    compare(params)
    assert reports_before == {name: content for name, content in read_reports().items() if not name.endswith(".html")}


def test_costs_under_different_conditions_have_no_ratio_and_a_remark(capsys: pytest.CaptureFixture[str]) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)
    compare(params)
    alike = Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown
    measurements.add("bilstm-seed-2", training_conditions=[{**CONDITIONS, "cores": 2, "engine": "alone"}])

    verdict = compare(params).verdict

    shown = Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown
    difference = "CPU cores 1 and 2, engine alone and grid of 2"
    remark = f"osts of training are not compared, because their conditions differed: {difference}"
    assert f"C{remark}." in "".join(shown)
    assert f"c{remark}" in verdict.sentence
    assert f"c{remark}" in " ".join(capsys.readouterr().out.split())
    assert "the training time" not in verdict.sentence
    # Ratios of training time, tokens a second and memory; those of parameters and prediction are still there.
    assert sum(text.endswith("×") for text in alike) - sum(text.endswith("×") for text in shown) == 3


def test_variants_of_one_seed_on_different_hardware_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)
    for variant in ("lstm", "bilstm"):  # seed 2 has hardware of its own, which is fair
        measurements.add(f"{variant}-seed-2", training_conditions=[{**CONDITIONS, "gpu": "A10"}])
    warning = (
        "Part of a difference may come from the hardware: with seed 2 the variants were trained on GPU A10 and H100."
    )
    for gpu, is_mixed in (("A10", False), ("H100", True)):
        measurements.add("bilstm-seed-2", training_conditions=[{**CONDITIONS, "gpu": gpu}])
        compare(params)
        page = Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8"))
        assert (warning in " ".join("".join(page.shown).split())) == is_mixed
        assert (warning in " ".join(capsys.readouterr().out.split())) == is_mixed


def test_the_same_time_on_different_hardware_is_refused() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)
    compare_params = params.compare.model_copy(update={"matching": "training_time"})
    params = params.model_copy(update={"compare": compare_params})
    compare(params)
    measurements.add("bilstm-seed-2", training_conditions=[{**CONDITIONS, "gpu": "H100"}])
    with pytest.raises(DataError, match=r"'training_time', but the trainings ran on GPU H100 and none; "):
        compare(params)


@pytest.mark.usefixtures("drawn")
def test_the_same_input_gives_the_same_bytes() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)

    compare(params)
    first = read_reports()
    compare(params)

    assert read_reports() == first
    assert len(first) >= 10


@pytest.mark.usefixtures("drawn")
def test_the_page_loads_nothing_and_shows_the_texts_as_they_are() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=150)

    result = compare(params)

    page = Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8"))
    shown = "".join(page.shown).replace("\u00a0", " ")
    assert page.loaded == []
    assert result.verdict.sentence in shown
    assert all(remark in shown for remark in result.verdict.remarks)
    assert "<b>&amp;" in shown  # how the made-up documents end


def test_references_stand_beside_the_variants_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=300)
    table = pq.read_table(paths.REFERENCES / "linear" / "predictions.parquet")
    predicted = np.array(table["probabilities"].to_pylist()).argmax(axis=1)
    accuracy = float((predicted == table["label"].to_numpy()).mean())

    compare(params)

    summary, printed = read_summary(), capsys.readouterr().out
    linear = summary["references"]["linear"]["accuracy"]
    assert linear["value"] == pytest.approx(accuracy, abs=1e-5)
    assert 0 < linear["low"] < linear["value"] < linear["high"] < 1
    gap = summary["differences_to_linear"]["bilstm"]["accuracy"]
    mean = summary["variants"]["bilstm"]["accuracy"]["mean"]
    assert gap["value"] == pytest.approx(mean - accuracy, abs=1e-5)
    assert summary["soundness"]["below_linear"] == summary["soundness"]["not_converged"] == []
    page = " ".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    for text in ("majority class", "linear model", f"{100 * accuracy:.1f}", "0.2", "0.01"):  # the last two: costs
        assert text in page, text
    assert "linear model" in printed and "Only the seed" in printed


def test_a_variant_below_the_linear_model_is_the_first_thing_said(capsys: pytest.CaptureFixture[str]) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2, 3], documents=1500, skill={"lstm": 0.1, "bilstm": 1.6})

    verdict = compare(params).verdict

    first = "Do not rely on this comparison yet: "
    assert verdict.sentence_without_costs.startswith(first)
    assert "does worse than a simple linear model" in verdict.preface
    assert read_summary()["verdict"].startswith(first)
    assert read_summary()["soundness"]["below_linear"] == ["lstm"]
    page = "".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    assert page.index(first) < page.index("bilstm is better than lstm") < page.index("To reach the linear model")
    assert capsys.readouterr().out.replace("\n", " ").count(first.strip()) == 1


def test_a_missing_reference_names_the_stage() -> None:
    params = write_experiment(["lstm"], [1], documents=50)
    (paths.REFERENCES / "linear" / "predictions.parquet").unlink()

    with pytest.raises(DataError, match=r"references/linear/predictions\.parquet is missing; the stage reference"):
        compare(params)


def test_references_on_other_data_are_refused() -> None:
    params = write_experiment(["lstm"], [1], documents=50)
    path = paths.REFERENCES / "majority" / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace("sha256:0", "sha256:1"), encoding="utf-8")

    with pytest.raises(DataError, match="references/majority was not made from the data"):
        compare(params)


@pytest.mark.parametrize(
    ("variants", "seeds", "classes"),
    [
        (["lstm", "bilstm"], [7], ("negative", "positive")),
        (["lstm"], [1, 2, 3], ("negative", "positive")),
        (["lstm"], [1], ("only",)),
        (["lstm", "bilstm", "gru", "rnn"], [1, 2], ("world", "sport", "business", "science")),
        (["lstm", "bilstm"], [1, 2], ("부정", "긍정")),
    ],
)
@pytest.mark.usefixtures("drawn")
def test_any_number_of_variants_seeds_and_classes_is_reported(
    variants: list[str], seeds: list[int], classes: tuple[str, ...]
) -> None:
    params = write_experiment(variants, seeds, classes, documents=80)

    result = compare(params)

    assert list(result.comparison.scores) == variants
    page = (paths.REPORTS / "comparison.html").read_text(encoding="utf-8")
    assert all(name in page for name in (*variants, *classes))
    assert "nan" not in json.dumps(read_summary()).lower()


def test_slices_cover_length_label_and_the_data_sets_own_columns() -> None:
    compare(write_experiment(["lstm", "bilstm"], [1, 2], documents=300))

    rows = json.loads((paths.REPORTS / "plots" / "slices.json").read_text(encoding="utf-8"))

    assert {row["column"] for row in rows} == {"length in tokens", "label", "place", "tokens_before"}
    start = {row["variant"]: row for row in rows if row["value"] == "start"}
    assert start["bilstm"]["accuracy"] > start["lstm"]["accuracy"]  # so were they made
    assert start["bilstm"]["difference"] > 0


def test_a_missing_training_names_the_file_and_the_stage() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=50)
    (paths.folder("bilstm", 2) / "predictions.parquet").unlink()

    with pytest.raises(DataError, match=r"results/bilstm/seed-2/predictions\.parquet is missing; the stage evaluate"):
        compare(params)
    assert not paths.REPORTS.exists()


def test_a_training_on_other_data_is_refused() -> None:
    params = write_experiment(["lstm", "bilstm"], [1], documents=50)
    config = json.loads((paths.folder("lstm", 1) / "config.json").read_text(encoding="utf-8"))
    config["data"]["digest"] = "sha256:" + "1" * 64
    (paths.folder("lstm", 1) / "config.json").write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(DataError, match=r"results/lstm/seed-1 was not made from the data"):
        compare(params)


@pytest.mark.parametrize(("name", "version"), [("torch", "2.14.0"), ("numba", "unknown")])
def test_trainings_by_different_libraries_are_not_compared(name: str, version: str) -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=50)
    for number, path in enumerate(sorted(Path("results").glob("*/*/config.json"))):
        config = json.loads(path.read_text(encoding="utf-8"))
        config["libraries"] = {"torch": "2.13.0", "numba": "0.68.1"}
        if number == 1:
            config["libraries"] |= {name: version}
            if version == "unknown":
                del config["libraries"][name]
        path.write_text(json.dumps(config), encoding="utf-8")
    others = {"torch": "2.13.0", "numba": "0.68.1"}[name]
    line = rf"^results/bilstm/seed-2 was trained with {name} {version}, results/lstm/seed-1 with {others}; to train all"
    with pytest.raises(DataError, match=line):
        compare(params)
    assert not paths.REPORTS.exists()


def test_predictions_of_other_documents_are_refused() -> None:
    params = write_experiment(["lstm", "bilstm"], [1], documents=50)
    path = paths.folder("lstm", 1) / "predictions.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)

    with pytest.raises(DataError, match="does not have the documents of"):
        compare(params)


def test_a_broken_file_is_named() -> None:
    params = write_experiment(["lstm"], [1], documents=50)
    path = paths.folder("lstm", 1) / "predictions.parquet"
    path.write_bytes(b"PAR1 and nothing else")

    with pytest.raises(DataError, match=r"predictions\.parquet is broken"):
        compare(params)


def test_comparing_does_not_need_torch() -> None:
    assert "scipy" in source_code.libraries("compare")
    assert "torch" not in source_code.libraries("compare")


def test_report_and_verdict_say_how_texts_became_tokens_and_what_is_wrong_there() -> None:
    params = write_experiment(["lstm", "bilstm"], [1, 2], documents=50)
    path = paths.TOKENS / "summary.json"
    warning = "51.0 % of the test split's tokens are unknown"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"warnings": [warning]}))

    assert warning in compare(params).verdict.warnings

    shown = " ".join(Page((paths.REPORTS / "comparison.html").read_text(encoding="utf-8")).shown)
    assert warning.replace(" %", "\u00a0%") in shown
    assert "Documents: 50 (test). Tokens: basic_english, chosen because of x." in shown
    assert "The vocabulary has 1,234 tokens; unknown are 6.1\u00a0% (test)." in shown
