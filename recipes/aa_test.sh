#!/usr/bin/env bash
# A/A test: ten seeds of lstm, split into two groups in every possible way. The statistics should find no difference.
#   recipes/aa_test.sh [more -S settings for dvc exp run]
# Results: docs/statistics.md, "On real trainings".
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
source recipes/as_committed.sh
dvc exp run --name "against-itself-$(date +%s)" \
  -S "compare.variants=[lstm]" -S "compare.seeds=[1,2,3,4,5,6,7,8,9,10]" "$@"
python -m commands.aa_test
