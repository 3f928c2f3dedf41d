"""Single layers as networks, for count studies: what a source says of one layer can be counted like anything else.

`in_channels` is that of the input, so a study sets it as `model.in_channels`; no layer has a bias.
"""

from collections import OrderedDict

from torch import nn


def plain(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Module:
    """A convolution that keeps the resolution."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)


def separable(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Module:
    """One filter a channel, then a 1x1 convolution over all channels."""
    depthwise = nn.Conv2d(in_channels, in_channels, kernel, padding=kernel // 2, groups=in_channels, bias=False)
    pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))


def strided(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Module:
    """A convolution that halves the resolution."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride=2, padding=kernel // 2, bias=False)


def space_to_depth(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Module:
    """Every 2x2 of pixels becomes four channels of one pixel, then a convolution (Sunkara & Luo 2022)."""
    rearranged = nn.PixelUnshuffle(2)
    conv = nn.Conv2d(4 * in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(rearranged=rearranged, conv=conv))
