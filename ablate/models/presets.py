"""The architectures, each a frozen table of typed rows; one builder (network.py) reads them all. Free of torch."""

from dataclasses import dataclass
from typing import Literal

from ablate.models.spec import ModelSpec


@dataclass(frozen=True)
class Conv:
    """A plain 3x3 convolution, BN, activation."""

    name: str
    channels: int
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Block:
    """Separable convolutions, one an entry of `channels`, around which a skip connection runs.

    `entry` says whether the first separable convolution is preceded by an activation where `relu_placement` puts one
    there; `operator_entry` the same of the operator that halves the resolution.
    """

    name: str
    channels: tuple[int, ...]
    resolution: Literal["keep", "halve"] = "keep"
    entry: Literal["activated", "bare"] = "activated"
    operator_entry: Literal["activated", "bare"] = "bare"


@dataclass(frozen=True)
class Middle:
    """`middle_depth` equal blocks that keep their shape."""

    name: str
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Separable:
    """A lone separable convolution, BN, activation, without a skip connection."""

    name: str
    channels: int


Row = Conv | Block | Middle | Separable


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One architecture: its rows, and the fields it has before a study changes any."""

    summary: str
    rows: tuple[Row, ...]
    defaults: ModelSpec


# Chollet 2017 (arXiv 1610.02357v3), figure 5, as Keras and timm's legacy_xception build it: no activation before the
# first block, which follows a ReLU, none between depthwise and pointwise, none before the pooling.
XCEPTION = Preset(
    summary="Xception of Chollet 2017, figure 5 (22,855,952 parameters at 1000 classes)",
    rows=(
        #    name            channels  stride, padding
        Conv("stem.conv1", 32, stride=2, padding=0),
        Conv("stem.conv2", 64, padding=0),
        Block("entry.block1", (128, 128), "halve", entry="bare"),
        Block("entry.block2", (256, 256), "halve"),
        Block("entry.block3", (728, 728), "halve"),
        Middle("middle", (728, 728, 728)),
        Block("exit.block", (728, 1024), "halve"),
        Separable("exit.sep1", 1536),
        Separable("exit.sep2", 2048),
    ),
    defaults=ModelSpec(
        preset="xception",
        middle_depth=8,
        downsample="maxpool",
        skip_downsample="strided",
        num_classes=1000,
        input_size=299,
    ),
)

# The MiniXception diagram for 32x32 images. What the diagram leaves open is settled as its origin's code has it: main
# branch 3x3, skip branch 1x1, BN and ReLU inside the space-to-depth convolution, no biases.
MINI_XCEPTION = Preset(
    summary="MiniXception for 32x32 images, downsampling by SPDConv (15,437,482 parameters at 10 classes)",
    rows=(
        Conv("stem.conv1", 32),
        Conv("stem.conv2", 64),
        Block("down1", (64, 128), "halve", operator_entry="activated"),
        Block("block1", (128, 128, 128)),
        Block("down2", (128, 256), "halve", operator_entry="activated"),
        Middle("middle", (256, 256, 256)),
        Block("down3", (256, 512), "halve", operator_entry="activated"),
        Separable("exit.sep1", 512),
        Separable("exit.sep2", 512),
    ),
    defaults=ModelSpec(
        preset="mini_xception",
        middle_depth=3,
        downsample="spd",
        skip_downsample="same",
        num_classes=10,
        input_size=32,
    ),
)
