"""The progress of a run: in a terminal, a table with a line for each task; elsewhere, a line for each event."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

EPOCH = re.compile(  # as models/training/fit.py prints it
    r"epoch (?P<epoch>\d+)/(?P<epochs>\d+)  train loss (?P<loss>\S+)  accuracy \S+"
    r"  validation loss \S+  accuracy (?P<accuracy>\S+)"
)


@dataclass
class Progress:
    """How far a task is."""

    state: str = "waiting"
    epoch: str = ""
    loss: str = ""
    accuracy: str = ""
    seconds_left: float | None = None
    began: float = 0.0  # when its stage did, of time.monotonic

    def read(self, line: str) -> bool:
        """Updates the progress from `line` if it reports an epoch; returns whether it does."""
        match = EPOCH.fullmatch(line)
        if not match:
            return False
        epoch, epochs = int(match["epoch"]), int(match["epochs"])
        self.epoch, self.loss, self.accuracy = f"{epoch}/{epochs}", match["loss"], match["accuracy"]
        self.seconds_left = (time.monotonic() - self.began) / epoch * (epochs - epoch)
        return True


class View:
    """Shows tasks by their names while the context is open."""

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = {name: Progress() for name in names}
        self._width = max(map(len, names))
        self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=2, transient=False)

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def begin(self, name: str, stage: str) -> None:
        """A task begins with a stage."""
        progress = self._progress[name]
        progress.state, progress.began, progress.seconds_left = stage.partition("@")[0], time.monotonic(), None
        if not self._console.is_terminal:
            self.say(name, f"stage {progress.state}")

    def say(self, name: str, line: str) -> None:
        """A task has printed a line."""
        known = self._progress[name].read(line) if name in self._progress else False
        if line.strip() and not (known and self._console.is_terminal):
            self._console.print(Text(f"{name:{self._width}} │ ") + Text.from_ansi(line), soft_wrap=True)

    def end(self, name: str, state: str) -> None:
        """A task has ended."""
        self._progress[name].state, self._progress[name].seconds_left = state, None
        if state not in ("done", "waiting") and not self._console.is_terminal:
            self.say(name, state)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in ("", "stage", "epoch", "training loss", "validation accuracy", "left"):
            table.add_column(column, justify="left" if column in ("", "stage") else "right")
        for name, progress in self._progress.items():
            left = "" if progress.seconds_left is None else _duration(progress.seconds_left)
            style = {"waiting": "dim", "done": "green"}.get(progress.state, "red" if "failed" in progress.state else "")
            table.add_row(name, progress.state, progress.epoch, progress.loss, progress.accuracy, left, style=style)
        return table


def _duration(seconds: float) -> str:
    """A time left, as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
