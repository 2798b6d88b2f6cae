"""What could not be told to MLflow, kept in mlflow.outbox/ until it can be. `python -m tracking.send` sends it now.

Every stage sends it, too, at its first contact with MLflow. A run for which something waits has a folder there:

    calls.jsonl    what it was to be told, in order; a line for each call
    files/         copies of its artifacts
    run_id         where the run itself could not be created or found: its id, since that is done
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from filelock import FileLock

UNWRITABLE = (PermissionError, NotADirectoryError, FileExistsError)  # the local folder for artifacts

Call = Mapping[str, Any]  # ready for JSON; "call" says which of the client's methods


class Refused(Exception):
    """What waits cannot be told: MLflow does not take it, such as a call to a run that was deleted, or it is broken."""


class Sender(Protocol):
    """What sends: tracking/client.py."""

    def open_run(self, call: Call) -> str:
        """The id of the run that `call` creates or finds."""

    def send(self, run_id: str, call: Call, folder: Path) -> None:
        """Tells MLflow; paths in `call` start at `folder`."""


@dataclass(frozen=True)
class Outbox:
    """The folder, shared by all processes that work in a project."""

    folder: Path

    def holds(self, run_id: str) -> bool:
        """Whether the next call to this run has to wait for earlier ones, or the run itself still waits."""
        return (self.folder / run_id / "calls.jsonl").exists()

    def waiting(self) -> dict[str, int]:
        """How many calls wait, by run."""
        return {place.name: len(_lines(place)) for place in self._places()}

    def add_run(self, call: Call) -> str:
        """Puts a run aside that is to be created or found; returns the name that stands for its id until then."""
        name = f"waiting-{uuid4().hex}"
        self.add(name, call)
        return name

    def add(self, run_id: str, call: Call) -> None:
        """Puts `call` behind what waits for this run; what lies at its "path" is copied."""
        with self._locked():
            place = self.folder / run_id
            place.mkdir(exist_ok=True)
            if "path" in call:
                source = Path(call["path"])
                copy = place / "files" / uuid4().hex / source.name
                copy.parent.mkdir(parents=True)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
                call = {**call, "path": copy.relative_to(place).as_posix()}
            _write(place / "calls.jsonl", "".join([*_lines(place), json.dumps(call) + "\n"]))

    def run_id(self, name: str) -> str:
        """The id that the run of this name has got by now, or else the name itself."""
        known = self.folder / name / "run_id"
        return known.read_text(encoding="utf-8") if name.startswith("waiting-") and known.exists() else name

    def send(self, sender: Sender) -> int:
        """Sends what waits; returns how many calls that were. What fails is raised, and waits on with the rest."""
        if not self.folder.exists():
            return 0
        with self._locked():
            calls = sum(self.waiting().values())
            broken: dict[Path, Exception] = {place: fault for place in self._places() if (fault := _fault(place))}
            places = [place for place in self._places() if place not in broken]
            for place in places:
                _open(place, sender, "create_run")
            # Runs name one another, as parents or in notes: what is refused for that is tried again after the others.
            refused: dict[Path, Exception] = {}
            while places:
                refused = {place: failure for place in places if (failure := self._send_calls(place, sender))}
                if len(refused) == len(places):
                    break
                places = list(refused)
            for place in self.folder.iterdir():
                # The name of a run that goes on is still in use where it was given.
                ended = not place.name.startswith("waiting-") or (place / "ended").exists()
                if place.is_dir() and ended and not self.holds(place.name):
                    shutil.rmtree(place)
            for cause in (refused | broken).values():
                raise cause
        return calls

    def _send_calls(self, place: Path, sender: Sender) -> Exception | None:
        """Sends all calls of one run, or up to one that is refused; an unwritable artifact holds up nothing else."""
        fault: Exception | None = None
        kept: list[Call] = []
        try:
            _open(place, sender, "find_run")
            calls: list[Call] = list(_read(place))
            for number, call in enumerate(calls, 1):
                try:
                    sender.send(self.run_id(place.name), call, place)
                except UNWRITABLE as error:
                    fault = error
                    kept.append(call)
                    continue
                if call["call"] == "set_terminated":
                    (place / "ended").touch()
                _keep(place, kept + calls[number:])
        except Refused as refusal:
            return refusal
        return fault

    def _places(self) -> list[Path]:
        return sorted(journal.parent for journal in self.folder.glob("*/calls.jsonl"))

    def _locked(self) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".lock")


def _open(place: Path, sender: Sender, kind: str) -> None:
    """Creates or finds the run that waits here, if the first call is of this kind."""
    if (calls := _read(place)) and calls[0]["call"] == kind:
        _write(place / "run_id", sender.open_run(calls[0]))
        if kind == "find_run":
            (place / "ended").touch()
        _keep(place, calls[1:])


def _read(place: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in _lines(place)]
    except ValueError as error:
        raise Refused(f"{place / 'calls.jsonl'} is broken ({error}); mend it, or delete its folder") from None


def _lines(place: Path) -> list[str]:
    journal = place / "calls.jsonl"
    # Bytes that are no text stay as they are, and are found by who reads the calls.
    return journal.read_text(encoding="utf-8", errors="surrogateescape").splitlines(True) if journal.exists() else []


def _fault(place: Path) -> Refused | None:
    """What is wrong with the calls that wait here."""
    try:
        _read(place)
    except Refused as fault:
        return fault
    return None


def _keep(place: Path, calls: Sequence[Call]) -> None:
    """Writes down what is left to be sent; nothing is no file."""
    if calls:
        _write(place / "calls.jsonl", "".join(json.dumps(call) + "\n" for call in calls))
    else:
        (place / "calls.jsonl").unlink(missing_ok=True)


def _write(path: Path, content: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8", errors="surrogateescape")
    part.replace(path)
