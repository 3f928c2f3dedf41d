"""Parameters and multiply-adds against published numbers, numbers of other programs, and other implementations."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ablate.models import PRESETS, build, resolve
from ablate.models.counts import Counts, count, layers, multiply_adds
from ablate.models.describe import describe
from ablate.models.fvcore_counts import FvcoreCounts, fvcore_count, fvcore_count_of

# Multiply-adds of timm's legacy_xception at several sizes; parameters of Chollet 2017, table 3.
XCEPTION_MACS = {299: 8_357_403_496, 224: 4_552_879_072}


@pytest.mark.parametrize("size", XCEPTION_MACS)
def test_xception_counts_as_published(size: int) -> None:
    assert count(resolve("xception", {"input_size": size})) == Counts(22_855_952, XCEPTION_MACS[size])


@pytest.mark.parametrize(("size", "macs"), [(299, 8_355_375_976), (32, 88_184_800)])
def test_xception_with_ten_classes(size: int, macs: int) -> None:
    assert count(resolve("xception", {"num_classes": 10, "input_size": size})) == Counts(20_827_442, macs)


def test_the_defaults_of_the_mini_network_count_as_the_diagram_built_in_full() -> None:
    assert count(resolve("mini_xception", {})) == Counts(15_437_482, 649_139_200)


@pytest.mark.parametrize(("classes", "params"), [(4, 15_434_404), (100, 15_483_652), (200, 15_534_952)])
def test_classes_cost_one_row_of_the_classifier_each(classes: int, params: int) -> None:
    assert count(resolve("mini_xception", {"num_classes": classes})).params == params


# Independent builds of the MiniXception diagram at 32x32 with ten classes: fields, parameters, multiply-adds, fvcore's
# total (which adds BN and adaptive pooling).
MINI_VARIANTS = {
    "main 3x3, skip 1x1": ({}, 15_437_482, 649_139_200, 651_244_544),
    "both 1x1": ({"downsample_kernel": (1, 1)}, 4_427_434, 246_486_016, 248_591_360),
    "both 3x3": ({"downsample_kernel": (3, 3)}, 26_447_530, 1_051_792_384, 1_053_897_728),
    "strided 3x3, skip 1x1": ({"downsample": "strided"}, 5_115_562, 271_651_840, 273_757_184),
    "strided 3x3 both": (
        {"downsample": "strided", "downsample_kernel": (3, 3)},
        7_868_074,
        372_315_136,
        374_420_480,
    ),
    "max pooling, strided skip": (
        {"downsample": "maxpool", "skip_downsample": "strided"},
        1_671_338,
        126_948_352,
        128_480_256,
    ),
    "max pooling both": ({"downsample": "maxpool"}, 1_671_338, 145_822_720, 147_698_688),
    "without residuals": ({"residual": "none"}, 13_885_610, 573_641_728, 575_173_632),
}


@pytest.mark.parametrize("variant", MINI_VARIANTS)
def test_variants_of_the_mini_network(variant: str) -> None:
    fields, params, macs, fvcore_total = MINI_VARIANTS[variant]
    spec = resolve("mini_xception", fields)
    assert count(spec) == Counts(params, macs)
    assert fvcore_count(spec) == FvcoreCounts(fvcore_total, macs)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "total"), [(299, 8_399_882_600), (224, 4_576_200_992)])
def test_fvcore_sees_the_same_xception(size: int, total: int) -> None:
    assert fvcore_count(resolve("xception", {"input_size": size})) == FvcoreCounts(total, XCEPTION_MACS[size])


# Height and width after conv1, conv2, b1, b2, b3, the middle flow, b12, conv3 and conv4.
XCEPTION_SIDES = {
    299: (149, 147, 74, 37, 19, 19, 10, 10, 10),
    224: (111, 109, 55, 28, 14, 14, 7, 7, 7),
    128: (63, 61, 31, 16, 8, 8, 4, 4, 4),
    96: (47, 45, 23, 12, 6, 6, 3, 3, 3),
    64: (31, 29, 15, 8, 4, 4, 2, 2, 2),
    32: (15, 13, 7, 4, 2, 2, 1, 1, 1),
}
XCEPTION_ENDS = {
    "stem.conv1.act": 32,
    "stem.conv2.act": 64,
    "entry.block1.skip.norm": 128,
    "entry.block2.skip.norm": 256,
    "entry.block3.skip.norm": 728,
    "middle.7.norm3": 728,
    "exit.block.skip.norm": 1024,
    "exit.sep1.act": 1536,
    "exit.sep2.act": 2048,
}


@pytest.mark.parametrize("size", XCEPTION_SIDES)
def test_xception_feature_maps(size: int) -> None:
    shapes = {layer.name: layer.output_shape for layer in layers(resolve("xception", {"input_size": size}))}
    expected = {
        name: (channels, side, side)
        for (name, channels), side in zip(XCEPTION_ENDS.items(), XCEPTION_SIDES[size], strict=True)
    }
    assert {name: shapes[name] for name in XCEPTION_ENDS} == expected


XCEPTION_PARTS = {
    "entry.block1": 35_264,
    "entry.block2": 136_064,
    "entry.block3": 915_944,
    **{f"middle.{number}": 1_613_976 for number in range(8)},
    "exit.block": 2_039_584,
    "exit.sep1": 1_582_080 + 3_072,  # separable convolution and its BN
    "exit.sep2": 3_159_552 + 4_096,
    "head": 2_049_000,
}


@pytest.mark.parametrize("part", XCEPTION_PARTS)
def test_xception_parameters_part_by_part(part: str) -> None:
    rows = layers(resolve("xception", {}))
    assert sum(row.params for row in rows if row.name.startswith(f"{part}.")) == XCEPTION_PARTS[part]


def test_xception_weights_by_their_kind() -> None:
    rows = layers(resolve("xception", {}))
    kinds = {"pointwise": 19_552_896, "depthwise": 207_432, "skip.conv": 972_800}
    assert {kind: sum(row.params for row in rows if row.name.endswith(f".{kind}")) for kind in kinds} == kinds
    assert sum(row.params for row in rows if row.type == "BatchNorm2d") == 54_528


def test_xception_multiply_adds_by_their_kind() -> None:
    rows = layers(resolve("xception", {}))
    millions = {
        "stem": sum(row.macs for row in rows if row.name.startswith("stem.")) / 1e6,
        "depthwise": sum(row.macs for row in rows if row.name.endswith(".depthwise")) / 1e6,
        "pointwise": sum(row.macs for row in rows if row.name.endswith(".pointwise")) / 1e6,
        "skip": sum(row.macs for row in rows if row.name.endswith(".skip.conv")) / 1e6,
    }
    assert millions == pytest.approx({"stem": 417.5, "depthwise": 132.2, "pointwise": 7574.1, "skip": 231.5}, abs=0.05)


def test_xception_has_74_convolutions_and_40_norms() -> None:
    types = [row.type for row in layers(resolve("xception", {}))]
    assert (types.count("Conv2d"), types.count("BatchNorm2d")) == (74, 40)


def test_most_of_the_mini_network_is_its_space_to_depth_convolutions() -> None:
    rows = [row for row in layers(resolve("mini_xception", {})) if row.type == "SpaceToDepthConv"]
    assert len(rows) == 6
    # The convolutions alone: 4 c^2 k^2 on the main branch (k = 3) and on the skip (k = 1), c = 128, 256, 512.
    assert sum(row.params for row in rows) == sum(4 * c * c * (9 + 1) for c in (128, 256, 512)) == 13_762_560


# Howard et al. 2017, tables 6 and 7: width, image size, millions of multiply-adds; parameters counted independently.
MOBILENETS = [
    (1.0, 224, 4_231_976, 569),
    (0.75, 224, 2_585_560, 325),
    (0.5, 224, 1_331_592, 149),
    (0.25, 224, 470_072, 41),
    (1.0, 192, 4_231_976, 418),
    (1.0, 160, 4_231_976, 290),
    (1.0, 128, 4_231_976, 186),
]


@pytest.mark.parametrize(("width", "size", "params", "millions"), MOBILENETS)
def test_mobilenet_counts_as_published(width: float, size: int, params: int, millions: int, by_hand: Any) -> None:
    spec = resolve("mobilenet_v1", {"width": width, "input_size": size})
    assert count(spec) == Counts(params, by_hand(spec).macs)
    # The paper rounds some of them and cuts off others.
    assert count(spec).macs / 1e6 == pytest.approx(millions, abs=0.7)


def test_mobilenet_counts_as_timm_does() -> None:
    """mobilenetv1_100 of timm 1.0, counted by fvcore; its BN and adaptive pooling are what is beyond."""
    spec = resolve("mobilenet_v1", {})
    assert count(spec) == Counts(4_231_976, 568_740_352)
    assert fvcore_count(spec) == FvcoreCounts(578_875_904, 568_740_352)


def test_a_shallow_mobilenet_is_the_paper_s() -> None:
    """Howard et al. 2017, table 5: without the five equal layers 2.9 million parameters, 307 million multiply-adds."""
    counts = count(resolve("mobilenet_v1", {"middle_depth": 0}))
    assert round(counts.params / 1e6, 1) == 2.9
    assert round(counts.macs / 1e6) == 307


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("fields", [{}, {"downsample": "blurpool", "skip_downsample": "same", "bias": True}])
def test_layers_sum_to_the_totals(preset: str, fields: dict[str, object]) -> None:
    spec = resolve(preset, fields)
    rows = layers(spec)
    assert Counts(sum(row.params for row in rows), sum(row.macs for row in rows)) == count(spec)
    assert len({row.name for row in rows}) == len(rows)


def test_a_description_is_the_counts_and_the_layers() -> None:
    described = describe(resolve("mini_xception", {"downsample": "maxpool"}))
    macs = 145_822_720
    assert {name: described[name] for name in ("params", "macs", "flops", "fvcore_flops", "fvcore_macs")} == {
        "params": 1_671_338,
        "macs": macs,
        "flops": 2 * macs,
        "fvcore_flops": 147_698_688,
        "fvcore_macs": macs,
    }
    assert (described["model"], described["input_size"], described["num_classes"]) == ("mini_xception", 32, 10)
    assert described["layers"][-1] == {
        "name": "head.classifier",
        "type": "Linear",
        "output_shape": (10,),
        "params": 5130,
        "macs": 5120,
    }


def spatial(side: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Places where a kernel lands on an image of `side` x `side`."""
    return ((side + 2 * padding - kernel) // stride + 1) ** 2


# Small networks on images of 3 x 9 x 9, with their multiply-adds by the formula
# places x outputs x kernel^2 x inputs / groups, and outputs x inputs for a linear layer.
SMALL: dict[str, tuple[nn.Module, int]] = {
    "pointwise": (nn.Conv2d(3, 8, 1), 81 * 8 * 3),
    "3x3": (nn.Conv2d(3, 8, 3), spatial(9, 3) * 8 * 9 * 3),
    "3x3 with bias and padding": (nn.Conv2d(3, 8, 3, padding=1, bias=True), 81 * 8 * 9 * 3),
    "strided": (nn.Conv2d(3, 8, 3, stride=2, padding=1), spatial(9, 3, 2, 1) * 8 * 9 * 3),
    "dilated": (nn.Conv2d(3, 8, 3, dilation=2), spatial(9, 5) * 8 * 9 * 3),
    "depthwise": (nn.Conv2d(3, 3, 3, padding=1, groups=3), 81 * 3 * 9),
    "grouped": (
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, padding=1, groups=4)),
        81 * 8 * 3 + 81 * 16 * 9 * 2,
    ),
    "separable": (
        nn.Sequential(nn.Conv2d(3, 3, 5, padding=2, groups=3, bias=False), nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16)),
        81 * 3 * 25 + 81 * 16 * 3,
    ),
    "pooled and classified": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        spatial(9, 3) * 8 * 9 * 3 + 10 * 8,
    ),
    "two linear layers": (nn.Sequential(nn.Flatten(), nn.Linear(243, 32), nn.ELU(), nn.Linear(32, 10)), 243 * 32 + 320),
    "transposed": (nn.ConvTranspose2d(3, 8, 2, stride=2), 81 * 8 * 4 * 3),
}


@pytest.mark.parametrize("name", SMALL)
def test_both_counters_equal_the_formula_on_small_networks(name: str) -> None:
    network, macs = SMALL[name]
    images = torch.zeros(1, 3, 9, 9)
    assert multiply_adds(lambda: network.eval()(images)) == macs
    assert fvcore_count_of(network, images).macs == macs


@pytest.mark.parametrize("preset", PRESETS)
def test_both_counters_agree_on_every_preset(preset: str) -> None:
    size = {} if PRESETS[preset].defaults.input_size <= 32 else {"input_size": 96}
    spec = resolve(preset, size)
    assert fvcore_count(spec).macs == count(spec).macs


def test_what_fvcore_has_no_formula_for_is_listed() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2), nn.ELU())
    assert fvcore_count_of(network, torch.zeros(1, 3, 9, 9)).uncounted == {"aten::elu": 1, "aten::max_pool2d": 1}


def trained_over_forward(network: nn.Module, images: Tensor, corrected: bool) -> float:
    """Multiply-adds of forward and backward over those of forward, `corrected` for groups in the weights' gradient."""

    def backward(grad_shape: Any, x_shape: Any, w_shape: Any, *rest: Any, out_shape: Any, **_: Any) -> int:
        *_, mask = rest
        # Each gradient has the products of the forward pass: places of the output x kernel x inputs a group.
        forward = 2 * grad_shape[0] * grad_shape[1] * grad_shape[2] * grad_shape[3] * w_shape[1:].numel()
        return forward * (bool(mask[0]) + bool(mask[1]))

    mapping = {torch.ops.aten.convolution_backward: backward} if corrected else None
    forward = multiply_adds(lambda: network(images))
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        network(images).sum().backward()
    return counter.get_total_flops() / 2 / forward


def test_training_takes_three_times_the_forward_pass_and_torch_s_own_count_of_it_does_not() -> None:
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    images = torch.zeros(2, 8, 6, 6, requires_grad=True)
    assert trained_over_forward(depthwise, images, corrected=True) == 3.0
    assert trained_over_forward(depthwise, images, corrected=False) == 1 + 1 + 8
    dense = nn.Conv2d(8, 8, 3, padding=1)
    assert trained_over_forward(dense, images, corrected=True) == 3.0
    assert trained_over_forward(dense, images, corrected=False) == 3.0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_at_three_times_its_forward_pass_but_for_the_first_layer(preset: str) -> None:
    network = build(preset, width=0.125, input_size=64).train()
    images = torch.zeros(2, network_channels(network), 64, 64)
    # Nothing asks for the gradient of the images.
    assert 2.7 < trained_over_forward(network, images, corrected=True) < 3.0


def network_channels(network: nn.Module) -> int:
    return next(module.in_channels for module in network.modules() if isinstance(module, nn.Conv2d))
