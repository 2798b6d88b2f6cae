"""A process's connection to one MLflow experiment. If MLflow is down or refuses a call, the process continues.

Each call has a time limit. Only the first failure is reported, in one line. If MLflow cannot be reached, nothing more
is sent; if MLflow refuses one call, the others are still made. What MLflow then lacks is added later from the outputs
(tracking/from_outputs.py); until then this connection's note stays in mlflow.running/ (tracking/notes.py).
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import requests
from filelock import FileLock, Timeout
from mlflow.entities import Experiment, LifecycleStage, RunStatus
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.deadline import Overdue, within
from core.errors import TrackingError, without_secrets
from core.repository import repository_root
from tracking import notes, sqlite
from tracking.notes import WRITER, Note
from tracking.settings import tracking_uri

DESCRIPTION = "Does reading a text in both directions help, where, how surely, and at what cost?"
EXPERIMENT_TAGS = {
    # Without this tag MLflow's pages take an experiment for one about language-model applications.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": DESCRIPTION,
}
SLOWEST_UPLOAD = 2**15  # bytes a second
DATABASE_SECONDS = 120  # a call's limit for a database, which a slow disk may need

# MLflow's error codes for a server or database that is down, stalls, is locked or full; other codes are refusals.
UNREACHABLE_CODES = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"}
UNREACHABLE = (Overdue, Timeout, OperationalError, sqlite3.OperationalError, requests.ConnectionError, requests.Timeout)

# The errors of databases if another writer has just created the same row. MLflow creates a data set only if it finds
# none; at the second attempt it finds the other writer's.
RACES = ("IntegrityError", "UniqueViolation")
ATTEMPTS = 3

Answer = TypeVar("Answer")


class Connection:
    """One process's access to one MLflow experiment.

    Attributes:
        client: MLflow's own, where it is reachable; its calls have no time limit, and raise MLflow's errors.
        experiment: the experiment's name.
        experiment_id: its id in MLflow; empty if it could not be reached.
        writer: the name of this connection's note, which its runs have as a tag.
        reachable: whether calls are still made.
        missed: how many calls failed.
        abandoned: notes of processes that have ended; runs that they left RUNNING have been closed.
    """

    client: MlflowClient

    def __init__(self, experiment: str) -> None:
        """Opens the store; it and the experiment are created at first use.

        Raises:
            TrackingError: MLFLOW_TRACKING_URI names no server, and no database that can be used.
        """
        self.experiment = experiment
        self.experiment_id = ""
        self.reachable = notes.NO_STORE not in os.environ
        self.missed = 0
        self.abandoned: list[Path] = []
        self.writer = ""
        self._root = repository_root()
        if not self.reachable:
            return
        self._uri = tracking_uri()
        self._database = sqlite.database(self._uri)
        # Processes that create tables, or the experiment, at the same time would make each other fail.
        self._lock = sqlite.lock(self._database or self._root / sqlite.DATABASE)
        self._note = Note(self._root, self._store, experiment)
        self.writer = self._note.name
        try:
            self._open()
        except (MlflowException, SQLAlchemyError, sqlite3.Error, ImportError, OSError, Overdue) as fault:
            if not self._uri.startswith("http") and not _unreachable(fault):
                self._note.close(keep=False)
                reason = str(fault).splitlines()[0]
                raise TrackingError(f"the MLflow store {self._uri} cannot be used: {reason}") from fault
            self._report(fault)
            self.reachable = False

    def call(self, ask: Callable[[MlflowClient], Answer], files: Sequence[Path] = ()) -> Answer | None:
        """The result of `ask`; None if the call fails (only the first failure is reported). `ask` uploads `files`."""
        if not self.reachable:
            return None
        try:
            return self._ask(ask, files)
        except Exception as fault:  # every kind of store has its own errors
            self._report(fault)
            self.reachable = not _unreachable(fault)
            return None
        except BaseException:
            self.missed += 1  # interrupted: MLflow may have taken it or not
            raise

    def search(self, condition: str, most: int = 1) -> list[MlflowRun]:
        """The experiment's newest runs, at most `most`, that meet MLflow's filter `condition`; none if it fails."""
        chosen, order = [self.experiment_id], ["attributes.start_time DESC"]
        found = self.call(lambda client: client.search_runs(chosen, condition, max_results=most, order_by=order))
        return list(found or ())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A lock for finding and completing a run, so that two processes of this working copy do not create it twice.

        If the lock cannot be taken, the block runs without it.
        """
        lock = FileLock(self._root / notes.RUNNING / ".lock", timeout=sqlite.PATIENCE)
        with suppress(OSError):  # as in a folder that cannot be written
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def forget_abandoned(self) -> None:
        """Deletes the notes that others left, if MLflow now has everything."""
        if not self.missed:
            for path in self.abandoned:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Deletes the note, or leaves it if a call has failed."""
        if self.writer:
            self._note.close(keep=self.missed > 0)

    def _open(self) -> None:
        with self._lock:
            if self._database and not self._database.exists():
                sqlite.create(self._database)
            with within(self._seconds()):
                if self._database:
                    sqlite.relocate(self._database)
                self.client = MlflowClient(self._uri)
            self.experiment_id = self._ask(self._find_or_create_experiment)
        self._close_abandoned_runs()

    def _find_or_create_experiment(self, client: MlflowClient) -> str:
        if (known := client.get_experiment_by_name(self.experiment)) is not None:
            return _active(client, known)
        # A server keeps artifacts where it was configured to; SQLite keeps them beside itself.
        artifacts = sqlite.artifacts(self._database).as_uri() if self._database else None
        try:
            return str(client.create_experiment(self.experiment, artifacts, EXPERIMENT_TAGS))
        except MlflowException:
            # On a server another working copy may have created it meanwhile, which this folder's lock does not stop.
            if (known := client.get_experiment_by_name(self.experiment)) is None:
                raise
            return _active(client, known)

    def _close_abandoned_runs(self) -> None:
        """Ends runs that other processes of this working copy have left RUNNING as KILLED."""
        shared = not (self._database and self._database.resolve().is_relative_to(self._root))
        for path, note in notes.abandoned(self._root, self._store, shared):
            missed = self.missed
            self.call(partial(_close_runs, writer=path.name, note=note))
            if self.missed == missed:
                self.abandoned.append(path)

    @property
    def _store(self) -> str:
        """Identifies the store in notes: its address without secrets, or its path within the working copy."""
        place = without_secrets(self._uri)
        if self._database and (path := self._database.resolve()).is_relative_to(self._root):
            place = path.relative_to(self._root).as_posix()
        return sha256(place.encode()).hexdigest()[:16]

    def _ask(self, ask: Callable[[MlflowClient], Answer], files: Sequence[Path] = ()) -> Answer:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # One process at a time uses SQLite: on a slow disk SQLite itself gives up too early.
                with self._lock if self._database else nullcontext(), within(self._seconds(files)):
                    return ask(self.client)
            except MlflowException as fault:
                if attempt == ATTEMPTS or not any(name in str(fault) for name in RACES):
                    raise
        raise AssertionError("the last attempt has returned or raised")

    def _seconds(self, files: Sequence[Path] = ()) -> float:
        """A call's limit; a socket's own timeout does not end an answer that comes byte by byte."""
        limit = float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) if self._uri.startswith("http") else DATABASE_SECONDS
        return sum(limit + file.stat().st_size / SLOWEST_UPLOAD for file in files) or limit

    def _report(self, fault: BaseException) -> None:
        if not self.missed:
            reason = without_secrets(" ".join(str(fault).split()))[:300]
            _warn(
                f"MLflow is missing something ({reason}); the next make run, or make restore, adds it from the outputs"
            )
        self.missed += 1


def create_store() -> None:
    """Creates the store ahead of the first connection, which takes seconds, if it is a SQLite file that is missing.

    Raises:
        TrackingError: MLFLOW_TRACKING_URI names no server, and no database that can be used.
    """
    database = None if notes.NO_STORE in os.environ else sqlite.database(tracking_uri())
    if database and not database.exists():
        with sqlite.lock(database):
            if not database.exists():
                sqlite.create(database)


@contextmanager
def connect(experiment: str) -> Iterator[Connection]:
    """A connection for the block.

    Raises:
        TrackingError: MLFLOW_TRACKING_URI names no server, and no database that can be used.
    """
    connection = Connection(experiment)
    try:
        yield connection
    finally:
        connection.close()


def _unreachable(fault: BaseException) -> bool:
    full = isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(fault, UNREACHABLE) or full or getattr(fault, "error_code", None) in UNREACHABLE_CODES


def _active(client: MlflowClient, experiment: Experiment) -> str:
    """The id of `experiment`. One that was deleted in MLflow's pages is restored, since its name stays taken."""
    experiment_id = str(experiment.experiment_id)
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        client.restore_experiment(experiment_id)
        _warn(f"the MLflow experiment {experiment.name} had been deleted; it is restored, with its runs")
    return experiment_id


def _close_runs(client: MlflowClient, writer: str, note: notes.Content) -> None:
    """Ends the runs that `writer` left RUNNING, each at the time of its latest metric or, if later, of the note."""
    experiment = client.get_experiment_by_name(note.experiment)
    running = f"tags.{WRITER} = '{writer}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment.experiment_id], running) if experiment else ():
        latest = run.data.to_proto().metrics  # `run.data.metrics` has no times
        ended = max([note.opened, *(point.timestamp for point in latest)])
        client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED), ended)
        _warn(f"the process that wrote the run {run.info.run_name} did not end it; the run is closed as KILLED")


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)
