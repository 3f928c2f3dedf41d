"""Multiply-adds of one forward pass."""

from collections.abc import Iterator

from ablate.models.counts import Counts


def measure(counts: Counts) -> Iterator[tuple[str, int]]:
    """Multiply-adds of convolutions and linear layers for one image; papers print this number as FLOPs."""
    yield "macs", counts.macs
