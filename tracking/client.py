"""A client of MLflow whose writing never ends a training: what cannot be told now goes to tracking/outbox.py.

A call takes one way whether it is told at once or later: it becomes JSON, and `send` tells it.
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from mlflow.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from core.deadline import Overdue, within
from core.errors import without_secrets
from tracking import sqlite, writers
from tracking.outbox import UNWRITABLE, Call, Outbox, Refused

DESCRIPTION = "Does reading a text in both directions help, where, how surely, and at what cost?"
EXPERIMENT_TAGS = {
    # Without this tag MLflow's pages take an experiment for one about language-model applications.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": DESCRIPTION,
}
WAITING_EXPERIMENT = "waiting-experiment"  # stands for the id of one that MLflow could not be asked for
OUTBOX = "mlflow.outbox"
SECONDS_BETWEEN_ATTEMPTS = 30.0
SLOWEST_UPLOAD = 2**15  # bytes a second

# What databases call a row that another writer has just made: MLflow looks for a data set before it makes it, and a
# second try finds that one.
RACES = ("IntegrityError", "UniqueViolation")
ATTEMPTS = 3

# Codes of an MLflow that answers, and says no.
REFUSALS = {
    "INVALID_PARAMETER_VALUE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
    "INVALID_STATE",
    "BAD_REQUEST",
}


class OutboxClient(MlflowClient):
    """For one experiment. What its writing methods say is told at once if it can be, and else put into the outbox.

    Attributes:
        down: whether the last attempt to reach MLflow failed.
    """

    _said: ClassVar[set[str]] = set()  # the stores that this process was told to be down

    def __init__(self, uri: str, experiment: str, root: Path) -> None:
        """A client of the store at `uri`; a local store's artifacts and the outbox lie in `root`."""
        # Two processes that create the tables, or the experiment, at the same time would fail each other.
        self._database = sqlite.database(uri)
        self._lock = sqlite.lock(self._database or root / sqlite.DATABASE)
        with self._lock:
            if self._database and not self._database.exists():
                sqlite.create(self._database)
            elif self._database:
                sqlite.relocate(self._database)
            super().__init__(uri)
        self.experiment = experiment
        self.root = root
        # Names the store, so that nothing is ever told to another than it was meant for.
        self._store = sha256(self._place().encode()).hexdigest()[:16]
        self.outbox = Outbox(root / OUTBOX / self._store)
        self.down = False
        self._attempted = 0.0

    def experiment_id(self, name: str) -> str:
        """The id of the experiment of this name; it is made at first use.

        Raises:
            MlflowException, SQLAlchemyError, ImportError, OSError: whatever the store has to say.
        """
        with self._lock, self._asking():
            if (found := self.get_experiment_by_name(name)) is not None:
                return self._active(found)
            # A server keeps artifacts where it was told to; SQLite keeps them beside itself.
            artifacts = sqlite.artifacts(self._database).as_uri() if self._database else None
            try:
                return str(self.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS))
            except MlflowException:
                # On a server somebody else may have made it meanwhile, whom the lock of this folder does not stop.
                if (found := self.get_experiment_by_name(name)) is None:
                    raise
                return self._active(found)

    def _active(self, experiment: Experiment) -> str:
        """The id of `experiment`; one that was deleted in MLflow's pages, whose name stays taken, is restored."""
        experiment_id = str(experiment.experiment_id)
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            self.restore_experiment(experiment_id)
            _say(f"the MLflow experiment {experiment.name} had been deleted; it is restored, with its runs")
        return experiment_id

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: dict[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """As MLflow's; if it cannot be reached, the run's id is a name that the outbox knows."""
        call: dict[str, Any] = {
            "call": "create_run",
            "experiment": self.experiment,
            "start_time": start_time or _now(),
            "tags": dict(tags or {}),
            "run_name": run_name,
        }
        try:
            if self.down:
                raise ConnectionError
            run_id = self._create(call)
        except Exception as fault:
            self.report(fault)
            run_id = self.outbox.add_run(call)
        status = RunStatus.to_string(RunStatus.RUNNING)
        info = RunInfo(run_id, experiment_id, "", status, call["start_time"], None, LifecycleStage.ACTIVE)
        return Run(info, RunData())

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        """The newest finished run with this tag; while MLflow is down, a name for it that the outbox knows."""
        call = {"call": "find_run", "experiment": self.experiment, "tag": tag, "value": value}
        try:
            if self.down:
                raise ConnectionError
            return self._find(experiment_id, _finished(call))
        except (MlflowException, SQLAlchemyError, OSError) as fault:
            self.report(fault)
            return self.outbox.add_run(call)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> None:
        """As MLflow's."""
        call = {
            "call": "log_batch",
            "metrics": [[entry.key, entry.value, entry.timestamp, entry.step] for entry in metrics],
            "params": [[entry.key, entry.value] for entry in params],
            "tags": [[entry.key, entry.value] for entry in tags],
        }
        self._tell(run_id, call)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None, models: Any = None) -> None:
        """As MLflow's, without `models`."""
        found = [
            {"dataset": dict(entry.dataset), "tags": [[tag.key, tag.value] for tag in entry.tags]}
            for entry in datasets or []
        ]
        self._tell(run_id, {"call": "log_inputs", "datasets": found})

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """As MLflow's; the outbox copies the file."""
        self._tell(run_id, {"call": "log_artifact", "path": str(local_path), "folder": artifact_path})

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        """As MLflow's; the outbox copies the folder."""
        self._tell(run_id, {"call": "log_artifacts", "path": str(local_dir), "folder": artifact_path})

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """As MLflow's."""
        self._tell(run_id, {"call": "set_terminated", "status": status, "end_time": end_time or _now()}, last=True)

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """As MLflow's, of this client's experiment."""
        call = {"call": "set_experiment_tag", "experiment": self.experiment, "key": key, "value": value}
        self._tell("experiment", call)  # a journal of its own

    def get_run(self, run_id: str) -> Run:
        """As MLflow's; also of a run that had to wait."""
        with self._asking():
            return super().get_run(self.outbox.run_id(run_id))

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """As MLflow's."""
        with self._asking():
            return list(super().get_metric_history(run_id, key))

    def search_runs(self, *arguments: Any, **named: Any) -> PagedList[Run]:
        """As MLflow's."""
        with self._asking():
            return super().search_runs(*arguments, **named)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """As MLflow's."""
        self._tell(run_id, {"call": "update_run", "status": status, "name": name})

    def send_outbox(self) -> int:
        """Tells what waits, and returns how many calls that were; what fails goes on waiting."""
        try:
            sent = self.outbox.send(self)
        except Exception as fault:
            self.report(fault)
            self.down = not isinstance(fault, (Refused, *UNWRITABLE))  # for which MLflow was there
            return 0
        self.down = False
        if sent:
            _say(f"MLflow was told what had waited: {sent} calls")
        return sent

    def close_abandoned_runs(self) -> None:
        """Ends the runs that killed processes of this working copy have left RUNNING."""
        shared = not (self._database and self._database.resolve().is_relative_to(self.root))
        try:
            for path, entry in writers.abandoned(self.root, self._store, shared):
                if self._close(path.name, entry) or not self.outbox.waiting():
                    path.unlink()
        except (MlflowException, SQLAlchemyError) as fault:  # the next one tries again
            _say(f"a run of a killed process cannot be closed: {_reason(fault)}")

    def _close(self, writer: str, entry: writers.Entry) -> bool:
        """Whether there is a run of this writer; it ends as KILLED, at the last moment of which anything is known."""
        with self._asking():
            experiment = self.get_experiment_by_name(entry.experiment)
        if experiment is None:
            return False
        runs = self.search_runs([str(experiment.experiment_id)], f"tags.{writers.TAG} = '{writer}'", ViewType.ALL)
        for run in runs:
            run_id, active = run.info.run_id, run.info.lifecycle_stage == LifecycleStage.ACTIVE
            if active and run.info.status == RunStatus.to_string(RunStatus.RUNNING):
                histories = [self.get_metric_history(run_id, key) for key in run.data.metrics]
                ended = max([entry.opened, *(point.timestamp for points in histories for point in points)])
                with self._asking():
                    super().set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED), ended)
                _say(f"the process that wrote the run {run.info.run_name} was killed; the run is closed as KILLED")
        return bool(runs)

    def _place(self) -> str:
        """Where the store is, without secrets; for one that moves with the working copy, from there."""
        if self._database and (path := self._database.resolve()).is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return without_secrets(self.tracking_uri)

    def writer(self) -> writers.Writer:
        """This process, as the writer of a run of this experiment."""
        return writers.Writer(self.root, self._store, self.experiment)

    def _tell(self, run_id: str, call: Call, *, last: bool = False) -> None:
        """Tells MLflow, or else the outbox; never fails, since a training is worth more than what is told of it."""
        if not self.outbox.holds(run_id):
            try:
                self.send(run_id, call, Path())
                return
            except Exception as fault:  # every kind of store has errors of its own
                self.report(fault)
        try:
            self.outbox.add(run_id, call)
        except OSError as fault:
            _say(f"and it cannot be kept in {OUTBOX} either: {fault}")
        if last or time.monotonic() - self._attempted > SECONDS_BETWEEN_ATTEMPTS:
            self.send_outbox()

    def report(self, fault: Exception) -> None:
        """Remembers that MLflow is `down`, and says so once a process."""
        self._attempted = time.monotonic()
        if self.tracking_uri not in self._said:
            self._said.add(self.tracking_uri)
            _say(f"MLflow cannot be told ({_reason(fault)}); it is kept in {OUTBOX} and sent later")
        self.down = True

    def open_run(self, call: Call) -> str:
        """Of the outbox: creates the run that `call` asks for, or finds it."""
        experiment_id = self.experiment_id(call["experiment"])
        if call["call"] == "create_run":
            # An earlier attempt may have made it, of which no answer came back.
            same = f"attributes.start_time = {call['start_time']} and attributes.run_name = '{call['run_name']}'"
            return self._find(experiment_id, same) or self._create(call)
        if found := self._find(experiment_id, _finished(call)):
            return found
        raise Refused(f"no finished run has the tag {call['tag']} = {call['value']}")

    def _with_ids(self, text: str) -> str:
        """`text` with the ids of the runs, and of the experiment, that it names by what stood for them."""
        if WAITING_EXPERIMENT in text:
            text = text.replace(WAITING_EXPERIMENT, self.experiment_id(self.experiment))
        return re.sub(r"waiting-[0-9a-f]{32}", lambda name: self._known_id(name[0]), text)

    def _known_id(self, name: str) -> str:
        if (run_id := self.outbox.run_id(name)) == name:
            raise Refused(f"{name} is not there yet")
        return run_id

    def _create(self, call: Call) -> str:
        experiment_id = self.experiment_id(call["experiment"])
        with self._asking():
            created = super().create_run(experiment_id, call["start_time"], dict(call["tags"]), call["run_name"])
        return str(created.info.run_id)

    def _find(self, experiment_id: str, condition: str) -> str | None:
        newest = ["attributes.start_time DESC"]
        runs = self.search_runs([experiment_id], condition, max_results=1, order_by=newest)
        return str(runs[0].info.run_id) if runs else None

    def send(self, run_id: str, call: Call, folder: Path) -> None:
        """Tells MLflow, or raises; paths in `call` start at `folder`."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._asking(_files(call, folder)):
                    self._send(self.outbox.run_id(run_id), call, folder)
                return
            except MlflowException as fault:
                if attempt < ATTEMPTS and any(name in str(fault) for name in RACES):
                    continue
                if fault.error_code in REFUSALS:
                    raise Refused(str(fault)) from fault
                raise

    @contextmanager
    def _asking(self, files: Sequence[Path] = ()) -> Iterator[None]:
        """Around what asks the store: one process at a time asks SQLite, a server has so long, by what it is sent."""
        limit = float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])  # of tracking/store.py, or the user's
        seconds = sum(limit + file.stat().st_size / SLOWEST_UPLOAD for file in files) or limit
        try:
            with self._lock if self._database else within(seconds):
                yield
        except Overdue as overdue:
            raise MlflowException(str(overdue)) from None

    def _send(self, run_id: str, call: Call, folder: Path) -> None:
        match call["call"]:
            case "log_batch":
                metrics = [Metric(*entry) for entry in call["metrics"]]
                params = [Param(*entry) for entry in call["params"]]
                tags = [RunTag(key, self._with_ids(value)) for key, value in call["tags"]]
                super().log_batch(run_id, metrics, params, tags)
            case "set_experiment_tag":
                experiment_id = self.experiment_id(call["experiment"])
                super().set_experiment_tag(experiment_id, call["key"], self._with_ids(call["value"]))
            case "log_inputs":
                super().log_inputs(run_id, [_dataset_input(entry) for entry in call["datasets"]])
            case "log_artifact":
                super().log_artifact(run_id, str(folder / call["path"]), call["folder"])
            case "log_artifacts":
                super().log_artifacts(run_id, str(folder / call["path"]), call["folder"])
            case "update_run":
                super().update_run(run_id, call["status"], call["name"])
            case "set_terminated":
                super().set_terminated(run_id, call["status"], call["end_time"])


def _files(call: Call, folder: Path) -> list[Path]:
    """The artifacts that belong to `call`; its path starts at `folder`."""
    if "path" not in call:
        return []
    path = folder / call["path"]
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _finished(call: Call) -> str:
    return f"tags.{call['tag']} = '{call['value']}' and attributes.status = 'FINISHED'"


def _dataset_input(entry: Mapping[str, Any]) -> DatasetInput:
    return DatasetInput(Dataset(**entry["dataset"]), [InputTag(*tag) for tag in entry["tags"]])


def _now() -> int:
    return time.time_ns() // 1_000_000


def _reason(fault: Exception) -> str:
    return without_secrets(" ".join(str(fault).split()))[:300]


def _say(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)
