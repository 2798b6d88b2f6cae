#!/usr/bin/env bash
# The textbook's model on IMDB: Embedding(20000, 128) -> Bidirectional(LSTM(64)) -> Dense(2, softmax), one bias vector per
# gate and initial weights as in Keras, the last 200 tokens of each review, Adam's usual rates; also the LSTM in one
# direction. Prints the model's layers and the comparison as a row of a table (row.py).
#   recipes/textbook.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# Results, beside those of Keras: docs/textbook.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
# 19,998 words: with <unk> and <pad> the embedding has 20,000 rows. tail: Keras' pad_sequences keeps the last tokens.
dvc exp run --name "textbook-$(date +%s)" \
  -S data.name=imdb -S tokenize.min_freq=1 \
  -S tokenize.tokenizer=basic_english -S tokenize.max_size=19998 -S tokenize.max_tokens=200 -S tokenize.truncation=tail \
  -S "train.epochs=${EPOCHS:-2}" -S train.learning_rate=0.001 -S train.schedule=constant -S train.gradient_clip=null \
  -S "compare.variants=[textbook_lstm,textbook_bilstm]" -S compare.baseline=textbook_lstm \
  -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}" "${words[@]}"
python -m commands.summary --variant textbook_bilstm
python recipes/row.py "IMDB | textbook"
