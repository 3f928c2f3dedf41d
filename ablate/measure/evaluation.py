"""What scoring a test split gives, the evidence of the per-trial metrics. Free of torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """Cross-entropy in nats and whether top-1 was right, for every test image; both shape (n,)."""

    losses: NDArray[np.float64]
    correct: NDArray[np.bool_]
