"""Fine-tuning layer by layer: learning rates that fall from layer to layer, and gradual unfreezing.

Howard & Ruder (ACL 2018): a layer near the words is more general than one near the classes, so that it should change
less and later. `train.layer_rates` and `train.unfreeze` say how; with 1 and 0 all weights learn alike.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from core.errors import ParamsError
from models.classifier import TextClassifier


def layers(classifier: TextClassifier) -> list[tuple[str, list[Tensor]]]:
    """Name and weights of each layer, from the head down; pooling belongs to the head.

    Example:
        >>> from config.variants import VariantParams
        >>> [name for name, _ in layers(TextClassifier(9, 2, **VariantParams(cell="lstm", layers=2).model_dump()))]
        ['head', 'recurrent layer 2', 'recurrent layer 1', 'embedding']
    """
    below: list[tuple[str, Sequence[nn.Module]]] = [("embedding", [classifier.embedding])]
    below += [(f"recurrent layer {number}", [layer]) for number, layer in enumerate(classifier.encoder.layers, 1)]
    named: list[tuple[str, list[Tensor]]] = [
        (name, [weights for part in parts for weights in part.parameters()]) for name, parts in reversed(below)
    ]
    known = {id(weights) for _, group in named for weights in group}
    head: list[Tensor] = [weights for weights in classifier.parameters() if id(weights) not in known]
    return [("head", head), *named]


def rate_groups(classifier: TextClassifier, layer_rates: float) -> list[tuple[float, list[Tensor]]]:
    """The weights that learn, in groups of one rate each: what the learning rate is multiplied by, and the weights."""
    learning = {id(weights) for weights in classifier.parameters() if weights.requires_grad}
    if layer_rates == 1:
        return [(1.0, [weights for weights in classifier.parameters() if id(weights) in learning])]
    groups = [[weights for weights in group if id(weights) in learning] for _, group in layers(classifier)]
    return [(layer_rates**depth, group) for depth, group in enumerate(groups) if group]


class GradualUnfreezing:
    """Lets the head of `classifier` learn first, and after every `epochs` epochs the next layer below, too.

    A frozen weight has no gradient: optimizers neither update nor decay it, and count its steps from the moment when it
    begins to learn. With 0 epochs nothing is frozen.
    """

    def __init__(self, classifier: TextClassifier, epochs: int) -> None:
        self._epochs = epochs
        groups = [group for _, group in layers(classifier)]
        self._groups = [[weights for weights in group if weights.requires_grad] for group in groups]

    def begin(self, epoch: int) -> bool:
        """Sets what learns in `epoch`, counted from 0; returns whether that changed."""
        if not self._epochs:
            return False
        changed = False
        for depth, group in enumerate(self._groups):
            learns = depth * self._epochs <= epoch
            for weights in group:
                changed |= weights.requires_grad != learns
                weights.requires_grad_(learns)
        return changed


def check_unfreezing(classifier: TextClassifier, unfreeze: int, epochs: int) -> None:
    """Refuses a training whose `epochs` end before every layer that should learn has begun to.

    Raises:
        ParamsError: names the layer.
    """
    for depth, (name, group) in enumerate(layers(classifier)):
        if unfreeze * depth >= epochs and any(weights.requires_grad for weights in group):
            raise ParamsError(
                f"train.unfreeze is {unfreeze}, so that the {name} would begin to learn in epoch "
                f"{unfreeze * depth + 1}, but the last one is {epochs}; allowed: a smaller number, or more train.epochs"
            )
