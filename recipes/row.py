"""Prints the comparison of two variants as a row of a table, which begins with the argument.

    python recipes/row.py "TREC | strong"        after `dvc repro`, at the repository's root

The columns: test accuracy of the baseline and of the other variant (mean ± standard deviation over seeds, and the
number of parameters), the difference with its 95 % interval, its p-value.
"""

import json
import sys
from pathlib import Path

comparison = json.loads(Path("reports/comparison.json").read_text(encoding="utf-8"))
((name, difference),) = comparison["differences"].items()
cells = []
for variant in (comparison["baseline"], name):
    scores = comparison["variants"][variant]
    accuracy = scores["accuracy"]
    spread = "" if accuracy["deviation"] is None else f" ± {100 * accuracy['deviation']:.1f}"
    cells.append(f"{100 * accuracy['mean']:.1f}{spread} ({scores['parameters'] / 1e6:.2f} M)")
gain = difference["accuracy"]
interval = " to ".join(f"{100 * gain[end]:+.1f}" for end in ("low", "high"))
print(f"| {sys.argv[1]} | {' | '.join(cells)} | {100 * gain['value']:+.1f} ({interval}) | {gain['p_value']:.3f} |")
