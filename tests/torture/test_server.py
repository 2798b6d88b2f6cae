"""More of tests/tracking/test_outbox.py: a real MLflow server that is killed and started again."""

from pathlib import Path

from mlflow.tracking import MlflowClient

from tests.tracking.server import Server
from tests.tracking.test_outbox import check_training, found, server, train, waiting
from tracking.runs import training_run
from tracking.store import open_experiment

__all__ = ["server"]  # the fixture


def test_a_server_that_is_back_before_the_end_knows_all_at_the_end(tmp_path: Path, server: Server) -> None:
    server.start()
    train(tmp_path, server, dies_after=1, returns_after=2)
    assert waiting(tmp_path) == []
    client, (run,) = found(server)
    check_training(client, run)


def test_a_run_that_was_deleted_holds_nothing_else_up(tmp_path: Path, server: Server) -> None:
    server.start()
    with training_run("e", "lstm", 1, "s1") as lost:
        server.stop()
        lost.log_metrics({"train_loss": 0.5})
    train(tmp_path, server)
    server.start()
    MlflowClient(server.address).delete_run(lost.run_id)
    client, _ = open_experiment("e")
    assert list(client.outbox.waiting()) == [lost.run_id]
    mlflow, runs = found(server)
    check_training(mlflow, runs[0])
