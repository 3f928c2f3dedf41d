"""What a network with auxiliary heads gives in training."""

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """Logits (n, num_classes), those of each auxiliary head alike, and the weight of an auxiliary loss."""

    logits: Tensor
    auxiliary: tuple[Tensor, ...]
    weight: float
