"""What a stage depends on and dvc.yaml cannot say: its source files, its libraries, the files that params.yaml names.

The stage check writes a list of them for each stage to data/code, on which the stage depends. `make run` looks each
time whether the lists are still true. Plain `dvc repro` looks when the stage check runs.
"""

from pipelines import source_code
from pipelines.libraries import versions
from pipelines.params import Params
from text.sources import local_content


def lists(params: Params) -> dict[str, str]:
    """For each stage a list that `sha256sum --check` reads: a line for each source file; the rest are comments."""
    return {stage: source_code.checksums(stage) + _comments(stage, params) for stage in source_code.STAGES}


def _comments(stage: str, params: Params) -> str:
    libraries = [f"# {name} {number}" for name, number in versions(stage).items()]
    files = [f"# {key} {local_content(value) or 'names no local file'}" for key, value in named(stage, params).items()]
    return "".join(f"{line}\n" for line in libraries + files)


def named(stage: str, params: Params) -> dict[str, str | None]:
    """The keys of params.yaml that may name a file that `stage` reads, with their values."""
    match stage:
        case "download":
            return {"data.source": params.data.source}
        case "tokenize":
            return {"tokenize.vectors": params.tokenize.vectors}
    return {}
