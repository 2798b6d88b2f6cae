"""Classifies raw texts with trained models.

    predictor = Predictor([find_training("bilstm", seed) for seed in (1, 2, 3)])
    predictor(["A film to remember."]).labels

It loads neither DVC, Lightning, torchtext nor MLflow, and reads no file but those of its models.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import ParamsError
from models import machine
from models.prediction import predict
from outputs.trained_model import load_classifier
from predictor.files import ModelFiles, check_alike
from predictor.token_numbers import Encoder
from text.tokenizing.token_file import TokenizedDocuments

MOST_EFFECTS = 400  # tokens, each of which costs a prediction of the whole text


class Predictions(NamedTuple):
    """What the models say about some texts.

    Attributes:
        labels: (texts,), the name of the most probable class.
        probabilities: float32 (texts, classes), in the order of `Predictor.labels`.
        lengths: int32 (texts,), tokens before truncation; 0 for an empty text, which is classified as one unknown word.
    """

    labels: list[str]
    probabilities: NDArray[np.float32]
    lengths: NDArray[np.int32]


class Predictor:
    """One trained model, or an ensemble of several, whose probabilities are averaged.

    On the CPU it flushes denormal numbers and sets the number of threads for the whole process, as the stage evaluate
    does: the same texts in one call then get the same probabilities, bit for bit.

    Attributes:
        labels: names of the classes.
        max_tokens: the number of tokens of a text that a model reads at most; longer texts are truncated.
        encode: turns texts into token numbers, for `classify`; several threads may call it at the same time.
    """

    def __init__(self, models: Sequence[ModelFiles]) -> None:
        """Loads the models.

        Raises:
            ParamsError: there is none, or they were trained on different tokens or labels.
            DataError: a file is broken.
        """
        if not models:
            raise ParamsError("there is no model to predict with; allowed: at least one")
        check_alike(models)
        machine.prepare(models[0].config["train"]["threads"])
        self.labels: list[str] = models[0].config["labels"]
        self.encode = Encoder(models[0])
        self.max_tokens = self.encode.max_tokens
        self._members = [
            (load_classifier(files.config, files.weights), machine.device(files.config["train"]["accelerator"]))
            for files in models
        ]
        for classifier, _ in self._members:
            classifier.embedding.fold()

    def __call__(self, texts: Sequence[str]) -> Predictions:
        """Classifies `texts`, in batches of similar length.

        Raises:
            DataError: a text contains half a surrogate pair, which is no character.
        """
        return self.classify(self.encode(texts))

    def classify(self, *documents: TokenizedDocuments) -> Predictions:
        """Classifies together what one or several calls of `encode` returned."""
        together = TokenizedDocuments.joined(documents)
        if not len(together):
            none = np.empty((0, len(self.labels)), np.float32)
            return Predictions([], none, np.empty(0, np.int32))
        probabilities = self._predict(together)
        labels = [self.labels[index] for index in probabilities.argmax(axis=1)]
        return Predictions(labels, probabilities, together.full_lengths)

    def effects(self, text: str, most: int = MOST_EFFECTS) -> list[tuple[str, float]]:
        """The first `most` tokens of the text, each with its effect on the log-odds of the predicted label.

        The effect is the label's log-odds, ln p/(1−p), minus the label's log-odds for the text without the token.

        Raises:
            DataError: the text contains half a surrogate pair, which is no character.
        """
        (whole,) = self([text]).probabilities
        tokens, without = self.encode.without_each(text, most)
        if not tokens:
            return []
        chosen = int(whole.argmax())
        effects = _log_odds(whole[chosen]) - _log_odds(self._predict(without)[:, chosen])  # (tokens,)
        return list(zip(tokens, effects.tolist(), strict=True))

    def _predict(self, documents: TokenizedDocuments) -> NDArray[np.float32]:
        """The mean over the models, (texts, classes)."""
        probabilities = [predict(classifier, documents, device, progress=False) for classifier, device in self._members]
        # A mean of one is that one, bit for bit.
        mean: NDArray[np.float32] = np.stack(probabilities).mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    bounded = np.clip(np.asarray(probabilities, np.float64), 1e-12, 1 - 1e-12)
    return np.asarray(np.log(bounded / (1 - bounded)))
