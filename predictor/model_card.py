"""What an exported model is and how to use it (Mitchell et al., Model Cards for Model Reporting, 2019)."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.constants import PADDING_INDEX, UNKNOWN_INDEX

SHOWN = ("accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "loss", "calibration_error")

TOKENIZERS = {
    "basic_english": "torchtext's basic_english (lowercase words; each of `'.,()!?` is a word; `\"` is removed; `;`, "
    "`:` and `<br />` separate words; other signs stay part of words)",
    "whitespace": "Python's str.split()",
    "characters": "each character is a token",
    "sentencepiece": "the pieces of sentencepiece.model",
}


def model_card(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Markdown, from the training's configuration and its metrics on the test split."""
    variant, settings = config["variant"], config["tokenize"]
    direction = "bidirectional" if variant["bidirectional"] else "unidirectional"
    pooling = " and ".join(variant["pooling"]) if isinstance(variant["pooling"], list) else variant["pooling"]
    layers = f"{variant['layers']} layer" + "s" * (variant["layers"] > 1)
    scores = "\n".join(f"| {name.replace('_', ' ')} | {_shown(metrics[name])} |" for name in SHOWN)
    classes = "\n".join(
        f"| {_cell(name)} | {score['support']} | {_shown(score['precision'])} | {_shown(score['recall'])} |"
        for name, score in metrics["classes"].items()
    )
    return f"""# {config["name"]}, seed {config["seed"]}

A {direction} {variant["cell"].upper()} ({layers} of {variant["hidden_size"]} units per direction, {pooling}
pooling, {config["parameters"]["total"]:,} parameters) that classifies texts.
Trained by lstm-vs-bilstm on `{config["data"]["name"]}` ({config["data"]["digest"]}).

## Test split

| metric | value |
| --- | --: |
{scores}

| class | documents | precision | recall |
| --- | --: | --: | --: |
{classes}

The scores of one training: another seed gives different ones. They hold for texts like those of the test split.

## Files

- `model.onnx`: weights and graph. Inputs: `tokens` int32 (batch, time), `lengths` int32 (batch,). Output:
  `probabilities` float32 (batch, classes), in the order {", ".join(f"`{_cell(label)}`" for label in config["labels"])}
- `vocabulary.json`: the tokens in the order of their numbers
- `config.json`, `model.safetensors`: the training's configuration and weights, for
  `python -m commands.predict --model` with this folder

## From text to tokens

{_cleaning(config["data"].get("clean", []))}1. Tokenizer: {TOKENIZERS[settings["tokenizer"]]}.
2. At most {settings["max_tokens"]} tokens; of longer texts the {_kept(settings["truncation"])}.
3. Each token's number in the vocabulary; others, and a text without tokens, are {UNKNOWN_INDEX} (`<unk>`).
   No word has the number {UNKNOWN_INDEX} or {PADDING_INDEX}, not even a word `<unk>` or `<pad>`.
4. Shorter texts of a batch are padded on the right with {PADDING_INDEX} (`<pad>`); `lengths` counts no padding.
"""


def _cleaning(names: Sequence[str]) -> str:
    return f"0. Cleaned of {', '.join(names)}, as `text/cleaning.py` of lstm-vs-bilstm does.\n" if names else ""


def _kept(truncation: str) -> str:
    return {
        "head": "first",
        "tail": "last",
        "head+tail": "first half and last half (an odd token goes to the first half)",
    }[truncation]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _cell(text: str) -> str:
    """A label in a table of Markdown."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
