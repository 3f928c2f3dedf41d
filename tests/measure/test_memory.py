"""Bytes that a training step holds, counted by hand."""

import pytest
import torch
from torch import nn

from ablate.measure.memory import MIB, measure, sample, saved_bytes
from ablate.measure.subject import Subject
from ablate.models import build

CPU = torch.device("cpu")
FLOAT = 4


def two_layers() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5, bias=False))


def by_hand(batch: int) -> int:
    """What a backward pass through `two_layers` on (batch, 3, 8, 8) needs, every tensor once."""
    images = batch * 3 * 8 * 8 * FLOAT  # the convolution's input
    activated = batch * 4 * 6 * 6 * FLOAT  # the ReLU's output, which is the linear layer's input as well
    log_shares = batch * 5 * FLOAT  # the loss's log-softmax
    labels = batch * 8
    weight_of_the_mean = FLOAT  # the summed class weights, a scalar
    return images + activated + log_shares + labels + weight_of_the_mean


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_saved_bytes_of_two_layers(batch: int) -> None:
    assert saved_bytes(two_layers(), torch.randn(batch, 3, 8, 8)) == by_hand(batch)


def test_weights_are_not_counted_among_what_is_saved() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(12, 10_000, bias=False), nn.Linear(10_000, 5, bias=False))
    assert saved_bytes(wide, torch.randn(1, 3, 2, 2)) < 10_000 * 12 * FLOAT


def test_saved_bytes_are_linear_in_the_batch() -> None:
    network = build("mini_xception", width=0.125, middle_depth=1)
    taken = {batch: saved_bytes(network, torch.randn(batch, 3, 32, 32)) for batch in (4, 8, 12)}
    assert taken[12] - taken[8] == taken[8] - taken[4] > 0


def test_a_step_holds_parameters_gradients_momentum_and_what_is_saved() -> None:
    network = two_layers()
    parameters = (4 * 3 * 9 + 5 * 4 * 36) * FLOAT
    subject = Subject(network, (3, 8, 8), (1, 16, 4), CPU)
    flattened = 16 * 4 * 36 * FLOAT  # the images are channels last, so flattening copies
    assert sample(subject) == {"bytes": [3 * parameters + by_hand(16) + flattened]}
    assert sample(subject) == sample(subject)


def test_a_variant_needs_the_most_that_a_round_held() -> None:
    rounds = [{"bytes": [2.0 * MIB]}, {"bytes": [3.5 * MIB]}, {"bytes": [1.0 * MIB]}]
    assert dict(measure(rounds)) == {"memory_mib": 3.5}
