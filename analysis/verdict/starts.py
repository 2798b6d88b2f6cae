"""Which variants start from pretraining, and a warning where not all do."""

from collections.abc import Mapping
from typing import Any

from analysis.comparison.experiment import Experiment
from analysis.verdict.findings import Settings
from analysis.verdict.phrases import listed

TITLES = {"lm": "a language model", "vectors": "word vectors"}


def start_remark(experiment: Experiment, settings: Settings) -> str:
    """A sentence or two; empty if all variants start from random weights."""
    pretrained = [name for name in experiment.variants if name in settings.pretrained]
    if not pretrained:
        return ""
    verb = "starts" if len(pretrained) == 1 else "start"
    sentence = f"{listed(pretrained)} {verb} from {_pretraining(settings.pretrained[pretrained[0]])}."
    others = [name for name in experiment.variants if name not in pretrained]
    if not others:
        return sentence
    verb = "starts" if len(others) == 1 else "start"
    return (
        f"{sentence} Warning: {listed(others)} {verb} from random weights, so a difference between variants may come "
        "from the pretraining and not from the models themselves."
    )


def _pretraining(entry: Mapping[str, Any]) -> str:
    """Describes a pretraining, from its entry in data/variants.

    >>> _pretraining({"objective": "lm", "documents": 75000, "unlabelled": True, "perplexity": {"forward": 78.12}})
    'a language model, pretrained on 75,000 training and unlabelled texts (held-out perplexity 78.1 forward)'
    """
    texts = "training and unlabelled texts" if entry["unlabelled"] else "training texts"
    reached = [f"{value:.1f} {direction}" for direction, value in entry.get("perplexity", {}).items()]
    words = f"{TITLES[entry['objective']]}, pretrained on {entry['documents']:,} {texts}"
    return f"{words} (held-out perplexity {', '.join(reached)})" if reached else words
