#!/usr/bin/env bash
# IMDB (Maas et al. 2011) with its 50,000 unlabelled reviews: a language model in both directions on training and unlabelled
# reviews, then fine-tuning of an LSTM and a BiLSTM that start from it, 3 seeds each (Dai & Le 2015; Howard & Ruder 2018).
#   recipes/imdb_unlabelled.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# For a GPU (ACCELERATOR=cpu would probably take days). Call it again after an interruption: it resumes. Documents that
# stand in the test or validation split are dropped from the others, so that no test text is among those that the language
# model reads.
# Results: docs/results.md; not run. Without adversarial training: the language model reads words that are not normalized,
# and a radius for such words has not been measured.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
DATA=(-S data.name=imdb -S data.unlabelled=true -S data.deduplicate=all
  -S tokenize.tokenizer=basic_english -S tokenize.max_tokens=1000 -S tokenize.max_size=30000)
PRETRAINING=(-S pretrain.objective=lm -S pretrain.direction=both -S pretrain.hidden_size=512 -S pretrain.embedding_size=256
  -S pretrain.softmax=sampled -S pretrain.epochs=9 -S pretrain.batch_size=128 -S pretrain.bptt=100
  -S pretrain.learning_rate=0.001)
VARIANTS=()
for variant in lstm bilstm; do
  for key in start=pretrain hidden_size=512 embedding_size=256 embedding_dropout=0.3 head_dropout=0.5; do
    VARIANTS+=(-S "++variants.$variant.$key")
  done
done
FINE_TUNING=(-S train.epochs=6 -S train.batch_size=64 -S train.learning_rate=0.0005 -S train.layer_rates=0.7
  -S train.warmup_share=0.05 -S "train.accelerator=${ACCELERATOR:-gpu}" -S train.precision="${PRECISION:-32-true}")
dvc exp run --name "imdb-unlabelled-$(date +%s)" \
  "${DATA[@]}" "${PRETRAINING[@]}" "${VARIANTS[@]}" "${FINE_TUNING[@]}" \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3]}" "${words[@]}"
python recipes/recount.py
