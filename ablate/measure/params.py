"""Trainable parameters."""

from collections.abc import Iterator

from ablate.models.counts import Counts


def measure(counts: Counts) -> Iterator[tuple[str, int]]:
    """Parameters as optimizers see them; running statistics of BN are not among them."""
    yield "params", counts.params
