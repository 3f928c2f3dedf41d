"""What a network gives in training, and the loss of it."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Outputs(NamedTuple):
    """Logits (n, num_classes), those of each auxiliary head alike, and the weight of an auxiliary loss."""

    logits: Tensor
    auxiliary: tuple[Tensor, ...]
    weight: float


def training_loss(outputs: Tensor | Outputs, labels: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy of a batch, auxiliary heads by their weight included, and the logits of the main one."""
    heads = outputs if isinstance(outputs, Outputs) else Outputs(outputs, (), 0.0)
    loss = F.cross_entropy(heads.logits.float(), labels, label_smoothing=smoothing)
    for logits in heads.auxiliary:
        loss = loss + heads.weight * F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
    return loss, heads.logits
