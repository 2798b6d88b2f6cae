"""Where the stages put their outputs, below the folder of params.yaml (or of a study that calls the stages)."""

from pathlib import Path

CODE = Path("data/code")
RAW = Path("data/raw")
TOKENS = Path("data/tokens")
PRETRAINED = Path("data/pretrained")
VARIANTS = Path("data/variants")
TUNED = Path("data/tuned")
SETTINGS = Path("data/settings")
RESULTS = Path("results")
EVALUATED = Path("data/evaluated")
REFERENCES = Path("references")
REPORTS = Path("reports")
EXPLANATIONS = REPORTS / "explanations"


def setting_name(variant: str, number: int) -> str:
    """What a variant's trainings under a setting of compare.settings are called, in data/settings and elsewhere."""
    return f"{variant}-setting{number}"


def folder(variant: str, seed: int, root: Path = Path()) -> Path:
    """The folder of one training and its evaluation."""
    return root / RESULTS / variant / f"seed-{seed}"
