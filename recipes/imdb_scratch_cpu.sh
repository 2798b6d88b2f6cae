#!/usr/bin/env bash
# As imdb_scratch.sh, but small enough for one CPU core: 160 units in each of two directions, 256 in one, 3 seeds. Here
# words start from vectors counted on the training reviews (no other text) and have half the LSTM's learning rate.
# So 4 epochs are enough, with a smaller adversarial radius. The settings were chosen on reviews of other films:
# imdb_films.py.
#   recipes/imdb_scratch_cpu.sh [path or URL of aclImdb_v1.tar.gz; default: the official address] [-S settings]
# A repeated call resumes. Results: docs/results.md.
set -euo pipefail
cd "$(dirname "$0")/.."
source recipes/as_committed.sh
as_settings "$@"
SEEDS=${SEEDS:-[1,2,3]} exec recipes/imdb_scratch.sh \
  -S pretrain.objective=vectors -S variants.lstm.start=pretrain -S ++variants.bilstm.start=pretrain \
  -S variants.lstm.hidden_size=256 -S variants.bilstm.hidden_size=160 \
  -S variants.lstm.embedding_size=128 -S variants.bilstm.embedding_size=128 \
  -S variants.lstm.initialization=keras -S variants.lstm.forget_bias=null -S variants.lstm.recurrent_init=uniform \
  -S variants.bilstm.initialization=keras -S variants.bilstm.forget_bias=null -S variants.bilstm.recurrent_init=uniform \
  -S train.accelerator=cpu -S train.precision=32-true -S train.epochs=4 -S train.learning_rate=0.002 \
  -S train.layer_rates=0.5 -S train.adversarial.radius=3.0 "${words[@]}"
