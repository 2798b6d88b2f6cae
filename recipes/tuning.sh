#!/usr/bin/env bash
# LSTM against BiLSTM after equal tuning, on the built-in data: 12 trials each, then three new seeds of each one's best
# setting; and both under two fixed settings, under which both learned in trials. 42 trainings, one after another.
#   recipes/tuning.sh [more -S settings for dvc exp run]
# Results: docs/tuning.md, "Results".
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
dvc exp run --name "tuning-$(date +%s)" \
  -S compare.tuning.trials=12 \
  -S "compare.settings=[{learning_rate: 0.002},{learning_rate: 0.006, head_dropout: 0.3}]" \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=[1,2,3]" "$@"
python recipes/recount.py
