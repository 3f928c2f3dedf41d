"""Averages of the weights, by hand."""

import pytest
import torch
from torch import nn

from ablate.train.averaging import WeightAverage


def test_the_average_by_hand() -> None:
    layer = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average, expected = WeightAverage(layer, decay=0.25), 1.0
    for step, weight in enumerate((4.0, -2.0, 7.0), start=1):
        with torch.no_grad():
            layer.weight.fill_(weight)
        average.update(step)
        keep = [None, 2 / 11, 3 / 12, 0.25][step]  # (1 + n) / (10 + n) until that is more than 0.25
        assert keep is not None
        expected = keep * expected + (1 - keep) * weight
    assert layer.weight.item() == 7.0
    average.exchange()
    assert layer.weight.item() == pytest.approx(expected)
    average.exchange()
    assert layer.weight.item() == 7.0


def test_statistics_are_averaged_and_the_count_of_batches_is_not() -> None:
    norm = nn.BatchNorm2d(2)
    average = WeightAverage(norm, decay=0.999)
    norm(torch.full((4, 2, 3, 3), 10.0))
    average.update(1)
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == pytest.approx([1.0, 1.0])
    with average.in_place():
        assert norm.running_mean.tolist() == pytest.approx([9 / 11, 9 / 11])
        assert norm.num_batches_tracked is not None
        assert norm.num_batches_tracked.item() == 1
    assert norm.running_mean.tolist() == pytest.approx([1.0, 1.0])


def test_shared_weights_are_averaged_once() -> None:
    layer = nn.Linear(1, 1, bias=False)
    network = nn.Sequential(layer, layer)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = WeightAverage(network, decay=0.5)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update(1000)
    average.exchange()
    assert layer.weight.item() == pytest.approx(0.5)
