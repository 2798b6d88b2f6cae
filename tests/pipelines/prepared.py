"""The stages, run one after another by the test itself in the working directory: no DVC, no copy of the code."""

from config.params import Params, load
from pipelines.download import download
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.tokenize import make_tokens
from pipelines.train import train
from pipelines.tune import tune


def prepare() -> Params:
    """All stages before the trainings; the project's params."""
    params = load()
    download(params.data)
    make_tokens(params.tokenize)
    match(params)
    for variant in params.compare.variants:
        tune(params, variant)
    return params


def train_all(params: Params) -> None:
    """Every training and its evaluation."""
    for variant, seed in params.compare.trainings():
        train(params, variant, seed)
        evaluate(params, variant, seed)
