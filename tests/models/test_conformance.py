"""Every preset with every single field changed: it builds, runs, learns, and keeps what it promises."""

from itertools import combinations, product
from typing import Any

import pytest
import torch

from ablate.errors import ModelError
from ablate.models import FIELDS, PRESETS, build, resolve
from ablate.models.counts import count, parameters
from ablate.models.network import assemble
from ablate.models.spec import CHOICES

# Small enough to run; every stem leaves something of the images. The sides are even and odd.
BASE: dict[str, Any] = {"width": 0.0625, "middle_depth": 1, "num_classes": 5, "input_size": 32}
SIDES = {"mini_xception": (16, 13), "xception": (40, 35)}

CHANGES: dict[str, list[Any]] = {
    **{name: list(values) for name, values in CHOICES.items()},
    "width": [0.0625, 0.1],
    "channel_multiple": [1, 4],
    "middle_depth": [0, 2],
    "downsample_kernel": [(1, 1), (5, 3)],
    "segments": ["depthwise", 1, 4],
    "bias": [False, True],
    "dropout": [0.3],
    "num_classes": [1, 7],
    "input_size": [33],
    "in_channels": [1, 4],
}
CASES = [(preset, name, value) for preset in PRESETS for name, values in CHANGES.items() for value in values]


def test_every_field_and_every_preset_is_walked() -> None:
    assert set(CHANGES) == set(FIELDS)
    assert set(SIDES) == set(PRESETS)


@pytest.mark.parametrize(("preset", "name", "value"), CASES, ids=lambda part: str(part))
def test_a_single_change_builds_runs_and_learns(preset: str, name: str, value: Any) -> None:
    fields = {**BASE, name: value}
    spec = resolve(preset, fields)
    network = build(preset, **fields)
    assert count(spec).params == parameters(network)
    for side in SIDES[preset]:
        network.zero_grad()
        images = torch.randn(4, spec.in_channels, side, side, generator=torch.Generator().manual_seed(side))
        logits = network.train()(images)
        assert tuple(logits.shape) == (4, spec.num_classes)
        (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
        unreached = [path for path, parameter in network.named_parameters() if parameter.grad is None]
        assert unreached == []
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert all(gradient.any() for gradient in gradients if gradient.dim() > 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_on_meta_are_those_in_memory(preset: str) -> None:
    spec = resolve(preset, BASE)
    with torch.device("meta"):
        planned = assemble(spec)
    built = assemble(spec)
    assert [(path, value.shape) for path, value in planned.named_parameters()] == [
        (path, value.shape) for path, value in built.named_parameters()
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_holds_independent_images(preset: str) -> None:
    network = build(preset, **BASE).eval().double()
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = network(images)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-10, rtol=0)


@pytest.mark.parametrize("preset", PRESETS)
def test_dropout_acts_in_training_alone(preset: str) -> None:
    network = build(preset, **{**BASE, "dropout": 0.9}).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(images), build(preset, **BASE).eval()(images))
    head = network.get_submodule("head").train()
    features = torch.ones(1, network.get_submodule("head.classifier").in_features, 1, 1)  # type: ignore[arg-type]
    assert not torch.equal(head(features), head(features))


@pytest.mark.slow
def test_any_two_choices_make_a_network_or_a_clear_mistake() -> None:
    structural = {name: values for name, values in CHOICES.items() if name not in ("activation", "init")}
    refused = set()
    for (first, ones), (second, others) in combinations(structural.items(), 2):
        for one, other in product(ones, others):
            fields = {**BASE, "middle_depth": 0, first: one, second: other}
            try:
                counts = count(resolve("mini_xception", fields))
            except ModelError:
                refused.add((one, other))
                continue
            assert counts.params > 0
            assert counts.macs > 0
    assert refused == {("full_pre", "after_add")}


@pytest.mark.parametrize("skip", CHOICES["skip_downsample"])
@pytest.mark.parametrize("downsample", CHOICES["downsample"])
@pytest.mark.parametrize("preset", PRESETS)
def test_both_branches_halve_alike_at_odd_sides(preset: str, downsample: str, skip: str) -> None:
    network = build(preset, **BASE, downsample=downsample, skip_downsample=skip).eval()
    for side in (21, 33, 38):
        assert tuple(network(torch.zeros(1, 3, side, side)).shape) == (1, 5)


@pytest.mark.parametrize(("size", "refused"), [(6, True), (7, False)])
def test_images_too_small_for_an_unpadded_stem_are_refused(size: int, refused: bool) -> None:
    spec = resolve("xception", {**BASE, "input_size": size})
    if refused:
        with pytest.raises(ModelError, match=r"model\.input_size: 6 is too small for xception, .* at least 7"):
            count(spec)
    else:
        assert count(spec).macs > 0


def test_the_padded_stem_takes_a_single_pixel() -> None:
    assert count(resolve("mini_xception", {**BASE, "input_size": 1})).macs > 0
