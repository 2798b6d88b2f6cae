"""The stage tokenize on a Ray cluster: each Parquet row group is a task.

The head reads the texts and writes what comes back, a row group at a time; a node holds one per CPU. The bytes are
those of one machine, since nodes do the same work, and the head keeps the order.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import ray

from config.choices import TokenizerName
from config.params import Params
from engine import remote
from engine.recording import Recorder
from engine.stages import TOKENIZE
from pipelines.tokenize import make_tokens, show
from provenance.libraries import versions
from text.tokenizing.parallel import GroupTokens, RowGroup, Tokenized, read_texts, write_group

IN_FLIGHT = 2  # row groups for each CPU of the cluster: one at work, one on its way
RETRIES = 3  # of a row group whose node dies


def tokenize(params: Params) -> None:
    """Runs the stage on the connected cluster (engine/connection.py), and records it."""
    recorder = Recorder([TOKENIZE], params, say=lambda _, line: print(line, flush=True))
    print(f"stage {TOKENIZE} on the cluster", flush=True)
    show(make_tokens(params.tokenize, run=on_cluster))
    recorder.add([TOKENIZE])
    recorder.finish()


def on_cluster(
    groups: Sequence[RowGroup], name: TokenizerName, model: bytes | None, spool: Path
) -> Iterator[Tokenized]:
    """Tokenizes on the connected cluster; as `text.tokenizing.parallel.on_all_cores`."""
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(remote.tokenize_group)
    most = max(int(ray.cluster_resources().get("CPU", 1)), 1) * IN_FLIGHT
    model_at, versions_here = ray.put(model), versions("tokenize")
    running: deque[tuple[RowGroup, object]] = deque()

    def written() -> Tokenized:
        group, reference = running.popleft()
        return write_group(group, spool, GroupTokens(*ray.get(reference)))

    for group in groups:
        if len(running) == most:
            yield written()
        running.append((group, task.remote(_as_bytes(read_texts(group)), name, model_at, versions_here)))
    while running:
        yield written()


def _as_bytes(texts: pa.ChunkedArray) -> bytes:
    """The texts as an Arrow stream."""
    sink = pa.BufferOutputStream()
    table = pa.table({"text": texts})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
