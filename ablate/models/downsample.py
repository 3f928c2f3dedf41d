"""How a block halves its resolution. Every operator maps a side of H to ceil(H / 2).

Adding one: a class or function from `Site` to a module, and an entry in DOWNSAMPLES.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.models.activations import ACTIVATIONS
from ablate.schema.choices import Activation


@dataclass(frozen=True)
class Site:
    """Where an operator stands: `channels` in and out, the side of its square kernel, the activation it may end in."""

    channels: int
    kernel: int
    activation: Activation


def space_to_depth(images: Tensor) -> Tensor:
    """(n, c, 2h, 2w) to (n, 4c, h, w), channels last in memory: the four sub-maps of stride 2, one after another.

    `F.pixel_unshuffle` orders channels otherwise and takes nine times as long on channels-last images on a CPU.
    """
    n, c, height, width = images.shape
    cells = images.permute(0, 2, 3, 1).reshape(n, height // 2, 2, width // 2, 2, c)
    return cells.permute(0, 1, 3, 2, 4, 5).reshape(n, height // 2, width // 2, 4 * c).permute(0, 3, 1, 2)


# On a CPU a convolution of smaller maps takes up to twice as long an image, since a row of pixels fills no register.
NARROW = 4  # pixels


def row_convolution(images: Tensor, weight: Tensor, padding: int) -> Tensor:
    """`F.conv2d` of `images` (n, c, h, w), channels last, by laying them side by side, `padding` zeros between two."""
    n, c, height, width = images.shape
    apart = F.pad(images.permute(0, 2, 3, 1), (0, 0, 0, padding))
    row = apart.transpose(0, 1).reshape(1, height, n * (width + padding), c).permute(0, 3, 1, 2)
    convolved = F.conv2d(row, weight, padding=padding).permute(0, 2, 3, 1)
    parts = convolved.reshape(height, n, width + padding, -1)[:, :, :width]
    return parts.transpose(0, 1).contiguous().permute(0, 3, 1, 2)


class SpaceToDepthConv(nn.Conv2d):
    """Space-to-depth by 2, then a k x k convolution over the fourfold channels (Sunkara & Luo 2022, section 3).

    Odd sides are padded with zeros at the right and the bottom. For odd k this is the very function of a 2k x 2k
    convolution with stride 2: the weight of one is `space_to_depth` of the other's, which is how both are initialised
    (`dense_shape`).
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(4 * channels, channels, kernel, padding=kernel // 2, bias=False)
        self.dense_shape = (channels, channels, 2 * kernel, 2 * kernel)

    def forward(self, images: Tensor) -> Tensor:
        cells = space_to_depth(_even(images))
        # In training alone: where MACs are counted, what lies between two images would be counted too.
        if self.training and cells.device.type == "cpu" and self.kernel_size[0] > 1 and cells.shape[3] <= NARROW:
            return row_convolution(cells, self.weight, self.kernel_size[0] // 2)
        return super().forward(cells)


class StridedConv(nn.Conv2d):
    """A k x k convolution with stride 2 and padding (k - 1) // 2; an even k pads odd sides right and bottom."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, kernel, stride=2, padding=(kernel - 1) // 2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if self.kernel_size[0] % 2 else _even(images))


class BlurPool(nn.Module):
    """The blur of Zhang 2019 (arXiv 1904.11486), [1, 2, 1] x [1, 2, 1] / 16 with stride 2, borders reflected."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25], device="cpu")
        self.register_buffer("kernel", torch.outer(row, row).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        # A side of one has nothing to reflect; repeating it is what reflection tends to.
        mode = "reflect" if min(images.shape[-2:]) > 1 else "replicate"
        padded = F.pad(images, (1, 1, 1, 1), mode=mode)
        return F.conv2d(padded, self.kernel.to(padded.dtype), stride=2, groups=self.kernel.shape[0])


def spd(site: Site) -> nn.Module:
    """Space-to-depth, k x k convolution, BN, activation."""
    return _normalised(SpaceToDepthConv(site.channels, site.kernel), site)


def strided(site: Site) -> nn.Module:
    """k x k convolution with stride 2, BN, activation."""
    return _normalised(StridedConv(site.channels, site.kernel), site)


def maxpool(site: Site) -> nn.Module:
    """3x3 max pooling with stride 2 and padding 1."""
    return nn.MaxPool2d(3, stride=2, padding=1)


def avgpool(site: Site) -> nn.Module:
    """3x3 average pooling with stride 2 and padding 1; the mean is over the pixels that exist."""
    return nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)


def blurpool(site: Site) -> nn.Module:
    """3x3 max pooling with stride 1, then a blur with stride 2 (Zhang 2019)."""
    return nn.Sequential(OrderedDict(pool=nn.MaxPool2d(3, stride=1, padding=1), blur=BlurPool(site.channels)))


@dataclass(frozen=True)
class Downsample:
    """`carrier` says what halves the resolution: an operator behind the convolutions, or the last depthwise itself."""

    operator: Callable[[Site], nn.Module]
    carrier: Literal["operator", "last_depthwise"] = "operator"


DOWNSAMPLES: dict[str, Downsample] = {
    "spd": Downsample(spd),
    "strided": Downsample(strided),
    "strided_depthwise": Downsample(lambda site: nn.Identity(), carrier="last_depthwise"),
    "maxpool": Downsample(maxpool),
    "avgpool": Downsample(avgpool),
    "blurpool": Downsample(blurpool),
}


def _normalised(conv: nn.Conv2d, site: Site) -> nn.Module:
    return nn.Sequential(
        OrderedDict(conv=conv, norm=nn.BatchNorm2d(site.channels), act=ACTIVATIONS[site.activation]()),
    )


def _even(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    return F.pad(images, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else images
