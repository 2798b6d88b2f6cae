"""Where the stages put their outputs, below the folder of params.yaml."""

from pathlib import Path

from core.file_io import read_json, verified

CODE = Path("data/code")
RAW = Path("data/raw")
TOKENS = Path("data/tokens")
VARIANTS = Path("data/variants")
RESULTS = Path("results")
EVALUATED = Path("data/evaluated")
REFERENCES = Path("references")
REPORTS = Path("reports")
EXPLANATIONS = REPORTS / "explanations"


def folder(variant: str, seed: int) -> Path:
    """The folder of one training and its evaluation."""
    return RESULTS / variant / f"seed-{seed}"


def verified_tokens(name: str) -> Path:
    """The file `name` of data/tokens, as the stage tokenize wrote it.

    Raises:
        DataError: as `verified`.
    """
    return verified(TOKENS / name, read_json(TOKENS / "summary.json", made_by="tokenize")["checksums"])
