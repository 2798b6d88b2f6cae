"""Looks inside a trained classifier while it reads one text: gates, memory, prediction, words, gradients.

Gates and gradients come from the textbook's equations (models/textbook.py) in float64, where gradients do not
underflow; predictions come from the model itself.
"""

import copy

import torch
from torch import Tensor

from core.constants import PADDING_INDEX
from models.classifier import TextClassifier
from models.inside.reading import Floats, PassageReading, Reading
from models.textbook import DESCRIPTIONS, Passage, Step, read

TOKENS_A_BATCH = 32_768


def explain(classifier: TextClassifier, tokens: Tensor, unknown: int) -> Reading:
    """The classifier's reading of a text.

    Args:
        tokens: (T,) numbers, at least one.
        unknown: the token to read instead of a text's only token, since leaving that out would leave none.
    """
    classifier.eval()
    length = len(tokens)
    logits = _logits(classifier, [tokens])  # (1, classes)
    chosen = int(logits.argmax())
    without = [
        torch.cat([tokens[:t], tokens[t + 1 :]]) if length > 1 else tokens.new_tensor([unknown]) for t in range(length)
    ]
    shorter = _logits(classifier, without)  # (T, classes)
    prefixes = _logits(classifier, [tokens[: t + 1] for t in range(length)])  # (T, classes)
    gradient_input, passages = _trace(classifier, tokens, chosen)
    return Reading(
        cell=classifier.encoder.cell,
        description=DESCRIPTIONS[classifier.encoder.cell],
        input_sizes=[layer.input_size for layer in classifier.encoder.layers],
        hidden_size=classifier.encoder.hidden_size,
        segment=classifier.encoder.segment,
        probabilities=_array(logits.softmax(dim=1)[0]),
        prefixes=_array(prefixes.softmax(dim=1)),
        leave_one_out=_array(log_odds(logits, chosen) - log_odds(shorter, chosen)),
        gradient_input=gradient_input,
        passages=passages,
    )


def log_odds(logits: Tensor, chosen: int) -> Tensor:
    """ln p/(1−p) (…) of one class from logits (…, classes) of two or more classes."""
    others = torch.cat([logits[..., :chosen], logits[..., chosen + 1 :]], dim=-1)
    return logits[..., chosen] - others.logsumexp(dim=-1)


def _logits(classifier: TextClassifier, documents: list[Tensor]) -> Tensor:
    """Logits (documents, classes) in float64, as the model computes them, a few thousand tokens at a time."""
    longest = max(map(len, documents))
    size = max(1, TOKENS_A_BATCH // longest)
    logits = []
    with torch.inference_mode():
        for start in range(0, len(documents), size):
            batch = documents[start : start + size]
            padded = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=PADDING_INDEX)
            logits.append(classifier(padded, torch.tensor([len(document) for document in batch])).double())
    return torch.cat(logits)


def _trace(classifier: TextClassifier, tokens: Tensor, chosen: int) -> tuple[Floats, list[PassageReading]]:
    """Gradient × input (T,), and how each passage was read, by the textbook's equations with the model's weights."""
    exact = copy.deepcopy(classifier).double()
    segment = exact.encoder.segment or len(tokens)
    embedded = exact.embedding(tokens).detach().requires_grad_()  # (T, K)
    states, passages = read(exact.encoder, embedded)  # (T, output_size)
    document = exact.pooling(states.unsqueeze(0), torch.tensor([len(tokens)]))  # (1, document_size)
    score = log_odds(exact.decide(document)[0], chosen)
    nodes = [step[name] for passage in passages for name in _states(passage) for step in passage.steps]
    at_input, *at_states = torch.autograd.grad(score, [embedded, *nodes], allow_unused=True, materialize_grads=True)
    gradients = iter(at_states)  # (1, h) each
    readings = []
    for passage in passages:
        of_states = {name: torch.cat([next(gradients) for _ in passage.steps]) for name in _states(passage)}  # (T, h)
        readings.append(_reading(passage, of_states, segment))
    return _array((at_input * embedded).sum(dim=1)), readings


def _states(passage: Passage) -> list[str]:
    """The letters of its states, the memory first."""
    return [name for name in ("C", "h") if name in passage.steps[0]]


def _reading(passage: Passage, gradients: dict[str, Tensor], segment: int) -> PassageReading:
    values = {name: torch.cat([step[name] for step in passage.steps]).detach() for name in passage.steps[0]}  # (T, h)
    written, left = _written_and_left(values, passage, segment)
    memory = _states(passage)[0]
    effect = (gradients[memory] * values[memory]).abs().amax(dim=0)  # (h,)
    return PassageReading(
        passage.layer,
        passage.direction,
        values={name: _array(value) for name, value in values.items()},
        written=written,
        left=left,
        followed=int(effect.argmax()),
        gradients={name: _array(gradient.norm(dim=1)) for name, gradient in gradients.items()},
    )


def _written_and_left(values: Step, passage: Passage, segment: int) -> tuple[Floats, Floats] | tuple[None, None]:
    """What each token wrote into each number of the memory, and what is left of it at the end of its piece: (T, h)
    each.

    The memory is a sum over tokens, since gates only weight it: C_T = Σ_t (f_{t+1} ⊙ … ⊙ f_T) ⊙ i_t ⊙ g_t. So is the
    GRU's state, with z for f and (1 − z) ⊙ n for i ⊙ g.
    """
    if "C" in values:
        keep, written = values["f"], values["i"] * values["g"]
    elif "z" in values:
        keep, written = values["z"], (1 - values["z"]) * values["n"]
    else:
        return None, None
    forward = passage.direction == "forward"
    survival = []
    for piece in torch.split(keep, segment):
        later = piece.flip(0) if forward else piece  # the step read last comes first
        of_piece = torch.cat([torch.ones_like(later[:1]), later[:-1].cumprod(dim=0)])  # (segment or less, h)
        survival.append(of_piece.flip(0) if forward else of_piece)
    return _array(written), _array(written * torch.cat(survival))


def _array(values: Tensor) -> Floats:
    array: Floats = values.detach().double().cpu().numpy()
    return array
