"""What a stage depends on and dvc.yaml cannot say: its source files, its libraries, the files that params.yaml names.

The stage check writes a list of them for each stage to data/code, on which the stage depends. `make run` looks each
time whether the lists are still true. Plain `dvc repro` looks when the stage check runs; and each stage that DVC starts
looks at its own list, for DVC would record its outputs, and keep them in its cache, as those of another code.
"""

from config.params import Params, load
from core import paths
from core.errors import DataError
from provenance import source_code
from provenance.libraries import versions
from text.sources.addresses import local_content


def lists(params: Params) -> dict[str, str]:
    """The list of each stage, as it has to be now."""
    return {stage: listed(stage, params) for stage in source_code.STAGES}


def listed(stage: str, params: Params) -> str:
    """A list that `sha256sum --check` reads: a line for each source file; the rest are comments."""
    libraries = [f"# {name} {number}" for name, number in versions(stage).items()]
    files = [f"# {key} {local_content(value) or 'names no local file'}" for key, value in named(stage, params).items()]
    return source_code.checksums(stage) + "".join(f"{line}\n" for line in libraries + files)


def named(stage: str, params: Params) -> dict[str, str | None]:
    """The keys of params.yaml that may name a file that `stage` reads, with their values."""
    match stage:
        case "download":
            return {"data.source": params.data.source}
        case "tokenize":
            return {"tokenize.vectors": params.tokenize.vectors}
    return {}


def verify(stage: str) -> None:
    """Refuses to go on where the list of `stage`, which DVC records, is no longer true; the stage check has none.

    Raises:
        DataError: names the first file, library or key that has changed.
    """
    path = paths.CODE / f"{stage}.sha256"
    if not path.exists():
        return
    before, now = (text.splitlines() for text in (path.read_text(encoding="utf-8"), listed(stage, load())))
    changed = [line for line in now if line not in before] + [line for line in before if line not in now]
    if changed:
        name = changed[0].split()[1]  # "<digest>  <file>", or "# <library> <version>"
        raise DataError(
            f"{name} has changed since the stage check ran; make run trains anew what depends on it, and so does "
            "dvc repro after dvc repro --force --single-item check"
        )
