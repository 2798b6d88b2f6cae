#!/usr/bin/env bash
# NSMC, Korean film reviews (Park 2016), 150,000 for training and 50,000 for testing: LSTM against BiLSTM, SentencePiece.
#   recipes/nsmc.sh [folder with ratings_train.txt and ratings_test.txt; default: the official address] [-S settings]
# Results: README.md, "Results". At the end recipes/recount.py recomputes the comparison without the project's code.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
dvc exp run --name "nsmc-$(date +%s)" \
  -S data.name=nsmc \
  -S tokenize.tokenizer=sentencepiece -S tokenize.max_size=8000 -S tokenize.max_tokens=100 -S tokenize.min_freq=1 \
  -S variants.lstm.pooling=max -S ++variants.bilstm.pooling=max \
  -S variants.lstm.initialization=pytorch -S ++variants.bilstm.initialization=pytorch \
  -S train.epochs=2 -S train.schedule=constant -S train.learning_rate=0.001 -S train.batch_size=64 \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}" "${words[@]}"
python recipes/recount.py
