"""What the metrics and the numbers that a study file states have to be."""

from ablate.measure import METRICS
from ablate.schema import KeyPath, StudyFile
from ablate.schema.mistakes import unknown
from ablate.study.reading.document import Document


def check_measured(document: Document, config: StudyFile, name: str, path: KeyPath) -> None:
    """Raise `StudyError` unless `name`, stated at `path`, is a metric that the study measures."""
    if name not in METRICS:
        raise document.error(path, unknown("metric", name, config.measure))
    if name not in config.measure:
        raise document.error(path, f"{name!r} is not measured; add it to measure ({', '.join(config.measure)})")


def check_fraction(document: Document, metric: str, value: float | None, path: KeyPath) -> None:
    """Raise `StudyError` for a difference of accuracies, stated at `path`, that must have been meant in per cent."""
    if metric == "accuracy" and value is not None and abs(value) >= 1:
        raise document.error(path, f"accuracies are fractions, so {value:g} cannot be their difference; 1 % is 0.01")
