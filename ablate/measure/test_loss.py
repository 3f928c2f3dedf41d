"""Cross-entropy on the test split."""

from collections.abc import Iterator

from ablate.measure.evaluation import Evaluation


def measure(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """Mean over the test images, in nats, without label smoothing."""
    yield "test_loss", float(evaluation.losses.mean())
