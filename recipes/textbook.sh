#!/usr/bin/env bash
# The textbook's model on IMDB: Embedding(20000, 128) -> Bidirectional(LSTM(64)) -> Dense(2, softmax), one bias vector per
# gate and initial weights as in Keras, the last 200 tokens of each review, Adam with Keras' defaults; also the LSTM in one
# direction. Prints the model's layers and the rows for the table of results.
#   recipes/textbook.sh [path or URL of aclImdb_v1.tar.gz; default: the official address]
# Results, beside those of Keras: docs/textbook.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
# 19,998 words: with <unk> and <pad> the embedding has 20,000 rows. tail: Keras' pad_sequences keeps the last tokens.
dvc exp run --name "textbook-$(date +%s)" \
  -S data.name=imdb -S "data.source=${1:-null}" \
  -S tokenize.tokenizer=basic_english -S tokenize.max_size=19998 -S tokenize.max_tokens=200 -S tokenize.truncation=tail \
  -S tokenize.min_freq=1 \
  -S variants.lstm.single_bias=true -S ++variants.bilstm.single_bias=true \
  -S variants.lstm.pooling=last -S ++variants.bilstm.pooling=last \
  -S variants.lstm.initialization=keras -S ++variants.bilstm.initialization=keras \
  -S "train.epochs=${EPOCHS:-2}" -S train.learning_rate=0.001 -S train.schedule=constant -S train.gradient_clip=null \
  -S "compare.variants=[lstm,bilstm]" -S "compare.seeds=${SEEDS:-[1,2,3,4,5]}"
python -m commands.summary --variant bilstm
python - <<'END'
import json

comparison = json.load(open("reports/comparison.json"))
for variant, scores in comparison["variants"].items():
    accuracy = scores["accuracy"]
    spread = "" if accuracy["deviation"] is None else f" ± {100 * accuracy['deviation']:.1f}"
    what = f"| this pipeline, {variant}, {comparison['seeds']} seeds"
    print(f"{what} | {100 * accuracy['mean']:.1f}{spread} % | {comparison['documents']:,} test documents; validation is separate |")
END
