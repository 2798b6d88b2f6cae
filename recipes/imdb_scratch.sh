#!/usr/bin/env bash
# IMDB film reviews from scratch, without pretraining, with strong models: one and two directions of 512 units, read in
# segments, adversarial training on normalized embeddings (Miyato et al. 2017), averaged weights. For a GPU.
#   recipes/imdb_scratch.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# Trains 2 variants with 5 seeds; a repeated call resumes. Results: docs/results.md. At the end recipes/recount.py
# recomputes the comparison without the project's code.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
as_settings "$@"
settings=()
for variant in variants.lstm ++variants.bilstm; do # ++: add the key, or change it
  settings+=(
    -S "$variant.embedding_size=256" -S "$variant.segment=50" -S "$variant.pooling=max"
    -S "$variant.initialization=pytorch" -S "$variant.forget_bias=1.0" -S "$variant.recurrent_init=orthogonal"
    -S "$variant.embedding_normalization=frequency" -S "$variant.embedding_dropout=0.3" -S "$variant.head_dropout=0.5"
  )
done
dvc exp run --name "imdb-scratch-$(date +%s)" \
  -S data.name=imdb -S data.validation_share=0.05 \
  -S tokenize.tokenizer=basic_english -S tokenize.max_tokens=1000 -S tokenize.max_size=30000 -S tokenize.min_freq=2 \
  "${settings[@]}" -S variants.lstm.hidden_size=512 -S variants.bilstm.hidden_size=512 \
  -S train.accelerator=gpu -S train.precision=tf32 \
  -S train.epochs=11 -S train.batch_size=64 -S train.learning_rate=0.001 -S train.schedule=cosine \
  -S train.warmup_share=0.05 -S train.averaging=ema -S train.monitor=validation_accuracy \
  -S train.adversarial.kind=labelled -S train.adversarial.radius=5.0 \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}" "${words[@]}"
python recipes/recount.py
