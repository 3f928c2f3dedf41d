"""How long a validation loss has not fallen: what early stopping goes by. Free of torch."""

import math
from collections.abc import Sequence


def epochs_since_lowest(losses: Sequence[float]) -> int:
    """Epochs since the lowest of `losses`, one an epoch: 0 if it is the last one; all of them if none is finite."""
    finite = [(loss, epoch) for epoch, loss in enumerate(losses) if math.isfinite(loss)]
    return len(losses) - 1 - min(finite)[1] if finite else len(losses)
