#!/usr/bin/env bash
# Sentences from scratch with strong models, LSTM against BiLSTM: 128 units, adversarial training on normalized embeddings,
# dropout, averaged weights, and the epoch with the best validation accuracy. trec, sst2, sst5: 5 seeds on the published
# splits. subj, cr, mpqa, mr: 10 folds, one seed each, and each document is tested once.
#   recipes/sentences.sh trec [folder with the files; default: the official address] [-S settings]
# Minutes on one core. A repeated call resumes. Results: docs/results.md. At the end recipes/recount.py recomputes the
# comparison without the project's code.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
name=${1:?one of trec, sst2, sst5, subj, cr, mpqa, mr}
as_settings "${@:2}"
case $name in
  trec | sst2 | sst5) splits=(-S data.folds=null -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}") ;;
  subj | cr | mpqa | mr) splits=(-S data.folds=10 -S "compare.seeds=${SEEDS:-[1,2,3,4,5,6,7,8,9,10]}") ;;
  *) echo "error: $name is not one of trec, sst2, sst5, subj, cr, mpqa, mr" >&2 && exit 1 ;;
esac
radius=10.0
if [ "$name" = mpqa ]; then radius=3.0; fi # of phrases of three words, 10 would be a third
settings=()
for variant in variants.lstm ++variants.bilstm; do # ++: add the key, or change it
  settings+=(
    -S "$variant.hidden_size=128" -S "$variant.embedding_size=256" -S "$variant.embedding_normalization=frequency"
    -S "$variant.embedding_dropout=0.3" -S "$variant.head_dropout=0.5"
  )
done
dvc exp run --name "$name-$(date +%s)" \
  -S "data.name=$name" "${splits[@]}" -S tokenize.min_freq=1 "${settings[@]}" \
  -S train.adversarial.kind=labelled -S "train.adversarial.radius=$radius" \
  -S train.epochs=8 -S train.learning_rate=0.001 -S train.schedule=cosine -S train.averaging=ema \
  -S train.monitor=validation_accuracy \
  -S "compare.variants=[lstm,bilstm]" "${words[@]}"
python recipes/recount.py
