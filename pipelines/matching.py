"""What a variant is trained as: what params.yaml gives, or a model with as many parameters as the baseline's."""

from bisect import bisect_left

from config.params import Params
from config.variants import VariantParams
from core.errors import ParamsError


def matched(params: Params, name: str, vocabulary_size: int, num_classes: int) -> VariantParams:
    """The variant `name`; under `compare.matching: parameters` its hidden size is the one that comes nearest.

    Raises:
        ParamsError: with a hidden size of 1 it has more parameters than the baseline already.
    """
    given, baseline = params.variants[name], params.compare.baseline
    if params.compare.matching != "parameters" or name == baseline:
        return given

    def sized(hidden_size: int) -> VariantParams:
        return given.model_copy(update={"hidden_size": hidden_size})

    def parameters(variant: VariantParams) -> int:
        return count_parameters(variant, vocabulary_size, num_classes)

    wanted = parameters(params.variants[baseline])
    if (fewest := parameters(sized(1))) > wanted:
        raise ParamsError(
            f"compare.matching is 'parameters', but variants.{name} has {fewest:,} of them with a hidden_size of 1 "
            f"and {baseline} has {wanted:,}; allowed here: a smaller embedding_size, fewer layers, or another baseline"
        )
    most = 1
    while parameters(sized(most)) < wanted:
        most *= 2
    above = bisect_left(range(most + 1), wanted, lo=1, key=lambda hidden_size: parameters(sized(hidden_size)))
    return min(
        (sized(hidden_size) for hidden_size in (above, max(above - 1, 1))),
        key=lambda variant: abs(parameters(variant) - wanted),
    )


def count_parameters(variant: VariantParams, vocabulary_size: int, num_classes: int) -> int:
    """The parameters of the whole classifier."""
    import torch  # most calls of the stage need no model

    from models.classifier import TextClassifier

    with torch.device("meta"):  # shapes without memory
        return TextClassifier(vocabulary_size, num_classes, **variant.model_dump()).parameter_counts()["total"]
