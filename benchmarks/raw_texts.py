"""From raw texts to labels, in documents per second, the process's start included.

`python -m benchmarks.raw_texts <candidate>`.

All read the same JSONL file and write a label and probabilities a line. The networks are untrained bilstms of 64 units
over the corpus's 20,000 words, whose last states decide. The project runs `commands.predict`; Keras: TextVectorization;
PyTorch: torchtext's tokenizer, a vocabulary and packed sequences; scikit-learn: TF-IDF and logistic regression, fitted
before. `DOCUMENTS=100000` sets how many; the default is 10,000. They are the texts of the training split, repeated if
it has fewer; without DATASETS their words are made-up letters.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import MAX_TOKENS, PROJECT, VOCABULARY_SIZE, WORK, texts

CANDIDATES = ("project", "scikit-learn", "packed", "keras")
FIT = 2000  # documents that the others learn vocabulary and weights from
CHUNK = 8192


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=CANDIDATES)
    chosen = arguments.parse_args()
    number = int(os.environ.get("DOCUMENTS", "10000"))
    source, output = WORK / f"raw-{number}.jsonl", WORK / "labelled.jsonl"
    if not source.exists():
        known, part = texts(), source.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            for index in range(number):
                file.write(json.dumps({"text": known[index % len(known)]}) + "\n")
        part.rename(source)
    seconds = project(source, output) if chosen.candidate == "project" else other(chosen.candidate, source, output)
    with output.open(encoding="utf-8") as file:
        assert sum(1 for _ in file) == number
    print(json.dumps({"value": number / seconds, "documents": number}))


def project(source: Path, output: Path) -> float:
    """The command, as a person calls it."""
    write_model(WORK / "untrained")
    command = [sys.executable, "-m", "commands.predict", "--model", str(WORK / "untrained"), "--text-column", "text"]
    command += ["--file", str(source), "--output", str(output)]
    started = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def write_model(folder: Path) -> None:
    """Writes the model of the other candidates as a training of the project leaves it, but untrained."""
    from config.train import TrainParams
    from config.variants import VariantParams
    from outputs.token_files import read_summary
    from outputs.trained_model import new_classifier, write_training
    from outputs.training_config import settings_part

    variant = VariantParams(cell="lstm", bidirectional=True, hidden_size=64, embedding_size=128, pooling="last")
    config = settings_part("bilstm", 1, variant, TrainParams(), read_summary(PROJECT))
    write_training(folder, new_classifier(config), config, [])


def other(candidate: str, source: Path, output: Path) -> float:
    """Imports count, fitting does not."""
    started = time.perf_counter()
    build = {"scikit-learn": scikit_learn, "packed": packed, "keras": keras}[candidate]
    predict, fitting = build()
    with output.open("w", encoding="utf-8") as file:
        for chunk in chunks(source):
            for row in predict(chunk):
                file.write(json.dumps({"label": int(row.argmax()), "probabilities": row.tolist()}) + "\n")
    return time.perf_counter() - started - fitting


def chunks(source: Path) -> Iterator[list[str]]:
    """The texts of the file, CHUNK at a time."""
    with source.open(encoding="utf-8") as file:
        chunk: list[str] = []
        for line in file:
            chunk.append(json.loads(line)["text"])
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def scikit_learn() -> tuple[Any, float]:
    """TF-IDF of words and pairs, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(max_iter=1000))
    labels = np.load(WORK / "tokens.npz")["labels"][:FIT]
    model.fit(texts(FIT), labels)
    return model.predict_proba, time.perf_counter() - started


def packed() -> tuple[Any, float]:
    """torchtext's tokenizer, a dictionary, and packed sequences in batches of similar length."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
    from torchtext.data.utils import get_tokenizer

    tokenize = get_tokenizer("basic_english")
    started = time.perf_counter()
    counts = Counter(token for text in texts(FIT) for token in tokenize(text))
    numbers = {word: 2 + index for index, (word, _) in enumerate(counts.most_common(VOCABULARY_SIZE - 2))}
    fitting = time.perf_counter() - started
    embedding, lstm = nn.Embedding(VOCABULARY_SIZE, 128), nn.LSTM(128, 64, batch_first=True, bidirectional=True)
    head = nn.Linear(128, 2)

    def predict(chunk: Sequence[str]) -> Any:
        tokens = [tokenize(text)[:MAX_TOKENS] for text in chunk]
        documents = [torch.tensor([numbers.get(token, 0) for token in document] or [0]) for document in tokens]
        order = sorted(range(len(documents)), key=lambda index: -len(documents[index]))
        rows = np.empty((len(chunk), 2), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), 128):
                indices = order[start : start + 128]
                lengths = torch.tensor([len(documents[index]) for index in indices])
                padded = pad_sequence([documents[index] for index in indices], batch_first=True, padding_value=1)
                _, (final, _) = lstm(pack_padded_sequence(embedding(padded), lengths, batch_first=True))
                rows[indices] = head(torch.cat(list(final), dim=1)).softmax(dim=1).numpy()
        return rows

    return predict, fitting


def keras() -> tuple[Any, float]:
    """Keras on TensorFlow, whose TextVectorization is part of the model."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras as library
    import tensorflow

    vectorize = library.layers.TextVectorization(VOCABULARY_SIZE, output_sequence_length=MAX_TOKENS)
    started = time.perf_counter()
    vectorize.adapt(tensorflow.constant(texts(FIT)))
    fitting = time.perf_counter() - started
    model = library.Sequential(
        [
            vectorize,
            library.layers.Embedding(VOCABULARY_SIZE, 128, mask_zero=True),
            library.layers.Bidirectional(library.layers.LSTM(64)),
            library.layers.Dense(2, activation="softmax"),
        ]
    )
    return lambda chunk: model.predict(tensorflow.constant(chunk), batch_size=128, verbose=0), fitting


if __name__ == "__main__":
    main()
