"""Hostile params, pickles, addresses with passwords: docs/guarantees.md, promise 7."""

import ast
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from mlflow.tracking import MlflowClient

from models.prediction import predict
from outputs.trained_model import load_classifier
from tests.guarantees.project import Project
from tests.models.plain import plain_classifier
from tests.pipelines.project import ROOT
from tests.pipelines.test_dvc import DVC_STAGES
from text.tokenizing.token_file import TokenizedDocuments

PACKAGES = ("analysis", "core", "models", "pipelines", "text", "tracking")
SOURCES = [path for name in PACKAGES for path in (ROOT / name).glob("*.py")]

# What reads pickles, or runs what it is given.
FORBIDDEN = {
    "pickle",
    "cloudpickle",
    "dill",
    "shelve",
    "marshal",
    "joblib.load",
    "pandas.read_pickle",
    "os.system",
    "eval",
}


def files(project: Project) -> set[Path]:
    made_by_tools = {".git", ".dvc", "__pycache__"}
    return {path for path in project.folder.rglob("*") if not made_by_tools & set(path.parts)}


@pytest.mark.parametrize("stage", DVC_STAGES)
def test_no_value_of_params_stands_in_a_command(stage: str) -> None:
    assert "$" not in DVC_STAGES[stage]["cmd"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"compare.variants": ["lstm; touch x"]},
            "variants.lstm; touch x has the name 'lstm; touch x'; allowed: letters",
        ),
        ({"compare.variants": ["$(touch x)"]}, "variants.$(touch x) has the name '$(touch x)'; allowed: letters"),
        ({"compare.variants": ["../victim"]}, "variants.../victim has the name '../victim'; allowed: letters"),
        ({"compare.seeds": ["1; touch x"]}, "compare.seeds[0] is '1; touch x'; allowed: integer"),
        ({"compare.seeds": [{"`touch x`": 1}]}, "Cannot interpolate data of type 'dict'"),  # says DVC
    ],
)
def test_plain_dvc_repro_refuses_hostile_names_before_it_touches_anything(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    project = Project.make(tmp_path / "project")
    project.commit()
    name = changes.get("compare.variants", ["lstm"])[0]
    project.change_params({"variants": {name: {"cell": "lstm"}}, "compare.baseline": name, **changes})
    victim = project.folder / "victim/seed-1/config.json"  # where results/../victim/seed-1/config.json is
    victim.parent.mkdir(parents=True)
    victim.write_text("precious")
    before = files(project)

    done = project.run("dvc", "repro")

    assert done.returncode != 0
    assert message in done.stderr
    assert victim.read_text() == "precious"
    assert files(project) == before


def names(tree: ast.AST) -> set[str]:
    """All names that a module imports or calls, such as torch.load."""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call):
            imported.add(ast.unparse(node.func))
    return imported


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_reads_a_pickle_or_starts_a_shell(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not names(tree) & FORBIDDEN
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        said = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert said.get("shell", "False") == "False"
        assert said.get("allow_pickle", "False") == "False"
        if ast.unparse(node.func).endswith("torch.load"):
            assert said.get("weights_only") == "True"


def test_the_model_that_mlflow_holds_is_loaded_and_predicts_with_pickle_forbidden(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    (experiment,) = [candidate for candidate in client.search_experiments() if candidate.name != "Default"]
    (run,) = client.search_runs([experiment.experiment_id], "tags.kind = 'training'")
    (held := tmp_path / "held").mkdir()
    client.download_artifacts(run.info.run_id, "", str(held))
    assert run.outputs is not None
    model_id = run.outputs.model_outputs[0].model_id
    model = project.folder / "mlartifacts/models" / model_id / "artifacts"
    files = [path for folder in (held, model) for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".parquet", ".png", ".safetensors", ".py", ".txt", ".yaml", ""}
    assert [path.name for path in files if not path.suffix] == ["MLmodel"]

    test = TokenizedDocuments.open(project.folder / "data/tokens/test.arrow")
    # The compiled loops are code: where it is cached beside the sources, numba finds it by an index that is a pickle.
    predict(plain_classifier(10_000, 2, cell="lstm"), test, torch.device("cpu"))

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a pickle is read")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    (training,) = (model / "artifacts/trainings").iterdir()
    config = json.loads((training / "config.json").read_text(encoding="utf-8"))
    classifier = load_classifier(config, training / "model.safetensors")
    expected = pq.read_table(project.folder / "results/lstm/seed-1/predictions.parquet")["probabilities"].to_pylist()
    assert predict(classifier, test, torch.device("cpu")).tolist() == expected


def test_the_pages_are_served_to_this_machine_only_and_the_address_is_in_no_list_of_processes(tmp_path: Path) -> None:
    """Runs the command with a Python that tells how the server would have been started."""
    program = """
import json, runpy, subprocess

class Popen(subprocess.Popen):
    def __init__(self, command, **options):
        if "mlflow" in command:
            print(json.dumps([command, options["env"]["MLFLOW_BACKEND_STORE_URI"]]))
            raise SystemExit
        super().__init__(command, **options)

subprocess.Popen = Popen
runpy.run_module("commands.ui", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"DVC_ROOT": str(tmp_path), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'x.db'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    command, address = json.loads(done.stdout.splitlines()[-1])
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert address == f"sqlite:///{tmp_path / 'x.db'}"
    assert not any("sqlite" in argument for argument in command)
