"""Class probabilities of documents."""

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.classifier import TextClassifier
from text.batches import Documents, loader

BATCH_SIZE = 128


def predict(classifier: TextClassifier, documents: Documents, device: torch.device) -> NDArray[np.float32]:
    """Probabilities (documents, classes), in the order of the store."""
    classifier.to(device).eval()
    batches = loader(documents, BATCH_SIZE, seed=None)
    probabilities = np.empty((len(documents.lengths), classifier.head.out_features), dtype=np.float32)
    with torch.inference_mode():
        for batch in track(batches, description="predicting"):
            logits = classifier(batch.tokens.to(device), batch.lengths)  # (batch, classes)
            probabilities[batch.indices.numpy()] = logits.softmax(dim=1).float().cpu().numpy()
    return probabilities
