#!/usr/bin/env bash
# As nsmc.sh, with stronger models: 128 units that start from a language model of the training reviews in both directions,
# dropout on words, word vectors and before the classes, averaged weights, and the epoch with the best validation accuracy.
#   recipes/nsmc_strong.sh [folder with ratings_train.txt and ratings_test.txt; default: the official address] [-S settings]
# A repeated call resumes. Results: docs/results.md.
set -euo pipefail
cd "$(dirname "$0")/.."
source recipes/as_committed.sh
as_settings "$@"
settings=()
for variant in variants.lstm ++variants.bilstm; do # ++: add the key, or change it
  settings+=(
    -S "$variant.hidden_size=128" -S "$variant.embedding_size=128" -S "$variant.initialization=keras"
    -S "$variant.start=pretrain"
    -S "$variant.word_dropout=0.1" -S "$variant.embedding_dropout=0.3" -S "$variant.head_dropout=0.5"
  )
done
exec recipes/nsmc.sh "${settings[@]}" \
  -S data.validation_share=0.05 -S tokenize.max_size=16000 \
  -S pretrain.objective=lm -S pretrain.hidden_size=128 -S pretrain.embedding_size=128 -S pretrain.epochs=8 \
  -S train.epochs=4 -S train.learning_rate=0.002 -S train.schedule=cosine \
  -S train.averaging=ema -S train.monitor=validation_accuracy "${words[@]}"
