#!/usr/bin/env bash
# The textbook's model on IMDB: Embedding(20000, 128) -> Bidirectional(LSTM(64)) -> Dense(2, softmax), one bias vector a
# gate as in Keras, the last 200 tokens of each review, Adam with Keras' defaults; beside it the LSTM in one direction.
#   recipes/textbook.sh [path or URL of aclImdb_v1.tar.gz; default: the official address]
# What it gave, beside Keras' own figures: docs/textbook.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
# 19,998 words: with <unk> and <pad> the embedding has 20,000 rows. tail: Keras' pad_sequences keeps the last tokens.
dvc exp run --name "textbook-$(date +%s)" \
  -S data.name=imdb -S "data.source=${1:-null}" \
  -S tokenize.max_size=19998 -S tokenize.max_tokens=200 -S tokenize.truncation=tail \
  -S variants.lstm.single_bias=true -S +variants.bilstm.single_bias=true \
  -S train.epochs=2 -S train.learning_rate=0.001 -S train.gradient_clip=null \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}"
python -m pipelines.summary --variant bilstm
