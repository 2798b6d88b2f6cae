"""Tables for papers say what reports/comparison.json says."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.report.paper import as_csv, as_latex, as_markdown, citation
from commands import results
from tests.predictor.project import call


def scores(accuracy: float, deviation: float | None) -> dict[str, Any]:
    means = {"accuracy": accuracy, "macro_f1": accuracy - 0.01, "loss": 1 - accuracy}
    return {
        key: {"mean": mean, "deviation": deviation, "low": mean - 0.02, "high": mean + 0.02}
        for key, mean in means.items()
    }


def gaps(value: float, p: float) -> dict[str, Any]:
    plain = {"value": value, "low": value - 0.02, "high": value + 0.03, "p_value": p / 2}
    return {"accuracy": plain | {"p_value_corrected": p, "seeds_won": 3}, "macro_f1": plain, "loss": plain}


@pytest.fixture
def comparison() -> dict[str, Any]:
    reference = {key: {"value": 0.5, "low": 0.4, "high": 0.6} for key in ("accuracy", "macro_f1", "loss")}
    return {
        "verdict": "bi_lstm is better than lstm on 50 % & more: +6.7 points (95 % interval +4.7 to +9.7, p < 0.001).",
        "data": "imdb",
        "baseline": "lstm",
        "metric": "accuracy",
        "soundness": {"overfitted": []},
        "warnings": ["With *two* seeds, intervals are wide."],
        "seeds": [1, 2, 5],
        "documents": 1920,
        "variants": {
            "lstm": {"parameters": 1234567, **scores(0.909, 0.003)},
            "bi_lstm": {"parameters": 2345678, **scores(0.976, 0.006)},
            "gru": {"parameters": 999, **scores(0.9, 0.01)},
        },
        "ensembles": {"lstm": reference, "bi_lstm": reference, "gru": reference},
        "ensemble_differences": {"bi_lstm": gaps(0.05, 0.01), "gru": gaps(-0.01, 0.3)},
        "references": {"linear": {"parameters": 4000, **reference}},
        "differences": {"bi_lstm": gaps(0.067, 0.0001), "gru": gaps(-0.009, 0.4)},
    }


def test_csv_has_every_number_as_it_is(comparison: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    rows = {(row["model"], row["metric"]): row for row in lines if row["kind"] != "ensemble"}
    assert len(rows) == 4 * 3
    numbers = {key: value for key, value in rows["bi_lstm", "accuracy"].items() if value}
    assert numbers == {
        "data": "imdb", "model": "bi_lstm", "kind": "variant", "parameters": "2345678", "metric": "accuracy",
        "mean": "0.976", "deviation": "0.006", "low": str(0.976 - 0.02), "high": str(0.976 + 0.02),
        "difference": "0.067", "difference_low": str(0.067 - 0.02),
        "difference_high": str(0.067 + 0.03), "p_value": "5e-05", "p_value_corrected": "0.0001",
    }  # fmt: skip
    assert rows["lstm", "loss"]["difference"] == ""
    linear = rows["linear", "macro_f1"]
    assert (linear["kind"], linear["mean"], linear["low"], linear["high"]) == ("reference", "0.5", "0.4", "0.6")
    assert rows["gru", "loss"]["p_value_corrected"] == ""
    together = {(row["model"], row["metric"]): row for row in lines if row["kind"] == "ensemble"}
    assert len(together) == 3 * 3
    assert together["bi_lstm", "accuracy"]["difference"] == "0.05"
    assert together["bi_lstm", "accuracy"]["parameters"] == str(3 * 2345678)
    assert together["lstm", "accuracy"]["difference"] == "" and together["lstm", "accuracy"]["high"] == "0.6"


def test_markdown_has_the_verdict_and_each_model_with_its_difference(comparison: dict[str, Any]) -> None:
    verdict, warning, table, caption = as_markdown(comparison).strip().split("\n\n")
    assert verdict == comparison["verdict"]
    assert warning == r"With \*two\* seeds, intervals are wide."
    assert table.splitlines() == [
        "| model | parameters | accuracy (%) | macro F1 (%) | difference in accuracy (95 % interval) | p |",
        "| --- | --: | --: | --: | --: | --: |",
        "| lstm | 1,234,567 | 90.9 ± 0.3 (88.9 to 92.9) | 89.9 ± 0.3 (87.9 to 91.9) | – | – |",
        "| bi_lstm | 2,345,678 | 97.6 ± 0.6 (95.6 to 99.6) | 96.6 ± 0.6 (94.6 to 98.6) "
        "| +6.7 (+4.7 to +9.7) | < 0.001 |",
        "| gru | 999 | 90.0 ± 1.0 (88.0 to 92.0) | 89.0 ± 1.0 (87.0 to 91.0) | −0.9 (−2.9 to +2.1) | 0.40 |",
        "| lstm, ensemble | 3,703,701 | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | – | – |",
        "| bi_lstm, ensemble | 7,037,034 | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | +5.0 (+3.0 to +8.0) | 0.010 |",
        "| gru, ensemble | 2,997 | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | −1.0 (−3.0 to +2.0) | 0.30 |",
        "| linear model | 4,000 | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | – | – |",
    ]
    assert caption == (
        "imdb, 1,920 test documents, mean ± standard deviation over 3 seeds (1, 2, 5); 95 % intervals in parentheses. "
        "Differences from lstm are in points, with 95 % intervals over seeds and test documents; p-values are "
        "corrected by Holm's method. An ensemble averages the trainings' probabilities; its intervals, and those of "
        "the simple models, are over test documents."
    )


def test_one_variant_and_one_seed_have_neither_difference_nor_deviation(comparison: dict[str, Any]) -> None:
    alone = {"parameters": 10, **scores(0.9, None)}
    one = {"variants": {"lstm": alone}, "differences": {}, "seeds": [7], "ensembles": {}, "ensemble_differences": {}}
    text = as_markdown(comparison | one)
    assert "| lstm | 10 | 90.0 (88.0 to 92.0) | 89.0 (87.0 to 91.0) |" in text
    assert "difference in" not in text
    assert text.endswith("imdb, 1,920 test documents, seed 7; 95 % intervals in parentheses.\n")


def test_a_metric_in_nats_decides_in_nats(comparison: dict[str, Any]) -> None:
    differences = {"bi_lstm": {"loss": gaps(-0.067, 0.03)["accuracy"]}}
    together: dict[str, Any] = {"ensembles": {}, "ensemble_differences": {}}
    text = as_markdown(comparison | {"metric": "loss", "differences": differences} | together)
    assert "| loss (nats) | accuracy (%) |" in text
    assert "| −0.067 (−0.087 to −0.037) | 0.030 |" in text
    assert "Differences from lstm are in nats" in text


def test_latex_is_a_booktabs_table_with_everything_escaped(comparison: dict[str, Any]) -> None:
    text = as_latex(comparison)
    assert r"bi\_lstm is better than lstm on 50 \% \& more" in text
    assert r"bi\_lstm & 2,345,678 & 97.6 $\pm$ 0.6 (95.6 to 99.6) & 96.6 $\pm$ 0.6 (94.6 to 98.6) & +6.7" in text
    assert r"& 89.0 $\pm$ 1.0 (87.0 to 91.0) & $-$0.9 ($-$2.9 to +2.1) & 0.40 \\" in text
    assert [line for line in text.splitlines() if line.endswith("rule")] == [
        r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"
    ]  # fmt: skip
    assert text.count("{") == text.count("}")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {5}
    assert text.isascii()


def test_the_citation_names_the_software_and_its_version() -> None:
    assert citation("lstm-vs-bilstm", "0.1.0", "Does it help?") == (
        "@software{lstm_vs_bilstm,\n  author = {{lstm-vs-bilstm contributors}},\n"
        "  title = {lstm-vs-bilstm: Does it help?},\n  version = {0.1.0},\n}\n"
    )


def test_the_command_writes_all_of_them(
    comparison: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(results) == "error: reports/comparison.json is missing; the stage compare makes it: dvc repro"
    Path("reports").mkdir()
    Path("reports/comparison.json").write_text("{}", encoding="utf-8")
    assert call(results).startswith("error: reports/comparison.json is not a comparison, or is from an older version")
    Path("reports/comparison.json").write_text(json.dumps(comparison), encoding="utf-8")
    assert call(results) == 0
    names = capsys.readouterr().out.split()
    assert names == [f"reports/paper/{name}" for name in ("results.csv", "results.md", "results.tex", "citation.bib")]
    assert Path(names[2]).read_text(encoding="utf-8") == as_latex(comparison)
    assert "version = {0.1.0}" in Path(names[3]).read_text(encoding="utf-8")
