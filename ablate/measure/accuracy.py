"""Top-1 accuracy on the test split."""

from collections.abc import Iterator

from ablate.measure.evaluation import Evaluation


def measure(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """Fraction of test images whose highest logit is that of their class."""
    yield "accuracy", float(evaluation.correct.mean())
