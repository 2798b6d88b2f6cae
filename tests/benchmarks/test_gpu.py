"""The bench of GPUs trains this project's model, on a CPU as well."""

import pytest
from pytorch_lightning import Callback

from benchmarks import gpu


class Steps(Callback):
    taken = 0

    def on_train_batch_end(self, *_: object) -> None:
        self.taken += 1


def test_the_projects_part_trains() -> None:
    steps = Steps()
    gpu.train(gpu.Documents(64), gpu.Shape(directions=2, batch_size=32), 1, steps, "cpu")
    assert steps.taken == 2


@pytest.mark.parametrize("shape", [gpu.Shape(), gpu.Shape(directions=2), gpu.Shape(hidden_size=512, layers=2)])
def test_project_and_peer_have_the_same_weights(shape: gpu.Shape) -> None:
    models = (gpu.build_classifier(shape), gpu.Plain(shape, packed=False))
    project, peer = (sum(weights.numel() for weights in model.parameters()) for model in models)
    assert project == peer


def test_an_unknown_part_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["gpu", "kerras"])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "unknown part: kerras; allowed: train, wide, predict, busy, keras" in capsys.readouterr().err
