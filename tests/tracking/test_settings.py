"""Settings that MLflow reads when it is imported."""

import os
import subprocess
import sys

import pytest

from tests.pipelines.project import ROOT


@pytest.mark.parametrize("module", ["run", "comparisons"])
def test_mlflow_sends_no_telemetry_whichever_module_imports_it(module: str) -> None:
    program = f"import tracking.{module}, mlflow.telemetry.client as telemetry; print(telemetry.get_telemetry_client())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert done.stdout == b"None\n"
