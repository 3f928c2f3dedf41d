"""What runs in bf16 under autocast, and what stays fp32."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.models import build
from ablate.train.precision import arithmetic, keep_logits_fp32, settled

CPU = torch.device("cpu")


def dtypes_of(network: nn.Module, images: Tensor, precision: str) -> dict[str, torch.dtype]:
    """The dtype that every leaf gives out."""
    seen: dict[str, torch.dtype] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, output, path=path: seen.__setitem__(path, output.dtype))  # type: ignore[misc]
        for path, module in network.named_modules()
    ]
    with arithmetic(CPU, settled(precision)):
        network(images)
    for hook in hooks:
        hook.remove()
    return seen


def network() -> nn.Module:
    built = build("mini_xception", width=0.125, middle_depth=1)
    keep_logits_fp32(built)
    return built


IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_under_autocast_convolutions_are_bf16_and_logits_fp32() -> None:
    seen = dtypes_of(network(), IMAGES, "bf16")
    assert seen["stem.conv1.conv"] == seen["down1.sep1.pointwise"] == seen["down1.down.conv"] == torch.bfloat16
    assert seen["head.classifier"] == seen[""] == torch.float32


def test_fp32_is_fp32_throughout() -> None:
    assert set(dtypes_of(network(), IMAGES, "fp32").values()) == {torch.float32}


def test_statistics_and_weights_stay_fp32() -> None:
    built = network().train()
    before = built.get_buffer("stem.conv1.norm.running_mean").clone()
    with arithmetic(CPU, "bf16"):
        logits = built(IMAGES)
    F.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    assert {value.dtype for value in built.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in built.parameters() if parameter.grad is not None} == {torch.float32}
    assert {value.dtype for path, value in built.named_buffers() if "running" in path} == {torch.float32}
    assert not torch.equal(built.get_buffer("stem.conv1.norm.running_mean"), before)


def test_running_statistics_are_fp32_arithmetic_on_what_the_convolution_gave() -> None:
    built = network().train()
    outputs: list[Tensor] = []
    built.get_submodule("stem.conv1.conv").register_forward_hook(lambda _, __, output: outputs.append(output))
    with arithmetic(CPU, "bf16"):
        built(IMAGES)
    expected = 0.1 * outputs[0].float().mean((0, 2, 3))
    torch.testing.assert_close(built.get_buffer("stem.conv1.norm.running_mean"), expected, atol=1e-6, rtol=1e-5)


def test_the_last_linear_layer_multiplies_in_fp32() -> None:
    # 257 needs nine bits of mantissa, bf16 has eight.
    classifier = nn.Linear(1, 1, bias=False)
    built = nn.Sequential(nn.Linear(1, 1, bias=False), classifier)
    with torch.no_grad():
        built[0].weight.fill_(1.0)
        classifier.weight.fill_(257.0)
    keep_logits_fp32(built)
    with arithmetic(CPU, "bf16"):
        assert built(torch.ones(1, 1)).item() == 257.0
        assert F.linear(torch.ones(1, 1), classifier.weight).item() == 256.0


def test_only_the_last_of_the_linear_layers_is_kept() -> None:
    built = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    keep_logits_fp32(built)
    seen = dtypes_of(built, torch.ones(1, 2), "bf16")
    assert (seen["0"], seen["2"]) == (torch.bfloat16, torch.float32)


def test_keeping_logits_changes_nothing_in_fp32() -> None:
    kept, plain = network().eval(), build("mini_xception", width=0.125, middle_depth=1).eval()
    assert torch.equal(kept(IMAGES), plain(IMAGES))


def test_a_network_without_a_linear_layer_is_left_alone() -> None:
    keep_logits_fp32(nn.Conv2d(1, 1, 1))


def test_an_undecided_precision_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="precision 'auto' has to be decided before training starts"):
        settled("auto")
