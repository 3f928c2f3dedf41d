"""A network in place: what its calls do to it."""

import pytest
import torch
from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.measure.modes import MODES
from ablate.measure.subject import Subject
from ablate.models import build

CPU = torch.device("cpu")


class Counting(nn.Module):
    """Notes every batch that it is given and in which mode."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 5))
        self.calls: list[tuple[int, bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append((len(images), self.training, torch.is_inference_mode_enabled()))
        return images.mean((2, 3)) @ self.weight


def test_a_forward_pass_is_prepared_once_and_runs_in_evaluation_without_gradients() -> None:
    network = Counting().train()
    subject = Subject(network, (3, 4, 4), CPU)
    subject.forward(5)
    warmed = len(network.calls)
    assert set(network.calls) == {(5, False, True)}
    subject.forward(5)()
    assert len(network.calls) == warmed + 1
    subject.forward(7)
    assert network.calls[-1] == (7, False, True)


def test_a_training_step_leaves_the_weights_and_rests_without_gradients() -> None:
    network = Counting()
    before = network.weight.detach().clone()
    subject = Subject(network, (3, 4, 4), CPU)
    subject.training_step(6)()
    assert network.calls[-1] == (6, True, False)
    assert network.weight.grad is not None
    assert network.weight.grad.abs().sum() > 0
    assert torch.equal(network.weight, before)
    subject.rest()
    assert network.weight.grad is None


def test_after_a_training_step_inference_is_in_evaluation_again() -> None:
    network = Counting()
    subject = Subject(network, (3, 4, 4), CPU)
    subject.forward(2)
    subject.training_step(2)()
    subject.forward(2)()
    assert network.calls[-1] == (2, False, True)


def test_a_network_with_auxiliary_heads_can_be_stepped() -> None:
    network = build("torchvision/googlenet", num_classes=3, input_size=96, aux_heads="trained")
    Subject(network, (3, 96, 96), CPU).training_step(2)()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_images_are_channels_last_and_always_the_same() -> None:
    subject = Subject(Counting(), (3, 4, 5), CPU)
    images = subject.images(7)
    assert tuple(images.shape) == (7, 3, 4, 5)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, subject.images(7))


def test_a_graph_of_kernels_needs_a_gpu() -> None:
    subject = Subject(Counting(), (3, 4, 4), CPU)
    with pytest.raises(ModelError, match="cuda_graph needs a CUDA device, not cpu"):
        subject.forward(1, "cuda_graph")


@pytest.mark.slow
def test_compiled_gives_what_eager_gives() -> None:
    network, images = build("mini_xception", width=0.0625, middle_depth=0).eval(), torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = network(images)
        assert torch.allclose(MODES["compiled"](network, images)(), expected, atol=1e-4)  # type: ignore[arg-type]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_replayed_graph_computes_what_eager_computes() -> None:
    network = build("mini_xception", width=0.125).eval().cuda().to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 32, 32, device="cuda")
    with torch.inference_mode():
        replay = MODES["cuda_graph"](network, images)
        before = torch.cuda.Event(enable_timing=True)
        before.record()
        replay()
        torch.cuda.synchronize()
        assert torch.isfinite(network(images)).all()
