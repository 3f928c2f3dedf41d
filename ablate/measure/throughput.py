"""Images per second of inference, in every mode, and of a training step, at the largest batch size asked for."""

from collections.abc import Iterator

import numpy as np

from ablate.measure.clock import row_seconds
from ablate.measure.series import Series, Setting, suffix
from ablate.measure.subject import Subject

TRAINING = "training_images_per_second"


def series(setting: Setting) -> list[Series]:
    inference = [
        Series("throughput", f"inference_images_per_second{suffix(1, mode)}", setting.largest, mode)
        for mode in setting.modes
    ]
    return [*inference, Series("throughput", TRAINING, setting.largest)]


def sample(subject: Subject, taken: Series) -> list[float]:
    """Images per second of calls in a row, fp32."""
    trains = taken.column == TRAINING
    call = subject.training_step(taken.batch) if trains else subject.forward(taken.batch, taken.mode)
    seconds = row_seconds(call, subject.device)
    subject.rest()
    return [taken.batch / seconds]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, float]]:
    """The median of the rounds."""
    yield taken.column, float(np.median(samples))
