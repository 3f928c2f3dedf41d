"""Multiply-adds once more: fvcore, on a real forward pass, convolutions and linear layers alone."""

from collections.abc import Iterator

from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject
from ablate.models.fvcore_counts import fvcore_count_of


def series(setting: Setting) -> list[Series]:
    return [Series("macs", "macs_fvcore", batch=1)]


def sample(subject: Subject, taken: Series) -> list[float]:
    """Multiply-adds of one image."""
    return [fvcore_count_of(subject.network, subject.images(taken.batch)).macs]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, int]]:
    """What was counted."""
    yield taken.column, int(samples[0])
