"""The builder: xception is the network that timm builds, and its module paths say what a module does."""

import pytest
import timm
import torch
from torch import nn

from ablate import models
from ablate.errors import ModelError
from ablate.models import build
from ablate.models.network import build as build_directly

# Our paths and timm's, part by part; timm numbers the modules of a branch, activations included.
BLOCKS = {
    "entry.block1": "block1",
    "entry.block2": "block2",
    "entry.block3": "block3",
    **{f"middle.{number}": f"block{number + 4}" for number in range(8)},
    "exit.block": "block12",
}
LONE = {"exit.sep1": ("conv3", "bn3"), "exit.sep2": ("conv4", "bn4")}


def twins() -> dict[str, str]:
    """Our module paths to timm's, for every module that holds weights."""
    pairs = {"stem.conv1.conv": "conv1", "stem.conv1.norm": "bn1", "stem.conv2.conv": "conv2", "stem.conv2.norm": "bn2"}
    for ours, theirs in BLOCKS.items():
        first = 0 if theirs == "block1" else 1
        for sep in range(3 if ours.startswith("middle") else 2):
            at = first + 3 * sep
            pairs[f"{ours}.sep{sep + 1}.depthwise"] = f"{theirs}.rep.{at}.conv1"
            pairs[f"{ours}.sep{sep + 1}.pointwise"] = f"{theirs}.rep.{at}.pointwise"
            pairs[f"{ours}.norm{sep + 1}"] = f"{theirs}.rep.{at + 1}"
        if not ours.startswith("middle"):
            pairs[f"{ours}.skip.conv"], pairs[f"{ours}.skip.norm"] = f"{theirs}.skip", f"{theirs}.skipbn"
    for ours, (conv, norm) in LONE.items():
        pairs[f"{ours}.depthwise"], pairs[f"{ours}.pointwise"] = f"{conv}.conv1", f"{conv}.pointwise"
        pairs[f"{ours}.norm"] = norm
    return {**pairs, "head.classifier": "fc"}


@torch.no_grad()
def carried_over() -> tuple[nn.Module, nn.Module]:
    """Our xception with the weights and statistics of a timm one, both with every number off its neutral value."""
    theirs = timm.create_model("legacy_xception").double().eval()
    generator = torch.Generator().manual_seed(0)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_mean, -0.5)):
                values.copy_(torch.rand(values.shape, generator=generator) + low)
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    ours = build("xception").double().eval()
    for our_path, their_path in twins().items():
        ours.get_submodule(our_path).load_state_dict(theirs.get_submodule(their_path).state_dict())
    return ours, theirs


def test_the_twins_cover_every_weight_of_both() -> None:
    with torch.device("meta"):
        theirs = timm.create_model("legacy_xception")
    ours = build("xception")
    holders = [
        {path.rpartition(".")[0] for path in network.state_dict() if not path.endswith("num_batches_tracked")}
        for network in (ours, theirs)
    ]
    assert set(twins()) == holders[0]
    assert set(twins().values()) == holders[1]


@pytest.mark.slow
@pytest.mark.parametrize("size", [96, 299])
def test_xception_computes_what_timm_computes(size: int) -> None:
    ours, theirs = carried_over()
    images = torch.randn(1, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(images)
        assert expected.std() > 1e-3
        torch.testing.assert_close(ours(images), expected, atol=1e-10, rtol=1e-10)


def test_weights_are_named_by_their_role() -> None:
    paths = {path for path, _ in build("mini_xception", width=0.125).named_parameters()}
    assert {
        "stem.conv1.conv.weight",
        "down1.sep1.depthwise.weight",
        "down1.down.conv.weight",
        "down1.skip.conv.weight",
        "down1.skip.down.conv.weight",
        "block1.norm3.weight",
        "middle.2.sep1.depthwise.weight",
        "exit.sep2.pointwise.weight",
        "head.classifier.bias",
    } <= paths


def test_a_field_of_another_type_is_named_as_in_a_study() -> None:
    with pytest.raises(ModelError, match=r"^model\.width: expected a number, not '0\.5'$"):
        build("mini_xception", width="0.5")


def test_build_is_reached_from_the_package() -> None:
    assert build is build_directly
    with pytest.raises(AttributeError, match="has no attribute 'biuld'"):
        _ = models.biuld
