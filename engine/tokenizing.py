"""The stage tokenize on a Ray cluster: each Parquet row group is a task.

The head reads the texts and writes the tokens that come back, one row group at a time; a node holds one row group per
CPU. The output has the same bytes as on one machine, because nodes do the same work and the head keeps the order.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import ray

from config.choices import TokenizerName
from config.params import Params
from core.errors import TrainingError
from engine import remote
from engine.nodes import Nodes, one_line
from engine.recording import Recorder
from engine.slots import Slots
from engine.tasks import TOKENIZE
from pipelines.tokenize import make_tokens, show
from text.tokenizing.parallel import GroupTokens, RowGroup, Tokenized, read_texts, write_group

IN_FLIGHT = 2  # row groups for each CPU of the cluster: one at work, one on its way
RETRIES = 3  # of a row group whose node dies
MOST_SECONDS = 600.0  # for a row group, which takes seconds: no node is left


def tokenize(params: Params) -> None:
    """Runs the stage on the connected cluster (engine/ray_connection.py), and records it."""
    recorder = Recorder([TOKENIZE], params, say=lambda _, line: print(line, flush=True))
    print(f"stage {TOKENIZE} on the cluster", flush=True)
    show(make_tokens(params.tokenize, run=on_cluster))
    recorder.add([TOKENIZE])
    recorder.finish()


def on_cluster(
    groups: Sequence[RowGroup], name: TokenizerName, model: bytes | None, spool: Path
) -> Iterator[Tokenized]:
    """Tokenizes on the connected cluster; as `text.tokenizing.parallel.on_all_cores`.

    Raises:
        ParamsError: no node can be used.
        TrainingError: a row group could not be tokenized.
    """
    places = Slots(lambda _: None)
    nodes = Nodes(TOKENIZE, 1, 0, "cpu", places)
    where = {"ray.io/node-id": f"in({','.join(nodes.usable)})"}
    task = ray.remote(num_cpus=1, max_retries=RETRIES, label_selector=where)(remote.tokenize_group)
    model_at = ray.put(model)
    running: deque[tuple[RowGroup, object]] = deque()

    def written() -> Tokenized:
        group, reference = running.popleft()
        try:
            tokens = ray.get(reference, timeout=MOST_SECONDS)
        except ray.exceptions.RayError as error:
            reason = f"row group {group.number} was not tokenized on the cluster: {one_line(error)}"
            raise TrainingError(f"{group.path}: {reason}") from None
        return write_group(group, spool, GroupTokens(*tokens))

    for group in groups:
        if len(running) == places.total() * IN_FLIGHT:
            yield written()
        running.append((group, task.remote(_as_bytes(read_texts(group)), name, model_at)))
    while running:
        yield written()


def _as_bytes(texts: pa.ChunkedArray) -> bytes:
    """The texts as an Arrow stream."""
    sink = pa.BufferOutputStream()
    table = pa.table({"text": texts})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
