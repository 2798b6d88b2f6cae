"""Fits a language model with Lightning, on one CPU or GPU."""

from typing import Any

from torch.utils.data import DataLoader

from models.pretraining.module import EpochLines, LanguageModelModule
from models.training.resuming import Checkpointing, OwnSignals, StepSeeds
from models.training.trainer import ResumableData, add_checkpointing, make_trainer, run
from text.batches import Indices
from text.streams import Chunk, Chunks, Texts, chunk_loader

LARGEST_GRADIENT = 1.0  # its norm


def fit(
    module: LanguageModelModule,
    texts: Texts,
    learned: Indices,
    held_out: Indices,
    *,
    epochs: int,
    rows: int,
    time: int,
    directions: tuple[str, ...],
    seed: int,
    accelerator: str,
    precision: str,
    checkpointing: Checkpointing | None = None,
) -> None:
    """Trains `module` on the documents `learned` of `texts`; with a state in `checkpointing` it resumes.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped it.
        DivergenceError: its loss is not finite.
    """
    trainer = make_trainer(
        epochs=epochs,
        gradient_clip=LARGEST_GRADIENT,
        accelerator=accelerator,
        devices=1,
        num_nodes=1,
        strategy="auto",
        precision=precision,
        lines=EpochLines(),
        callbacks=[StepSeeds(seed), OwnSignals()],
    )
    resumed = add_checkpointing(trainer, checkpointing)
    shape: dict[str, Any] = {"rows": rows, "time": time, "directions": directions}
    run(trainer, module, _Streams(texts, learned, held_out, seed, shape), resumed)


class _Streams(ResumableData):
    """The chunks of an epoch; a resumed training reads the rest."""

    def __init__(self, texts: Texts, learned: Indices, held_out: Indices, seed: int, shape: dict[str, Any]) -> None:
        super().__init__()
        self.texts, self.learned, self.held_out, self.seed, self.shape = texts, learned, held_out, seed, shape

    def train_dataloader(self) -> DataLoader[Chunk]:
        """Chunks of the documents to learn from, in another order each epoch."""
        return chunk_loader(Chunks(self.texts, self.learned, seed=self.seed, start=self.start, **self.shape))

    def val_dataloader(self) -> DataLoader[Chunk]:
        """Chunks of the held-out documents."""
        return chunk_loader(Chunks(self.texts, self.held_out, **self.shape))
