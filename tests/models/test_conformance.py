"""Every preset with every single field changed: it builds, runs, learns, counts, and keeps what it promises."""

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.models import FIELDS, PRESETS, build, resolve
from ablate.models.counts import Counts, count, parameters
from ablate.models.fvcore_counts import fvcore_count
from ablate.models.network import assemble
from ablate.models.spec import CHOICES, ModelSpec

ByHand = Callable[[ModelSpec], Any]

# Small enough to run; every stem leaves something of the images.
BASE: dict[str, Any] = {"width": 0.0625, "middle_depth": 1, "num_classes": 5, "input_size": 32}
SIDES = (32, 27)

CHANGES: dict[str, list[Any]] = {
    **{name: list(values) for name, values in CHOICES.items()},
    "width": [0.03, 0.1],
    "channel_multiple": [1, 12],
    "middle_depth": [0, 2],
    "downsample_kernel": [(1, 1), (5, 3)],
    "segments": ["depthwise", 1, 4],
    "bias": [False, True],
    "dropout": [0.3],
    "num_classes": [1, 7],
    "input_size": [33, 40],
    "in_channels": [1, 4],
}

# Combinations that the message of `ModelSpec` refuses.
REFUSED = {("xception_guide", "relu_placement", "full_pre")}


def cases() -> list[tuple[str, str, Any]]:
    """Preset, field and value, wherever the value is not the preset's own."""
    return [
        (preset, name, value)
        for preset, entry in PRESETS.items()
        for name, values in CHANGES.items()
        for value in values
        if value != getattr(entry.defaults, name) and (preset, name, value) not in REFUSED
    ]


CASES = cases()


def resolved(preset: str, name: str, value: Any) -> ModelSpec:
    spec = resolve(preset, {**BASE, name: value})
    assert isinstance(spec, ModelSpec)
    return spec


def test_every_field_is_walked() -> None:
    assert set(CHANGES) == set(FIELDS)
    changed = {(preset, name) for preset, name, _ in CASES}
    assert changed == {(preset, name) for preset in PRESETS for name in FIELDS}


def stages_of(network: nn.Module, names: list[str], images: Tensor) -> tuple[Tensor, list[tuple[str, int, int]]]:
    """What `network` gives, and what each of its modules `names` puts out: path, channels and side."""
    found: dict[str, tuple[str, int, int]] = {}

    def hook_of(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _images: Any, output: Tensor) -> None:
            assert output.shape[2] == output.shape[3]
            found[name] = (name, output.shape[1], output.shape[2])

        return hook

    handles = [network.get_submodule(name).register_forward_hook(hook_of(name)) for name in names]
    logits = network(images)
    for handle in handles:
        handle.remove()
    return logits, list(found.values())


@pytest.mark.parametrize(("preset", "name", "value"), CASES, ids=str)
def test_a_single_change_builds_runs_and_learns(preset: str, name: str, value: Any, by_hand: ByHand) -> None:
    spec = resolved(preset, name, value)
    network = build(preset, **{**BASE, name: value}).train()
    assert parameters(network) == by_hand(spec).params
    for side in SIDES:
        network.zero_grad()
        expected = by_hand(resolve(preset, {**BASE, name: value, "input_size": side})).stages  # type: ignore[arg-type]
        images = torch.randn(4, spec.in_channels, side, side, generator=torch.Generator().manual_seed(side))
        logits, stages = stages_of(network, [stage for stage, _, _ in expected], images)
        assert stages == expected
        assert tuple(logits.shape) == (4, spec.num_classes)
        assert_learns(network, logits)


def assert_learns(network: nn.Module, logits: Tensor) -> None:
    """A random direction of the logits reaches every parameter, with some value wherever BN does not cancel it."""
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    gradients = {path: parameter.grad for path, parameter in network.named_parameters()}
    assert [path for path, gradient in gradients.items() if gradient is None] == []
    reached = {path: gradient for path, gradient in gradients.items() if gradient is not None}
    assert [path for path, gradient in reached.items() if not torch.isfinite(gradient).all()] == []
    assert [path for path, gradient in reached.items() if gradient.dim() > 1 and not gradient.any()] == []


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "name", "value"), CASES, ids=str)
def test_a_single_change_counts_as_the_formula_says(preset: str, name: str, value: Any, by_hand: ByHand) -> None:
    spec = resolved(preset, name, value)
    expected = by_hand(spec)
    assert count(spec) == Counts(expected.params, expected.macs)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("side", [32, 35])
def test_presets_count_as_the_formula_says_and_as_fvcore_does(preset: str, side: int, by_hand: ByHand) -> None:
    spec = resolve(preset, {**BASE, "width": 0.25, "input_size": side})
    assert isinstance(spec, ModelSpec)
    expected = by_hand(spec)
    assert count(spec) == Counts(expected.params, expected.macs)
    assert fvcore_count(spec).macs == expected.macs


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_as_published_count_as_the_formula_says(preset: str, by_hand: ByHand) -> None:
    spec = PRESETS[preset].defaults
    expected = by_hand(spec)
    assert count(spec) == Counts(expected.params, expected.macs)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("fields", [{}, {"segments": 8, "bias": True, "downsample": "spd", "skip_downsample": "same"}])
def test_counts_are_quadratic_in_the_width(preset: str, fields: dict[str, Any]) -> None:
    """Pointwise and plain convolutions grow with its square, all else with the width or not at all."""
    counts = [count(resolve(preset, {**BASE, **fields, "width": width})) for width in (1, 2, 3, 4)]
    for values in ([each.params for each in counts], [each.macs for each in counts]):
        one, two, three, four = values
        assert four - 3 * three + 3 * two - one == 0
        assert three - 2 * two + one > 0


# Parameters of one middle block and its weights at one pixel, by hand, for the `c` channels of the middle flow.
MIDDLE: dict[str, tuple[int, Callable[[int], tuple[int, int]]]] = {
    "mini_xception": (256, lambda c: (3 * (9 * c + c * c + 2 * c), 3 * (9 * c + c * c))),
    "xception": (728, lambda c: (3 * (9 * c + c * c + 2 * c), 3 * (9 * c + c * c))),
    "xception_replication": (728, lambda c: (3 * (9 * c + c * c + 2 * c), 3 * (9 * c + c * c))),
    # and BN behind the sum
    "xception_guide": (728, lambda c: (3 * (9 * c + c * c + 2 * c) + 2 * c, 3 * (9 * c + c * c))),
    # and a bias on either half
    "sepconv_guide": (728, lambda c: (3 * (10 * c + c * c + c + 2 * c), 3 * (9 * c + c * c))),
    # one separable convolution, BN behind either half
    "mobilenet_v1": (512, lambda c: (9 * c + 2 * c + c * c + 2 * c, 9 * c + c * c)),
}
# The side of the middle flow's maps at the preset's own input size: 32, 299 or 224.
MIDDLE_SIDES = {
    "mini_xception": 8,
    "xception": 19,
    "xception_replication": 19,
    "xception_guide": 38,
    "sepconv_guide": 19,
    "mobilenet_v1": 14,
}
# What the classifier sees, and the classes.
HEADS = dict.fromkeys(PRESETS, (2048, 1000)) | {"mini_xception": (512, 10), "mobilenet_v1": (1024, 1000)}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_middle_block_adds_the_same(preset: str) -> None:
    channels, block = MIDDLE[preset]
    params, weights = block(channels)
    without, one, four = (count(resolve(preset, {"middle_depth": depth})) for depth in (0, 1, 4))
    assert (one.params - without.params, four.params - without.params) == (params, 4 * params)
    assert four.macs - without.macs == 4 * weights * MIDDLE_SIDES[preset] ** 2


@pytest.mark.parametrize("preset", PRESETS)
def test_classes_and_image_channels_cost_their_weights_alone(preset: str) -> None:
    base, classes, channels = (
        count(resolve(preset, fields)).params for fields in ({}, {"num_classes": 1}, {"in_channels": 1})
    )
    features, all_classes = HEADS[preset]
    assert base - classes == (features + 1) * (all_classes - 1)
    assert base - channels == 2 * 9 * 32


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_on_meta_are_those_in_memory(preset: str) -> None:
    spec = resolve(preset, BASE)
    with torch.device("meta"):
        planned = assemble(spec)
    built = assemble(spec)
    assert all(value.is_meta for value in planned.state_dict().values())
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
    assert refused == {("full_pre", "after_add"), ("full_pre", "both")}


@pytest.mark.parametrize("skip", CHOICES["skip_downsample"])
@pytest.mark.parametrize("downsample", CHOICES["downsample"])
@pytest.mark.parametrize("preset", PRESETS)
def test_both_branches_halve_alike_at_odd_sides(preset: str, downsample: str, skip: str) -> None:
    network = build(preset, **BASE, downsample=downsample, skip_downsample=skip, residual="add").eval()
    for side in (21, 33, 38):
        assert tuple(network(torch.zeros(1, 3, side, side)).shape) == (1, 5)


# Two unpadded convolutions, the first with stride 2: (7 - 3) / 2 + 1 = 3, 3 - 3 + 1 = 1.
UNPADDED = ("xception", "xception_replication")


@pytest.mark.parametrize("preset", UNPADDED)
@pytest.mark.parametrize(("size", "refused"), [(1, True), (6, True), (7, False)])
def test_images_too_small_for_an_unpadded_stem_are_refused(preset: str, size: int, refused: bool) -> None:
    fields = {**BASE, "input_size": size}
    if refused:
        sentence = rf"model\.input_size: {size} is too small for {preset}, .* at least 7"
        with pytest.raises(ModelError, match=sentence):
            count(resolve(preset, fields))
        with pytest.raises(ModelError, match=sentence):
            build(preset, **fields)
    else:
        assert count(resolve(preset, fields)).macs > 0


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset not in UNPADDED])
def test_a_padded_stem_takes_a_single_pixel(preset: str) -> None:
    assert count(resolve(preset, {**BASE, "input_size": 1})).macs > 0
