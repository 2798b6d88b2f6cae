"""The named choices of params.yaml: config/ declares keys with them, text/ and models/ implement them.

They are here, and not beside their implementations, because reading params.yaml must not load torch.
"""

from typing import Literal

TokenizerName = Literal["basic_english", "whitespace", "characters", "sentencepiece"]
Truncation = Literal["head", "tail", "head+tail"]
TemporalOrderTask = Literal["6a", "6b"]
Cell = Literal["rnn", "gru", "lstm"]
PoolingName = Literal["last", "max", "mean", "attention"]
Pooling = PoolingName | list[PoolingName]  # a list: their vectors are joined
Initialization = Literal["pytorch", "keras"]
RecurrentInit = Literal["uniform", "orthogonal"]
Schedule = Literal["constant", "linear", "cosine"]
Monitor = Literal["validation_loss", "validation_accuracy"]
ClassWeight = Literal["none", "balanced"]
EmbeddingNormalization = Literal["none", "frequency"]
AdversarialKind = Literal["none", "labelled", "virtual", "both"]
Averaging = Literal["none", "ema", "swa"]
Start = Literal["random", "pretrain"]
Objective = Literal["none", "vectors", "lm"]
PretrainDirection = Literal["forward", "backward", "both"]
Softmax = Literal["full", "sampled", "adaptive"]
CleaningName = Literal["html", "urls", "users"]
