"""How MLflow loads a model of this project: MLflow runs this file, its "models from code", so nothing is pickled.

tracking/model_files.py copies it into each model, with the modules that it imports. No module imports it.
"""

from pathlib import Path
from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from predictor.files import find_model
from predictor.predictor import Predictor


class TextModel(PythonModel):
    """Classifies texts; with several trainings their probabilities are averaged.

    Attributes:
        predictor: classifies texts; available once the files are loaded.
    """

    predictor: Predictor

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the trainings, which MLflow has put into a folder each."""
        folders = sorted(Path(context.artifacts["trainings"]).iterdir())
        self.predictor = Predictor([find_model(folder) for folder in folders])

    def predict(self, model_input: list[str]) -> list[dict[str, Any]]:  # type: ignore[override]  # one of MLflow's forms
        """For each text its label, and the probability of each class by name."""
        predictions = self.predictor(model_input)
        labels = self.predictor.labels
        return [
            {"label": label, "probabilities": dict(zip(labels, map(float, row), strict=True))}
            for label, row in zip(predictions.labels, predictions.probabilities.tolist(), strict=True)
        ]


set_model(TextModel())
