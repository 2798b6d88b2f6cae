"""The language model of pretraining: loss and gradients are those of plain PyTorch, chunks those of the texts."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding

from config.choices import Cell
from models.backend import backend
from models.initialization import EMBEDDING
from models.pretraining import softmax as softmaxes
from models.pretraining.language_model import LanguageModel
from models.pretraining.module import LanguageModelModule
from models.pretraining.softmax import AdaptiveSoftmax, FullSoftmax, SampledSoftmax, build_softmax
from models.pretraining.vectors import cooccurrences, word_vectors
from tests.models.plain import plain_classifier
from text.streams import BOUNDARY, Chunks, count_targets, hold_out

WORDS = 12


class MemoryTexts:
    """Documents in memory."""

    def __init__(self, documents: list[list[int]]) -> None:
        self._documents = [np.array(document, np.int32) for document in documents]
        self.lengths = np.array([len(document) for document in documents], np.int32)

    def tokens(self, index: int) -> NDArray[np.int32]:
        return self._documents[index]


def random_texts(count: int = 9) -> MemoryTexts:
    generator = np.random.default_rng(1)
    return MemoryTexts([generator.integers(2, WORDS, generator.integers(3, 9)).tolist() for _ in range(count)])


def counts_of(texts: MemoryTexts) -> Tensor:
    return torch.from_numpy(count_targets(texts, np.arange(len(texts.lengths)), WORDS))


def make_model(cell: Cell = "lstm", softmax: Any = "full") -> LanguageModel:
    torch.manual_seed(1)
    model = LanguageModel(
        counts_of(random_texts()),
        cell=cell,
        hidden_size=5,
        embedding_size=4,
        directions=("forward", "backward"),
        softmax=softmax,
    )
    return model.double()


def chunks_of(texts: MemoryTexts, **changes: Any) -> Chunks:
    shape: dict[str, Any] = {"rows": 2, "time": 4, "directions": ("forward", "backward")}
    return Chunks(texts, np.arange(len(texts.lengths)), **shape | changes)


def test_chunks_are_the_texts_with_boundaries_in_both_directions_and_each_target_is_the_next_token() -> None:
    texts = MemoryTexts([[2, 3, 4], [5, 6], [7, 8, 9]])
    chunks = list(chunks_of(texts, rows=1, time=5))
    stream = [BOUNDARY, 2, 3, 4, BOUNDARY, 5, 6, BOUNDARY, 7, 8, 9, BOUNDARY]
    for direction, read in (("forward", stream), ("backward", stream[::-1])):
        assert torch.cat([chunk.inputs[direction] for chunk in chunks], dim=1).tolist() == [read[:-1]]
        assert torch.cat([chunk.targets[direction] for chunk in chunks], dim=1).tolist() == [read[1:]]
    assert len(chunks) == len(chunks_of(texts, rows=1, time=5)) == 3
    assert count_targets(texts, np.arange(3), 10).tolist() == [0, 3, 1, 1, 1, 1, 1, 1, 1, 1]


def test_rows_go_on_from_chunk_to_chunk_and_an_epoch_goes_on_where_it_stopped() -> None:
    texts = random_texts()
    whole = list(chunks_of(texts, seed=3))
    joined = torch.cat([chunk.inputs["forward"] for chunk in whole], dim=1)
    targets = torch.cat([chunk.targets["forward"] for chunk in whole], dim=1)
    assert torch.equal(joined[:, 1:], targets[:, :-1])
    rest = list(chunks_of(texts, seed=3, start=2))
    assert torch.equal(rest[0].inputs["backward"], whole[2].inputs["backward"])
    assert len(rest) == len(whole) - 2
    again = chunks_of(texts, seed=3)
    again.set_epoch(1)
    other = torch.cat([chunk.inputs["forward"] for chunk in again], dim=1)
    assert not torch.equal(other, joined)
    assert other.shape == joined.shape


def test_held_out_documents_are_others_than_those_learned_from() -> None:
    for documents in (2, 3, 1000, 100_000):
        learned, held_out = hold_out(documents, seed=1)
        assert sorted([*learned, *held_out]) == list(range(documents))
        assert len(learned) and len(held_out)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("lazy", [True, False])
def test_loss_and_gradients_are_those_of_plain_pytorch_with_truncation(cell: Cell, lazy: bool) -> None:
    texts, model = random_texts(), make_model(cell)
    module = LanguageModelModule(model, 0.01)
    if lazy:  # as the CPU trains: each different word once, its gradient sparse
        backend(torch.device("cpu")).adamw(model.embedding, 1, "64-true")(
            list(model.parameters()), lr=0.1, weight_decay=0.0
        )
    states: dict[str, Any] = {}
    for chunk in chunks_of(texts):
        model.zero_grad()
        loss = module.training_step(chunk, 0)
        torch.autograd.backward(loss)
        gradients = {name: weights.grad for name, weights in model.named_parameters() if weights.grad is not None}

        plain = {name: weights.detach().clone().requires_grad_() for name, weights in model.named_parameters()}
        expected = torch.zeros((), dtype=torch.float64)
        for number, direction in enumerate(("forward", "backward")):
            layer: nn.RNNBase = getattr(nn, cell.upper())(4, 5, batch_first=True).double()
            prefix = f"encoders.{number}.layers.0."
            own = {name.removeprefix(prefix): plain[name] for name in plain if name.startswith(prefix)}
            vectors = embedding(chunk.inputs[direction].long(), plain["embedding.weight"], padding_idx=BOUNDARY)
            outputs, after = torch.func.functional_call(layer, own, (vectors, states.get(direction)))
            states[direction] = torch.utils._pytree.tree_map(Tensor.detach, after)
            logits = outputs.flatten(0, 1) @ plain["softmax.linear.weight"].t() + plain["softmax.linear.bias"]
            expected = expected + cross_entropy(logits, chunk.targets[direction].flatten())
        torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
        torch.autograd.backward(expected)
        for name, gradient in gradients.items():
            dense = gradient.to_dense() if gradient.is_sparse else gradient
            torch.testing.assert_close(dense, plain[name].grad, rtol=0, atol=1e-12, msg=name)
        assert set(gradients) == {name for name in plain if "bias_hh" not in name}  # of the two biases one learns


def test_steps_are_those_of_pytorchs_adamw() -> None:
    """Also for words that both directions read in a step."""
    own, plain = LanguageModelModule(make_model(), 0.1), LanguageModelModule(make_model(), 0.1)
    ours = own.model.embedding
    optimizers = [
        backend(torch.device("cpu")).adamw(ours, 1, "64-true")(own.parameters(), lr=0.1, weight_decay=0.0),
        torch.optim.AdamW(plain.parameters(), lr=0.1, weight_decay=0.0),
    ]
    for chunk in chunks_of(random_texts(), seed=1):
        for module, optimizer in zip((own, plain), optimizers, strict=True):
            torch.autograd.backward(module.training_step(chunk, 0))
            optimizer.step()
            optimizer.zero_grad()
    for name, tensor in own.state_dict().items():
        torch.testing.assert_close(tensor, plain.state_dict()[name], rtol=0, atol=1e-9, msg=name)


def test_the_boundary_has_the_vector_0_and_keeps_it() -> None:
    model = make_model()
    module = LanguageModelModule(model, 0.01)
    optimizer = backend(torch.device("cpu")).adamw(model.embedding, 1, "64-true")(
        list(model.parameters()), lr=0.1, weight_decay=0.0
    )
    for chunk in chunks_of(random_texts()):
        torch.autograd.backward(module.training_step(chunk, 0))
        optimizer.step()
        optimizer.zero_grad()
    model.embedding.update_all()
    assert not model.embedding.weight[BOUNDARY].any()
    assert model.embedding.weight[2:].all()


def states_and_targets() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    counts = torch.randint(0, 50, (WORDS,), generator=generator)
    states = torch.randn(30, 16, generator=generator, dtype=torch.float64)
    return states, torch.randint(0, WORDS, (30,), generator=generator), counts


def test_a_large_softmax_is_computed_in_parts_with_the_same_loss_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    states, targets, _ = states_and_targets()
    softmax, results = FullSoftmax(16, WORDS).double(), []
    for largest in (2**26, 7 * WORDS):
        monkeypatch.setattr(softmaxes, "LARGEST", largest)
        inputs = states.clone().requires_grad_()
        loss = softmax(inputs, targets)
        results.append([loss, *torch.autograd.grad(loss, [inputs, *softmax.parameters()])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_the_sampled_loss_is_a_softmax_over_the_right_and_the_drawn_words_with_corrected_logits() -> None:
    states, targets, counts = states_and_targets()
    sampled = SampledSoftmax(16, counts).double()
    drawn = torch.tensor([0, 3, 7])
    logits = sampled.linear(states)
    share = (counts + 1).double() / (counts + 1).sum()
    expected = torch.zeros((), dtype=torch.float64)
    for row, target in enumerate(targets.tolist()):
        total = logits[row, target].exp()
        for word in drawn.tolist():
            if word != target:
                total = total + logits[row, word].exp() / (1 - (1 - share[word]) ** softmaxes.SAMPLES)
        expected = expected + total.log() - logits[row, target]
    torch.testing.assert_close(sampled.loss(states, targets, drawn), expected, rtol=0, atol=1e-10)


def test_where_all_words_are_drawn_the_sampled_loss_is_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmaxes, "SAMPLES", 20_000)
    states, targets, counts = states_and_targets()
    sampled = SampledSoftmax(16, counts).double()
    torch.testing.assert_close(sampled(states, targets), sampled.exact(states, targets), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["full", "sampled", "adaptive"])
@pytest.mark.parametrize(("size", "words"), [(16, 40), (1, 3), (5, 12)])
def test_the_exact_likelihoods_of_all_words_add_up_to_1(name: Any, size: int, words: int) -> None:
    softmax = build_softmax(name, size, torch.arange(words)).double()
    state = torch.randn(1, size, dtype=torch.float64)
    with torch.no_grad():
        likelihoods = [float(torch.exp(-softmax.exact(state, torch.tensor([word])))) for word in range(words)]
    assert math.isclose(sum(likelihoods), 1, abs_tol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_mixed_precision_the_adaptive_softmax_is_computed_in_float32(dtype: torch.dtype) -> None:
    states, targets, counts = states_and_targets()
    softmax, states = AdaptiveSoftmax(16, counts), states.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = softmax(states, targets)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, softmax(states.float(), targets), rtol=1e-6, atol=0)


def test_the_adaptive_softmax_gives_frequent_words_all_numbers() -> None:
    counts = torch.arange(40)
    softmax = AdaptiveSoftmax(16, counts)
    assert softmax.ranks[39] == 0  # the most frequent one
    assert softmax.softmax.cutoffs == [4, 20, 40]


def test_a_classifier_starts_from_the_weights_of_the_directions_that_it_reads() -> None:
    weights = make_model().weights()
    assert {name.partition(".")[0] for name in weights} == {"embedding", "forward", "backward"}
    for bidirectional in (False, True):
        classifier = plain_classifier(
            WORDS, 2, bidirectional=bidirectional, hidden_size=5, embedding_size=4, layers=2, start="pretrain",
            pretrained=weights,
        )  # fmt: skip
        torch.testing.assert_close(classifier.embedding.weight.double(), weights[EMBEDDING], rtol=1e-6, atol=0)
        for name, own in classifier.encoder.layers[0].named_parameters():
            direction = "backward" if name.endswith("_reverse") else "forward"
            expected = weights[f"{direction}.{name.removesuffix('_reverse')}"]
            torch.testing.assert_close(own.double(), expected, rtol=1e-6, atol=0)


def test_a_classifier_computes_the_states_of_the_language_model() -> None:
    """From the first token of a text on, as both start from states of 0; also with our kernels."""
    model = make_model()
    classifier = plain_classifier(
        WORDS, 2, bidirectional=True, hidden_size=5, embedding_size=4, start="pretrain", pretrained=model.weights()
    ).double()
    classifier.load_state_dict(  # in all digits
        {name: tensor.double() for name, tensor in classifier.state_dict().items()}
        | {"embedding.weight": model.embedding.weight.detach()}
    )
    tokens, lengths = torch.tensor([[2, 5, 3, 9]], dtype=torch.int32), torch.tensor([4])
    vectors = classifier.embedding(tokens)
    states = classifier.encoder(vectors, lengths)
    read = model.read({"forward": tokens, "backward": tokens.flip(1).contiguous()}, {})
    forward, backward = (read[direction][0] for direction in ("forward", "backward"))
    torch.testing.assert_close(states, torch.cat([forward, backward.flip(1)], dim=2), rtol=1e-5, atol=1e-6)


def test_cooccurrences_are_those_within_a_text_and_the_window() -> None:
    texts = MemoryTexts([[2, 3, 2], [4, 0, 5, 6, 7, 8, 9], [3]])
    counts = cooccurrences(texts, 10).toarray()
    expected = np.zeros((10, 10), int)
    for index in range(3):
        tokens = texts.tokens(index)
        for place, word in enumerate(tokens):
            for other in range(max(place - 5, 0), min(place + 6, len(tokens))):
                if other != place and word and tokens[other]:
                    expected[word, tokens[other]] += 1
    assert counts.tolist() == expected.tolist()


def test_words_in_the_same_contexts_get_similar_vectors_and_the_same_ones_each_time() -> None:
    generator = np.random.default_rng(1)
    groups = [(3, 4, [6, 7]), (5, 10, [8, 9])]  # two words each that stand beside the same others
    documents = []
    for _ in range(400):
        *words, context = groups[generator.integers(2)]
        documents.append([int(generator.choice(context)), int(generator.choice(words)), int(generator.choice(context))])
    texts = MemoryTexts(documents)
    vectors = word_vectors(texts, WORDS, 4, seed=1)
    assert vectors.tobytes() == word_vectors(texts, WORDS, 4, seed=1).tobytes()
    assert np.isnan(vectors[[0, BOUNDARY, 2, 11]]).all()  # never seen

    def likeness(one: int, other: int) -> float:
        a, b = vectors[one], vectors[other]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert likeness(3, 4) > 0.9 > 0.3 > likeness(3, 5)
    assert likeness(5, 10) > 0.9
