"""Reads params.yaml into typed sections, each declared in a module of its own.

These modules, and no others, define the defaults. The shipped params.yaml shows every default, and
tests/config/test_params.py checks that the two agree.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from config.compare import CompareParams, TrackingParams
from config.data import DataParams
from config.mistakes import describe
from config.pretrain import PretrainParams
from config.section import Name, Section, shown
from config.settings import applied, changes_size, value_shown
from config.tokenize import TokenizeParams
from config.train import TrainParams
from config.variants import VariantParams
from core.errors import ParamsError
from core.folds import fold_of

PARAMS_FILE = Path("params.yaml")


class Params(Section):
    """The whole of params.yaml."""

    data: DataParams
    tokenize: TokenizeParams = TokenizeParams()
    pretrain: PretrainParams = PretrainParams()
    variants: dict[Name, VariantParams]
    train: TrainParams = TrainParams()
    compare: CompareParams
    tracking: TrackingParams = TrackingParams()

    @model_validator(mode="after")
    def _check_combinations(self) -> "Params":
        self._check_compared()
        self._check_folds()
        self._check_settings()
        self._check_pretraining()
        self._check_unfreezing()
        self._check_sequences()
        self._check_unlabelled()
        return self

    def _check_compared(self) -> None:
        for index, name in enumerate(self.compare.variants):
            if name not in self.variants:
                raise ValueError(f"compare.variants[{index}] is {name!r}; allowed: {', '.join(self.variants)}")
            without = self.variants[name].model_copy(update={"ngrams": False})
            if self.variants[name].ngrams and without not in map(self.variants.get, self.compare.variants):
                raise ValueError(
                    f"compare.variants[{index}] is {name!r}, which has ngrams: true; allowed with the same variant "
                    "without ngrams beside it, so that the report shows both"
                )
        if self.compare.baseline not in self.compare.variants:
            raise ValueError(
                f"compare.baseline is {self.compare.baseline!r}; allowed: {', '.join(self.compare.variants)}"
            )
        if (self.train.max_seconds is None) == (self.compare.matching == "training_time"):
            raise ValueError(
                f"train.max_seconds is {self.train.max_seconds or 'null'}, but compare.matching is "
                f"{self.compare.matching!r}; allowed: a number with training_time, null otherwise"
            )

    def _check_folds(self) -> None:
        """Refuses seeds that do not test every fold equally often."""
        if (folds := self.data.folds) is None:
            return
        times = Counter(fold_of(seed, folds) for seed in self.compare.seeds)
        if len(times) < folds or len(set(times.values())) > 1:
            raise ValueError(
                f"compare.seeds is {shown(self.compare.seeds)}, but with data.folds of {folds} each fold needs as many "
                f"trainings, and seed n tests on fold n; allowed: 1 to {folds}, or 1 to {2 * folds}"
            )

    def _check_settings(self) -> None:
        """Refuses settings, listed or searched for, that a compared variant cannot be trained with."""
        compare, tuning = self.compare, self.compare.tuning
        for name in compare.variants:
            if tuning.trials:
                tuning.check(name, self.variants[name], self.train, compare.matching)
            for index, setting in enumerate(compare.settings):
                where = f"compare.settings[{index}]"
                sizes = [key for key, value in setting.items() if changes_size(key, value)]
                if compare.matching == "parameters" and sizes:
                    raise ValueError(
                        f"{where} has {sizes[0]}: {value_shown(setting[sizes[0]])}, but compare.matching is "
                        "'parameters', which chooses the hidden size; allowed with it: settings that keep the "
                        "number of parameters"
                    )
                try:
                    applied(setting, self.variants[name], self.train)
                except ValueError as error:
                    raise ValueError(f"{where} is a setting that {name} cannot have: {error}") from None
        by_tokens = self.train.batch_tokens is not None or "batch_tokens" in tuning.space
        if tuning.trials and tuning.epochs == "auto" and by_tokens:
            raise ValueError(
                "compare.tuning.epochs is 'auto', which counts steps of train.batch_size documents; allowed with "
                "train.batch_tokens: null, or an integer from 1 to 1000000"
            )
        if tuning.trials and tuning.repeats not in (1, len(compare.seeds)):
            raise ValueError(
                f"compare.tuning.repeats is {tuning.repeats}; allowed: 1, or {len(compare.seeds)}, the number of "
                "compare.seeds, each of which then trains the setting of a search of its own"
            )
        if tuning.trials and self.data.folds is not None and tuning.repeats != len(compare.seeds):
            raise ValueError(
                f"compare.tuning.repeats is {tuning.repeats}; allowed with data.folds: {len(compare.seeds)}, the "
                "number of compare.seeds, since one search would see test documents of the other folds' trainings"
            )
        if (tuning.trials or compare.settings) and (self.train.devices, self.train.num_nodes) != (1, 1):
            key = "compare.tuning.trials" if tuning.trials else "compare.settings"
            raise ValueError(
                f"train.devices is {self.train.devices} and train.num_nodes {self.train.num_nodes}; allowed with "
                f"{key}: 1 and 1, since its trainings run several at a time"
            )

    def _check_unlabelled(self) -> None:
        """Refuses training steps with unlabelled documents unless data.unlabelled is true."""
        if (number := self.train.adversarial.unlabelled_batch) and not self.data.unlabelled:
            raise ValueError(
                f"train.adversarial.unlabelled_batch is {number}, but data.unlabelled is false; allowed: 0, or "
                "data.unlabelled: true"
            )

    def _check_unfreezing(self) -> None:
        """Refuses trainings that end before the lowest layer begins to learn, where epochs are given as numbers."""
        tuning, settings = self.compare.tuning, list(self.compare.settings)
        epochs: dict[str, str | int | None] = {"train.epochs": self.train.epochs}
        if tuning.trials:
            epochs["compare.tuning.epochs"] = tuning.epochs
            settings += [{key: value} for key, values in tuning.ends().items() for value in values]
        for name in self.compare.variants:
            variants = [self.variants[name].model_dump(), *settings]
            learns = any(variant.get("freeze_embedding") is False for variant in variants)
            layers = max(variant.get("layers", 0) for variant in variants) + learns  # below the head
            for key, number in epochs.items():
                if type(number) is int and self.train.unfreeze * layers >= number:
                    raise ValueError(
                        f"train.unfreeze is {self.train.unfreeze}, so that the lowest layer of {name} begins to learn "
                        f"in epoch {self.train.unfreeze * layers + 1}, but {key} is {number}; allowed: a smaller "
                        "number, or more epochs"
                    )

    def _check_pretraining(self) -> None:
        """Refuses a pretraining that would see test documents, and variants that cannot start from the pretraining."""
        pretrain = self.pretrain
        if pretrain.objective != "none" and self.data.folds is not None:
            raise ValueError(
                f"pretrain.objective is {pretrain.objective!r}, but data.folds is {self.data.folds}; allowed with "
                "folds: none, since one pretraining would see the test documents of every fold"
            )
        starting = [name for name in self.compare.variants if self.variants[name].start == "pretrain"]
        if pretrain.objective != "none" and not starting:
            raise ValueError(
                f"pretrain.objective is {pretrain.objective!r}, but no variant of compare.variants has start: "
                "pretrain; allowed without one: none"
            )
        for name in starting:
            self._check_start(name)

    def _check_start(self, name: str) -> None:
        """Refuses the variant `name`, which starts from pretraining, if it does not match the pretraining."""
        variant, pretrain, compare = self.variants[name], self.pretrain, self.compare
        where = f"variants.{name}.start is 'pretrain', but"
        if pretrain.objective == "none":
            raise ValueError(f"{where} pretrain.objective is 'none'; allowed with it: vectors, lm")
        if self.tokenize.vectors is not None:
            raise ValueError(f"{where} tokenize.vectors is {shown(self.tokenize.vectors)}; allowed with it: null")
        fixed = ["embedding_size"] if pretrain.objective == "vectors" else ["cell", "hidden_size", "embedding_size"]
        for key in fixed:
            if (value := getattr(variant, key)) != (wanted := getattr(pretrain, key)):
                raise ValueError(
                    f"variants.{name}.{key} is {value!r}, but pretrain.{key} is {wanted!r}; with start: pretrain they "
                    "must be the same"
                )
        if pretrain.objective == "lm":
            needed = ("forward", "backward") if variant.bidirectional else ("forward",)
            if not {*needed} <= {*pretrain.directions()}:
                allowed = "both" if variant.bidirectional else "forward, both"
                raise ValueError(f"{where} pretrain.direction is {pretrain.direction!r}; allowed with it: {allowed}")
            if compare.matching == "parameters" and name != compare.baseline:
                raise ValueError(
                    f"compare.matching is 'parameters', which chooses the hidden size of {name}, but {name} starts "
                    "from a language model, whose hidden size is fixed; allowed: hidden_size, or pretrain.objective: "
                    "vectors"
                )
            # The language model reads vectors that are not normalized, and its layer has weights already.
            start_keys = ["forget_bias", "input_bias", "recurrent_init"] if variant.layers == 1 else []
            for key in ("embedding_normalization", *start_keys):
                fixed.append(key)
                if (value := getattr(variant, key)) != (default := VariantParams.model_fields[key].default):
                    raise ValueError(
                        f"variants.{name}.{key} is {shown(value)}, but {name} starts from a language model, which was "
                        f"trained without it; allowed: {default or 'null'}"
                    )
        varied = [(f"compare.settings[{index}]", setting) for index, setting in enumerate(compare.settings)]
        varied += [("compare.tuning.space", compare.tuning.space)] if compare.tuning.trials else []
        for place, keys in varied:
            if named := [key for key in keys if key in fixed]:
                raise ValueError(
                    f"{place} names {named[0]}, but {name} starts from pretraining, which fixes it; allowed: other keys"
                )

    def _check_sequences(self) -> None:
        """Refuses settings that would split or cut the symbols of a generated sequence."""
        if (longest := self.data.longest_sequence()) is None:
            return
        if self.tokenize.tokenizer not in ("auto", "whitespace"):
            raise ValueError(
                f"tokenize.tokenizer is {self.tokenize.tokenizer!r}; "
                f"allowed with data.name {self.data.name}: auto, whitespace"
            )
        if self.tokenize.max_tokens < longest:
            raise ValueError(
                f"tokenize.max_tokens is {self.tokenize.max_tokens}, but data.{self.data.name} has sequences of "
                f"{longest} symbols; allowed: {longest} or more"
            )


def load(path: Path = PARAMS_FILE) -> Params:
    """The checked content of `path`.

    Raises:
        ParamsError: one line about the first mistake, and how many more there are.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run this in the project's folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read: {error}") from None
    except (YAMLError, ValueError) as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ParamsError(f"{path} is not valid YAML: its brackets or keys are nested too deeply") from None
    return parse(content, path)


def parse(content: Any, path: Path = PARAMS_FILE) -> Params:
    """`content` of the file `path`, checked.

    Raises:
        ParamsError: as `load`.
    """
    if not isinstance(content, dict):
        sections = ", ".join(Params.model_fields)
        raise ParamsError(f"{path} holds no sections; it must have {sections}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError(f"{path}: {describe(error, Params)}") from None
