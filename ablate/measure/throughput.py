"""Images per second of inference at the largest batch size asked for."""

from collections.abc import Iterator

import numpy as np

from ablate.measure.subject import Round, Subject, forward_seconds

SECONDS_A_ROUND = 0.2


def sample(subject: Subject) -> Round:
    """Seconds of forward passes, fp32, at the largest batch."""
    batch = max(subject.batch_sizes)
    return {str(batch): forward_seconds(subject, batch, SECONDS_A_ROUND)}


def measure(rounds: list[Round]) -> Iterator[tuple[str, float]]:
    """Batch divided by the median time of a forward pass."""
    (batch,) = rounds[0]
    seconds = np.concatenate([taken[batch] for taken in rounds])
    yield "inference_images_per_second", int(batch) / float(np.median(seconds))
