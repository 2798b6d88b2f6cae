#!/usr/bin/env bash
# Over which distance recurrent networks learn: rnn, gru and lstm in one and both directions over growing distances, and
# tasks 6a and 6b of Hochreiter and Schmidhuber (1997) by the paper's measure.
#   recipes/long_term_dependency.sh
# Prints tables, writes figures to reports/long_term_dependency/ and trainings to MLflow. Results:
# docs/long_term_dependency.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
python -m commands.long_term_dependency recipes/first_token.yaml --lengths 10 30 100
python -m commands.long_term_dependency recipes/temporal_order_6a.yaml --lengths 100
python -m commands.long_term_dependency recipes/temporal_order_6b.yaml --lengths 100
