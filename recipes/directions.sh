#!/usr/bin/env bash
# One direction against two on a set of sentences, with four kinds of models: the textbook's, the shipped defaults, the
# strong ones of sentences.sh, and strong ones of which both have about the same number of parameters.
#   recipes/directions.sh trec [folder with the files; default: the official address] [-S settings]
# Prints a row of the table in docs/directions.md for each kind. A repeated call resumes.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
name=${1:?one of trec, sst2, sst5, subj, cr, mpqa, mr}
as_settings "${@:2}"
shipped=( # what sentences.sh changes
  -S tokenize.min_freq=2 -S train.adversarial.kind=none -S train.epochs=auto -S train.learning_rate=0.003
  -S train.schedule=linear -S train.averaging=none -S train.monitor=validation_loss
)
for variant in variants.lstm variants.bilstm; do
  shipped+=(
    -S "$variant.hidden_size=64" -S "$variant.embedding_size=128" -S "$variant.embedding_normalization=none"
    -S "$variant.embedding_dropout=0.0" -S "$variant.head_dropout=0.0"
  )
done
case $name in
  sst2 | sst5) first_cell="SST-${name#sst} | " ;;
  subj) first_cell="Subj | " ;;
  *) first_cell="$(tr '[:lower:]' '[:upper:]' <<< "$name") | " ;;
esac
compare() { # kind, settings
  recipes/sentences.sh "$name" -S compare.baseline=lstm -S compare.matching=hidden_size "${@:2}" "${words[@]}"
  rows+=("$(python recipes/row.py "$first_cell$1")")
  first_cell="| " # empty: the row above names the data
}
rows=()
compare textbook "${shipped[@]}" -S "compare.variants=[textbook_lstm,textbook_bilstm]" -S compare.baseline=textbook_lstm
compare shipped "${shipped[@]}"
compare strong
compare "strong, matched by parameters" -S compare.matching=parameters
printf '%s\n' "${rows[@]}"
