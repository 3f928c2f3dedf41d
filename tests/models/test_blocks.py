"""A block's parameters and multiply-adds against a formula written out by hand, and the order of its modules."""

import random
from typing import Any

import pytest
import torch

from ablate.errors import ModelError
from ablate.models import build, resolve
from ablate.models.counts import layers
from ablate.models.network import assemble
from ablate.models.spec import CHOICES

# The second halving block of the mini network at 32x32: 128 channels of 16x16 in, 256 of 8x8 out.
IN, WIDTHS, SIDE, HALF = 128, (128, 256), 16, 8
COUNTED: dict[str, list[Any]] = {
    "downsample": list(CHOICES["downsample"]),
    "skip_downsample": list(CHOICES["skip_downsample"]),
    "downsample_kernel": [(3, 1), (1, 1), (5, 3)],
    "relu_placement": list(CHOICES["relu_placement"]),
    "norm_placement": list(CHOICES["norm_placement"]),
    "mid_norm": list(CHOICES["mid_norm"]),
    "skip_norm": list(CHOICES["skip_norm"]),
    "segments": ["depthwise", 1, 4],
    "separable_order": list(CHOICES["separable_order"]),
    "bias": [False, True],
    "residual": list(CHOICES["residual"]),
}
DEFAULTS = {name: values[0] for name, values in COUNTED.items()} | {"skip_downsample": "same"}
SINGLE_CHANGES = [{name: value} for name, values in COUNTED.items() for value in values]


def random_changes(count: int) -> list[dict[str, Any]]:
    source = random.Random(0)
    drawn = [{name: source.choice(values) for name, values in COUNTED.items()} for _ in range(count)]
    return [
        fields for fields in drawn if fields["relu_placement"] != "full_pre" or fields["norm_placement"] == "branch"
    ]


def separable_by_hand(fields: dict[str, Any], channels: int, out: int, after: int) -> tuple[int, int]:
    """Parameters and multiply-adds of one separable convolution on SIDE x SIDE that leaves after x after."""
    pointwise_first = fields["separable_order"] == "pointwise_first"
    spatial = out if pointwise_first else channels
    taps = 9 * (1 if fields["segments"] == "depthwise" else spatial // fields["segments"]) * spatial
    biases = spatial + out if fields["bias"] else 0
    norm = 2 * spatial if fields["mid_norm"] == "batch" else 0
    pointwise_side = SIDE if pointwise_first else after
    return taps + channels * out + biases + norm, taps * after**2 + channels * out * pointwise_side**2


def operator_by_hand(fields: dict[str, Any], channels: int, kernel: int) -> tuple[int, int]:
    """Parameters and multiply-adds of what halves the resolution."""
    match fields["downsample"]:
        case "spd":
            return 4 * channels**2 * kernel**2 + 2 * channels, 4 * channels**2 * kernel**2 * HALF**2
        case "strided":
            return channels**2 * kernel**2 + 2 * channels, channels**2 * kernel**2 * HALF**2
        case "blurpool":
            return 0, 9 * channels * HALF**2
        case _:
            return 0, 0


def block_by_hand(fields: dict[str, Any]) -> tuple[int, int]:
    params = macs = 0
    main_kernel, skip_kernel = fields["downsample_kernel"]
    by_depthwise = fields["downsample"] == "strided_depthwise"
    sides = (SIDE, HALF if by_depthwise else SIDE)
    for channels, out, after in zip((IN, *WIDTHS), WIDTHS, sides, strict=False):
        convs = separable_by_hand(fields, channels, out, after)
        norm = 2 * (channels if fields["relu_placement"] == "full_pre" else out)
        params, macs = params + convs[0] + norm, macs + convs[1]
    # `after_add` moves the closing BN, `both` adds one.
    out = WIDTHS[-1]
    params += 2 * out if fields["norm_placement"] == "both" else 0
    operator = operator_by_hand(fields, out, main_kernel)
    params, macs = params + operator[0], macs + operator[1]
    if fields["residual"] == "none":
        return params, macs
    halves_itself = fields["skip_downsample"] == "strided" or by_depthwise
    params += IN * out + (2 * out if fields["skip_norm"] == "batch" else 0)
    macs += IN * out * (HALF if halves_itself else SIDE) ** 2
    if not halves_itself:
        operator = operator_by_hand(fields, out, skip_kernel)
        params, macs = params + operator[0], macs + operator[1]
    return params, macs


def described(fields: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize("changes", SINGLE_CHANGES + random_changes(30), ids=described)
def test_a_block_counts_as_the_formula_says(changes: dict[str, Any]) -> None:
    fields = {**DEFAULTS, **changes, "middle_depth": 0}
    rows = [row for row in layers(resolve("mini_xception", fields)) if row.name.startswith("down2.")]
    assert (sum(row.params for row in rows), sum(row.macs for row in rows)) == block_by_hand(fields)


def order(preset: str, block: str, **fields: Any) -> list[str]:
    """The leaf modules of a block's main branch in the order in which an image passes them."""
    rows = layers(resolve(preset, {"middle_depth": 1, **fields}))
    names = [row.name.removeprefix(f"{block}.") for row in rows if row.name.startswith(f"{block}.")]
    return [name for name in names if not name.startswith("skip")]


def steps(text: str) -> list[str]:
    """`act1 sep1 norm1` with every separable convolution spelled out."""
    return [
        part
        for word in text.split()
        for part in ([f"{word}.depthwise", f"{word}.pointwise"] if word.startswith("sep") else [word])
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "act1 sep1 norm1 act2 sep2 norm2 act3 sep3 norm3"),
        ({"relu_placement": "post"}, "sep1 norm1 act1 sep2 norm2 act2 sep3 norm3 act3"),
        ({"relu_placement": "full_pre"}, "norm1 act1 sep1 norm2 act2 sep2 norm3 act3 sep3"),
        ({"relu_placement": "none"}, "sep1 norm1 sep2 norm2 sep3 norm3"),
        ({"norm_placement": "after_add"}, "act1 sep1 norm1 act2 sep2 norm2 act3 sep3 after"),
    ],
)
def test_order_in_a_middle_block(fields: dict[str, Any], expected: str) -> None:
    assert order("xception", "middle.0", **fields) == steps(expected)


def test_the_first_block_of_xception_starts_without_an_activation() -> None:
    assert order("xception", "entry.block1") == steps("sep1 norm1 act2 sep2 norm2 down")
    assert order("xception", "entry.block2") == steps("act1 sep1 norm1 act2 sep2 norm2 down")


def test_the_mini_network_activates_before_its_operator() -> None:
    tail = ["down_act", "down.conv", "down.norm", "down.act"]
    assert order("mini_xception", "down1") == [*steps("act1 sep1 norm1 act2 sep2 norm2"), *tail]


@pytest.mark.parametrize(
    ("placement", "activated"), [("pre", True), ("full_pre", True), ("post", False), ("none", False)]
)
def test_what_precedes_the_operator_follows_the_placement(placement: str, activated: bool) -> None:
    """Under `post` the last separable convolution has activated already, under `none` nothing does."""
    assert ("down_act" in order("mini_xception", "down1", relu_placement=placement)) == activated


@pytest.mark.parametrize(
    ("placement", "tail"),
    [("branch", ["after"]), ("after_add", ["after.norm", "after.act"]), ("both", ["after.norm", "after.act"])],
)
def test_norm_behind_the_sum_comes_before_its_activation(placement: str, tail: list[str]) -> None:
    """He et al. 2016, figure 4b: BN after addition, then ReLU. xception_replication activates its sums."""
    leaves = order("xception_replication", "exit.block", norm_placement=placement)
    assert [name for name in leaves if name.startswith("after")] == tail
    assert ("norm3" in leaves) == (placement != "after_add")


def test_norm_between_the_halves_comes_before_the_activation_there() -> None:
    parts = order("mobilenet_v1", "middle.0")
    assert parts == ["sep1.depthwise", "sep1.mid_norm", "sep1.mid_act", "sep1.pointwise", "norm1", "act1"]


def test_a_bare_skip_is_one_convolution() -> None:
    rows = layers(resolve("xception_guide", {"middle_depth": 1}))
    assert [row.name for row in rows if row.name.startswith("exit.block12.skip")] == ["exit.block12.skip.conv"]


def test_activation_between_depthwise_and_pointwise() -> None:
    parts = order("xception", "middle.0", mid_activation="elu")
    assert parts[1:4] == ["sep1.depthwise", "sep1.mid_act", "sep1.pointwise"]
    assert order("xception", "middle.0", mid_activation="elu", separable_order="pointwise_first")[1:4] == [
        "sep1.pointwise",
        "sep1.mid_act",
        "sep1.depthwise",
    ]


def test_activation_is_the_one_that_is_named() -> None:
    types = {row.type for row in layers(resolve("mini_xception", {"activation": "gelu", "mid_activation": "elu"}))}
    assert types & {"ReLU", "ELU", "GELU", "SiLU"} == {"GELU", "ELU"}


def test_a_block_is_its_branch_plus_its_skip() -> None:
    network = build("mini_xception", width=0.25, middle_depth=1).eval().double()
    block = network.get_submodule("middle.0")
    images = torch.randn(2, 64, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    branch = images
    for name in ("act1", "sep1", "norm1", "act2", "sep2", "norm2", "act3", "sep3", "norm3"):
        branch = block.get_submodule(name)(branch)
    torch.testing.assert_close(block(images), branch + images, rtol=0, atol=0)


def test_without_residual_a_block_is_its_branch() -> None:
    network = build("mini_xception", width=0.25, middle_depth=1, residual="none").eval().double()
    block = network.get_submodule("down2")
    images = torch.randn(2, 32, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    branch = images
    for name in ("act1", "sep1", "norm1", "act2", "sep2", "norm2", "down_act", "down"):
        branch = block.get_submodule(name)(branch)
    torch.testing.assert_close(block(images), branch, rtol=0, atol=0)
    assert not any("skip" in path for path, _ in network.named_parameters())


def test_norm_after_the_addition_sees_the_sum() -> None:
    block = build("mini_xception", width=0.25, middle_depth=1, norm_placement="after_add").get_submodule("middle.0")
    images = torch.randn(4, 64, 8, 8, generator=torch.Generator().manual_seed(0))
    features = block.train()(images)
    torch.testing.assert_close(features.mean((0, 2, 3)), torch.zeros(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.var((0, 2, 3), correction=0), torch.ones(64), atol=1e-3, rtol=0)


def test_segments_that_do_not_divide_name_the_divisors() -> None:
    spec = resolve("mini_xception", {"segments": 3})
    with pytest.raises(
        ModelError,
        match=r"model\.segments: 3 does not divide the 64 channels of down1 in mini_xception at width 1; "
        r"choose one of 1, 2, 4, 8, 16, 32, 64, or depthwise",
    ):
        assemble(spec)


def test_the_groups_of_segments() -> None:
    network = build("mini_xception", width=0.25, segments=4)
    convs = [module for path, module in network.named_modules() if path.endswith(".depthwise")]
    assert {conv.groups for conv in convs} == {4}
    assert all(conv.kernel_size == (3, 3) for conv in convs)
