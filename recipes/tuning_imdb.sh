#!/usr/bin/env bash
# LSTM against BiLSTM on IMDB after equal tuning: 20 trials each, which learn from 5,000 of the 22,500 training documents;
# then three new seeds of each one's best setting, which learn from all. One training after another, on one core: 52 minutes
# beside other work, 35 of them of computing. If it is stopped, the next call resumes.
#   recipes/tuning_imdb.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# Results: docs/tuning.md, "Results".
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
dvc exp run --name "tuning-imdb-$(date +%s)" \
  -S data.name=imdb -S tokenize.tokenizer=basic_english -S tokenize.max_tokens=400 \
  -S compare.tuning.trials=20 -S compare.tuning.documents=5000 -S compare.tuning.sampler=quasi_random \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3]}" "${words[@]}"
python recipes/recount.py
