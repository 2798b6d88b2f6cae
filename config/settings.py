"""A setting: values for keys of `train` and `variants` that replace those in params.yaml.

`compare.tuning` searches for the best one for each variant. `compare.settings` lists settings under which all variants
are compared. An example is {"learning_rate": 0.001, "pooling": "mean"}.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from config.mistakes import describe, unknown_key
from config.section import Section
from config.train import TrainParams
from config.variants import VariantParams

Setting = Mapping[str, Any]

# A setting cannot have the other keys: epochs, devices and limits decide what a training may cost, which must be the
# same for all variants; cell, bidirectional and ngrams are what is compared; start decides what data/variants contains.
TRAIN_KEYS = (
    *("batch_size", "learning_rate", "weight_decay", "schedule", "warmup_share", "gradient_clip", "early_stopping"),
    *("class_weight", "label_smoothing", "averaging", "averaging_decay", "batch_tokens", "layer_rates"),
)
VARIANT_KEYS = tuple(
    key for key in VariantParams.model_fields if key not in ("cell", "bidirectional", "ngrams", "start")
)
KEYS = (*TRAIN_KEYS, *VARIANT_KEYS)
SIZES = ("hidden_size", "embedding_size", "layers", "head_size")


def changes_size(key: str, value: object) -> bool:
    """Whether a setting changes numbers of parameters, which compare.matching: parameters has made equal.

    >>> changes_size("hidden_size", 32), changes_size("pooling", "mean"), changes_size("pooling", ["max", "mean"])
    (True, False, True)
    """
    return key in (*SIZES, "single_bias") or (key == "pooling" and (isinstance(value, list) or value == "attention"))


def check_key(key: object, where: str) -> None:
    """Refuses a key that no setting may have.

    Raises:
        ValueError: the message begins with `where`, such as compare.tuning.space.
    """
    if key not in KEYS:
        raise ValueError(unknown_key(f"{where}.{key}", KEYS))


def applied(setting: Setting, variant: VariantParams, train: TrainParams) -> tuple[VariantParams, TrainParams]:
    """Both sections with the values of `setting`.

    Raises:
        ValueError: a value is not allowed, or not beside the others; one line.
    """
    sections: tuple[Section, Section] = (variant, train)
    changed = []
    for section, keys in zip(sections, (VARIANT_KEYS, TRAIN_KEYS), strict=True):
        values = {key: value for key, value in setting.items() if key in keys}
        try:
            changed.append(type(section).model_validate(section.model_dump() | values))
        except ValidationError as error:
            raise ValueError(describe(error, type(section))) from None
    return changed[0], changed[1]  # type: ignore[return-value]


def setting_shown(setting: Setting) -> str:
    """A setting as a person reads it.

    >>> setting_shown({"learning_rate": 0.0031, "pooling": "max", "early_stopping": None})
    'learning_rate 0.0031, pooling max, early_stopping null'
    """
    return ", ".join(f"{key} {value_shown(value)}" for key, value in setting.items())


def training_title(variant: str, seed: int, setting: Setting) -> str:
    """The title of a training under one of compare.settings, for the terminal and MLflow."""
    return f"{variant} · seed {seed} · {setting_shown(setting)}"


def value_shown(value: Any) -> str:
    """One value as in params.yaml, a number with all its digits: the report tells settings apart by them.

    >>> [value_shown(value) for value in (0.5, 0.9995, 1e-5, 128, None, True, "max", ["max", "mean"])]
    ['0.5', '0.9995', '1e-05', '128', 'null', 'true', 'max', '[max, mean]']
    """
    if isinstance(value, list):
        return f"[{', '.join(map(value_shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.15g}" if isinstance(value, float) else str(value)
