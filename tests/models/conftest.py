"""Counts and feature maps by formula: the architectures as plain numbers, written down from their papers and sources.

Nothing here is read from `ablate.models` but the fields of a spec.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

import pytest

from ablate.models.spec import ModelSpec


@dataclass(frozen=True)
class Stage:
    """`block`: separable convolutions with a skip connection, `halve` with what halves the resolution behind them;
    `middle`: `middle_depth` of them; `lone`: one without a skip connection; `conv`: a plain 3x3 one."""

    name: str
    kind: Literal["conv", "block", "halve", "middle", "lone"]
    channels: tuple[int, ...]
    stride: int = 1
    padding: int = 1
    biases: int = 0


def stem(stride: int, padding: int, biases: int = 0) -> list[Stage]:
    first = Stage("stem.conv1", "conv", (32,), stride, padding, biases)
    return [first, Stage("stem.conv2", "conv", (64,), 1, padding, biases)]


STAGES: dict[str, list[Stage]] = {
    # Chollet 2017, figure 5; the stem is unpadded as in Keras.
    "xception": [
        *stem(stride=2, padding=0),
        Stage("entry.block1", "halve", (128, 128)),
        Stage("entry.block2", "halve", (256, 256)),
        Stage("entry.block3", "halve", (728, 728)),
        Stage("middle", "middle", (728, 728, 728)),
        Stage("exit.block", "halve", (728, 1024)),
        Stage("exit.sep1", "lone", (1536,)),
        Stage("exit.sep2", "lone", (2048,)),
    ],
    # The MiniXception diagram.
    "mini_xception": [
        *stem(stride=1, padding=1),
        Stage("down1", "halve", (64, 128)),
        Stage("block1", "block", (128, 128, 128)),
        Stage("down2", "halve", (128, 256)),
        Stage("middle", "middle", (256, 256, 256)),
        Stage("down3", "halve", (256, 512)),
        Stage("exit.sep1", "lone", (512,)),
        Stage("exit.sep2", "lone", (512,)),
    ],
    # The Xception-Replication repository: three separable convolutions a block, of which the first widens.
    "xception_replication": [
        *stem(stride=2, padding=0),
        Stage("entry.block1", "halve", (128, 128, 128)),
        Stage("entry.block2", "halve", (256, 256, 256)),
        Stage("entry.block3", "halve", (728, 728, 728)),
        Stage("middle", "middle", (728, 728, 728)),
        Stage("exit.block", "halve", (1024, 1024, 1024)),
        Stage("exit.conv1", "conv", (1536,)),
        Stage("exit.conv2", "conv", (2048,)),
    ],
    # The Complete Guide, section 3: s=2 stands at block2, block3 and block12.
    "xception_guide": [
        *stem(stride=2, padding=1),
        Stage("entry.block1", "block", (128, 128, 128)),
        Stage("entry.block2", "halve", (256, 256, 256)),
        Stage("entry.block3", "halve", (728, 728, 728)),
        Stage("middle", "middle", (728, 728, 728)),
        Stage("exit.block12", "halve", (1024, 1024, 1024)),
        Stage("exit.block13", "block", (1536, 1536, 1536)),
        Stage("exit.block14", "block", (2048, 2048, 2048)),
    ],
    # The Complete Guide, its second part: the stem's convolutions have biases.
    "sepconv_guide": [
        *stem(stride=2, padding=1, biases=1),
        Stage("entry.block1", "halve", (128, 128)),
        Stage("entry.block2", "halve", (256, 256)),
        Stage("entry.block3", "halve", (728, 728)),
        Stage("middle", "middle", (728, 728, 728)),
        Stage("exit.sep1", "lone", (1024,)),
        Stage("exit.sep2", "lone", (1536,)),
        Stage("exit.sep3", "lone", (2048,)),
    ],
    # Howard et al. 2017, table 1.
    "mobilenet_v1": [
        Stage("stem.conv1", "conv", (32,), stride=2),
        Stage("entry.block1", "block", (64,)),
        Stage("entry.block2", "halve", (128,)),
        Stage("entry.block3", "block", (128,)),
        Stage("entry.block4", "halve", (256,)),
        Stage("entry.block5", "block", (256,)),
        Stage("entry.block6", "halve", (512,)),
        Stage("middle", "middle", (512,)),
        Stage("exit.block1", "halve", (1024,)),
        Stage("exit.block2", "block", (1024,)),
    ],
}


@dataclass
class ByHand:
    """Parameters, multiply-adds of one image, and every stage's (path, channels, side) of a network."""

    spec: ModelSpec
    params: int = 0
    macs: int = 0
    stages: list[tuple[str, int, int]] = field(default_factory=list)

    def conv(self, channels: int, out: int, kernel: int, side: int, *, groups: int = 1, biases: int = 0) -> None:
        """A convolution whose output has this side."""
        weights = kernel * kernel * (channels // groups) * out
        self.params += weights + biases * out
        self.macs += weights * side * side

    def norm(self, channels: int) -> None:
        self.params += 2 * channels

    def plain(self, stage: Stage, channels: int, side: int) -> tuple[int, int]:
        out, after = width_of(self.spec, stage.channels[0]), (side + 2 * stage.padding - 3) // stage.stride + 1
        self.conv(channels, out, 3, after, biases=stage.biases)
        self.norm(out)
        return out, after

    def separable(self, channels: int, out: int, side: int, stride: int) -> int:
        """Returns the side behind it."""
        after, spec = half(side) if stride == 2 else side, self.spec
        pointwise_first = spec.separable_order == "pointwise_first"
        between = out if pointwise_first else channels
        segments = between if spec.segments == "depthwise" else spec.segments
        self.conv(between, between, 3, after, groups=segments, biases=int(spec.bias))
        self.conv(channels, out, 1, side if pointwise_first else after, biases=int(spec.bias))
        if spec.mid_norm == "batch":
            self.norm(between)
        return after

    def operator(self, channels: int, kernel: int, side: int) -> None:
        """What halves the resolution; `side` is what it leaves."""
        if self.spec.downsample in ("spd", "strided"):
            self.conv(channels * (4 if self.spec.downsample == "spd" else 1), channels, kernel, side)
            self.norm(channels)
        if self.spec.downsample == "blurpool":  # a fixed 3x3 filter a channel
            self.macs += 9 * channels * side * side

    def block(self, widths: list[int], side: int, halves: bool) -> int:
        """Separable convolutions from `widths[0]` channels over the others, with their skip connection."""
        by_depthwise, spec, before = halves and self.spec.downsample == "strided_depthwise", self.spec, side
        for number, (channels, out) in enumerate(pairwise(widths), start=1):
            side = self.separable(channels, out, side, 2 if by_depthwise and number == len(widths) - 1 else 1)
            self.norm(channels if spec.relu_placement == "full_pre" else out)
        # `after_add` moves the last BN, `both` adds one.
        self.params += 2 * widths[-1] if spec.norm_placement == "both" else 0
        if halves and not by_depthwise:
            side = half(side)
            self.operator(widths[-1], spec.downsample_kernel[0], side)
        if spec.residual == "add" and (halves or widths[0] != widths[-1]):
            self.skip(widths[0], widths[-1], before, halves, by_depthwise)
        return side

    def skip(self, channels: int, out: int, side: int, halves: bool, by_depthwise: bool) -> None:
        by_convolution = halves and (by_depthwise or self.spec.skip_downsample == "strided")
        self.conv(channels, out, 1, half(side) if by_convolution else side)
        if self.spec.skip_norm == "batch":
            self.norm(out)
        if halves and not by_convolution:
            self.operator(out, self.spec.downsample_kernel[1], half(side))

    def stage(self, stage: Stage, channels: int, side: int) -> tuple[int, int]:
        if stage.kind == "conv":
            channels, side = self.plain(stage, channels, side)
        elif stage.kind == "lone":
            out = width_of(self.spec, stage.channels[0])
            side = self.separable(channels, out, side, 1)
            self.norm(out)
            channels = out
        else:
            widths = [channels, *(width_of(self.spec, count) for count in stage.channels)]
            channels, side = widths[-1], self.block(widths, side, stage.kind == "halve")
        self.stages.append((stage.name, channels, side))
        return channels, side


def half(side: int) -> int:
    return -(-side // 2)


def width_of(spec: ModelSpec, count: int) -> int:
    multiples = Decimal(str(spec.width)) * count / spec.channel_multiple
    return max(1, int(multiples.quantize(Decimal(1), ROUND_HALF_UP))) * spec.channel_multiple


def network_by_hand(spec: ModelSpec) -> ByHand:
    tally, channels, side = ByHand(spec), spec.in_channels, spec.input_size
    for stage in STAGES[spec.preset]:
        if stage.kind == "middle":
            for number in range(spec.middle_depth):
                named = Stage(f"{stage.name}.{number}", "block", stage.channels)
                channels, side = tally.stage(named, channels, side)
        else:
            channels, side = tally.stage(stage, channels, side)
    tally.params += (channels + 1) * spec.num_classes
    tally.macs += channels * spec.num_classes
    return tally


@pytest.fixture
def by_hand() -> Callable[[ModelSpec], ByHand]:
    return network_by_hand
