"""A trained model as the folder that MLflow calls a model: code, weights, signature, example, pinned requirements.

    MLmodel                         how MLflow loads it
    model.py                        tracking/model_code.py
    code/lstm_vs_bilstm_<digest>/   the modules of this project that it imports
    artifacts/trainings/<name>/     what predictor/files.py reads, for each training of an ensemble
    requirements.txt, …             the environment, with pinned versions

MLflow puts `code` on Python's path, where a package called `models` or `text` could be the user's own, and two loaded
models would share one. So the modules travel as one package, which is named after its content.
"""

import ast
import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Map
from ruamel.yaml import YAML

from core.paths import TOKENS
from predictor.files import PIECES, VOCABULARY, WEIGHTS
from provenance.source_code import ROOT, libraries_of, reached_from

CODE = Path("tracking/model_code.py")
EXAMPLE = ["A film to remember.", "Dull."]


def write_model(path: Path, trainings: Sequence[Path], model_id: str, run_id: str | None) -> None:
    """Writes the model of `trainings`, folders in results/, into the empty folder `path`.

    `model_id` and `run_id` are MLflow's.
    """
    for number, folder in enumerate(trainings, 1):  # in this order they are averaged
        _copy_training(folder, path / "artifacts" / "trainings" / f"{number:04}-{folder.parent.name}-{folder.name}")
    package, modules = packaged_code()
    for name, content in modules.items():
        file = path / "code" / package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (path / "model.py").write_text(_renamed(ROOT / CODE, package), encoding="utf-8")
    _write_environment(path)
    (path / "input_example.json").write_text(json.dumps(EXAMPLE), encoding="utf-8")
    (path / "serving_input_example.json").write_text(json.dumps({"inputs": EXAMPLE}), encoding="utf-8")
    model = Model(signature=signature(), saved_input_example_info=_EXAMPLE_FILES, model_id=model_id, run_id=run_id)
    mlflow.pyfunc.add_to_model(
        model,
        loader_module="mlflow.pyfunc.loaders.code_model",
        code="code",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_code_path="model.py",
        artifacts={"trainings": {"path": "artifacts/trainings", "uri": "artifacts/trainings"}},
        streamable=False,
    )
    model.model_size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    model.save(str(path / "MLmodel"))


def sources(trainings: Sequence[Path]) -> list[Path]:
    """The files that are copied into the model of `trainings`."""
    return [file for folder in trainings for file in _training_files(folder)] + reached_from(ROOT / CODE)


_EXAMPLE_FILES = {
    "artifact_path": "input_example.json",
    "serving_input_path": "serving_input_example.json",
    "type": "json_object",
}


def signature() -> ModelSignature:
    """list[str] → for each text its label, and the probability of each class by name."""
    inputs = Schema([ColSpec(DataType.string)])
    outputs = Schema([ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")])
    made = ModelSignature(inputs=inputs, outputs=outputs)
    made._is_signature_from_type_hint = True  # so that MLflow hands `predict` the list, not a table
    return made


@cache
def packaged_code() -> tuple[str, dict[str, str]]:
    """The package's name, and its modules' source code by path; their imports refer to the package."""
    paths = [path for path in reached_from(ROOT / CODE) if path != ROOT / CODE]
    sources = "".join(f"{path.relative_to(ROOT)}\n{path.read_text(encoding='utf-8')}" for path in paths)
    package = f"lstm_vs_bilstm_{hashlib.sha256(sources.encode()).hexdigest()[:12]}"
    modules = {path.relative_to(ROOT).as_posix(): _renamed(path, package) for path in paths}
    folders = {str(parent) for name in modules for parent in Path(name).parents}
    return package, dict.fromkeys((f"{folder}/__init__.py" for folder in folders), "") | modules


def _renamed(path: Path, package: str) -> str:
    """The module `path`, which imports the project's modules from `package`.

    `import models.cpu.backend` becomes two imports, so that the name `models` is still bound.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and _is_own(node.module or ""):
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace(f"from {node.module}", f"from {package}.{node.module}", 1)
        elif isinstance(node, ast.Import) and _is_own(name := node.names[0].name):
            line = lines[node.lineno - 1]
            both = f"import {package}.{name}; from {package} import {name.partition('.')[0]}"
            lines[node.lineno - 1] = line.replace(f"import {name}", both, 1)
    return "".join(lines)


def _is_own(module: str) -> bool:
    return bool(module) and (ROOT / module.partition(".")[0]).is_dir()


def _copy_training(folder: Path, place: Path) -> None:
    place.mkdir(parents=True)
    for path in _training_files(folder):
        shutil.copyfile(path, place / path.name)


def _training_files(folder: Path) -> list[Path]:
    """What predictor/files.py reads of the training in `folder`."""
    tokens = folder.parents[2] / TOKENS
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = [VOCABULARY, *([PIECES] if config["tokenize"]["tokenizer"] == "sentencepiece" else [])]
    return [folder / "config.json", folder / WEIGHTS, *(tokens / name for name in names)]


def _write_environment(path: Path) -> None:
    """The files from which MLflow, pip or conda makes the environment."""
    requirements = "".join(f"{line}\n" for line in _requirements())
    (path / "requirements.txt").write_text(requirements, encoding="utf-8")
    python, build = platform.python_version(), ["pip", "setuptools", "wheel"]
    from_pip = {"pip": _requirements()}
    conda = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": [f"python={python}", "pip", from_pip]}
    environment = {"python": python, "build_dependencies": build, "dependencies": ["-r requirements.txt"]}
    for name, content in {"conda.yaml": conda, "python_env.yaml": environment}.items():
        with (path / name).open("w", encoding="utf-8") as file:
            YAML().dump(content, file)


def _requirements() -> list[str]:
    """Every library that the model's modules import, with the installed version."""
    # torchtext builds vocabularies; PyTorch for GPUs brings Triton.
    names = libraries_of(reached_from(ROOT / CODE)) - {"torchtext", "triton"}
    # PyTorch's builds for one kind of device, such as 2.13.0+cpu, are not on PyPI.
    return sorted(f"{name}=={version(name).partition('+')[0]}" for name in names)
