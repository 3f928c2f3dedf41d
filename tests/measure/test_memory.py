"""Bytes that a training step holds, counted by hand."""

import pytest
import torch
from torch import nn

from ablate.measure.memory import MIB, measure, sample, saved_bytes, series
from ablate.measure.series import Setting
from ablate.measure.subject import Subject
from ablate.models import build

CPU = torch.device("cpu")
DEVICES = ("cpu", "cuda:0")
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


@pytest.mark.parametrize("batch", [1, 16])
def test_a_step_holds_parameters_gradients_momentum_and_what_is_saved(batch: int) -> None:
    parameters = (4 * 3 * 9 + 5 * 4 * 36) * FLOAT
    subject = Subject(two_layers(), (3, 8, 8), CPU)
    flattened = batch * 4 * 36 * FLOAT  # the images are channels last, so flattening copies
    columns = held(subject, batch)
    assert columns == pytest.approx(
        {
            "memory_parameters_mib": parameters / MIB,
            "memory_gradients_mib": parameters / MIB,
            "memory_optimizer_mib": parameters / MIB,
            "memory_activations_mib": (by_hand(batch) + flattened) / MIB,
            "memory_mib": (3 * parameters + by_hand(batch) + flattened) / MIB,
        },
        rel=1e-12,
    )
    assert columns == held(subject, batch)


def test_what_is_frozen_has_no_gradient_and_no_momentum() -> None:
    network = two_layers()
    network[0].weight.requires_grad_(False)
    columns = held(Subject(network, (3, 8, 8), CPU), 2)
    assert columns["memory_gradients_mib"] == columns["memory_optimizer_mib"] == 5 * 4 * 36 * FLOAT / MIB
    assert columns["memory_parameters_mib"] == (4 * 3 * 9 + 5 * 4 * 36) * FLOAT / MIB


def test_a_cpu_has_no_peak_of_inference_and_a_gpu_has() -> None:
    asked = {device: {taken.column for taken in series(Setting((1, 8), ("eager",), device))} for device in DEVICES}
    assert asked["cuda:0"] - asked["cpu"] == {"memory_inference_mib"}
    assert asked["cpu"] < asked["cuda:0"]


def held(subject: Subject, batch: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for taken in series(Setting((1, batch), ("eager",), "cpu")):
        found |= dict(measure(taken, sample(subject, taken)))
    return found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_peak_of_a_gpu_holds_at_least_what_can_be_counted() -> None:
    device = torch.device("cuda:0")
    # Of a wide network at batch 1 most is parameters, and what is as large as they are.
    subject = Subject(build("mini_xception", width=2.0), (3, 32, 32), device)
    found: dict[str, float] = {}
    for taken in series(Setting((1,), ("eager",), "cuda:0")):
        found |= dict(measure(taken, sample(subject, taken)))
    parts = ("parameters", "gradients", "optimizer", "activations")
    assert found["memory_mib"] >= 0.9 * sum(found[f"memory_{part}_mib"] for part in parts)
    assert found["memory_inference_mib"] < found["memory_mib"]
