"""Milliseconds of a forward pass, per batch size: median and 90th percentile over the samples of all rounds."""

from collections.abc import Iterator

import numpy as np

from ablate.measure.subject import Round, Subject, forward_seconds

SECONDS_A_ROUND = 0.2
SAMPLES_FOR_P90 = 64  # MLPerf inference: fewer samples say nothing firm about the 90th percentile


def sample(subject: Subject) -> Round:
    """Seconds of forward passes, fp32, by batch size."""
    return {str(batch): forward_seconds(subject, batch, SECONDS_A_ROUND) for batch in subject.batch_sizes}


def measure(rounds: list[Round]) -> Iterator[tuple[str, float]]:
    """`latency_ms_p50` and, from 64 samples on, `latency_ms_p90` at batch 1; other batches end in `_bN`."""
    for batch in rounds[0]:
        milliseconds = 1e3 * np.concatenate([taken[batch] for taken in rounds])
        suffix = "" if batch == "1" else f"_b{batch}"
        yield f"latency_ms_p50{suffix}", float(np.median(milliseconds))
        if len(milliseconds) >= SAMPLES_FOR_P90:
            yield f"latency_ms_p90{suffix}", float(np.percentile(milliseconds, 90))
