"""Milliseconds of a forward pass, per batch size and mode: percentiles over the samples of all rounds."""

from collections.abc import Iterator

import numpy as np

from ablate.measure.clock import call_seconds
from ablate.measure.series import SAMPLES_FOR, Series, Setting, suffix
from ablate.measure.subject import Subject


def series(setting: Setting) -> list[Series]:
    return [
        Series("latency", f"latency_ms_p50{suffix(batch, mode)}", batch, mode)
        for mode in setting.modes
        for batch in setting.batch_sizes
    ]


def sample(subject: Subject, taken: Series) -> list[float]:
    """Milliseconds of single forward passes, fp32."""
    return [1e3 * seconds for seconds in call_seconds(subject.forward(taken.batch, taken.mode), subject.device)]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, float]]:
    """The median, the 90th percentile from 64 samples on, the 99th from 662 on."""
    yield taken.column, float(np.median(samples))
    for percentile, least in SAMPLES_FOR.items():
        if len(samples) >= least:
            yield taken.column.replace("p50", f"p{percentile}"), float(np.percentile(samples, percentile))
