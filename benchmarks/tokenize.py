"""Throughput of tokenizing, building a vocabulary of 20,000 and numbering the tokens, in documents per second.

`python -m benchmarks.tokenize <candidate>`. The project's figure includes the whole stage, from Parquet files to Arrow
files on disk; the others read texts from memory and leave the numbers there.
"""

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.corpus import PROJECT, WORK, texts

DOCUMENTS = {"torchtext-loop": 5000, "keras": 5000, "hf-tokenizers": 20_000}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=["project", *DOCUMENTS])
    candidate = arguments.parse_args().candidate
    run = {"torchtext-loop": run_loop, "keras": run_keras, "hf-tokenizers": run_tokenizers}
    rate = run_project() if candidate == "project" else run[candidate](texts(DOCUMENTS[candidate]))
    print(json.dumps({"value": rate}))


def run_project() -> float:
    """The stage tokenize over all splits."""
    import torchtext.vocab  # noqa: F401  imported before the clock starts, as for the others

    from config.params import load
    from pipelines.tokenize import make_tokens
    from text.tokenizing.tokenizers import build_tokenizer

    build_tokenizer("basic_english", None)(["what has to be loaded once"])
    params = load(PROJECT / "params.yaml").tokenize
    with TemporaryDirectory(dir=WORK) as folder:
        started = time.perf_counter()
        summary = make_tokens(params, Path(folder) / "tokens", PROJECT / "data" / "raw")
        seconds = time.perf_counter() - started
    return float(sum(split["documents"] for split in summary["splits"].values()) / seconds)


def run_loop(documents: list[str]) -> float:
    """torchtext's tokenizer and Vocab in a plain loop."""
    from collections import Counter

    from torchtext.data.utils import get_tokenizer
    from torchtext.vocab import Vocab

    started = time.perf_counter()
    tokenizer = get_tokenizer("basic_english")
    counts: Counter[str] = Counter()
    tokens = []
    for document in documents:
        tokens.append(tokenizer(document))
        counts.update(tokens[-1])
    numbers = Vocab(counts, max_size=20_000).stoi
    for document in tokens:
        [numbers[token] for token in document]
    return len(documents) / (time.perf_counter() - started)


def run_keras(documents: list[str]) -> float:
    """Keras's TextVectorization in batches."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    started = time.perf_counter()
    layer = keras.layers.TextVectorization(max_tokens=20_002)
    data = tf.data.Dataset.from_tensor_slices(documents).batch(256)
    layer.adapt(data)
    for batch in data:
        layer(batch)
    return len(documents) / (time.perf_counter() - started)


def run_tokenizers(documents: list[str]) -> float:
    """HF tokenizers, written in Rust, on all cores: an upper bound. It splits words slightly differently."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    started = time.perf_counter()
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(vocab_size=20_002, special_tokens=["<unk>", "<pad>"], show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.encode_batch_fast(documents)
    return len(documents) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
