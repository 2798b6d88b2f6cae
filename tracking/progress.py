"""A Lightning callback that logs each epoch to an MLflow run as it ends."""

from pytorch_lightning import Callback, LightningModule, Trainer

from models.training.cost_meter import Costs
from models.training.module import ClassifierModule
from tracking.run import Run


class EpochMetrics(Callback):
    """Logs the module's history line after each epoch, with the measurements of `costs`, an earlier callback."""

    def __init__(self, run: Run, costs: Costs) -> None:
        self.run = run
        self.costs = costs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning calls this after validation, when the line is complete."""
        assert isinstance(pl_module, ClassifierModule)
        self.run.log_epoch(pl_module.history[-1], self.costs.epochs[-1])
