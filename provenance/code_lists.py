"""Dependencies of a stage that dvc.yaml cannot name: source files, libraries, files that params.yaml names.

The stage check writes a list for each stage to data/code, on which the stage depends. `make run` compares the lists
with the present code each time, plain `dvc repro` only when the stage check runs. So each stage that DVC starts
compares its own list, too. Otherwise DVC could record outputs of the new code as outputs of the old code.
"""

from config.params import Params
from core import paths
from core.errors import DataError
from provenance import source_code
from provenance.libraries import versions
from text.sources.addresses import local_content


def lists(params: Params) -> dict[str, str]:
    """The list of each stage for the present code."""
    return {stage: code_list(stage, params) for stage in source_code.STAGES}


def code_list(stage: str, params: Params) -> str:
    """A list that `sha256sum --check` reads: a line for each source file; libraries and named files are comments."""
    libraries = [f"# {name} {number}" for name, number in versions(stage).items()]
    named = named_files(stage, params)
    files = [f"# {key} {local_content(value) or 'names no local file'}" for key, value in named.items()]
    return source_code.checksums(stage) + "".join(f"{line}\n" for line in libraries + files)


def named_files(stage: str, params: Params) -> dict[str, str | None]:
    """The values of the keys of params.yaml that can name a file that `stage` reads."""
    match stage:
        case "download":
            return {"data.source": params.data.source}
        case "tokenize":
            return {"tokenize.vectors": params.tokenize.vectors}
    return {}


def verify(stage: str, params: Params) -> None:
    """Refuses to run `stage` if its list, which DVC records, differs from the present code; check itself has no list.

    Raises:
        DataError: names the first file, library or key that has changed.
    """
    path = paths.CODE / f"{stage}.sha256"
    if not path.exists():
        return
    before, now = (text.splitlines() for text in (path.read_text(encoding="utf-8"), code_list(stage, params)))
    changed = [line for line in now if line not in before] + [line for line in before if line not in now]
    if changed:
        name = changed[0].split()[1]  # "<digest>  <file>", or "# <library> <version>"
        raise DataError(
            f"{name} has changed since the stage check ran; make run runs what depends on it again, and so does "
            "dvc repro after dvc repro --force --single-item check"
        )
