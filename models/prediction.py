"""Class probabilities of documents."""

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.classifier import TextClassifier
from text.batches import Documents, loader

BATCH_SIZE = 128
LARGEST_TABLE = 2**26  # numbers: 256 MB


def predict(classifier: TextClassifier, documents: Documents, device: torch.device) -> NDArray[np.float32]:
    """Probabilities (documents, classes), in the order of the store."""
    classifier.to(device).eval()
    batches = loader(documents, BATCH_SIZE, seed=None)
    probabilities = np.empty((len(documents.lengths), classifier.head.out_features), dtype=np.float32)
    with torch.inference_mode():
        tables = classifier.tables() if _pays(classifier, documents, device) else None
        for batch in track(batches, description="predicting"):
            logits = classifier(batch.tokens.to(device), batch.lengths, tables)  # (batch, classes)
            probabilities[batch.indices.numpy()] = logits.softmax(dim=1).float().cpu().numpy()
    return probabilities


def _pays(classifier: TextClassifier, documents: Documents, device: torch.device) -> bool:
    """Whether to multiply each word once for all batches: where there is more to read than to know, and room for it."""
    words = classifier.embedding.num_embeddings
    most = 4 * classifier.encoder.output_size * words  # as many gates as an LSTM has
    return device.type == "cpu" and most <= LARGEST_TABLE and words < documents.lengths.sum(dtype=np.int64)
