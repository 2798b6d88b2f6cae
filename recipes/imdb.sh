#!/usr/bin/env bash
# IMDB film reviews (Maas et al. 2011), 25,000 for training and 25,000 for testing: LSTM against BiLSTM, 3 seeds each,
# the first 400 tokens, max pooling, two epochs.
#   recipes/imdb.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# Results: README.md, "Results". At the end recipes/recount.py recomputes the comparison without the project's code.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
dvc exp run --name "imdb-$(date +%s)" \
  -S data.name=imdb \
  -S tokenize.tokenizer=basic_english -S tokenize.max_tokens=400 -S tokenize.min_freq=2 \
  -S variants.lstm.pooling=max -S ++variants.bilstm.pooling=max \
  -S variants.lstm.initialization=keras -S ++variants.bilstm.initialization=keras \
  -S train.epochs=2 \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3]}" "${words[@]}"
python recipes/recount.py
