#!/usr/bin/env bash
# NSMC, as nsmc.sh, with stronger models: 128 units, dropout on words, word vectors and before the classes, averaged weights,
# and the epoch with the best validation accuracy.
#   recipes/nsmc_strong.sh [folder with ratings_train.txt and ratings_test.txt; default: the official address] [-S settings]
# A repeated call resumes. Results: docs/results.md. At the end recipes/recount.py recomputes the comparison without the
# project's code.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
settings=()
for variant in variants.lstm ++variants.bilstm; do # ++: add the key, or change it
  settings+=(
    -S "$variant.hidden_size=128" -S "$variant.embedding_size=128"
    -S "$variant.word_dropout=0.1" -S "$variant.embedding_dropout=0.3" -S "$variant.head_dropout=0.5"
  )
done
dvc exp run --name "nsmc-strong-$(date +%s)" \
  -S data.name=nsmc -S "data.source=${1:-null}" -S data.validation_share=0.05 \
  -S tokenize.tokenizer=sentencepiece -S tokenize.max_size=16000 -S tokenize.max_tokens=100 -S tokenize.min_freq=1 \
  "${settings[@]}" \
  -S train.epochs=4 -S train.batch_size=64 -S train.learning_rate=0.001 -S train.schedule=cosine -S train.averaging=ema \
  -S train.monitor=validation_accuracy \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}" "${@:2}"
python recipes/recount.py
