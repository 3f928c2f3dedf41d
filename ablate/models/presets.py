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
    bias: Literal["none", "bias"] = "none"


@dataclass(frozen=True)
class Block:
    """Separable convolutions, one an entry of `channels`, around which a skip connection runs.

    `entry` says whether the first separable convolution is preceded by an activation where `relu_placement` puts one
    there; `operator_entry` the same of the operator that halves the resolution; `sum` whether an activation follows
    the addition.
    """

    name: str
    channels: tuple[int, ...]
    resolution: Literal["keep", "halve"] = "keep"
    entry: Literal["activated", "bare"] = "activated"
    operator_entry: Literal["activated", "bare"] = "bare"
    sum: Literal["activated", "bare"] = "bare"


@dataclass(frozen=True)
class Middle:
    """`middle_depth` equal blocks that keep their shape."""

    name: str
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Separable:
    """A lone separable convolution and BN without a skip connection, the activation behind or before both."""

    name: str
    channels: int
    activation: Literal["after", "before"] = "after"


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

# The Xception-Replication repository (github.com/barkinadiguzel/Xception-Replication, commit 762fd53), as its code
# runs: three separable convolutions a block, each followed by BN and ReLU, the stride on the last depthwise and no
# pooling, ReLU behind the sum of entry and exit blocks but not of middle ones, plain convolutions at the end.
XCEPTION_REPLICATION = Preset(
    summary="Xception as the Xception-Replication repository builds it: strided depthwise, plain convolutions last "
    "(62,787,472 parameters at 1000 classes)",
    rows=(
        Conv("stem.conv1", 32, stride=2, padding=0),
        Conv("stem.conv2", 64, padding=0),
        Block("entry.block1", (128, 128, 128), "halve", sum="activated"),
        Block("entry.block2", (256, 256, 256), "halve", sum="activated"),
        Block("entry.block3", (728, 728, 728), "halve", sum="activated"),
        Middle("middle", (728, 728, 728)),
        Block("exit.block", (1024, 1024, 1024), "halve", sum="activated"),
        Conv("exit.conv1", 1536),
        Conv("exit.conv2", 2048),
    ),
    defaults=ModelSpec(
        preset="xception_replication",
        middle_depth=8,
        downsample="strided_depthwise",
        skip_downsample="strided",
        relu_placement="post",
        num_classes=1000,
        input_size=299,
    ),
)

# "Xception: Complete Guide", section 6, its own module in the stages of the table in section 3. Blocks halve where that
# table writes s=2 (block2, block3, block12); the 56x56 that it prints behind block1 does not follow from them.
XCEPTION_GUIDE = Preset(
    summary="Xception by the Complete Guide's own module: ReLU inside the separable convolution, BN behind the sum "
    "(42,985,232 parameters at 1000 classes)",
    rows=(
        Conv("stem.conv1", 32, stride=2),
        Conv("stem.conv2", 64),
        Block("entry.block1", (128, 128, 128)),
        Block("entry.block2", (256, 256, 256), "halve"),
        Block("entry.block3", (728, 728, 728), "halve"),
        Middle("middle", (728, 728, 728)),
        Block("exit.block12", (1024, 1024, 1024), "halve"),
        Block("exit.block13", (1536, 1536, 1536)),
        Block("exit.block14", (2048, 2048, 2048)),
    ),
    defaults=ModelSpec(
        preset="xception_guide",
        middle_depth=8,
        downsample="strided_depthwise",
        skip_downsample="strided",
        relu_placement="none",
        mid_activation="relu",
        norm_placement="both",
        skip_norm="none",
        num_classes=1000,
        input_size=299,
    ),
)

# The same guide's second network (part 4): a biased stem with padding, `SepConvBlock` (ReLU, biased depthwise, biased
# pointwise, BN): two in an entry block before its max pooling as in figure 5, three in a middle block, three alone
# at the end. The pooling's size is not given: it is the paper's. Skip connections are 1x1 convolutions, "like ResNet".
SEPCONV_GUIDE = Preset(
    summary="Xception by the Complete Guide's SepConvBlock: biased convolutions, max pooling, three lone ones last "
    "(21,617,160 parameters at 1000 classes)",
    rows=(
        Conv("stem.conv1", 32, stride=2, bias="bias"),
        Conv("stem.conv2", 64, bias="bias"),
        Block("entry.block1", (128, 128), "halve"),
        Block("entry.block2", (256, 256), "halve"),
        Block("entry.block3", (728, 728), "halve"),
        Middle("middle", (728, 728, 728)),
        Separable("exit.sep1", 1024, activation="before"),
        Separable("exit.sep2", 1536, activation="before"),
        Separable("exit.sep3", 2048, activation="before"),
    ),
    defaults=ModelSpec(
        preset="sepconv_guide",
        middle_depth=8,
        downsample="maxpool",
        skip_downsample="strided",
        bias=True,
        num_classes=1000,
        input_size=299,
    ),
)

# Howard et al. 2017 (arXiv 1704.04861), table 1: BN and ReLU behind either half of a separable convolution, the stride
# on the depthwise. Its five equal layers are the middle flow; without them it is the paper's shallow network (table 5).
MOBILENET_V1 = Preset(
    summary="MobileNet of Howard et al. 2017, table 1 (4,231,976 parameters at 1000 classes)",
    rows=(
        Conv("stem.conv1", 32, stride=2),
        Block("entry.block1", (64,)),
        Block("entry.block2", (128,), "halve"),
        Block("entry.block3", (128,)),
        Block("entry.block4", (256,), "halve"),
        Block("entry.block5", (256,)),
        Block("entry.block6", (512,), "halve"),
        Middle("middle", (512,)),
        Block("exit.block1", (1024,), "halve"),
        Block("exit.block2", (1024,)),
    ),
    defaults=ModelSpec(
        preset="mobilenet_v1",
        middle_depth=5,
        downsample="strided_depthwise",
        skip_downsample="strided",
        relu_placement="post",
        mid_activation="relu",
        mid_norm="batch",
        residual="none",
        num_classes=1000,
        input_size=224,
    ),
)
