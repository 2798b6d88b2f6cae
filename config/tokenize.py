"""The section tokenize of params.yaml: how documents become token numbers."""

from typing import Literal

from config.choices import TokenizerName, Truncation
from config.section import Count, Section


class TokenizeParams(Section):
    """How documents become token numbers."""

    tokenizer: Literal["auto", TokenizerName] = "auto"
    max_tokens: Count = 400
    truncation: Truncation = "head"
    max_size: Count = 20000
    min_freq: Count = 2
    vectors: str | None = None
