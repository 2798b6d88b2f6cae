"""In a cross-validation each fold has a search of its own, which cannot open it; listed settings are trained, too."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from config.params import Params, load
from core.errors import DataError
from core.paths import SETTINGS, TOKENS
from outputs.experiment_files import read_repetitions
from outputs.token_files import open_part, open_splits, read_summary
from pipelines.download import download
from pipelines.match import match
from pipelines.settings import train_under
from pipelines.tokenize import make_tokens
from pipelines.trial import Plan, resolve
from pipelines.tune import run_trials
from tests.pipelines.project import make_own
from tests.text.test_folds import write_sentences

SEEDS = [1, 2, 3]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    changes = {"data.name": "cr", "data.source": str(write_sentences(tmp_path / "source")), "data.folds": 3}
    changes |= {"variants": {"lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}}, "train.epochs": 1}
    changes |= {"compare.variants": ["lstm"], "compare.seeds": SEEDS, "compare.settings": [{"pooling": "mean"}]}
    make_own(tmp_path, changes | {"compare.tuning.trials": 1, "compare.tuning.repeats": 3}, monkeypatch)
    params = load()
    download(params.data)
    make_tokens(params.tokenize)
    match(params)
    return params


def test_each_search_learns_from_the_other_folds_and_cannot_open_its_own(params: Params) -> None:
    for seed in SEEDS:
        others = {f"fold-{number}.arrow" for number in SEEDS if number != seed}
        tokens = resolve(params, Plan("lstm", {}, 2**32, fold_seed=seed), Path())["tokens"]
        assert set(tokens) == others
        with pytest.raises(DataError, match=f"^this training may not read the fold-{seed} split"):
            open_splits([f"fold-{seed}"], tokens)
    (TOKENS / "fold-2.arrow").write_bytes(b"closed")
    (outcome,) = run_trials(params, "lstm", 1, [0])  # of the second search, for seed 2
    assert outcome["documents"] == 40  # of one fold, the other one validates
    assert outcome["scores"]["accuracy"] >= 0


def test_under_a_listed_setting_each_training_predicts_its_own_fold(params: Params) -> None:
    train_under(params, "lstm", 0)
    summary = {"data": read_summary()["data"], "tokens": read_summary()["checksums"]}
    ids = [pa.chunked_array([pa.array(open_part("test", {"seed": seed, **summary}).ids())]) for seed in SEEDS]
    files = [SETTINGS / "lstm-setting0" / f"seed-{seed}.parquet" for seed in SEEDS]
    (probabilities,) = read_repetitions(files, ids, "settings")
    assert probabilities.shape == (120, 2)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(120))
