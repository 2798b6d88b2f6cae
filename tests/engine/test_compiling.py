"""The loops that are compiled ahead: each pass its own, together all that trainings and predictions call."""

import multiprocessing
from multiprocessing.connection import Connection

import pytest
import torch
from numba.core.registry import CPUDispatcher

from config.params import Params
from config.train import TrainParams
from config.variants import VariantParams
from engine.compiling import Pass, compile_loops, kinds
from tests.loaded import start

VARIANTS = {
    "lstm": {"cell": "lstm", "pooling": "last"},
    "bigru": {"cell": "gru", "bidirectional": True, "layers": 2, "embedding_dropout": 0.5},
}


def params(**train: object) -> Params:
    return Params.model_validate(
        {
            "data": {"name": "synthetic_reviews"},
            "variants": VARIANTS,
            "train": train,
            "compare": {"variants": list(VARIANTS), "baseline": "lstm", "seeds": [1]},
        }
    )


def compiled_loops() -> set[str]:
    from models.cpu import embedding_loops, loops

    functions = [loop for module in (loops, embedding_loops) for loop in vars(module).values()]
    return {
        f"{loop.py_func.__name__}{signature}"
        for loop in functions
        if isinstance(loop, CPUDispatcher)
        for signature in loop.signatures
    }


def send_loops_of_pass(direction: Pass, answer: Connection) -> None:
    compile_loops(params(), direction)
    answer.send(compiled_loops())


def send_loops_of_work(answer: Connection) -> None:
    from models.classifier import TextClassifier
    from models.prediction import predict
    from models.training.building import as_lightning
    from models.training.fit import fit
    from tests.models.toy import VOCABULARY_SIZE, order_documents

    for variant in params().variants.values():
        classifier = TextClassifier(VOCABULARY_SIZE, 2, **variant.model_dump())
        module, trainer = as_lightning(classifier, TrainParams(epochs=1))
        documents = order_documents(40), order_documents(20)
        fit(trainer, module, *documents, batch_size=10, seed=1, monitor="validation_loss")
        predict(module.classifier, documents[0], torch.device("cpu"), progress=False)
    answer.send(compiled_loops())


def answer_of(target: object, *arguments: object) -> set[str]:
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = start(target, *arguments, sending)  # type: ignore[arg-type]
    sending.close()
    loops: set[str] = receiving.recv()
    process.join()
    return loops


def names_of_cells(compiled: set[str]) -> set[str]:
    """Of the loops, without those that they call."""
    return {name for loop in compiled if (name := loop.partition("(")[0]).endswith(("_forward", "_backward"))}


def test_both_passes_compile_all_that_training_and_prediction_call() -> None:
    forward, backward = (answer_of(send_loops_of_pass, which) for which in ("forward", "backward"))
    assert answer_of(send_loops_of_work) <= forward | backward
    assert names_of_cells(forward) == {"lstm_forward", "gru_forward"}
    assert names_of_cells(backward) == {"lstm_backward", "gru_backward"}


def test_variants_that_differ_in_sizes_alone_are_compiled_once() -> None:
    small, large, other = (
        VariantParams.model_validate(variant)
        for variant in ({"cell": "lstm"}, {"cell": "lstm", "hidden_size": 512, "embedding_size": 300}, {"cell": "gru"})
    )
    assert [kind.cell for kind in kinds([small, large, other])] == ["lstm", "gru"]


def test_what_this_machine_lacks_is_left_to_the_stage_check(capfd: pytest.CaptureFixture[str]) -> None:
    process = start(compile_loops, params(accelerator="gpu"), "forward")
    process.join()
    assert process.exitcode == 0
    assert capfd.readouterr() == ("", "")
