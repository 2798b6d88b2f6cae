"""Values of params.yaml that both its typed params and the code behind them name."""

from typing import Literal

# tokenize.tokenizer, which may also be auto
TokenizerName = Literal["basic_english", "whitespace", "characters", "sentencepiece"]
# tokenize.truncation: which tokens of a long document are kept
Truncation = Literal["head", "tail", "head+tail"]
# data.temporal_order.task
Task = Literal["6a", "6b"]
