"""The presets against the modules of their sources, written anew from what the sources say; weights carried over."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ablate.models import PRESETS, build, resolve
from ablate.models.counts import Counts, count, parameters

Pairs = dict[str, str]

# Channels of the stem's two convolutions, of the four stages of blocks, and of what stands behind them.
FULL = (32, 64, 128, 256, 728, 1024, 1536, 2048)
# A quarter, to multiples of 8: 182 is nearer to 184 than to 176.
QUARTER = (8, 16, 32, 64, 184, 256, 384, 512)


def conv3(channels: int, out: int, stride: int = 1, padding: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, padding, bias=bias)


def depthwise3(channels: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=bias)


# --- Xception-Replication ------------------------------------------------------------------------------------------


def sep_norm_relu(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """Its separable block: no activation inside, the stride on the depthwise."""
    return nn.Sequential(
        depthwise3(channels, stride), nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


class ReplicationBlock(nn.Module):
    """Three of them, the last with stride 2; beside them 1x1 with stride and BN; ReLU after the sum."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.seps = nn.Sequential(sep_norm_relu(channels, out), sep_norm_relu(out, out), sep_norm_relu(out, out, 2))
        self.side = nn.Sequential(nn.Conv2d(channels, out, 1, 2, bias=False), nn.BatchNorm2d(out))

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.seps(images) + self.side(images))


class ReplicationMiddle(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seps = nn.Sequential(*(sep_norm_relu(channels, channels) for _ in range(3)))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.seps(images)  # type: ignore[no-any-return]


class Replication(nn.Module):
    def __init__(self, widths: tuple[int, ...], depth: int, classes: int) -> None:
        super().__init__()
        c1, c2, b1, b2, b3, b12, c3, c4 = widths
        self.stem = nn.Sequential(
            conv3(3, c1, 2, 0), nn.BatchNorm2d(c1), nn.ReLU(), conv3(c1, c2, 1, 0), nn.BatchNorm2d(c2), nn.ReLU()
        )
        self.entry = nn.Sequential(ReplicationBlock(c2, b1), ReplicationBlock(b1, b2), ReplicationBlock(b2, b3))
        self.middle = nn.Sequential(*(ReplicationMiddle(b3) for _ in range(depth)))
        self.exit = ReplicationBlock(b3, b12)
        self.last = nn.Sequential(
            nn.ReLU(), conv3(b12, c3), nn.BatchNorm2d(c3), nn.ReLU(), conv3(c3, c4), nn.BatchNorm2d(c4), nn.ReLU()
        )
        self.fc = nn.Linear(c4, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.last(self.exit(self.middle(self.entry(self.stem(images)))))
        return self.fc(features.mean((2, 3)))  # type: ignore[no-any-return]


def replication_pairs(depth: int) -> Pairs:
    pairs = {
        "stem.conv1.conv": "stem.0",
        "stem.conv1.norm": "stem.1",
        "stem.conv2.conv": "stem.3",
        "stem.conv2.norm": "stem.4",
        "exit.conv1.conv": "last.1",
        "exit.conv1.norm": "last.2",
        "exit.conv2.conv": "last.4",
        "exit.conv2.norm": "last.5",
        "head.classifier": "fc",
    }
    halving = {f"entry.block{number}": f"entry.{number - 1}" for number in (1, 2, 3)} | {"exit.block": "exit"}
    for ours, theirs in halving.items():
        pairs |= {f"{ours}.skip.conv": f"{theirs}.side.0", f"{ours}.skip.norm": f"{theirs}.side.1"}
    for ours, theirs in {**halving, **{f"middle.{number}": f"middle.{number}" for number in range(depth)}}.items():
        for sep in (1, 2, 3):
            parts = (f"sep{sep}.depthwise", f"sep{sep}.pointwise", f"norm{sep}")
            pairs |= {f"{ours}.{part}": f"{theirs}.seps.{sep - 1}.{place}" for place, part in enumerate(parts)}
    return pairs


# --- The Complete Guide's own module -------------------------------------------------------------------------------


class GuideSeparable(nn.Module):
    """Depthwise, ReLU, pointwise, BN."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.dw, self.pw = depthwise3(channels, stride), nn.Conv2d(channels, out, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.pw(torch.relu(self.dw(images))))  # type: ignore[no-any-return]


class GuideBlock(nn.Module):
    """Three of them; a bare 1x1 convolution beside them where the shape changes; BN after the sum."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.s1, self.s2 = GuideSeparable(channels, out), GuideSeparable(out, out)
        self.s3 = GuideSeparable(out, out, stride)
        changes = stride != 1 or channels != out
        self.side = nn.Conv2d(channels, out, 1, stride, bias=False) if changes else None
        self.norm = nn.BatchNorm2d(out)

    def forward(self, images: Tensor) -> Tensor:
        beside = images if self.side is None else self.side(images)
        return self.norm(self.s3(self.s2(self.s1(images))) + beside)  # type: ignore[no-any-return]


class Guide(nn.Module):
    """In the stages of its table: s=2 at conv1, block2, block3 and block12."""

    def __init__(self, widths: tuple[int, ...], depth: int, classes: int) -> None:
        super().__init__()
        c1, c2, b1, b2, b3, b12, b13, b14 = widths
        self.stem = nn.Sequential(
            conv3(3, c1, 2), nn.BatchNorm2d(c1), nn.ReLU(), conv3(c1, c2), nn.BatchNorm2d(c2), nn.ReLU()
        )
        self.block1, self.block2, self.block3 = GuideBlock(c2, b1), GuideBlock(b1, b2, 2), GuideBlock(b2, b3, 2)
        self.middle = nn.Sequential(*(GuideBlock(b3, b3) for _ in range(depth)))
        self.block12, self.block13, self.block14 = GuideBlock(b3, b12, 2), GuideBlock(b12, b13), GuideBlock(b13, b14)
        self.fc = nn.Linear(b14, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.middle(self.block3(self.block2(self.block1(self.stem(images)))))
        return self.fc(self.block14(self.block13(self.block12(features))).mean((2, 3)))  # type: ignore[no-any-return]


def guide_pairs(depth: int) -> Pairs:
    pairs = {
        "stem.conv1.conv": "stem.0",
        "stem.conv1.norm": "stem.1",
        "stem.conv2.conv": "stem.3",
        "stem.conv2.norm": "stem.4",
        "head.classifier": "fc",
    }
    changing = {f"entry.block{number}": f"block{number}" for number in (1, 2, 3)}
    changing |= {f"exit.block{number}": f"block{number}" for number in (12, 13, 14)}
    pairs |= {f"{ours}.skip.conv": f"{theirs}.side" for ours, theirs in changing.items()}
    for ours, theirs in {**changing, **{f"middle.{number}": f"middle.{number}" for number in range(depth)}}.items():
        pairs[f"{ours}.after"] = f"{theirs}.norm"
        for sep in (1, 2, 3):
            pairs[f"{ours}.sep{sep}.depthwise"] = f"{theirs}.s{sep}.dw"
            pairs[f"{ours}.sep{sep}.pointwise"] = f"{theirs}.s{sep}.pw"
            pairs[f"{ours}.norm{sep}"] = f"{theirs}.s{sep}.norm"
    return pairs


# --- The Complete Guide's SepConvBlock -----------------------------------------------------------------------------


def relu_sep_norm(channels: int, out: int) -> nn.Sequential:
    """ReLU, biased depthwise, biased pointwise, BN."""
    return nn.Sequential(nn.ReLU(), depthwise3(channels, bias=True), nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))


class PoolingBlock(nn.Module):
    """Two of them and max pooling; beside them 1x1 with stride and BN, as in figure 5 of the paper."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.seps = nn.Sequential(relu_sep_norm(channels, out), relu_sep_norm(out, out), nn.MaxPool2d(3, 2, 1))
        self.side = nn.Sequential(nn.Conv2d(channels, out, 1, 2, bias=False), nn.BatchNorm2d(out))

    def forward(self, images: Tensor) -> Tensor:
        return self.seps(images) + self.side(images)  # type: ignore[no-any-return]


class IdentityBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seps = nn.Sequential(*(relu_sep_norm(channels, channels) for _ in range(3)))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.seps(images)  # type: ignore[no-any-return]


class SepConvGuide(nn.Module):
    def __init__(self, widths: tuple[int, ...], depth: int, classes: int) -> None:
        super().__init__()
        c1, c2, b1, b2, b3, e1, e2, e3 = widths
        self.stem = nn.Sequential(
            *(conv3(3, c1, 2, bias=True), nn.BatchNorm2d(c1), nn.ReLU()),
            *(conv3(c1, c2, bias=True), nn.BatchNorm2d(c2), nn.ReLU()),
        )
        self.entry = nn.Sequential(PoolingBlock(c2, b1), PoolingBlock(b1, b2), PoolingBlock(b2, b3))
        self.middle = nn.Sequential(*(IdentityBlock(b3) for _ in range(depth)))
        self.last = nn.Sequential(relu_sep_norm(b3, e1), relu_sep_norm(e1, e2), relu_sep_norm(e2, e3))
        self.fc = nn.Linear(e3, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.last(self.middle(self.entry(self.stem(images))))
        return self.fc(features.mean((2, 3)))  # type: ignore[no-any-return]


def sepconv_pairs(depth: int) -> Pairs:
    pairs = {
        "stem.conv1.conv": "stem.0",
        "stem.conv1.norm": "stem.1",
        "stem.conv2.conv": "stem.3",
        "stem.conv2.norm": "stem.4",
        "head.classifier": "fc",
    }
    for number in (1, 2, 3):
        ours, theirs = f"entry.block{number}.skip", f"entry.{number - 1}.side"
        pairs |= {f"{ours}.conv": f"{theirs}.0", f"{ours}.norm": f"{theirs}.1"}
        parts = ("depthwise", "pointwise", "norm")
        pairs |= {f"exit.sep{number}.{part}": f"last.{number - 1}.{place}" for place, part in enumerate(parts, start=1)}
    blocks = {f"entry.block{number}": (f"entry.{number - 1}", 2) for number in (1, 2, 3)}
    blocks |= {f"middle.{number}": (f"middle.{number}", 3) for number in range(depth)}
    for ours, (theirs, seps) in blocks.items():
        for sep in range(1, seps + 1):
            units = (f"sep{sep}.depthwise", f"sep{sep}.pointwise", f"norm{sep}")
            pairs |= {f"{ours}.{part}": f"{theirs}.seps.{sep - 1}.{place}" for place, part in enumerate(units, start=1)}
    return pairs


Source = Callable[[tuple[int, ...], int, int], nn.Module]
SOURCES: dict[str, tuple[Source, Callable[[int], Pairs]]] = {
    "xception_replication": (Replication, replication_pairs),
    "xception_guide": (Guide, guide_pairs),
    "sepconv_guide": (SepConvGuide, sepconv_pairs),
}


# --- Carrying weights over -----------------------------------------------------------------------------------------


@torch.no_grad()
def off_neutral(network: nn.Module) -> nn.Module:
    """Every bias, BN weight and running statistic drawn at random, so that none hides behind 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    for path, values in network.state_dict().items():
        if values.dim() == 1 and values.is_floating_point():
            positive = path.endswith(("weight", "running_var"))
            values.copy_(torch.rand(values.shape, generator=generator) + (0.5 if positive else -0.5))
    return network


def holders(network: nn.Module) -> set[str]:
    """The paths of the modules that hold weights themselves."""
    return {path.rpartition(".")[0] for path in network.state_dict()}


def carry(theirs: nn.Module, ours: nn.Module, pairs: Pairs) -> None:
    assert set(pairs) == holders(ours)
    assert set(pairs.values()) == holders(theirs)
    for our_path, their_path in pairs.items():
        ours.get_submodule(our_path).load_state_dict(theirs.get_submodule(their_path).state_dict())


def assert_equal_outputs(ours: nn.Module, theirs: nn.Module, side: int) -> None:
    """In evaluation, and in training, where BN takes the statistics of the batch."""
    images = torch.randn(3, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for training in (False, True):
        with torch.no_grad():
            expected, given = theirs.train(training)(images), ours.train(training)(images)
        assert expected.std(0).min() > 1e-6
        torch.testing.assert_close(given, expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("side", [32, 47])
@pytest.mark.parametrize("preset", SOURCES)
def test_a_preset_computes_what_its_source_computes(preset: str, side: int) -> None:
    make, pairs = SOURCES[preset]
    theirs = off_neutral(make(QUARTER, 2, 10).double())
    ours = build(preset, width=0.25, middle_depth=2, num_classes=10).double()
    carry(theirs, ours, pairs(2))
    assert_equal_outputs(ours, theirs, side)


@pytest.mark.slow
@pytest.mark.parametrize("preset", SOURCES)
def test_a_preset_in_full_counts_as_its_source_does(preset: str) -> None:
    with torch.device("meta"):
        theirs, images = SOURCES[preset][0](FULL, 8, 1000).eval(), torch.empty(1, 3, 299, 299)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        theirs(images)
    assert count(resolve(preset, {})) == Counts(parameters(theirs), counter.get_total_flops() // 2)


def mobilenet_pairs(depth: int) -> Pairs:
    """Our paths and timm's, whose five stages hold 1, 2, 2, 1 + depth and 2 layers."""
    layers = [f"entry.block{number}" for number in range(1, 7)]
    layers += [f"middle.{number}" for number in range(depth)] + ["exit.block1", "exit.block2"]
    places = [f"{stage}.{number}" for stage, size in enumerate((1, 2, 2, 1 + depth, 2)) for number in range(size)]
    pairs = {"stem.conv1.conv": "conv_stem", "stem.conv1.norm": "bn1", "head.classifier": "classifier"}
    for ours, place in zip(layers, places, strict=True):
        pairs |= {f"{ours}.sep1.depthwise": f"blocks.{place}.conv_dw", f"{ours}.sep1.mid_norm": f"blocks.{place}.bn1"}
        pairs |= {f"{ours}.sep1.pointwise": f"blocks.{place}.conv_pw", f"{ours}.norm1": f"blocks.{place}.bn2"}
    return pairs


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 47])
def test_mobilenet_computes_what_timm_computes(side: int) -> None:
    # timm's has ReLU6, as Google's training code had; the paper says ReLU.
    theirs = timm.create_model("mobilenetv1_100", act_layer="relu", num_classes=10)
    assert not [module for module in theirs.modules() if isinstance(module, nn.ReLU6)]
    ours = build("mobilenet_v1", num_classes=10).double()
    carry(off_neutral(theirs.double()), ours, mobilenet_pairs(5))
    assert_equal_outputs(ours, theirs, side)


def in_order(preset: str, **fields: Any) -> list[str]:
    """The kinds of a block's leaf modules in the order of the pass."""
    network, passed = build(preset, width=0.0625, middle_depth=1, **fields).eval(), list[str]()
    for path, module in network.named_modules():
        if path.startswith("middle.0.") and not list(module.children()):
            module.register_forward_hook(lambda leaf, *_: passed.append(type(leaf).__name__))
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    return [kind for kind in passed if kind != "Identity"]


def test_the_order_inside_a_block_is_the_source_s() -> None:
    conv, norm, relu = "Conv2d", "BatchNorm2d", "ReLU"
    assert in_order("xception") == [relu, conv, conv, norm] * 3
    assert in_order("xception_replication") == [conv, conv, norm, relu] * 3
    assert in_order("xception_guide") == [conv, relu, conv, norm] * 3 + [norm]
    assert in_order("sepconv_guide") == [relu, conv, conv, norm] * 3
    assert in_order("mobilenet_v1") == [conv, norm, relu, conv, norm, relu]


def test_every_preset_has_a_source_that_it_is_held_to() -> None:
    """Not here are xception, against timm in test_network.py, and mini_xception, by its counts in test_counts.py."""
    assert {*SOURCES, "mobilenet_v1", "xception", "mini_xception"} == set(PRESETS)
