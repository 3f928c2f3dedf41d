"""The worked example of a user's network, studies/examples/small_resnet.py."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ablate.models.builders import signature
from ablate.models.counts import Counts, count
from ablate.models.network import initialised
from ablate.models.sources import file_digest
from ablate.models.spec import BuilderSpec
from ablate.models.survey import survey

EXAMPLES = Path(__file__).parents[2] / "studies" / "examples"
BUILDER = "small_resnet.py:build"


def spec_of(arguments: dict[str, Any], size: int = 32) -> BuilderSpec:
    shape = {"num_classes": 10, "input_size": size, "in_channels": 3}
    digest = file_digest(EXAMPLES / "small_resnet.py")
    return BuilderSpec(builder=BUILDER, digest=digest, arguments=arguments, folder=str(EXAMPLES), **shape)


def resnet_by_hand(classes: int, stem: str, norm: str, width: int, size: int) -> Counts:
    """Three stages of one block each; a norm has 2 parameters a channel, "none" none."""
    per_norm = 0 if norm == "none" else 2
    taps, side = (9, size) if stem == "conv3" else (49, -(-size // 2))
    params, macs = 3 * taps * width + per_norm * width, 3 * taps * width * side * side
    side = side if stem == "conv3" else -(-side // 2)
    channels = width
    for out, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        side = -(-side // stride)
        weights = 9 * channels * out + 9 * out * out + (0 if channels == out else channels * out)
        params, macs, channels = params + weights + 2 * per_norm * out, macs + weights * side * side, out
    return Counts(params + (channels + 1) * classes, macs + channels * classes)


@pytest.mark.parametrize("size", [32, 27])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("stem", ["conv3", "conv7_pool"])
def test_the_example_counts_as_the_formula_says(stem: str, norm: str, size: int) -> None:
    spec = spec_of({"stem": stem, "norm": norm, "width": 8}, size)
    expected = resnet_by_hand(10, stem, norm, 8, size)
    assert count(spec) == expected
    assert survey(spec) == {"params": expected.params, "macs": expected.macs}


def test_the_example_says_what_it_takes() -> None:
    told = signature({"builder": BUILDER, "folder": str(EXAMPLES)}, lambda progress: None)
    kinds = {each["name"]: (each["kind"], each["choices"]) for each in told["parameters"]}
    assert kinds == {
        "num_classes": ("int", []),
        "stem": ("choice", ["conv3", "conv7_pool"]),
        "norm": ("choice", ["batch", "group", "none"]),
        "width": ("int", []),
    }
    assert [each["name"] for each in told["parameters"] if each["required"]] == ["num_classes"]


def test_variants_of_the_example_share_what_they_have_in_common() -> None:
    """The stem has another kernel and the body is the same; a seed starts it alike."""
    networks = [initialised(spec_of({"stem": stem, "width": 8}), seed=3) for stem in ("conv3", "conv7_pool")]
    first, second = (dict(network.named_parameters()) for network in networks)
    shared = [path for path in first if path in second and first[path].shape == second[path].shape]
    assert [path for path in shared if not torch.equal(first[path], second[path])] == []
    assert first.keys() - shared == second.keys() - shared == {"0.0.weight"}
    assert (
        sum(first[path].dim() == 4 for path in shared) == 8
    )  # two convolutions in each of three blocks, two on skip connections
