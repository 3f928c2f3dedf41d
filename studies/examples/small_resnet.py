"""A ResNet for 32x32 images (He et al. 2016, section 4.2) whose stem and normalisation vary.

A builder is any function that returns a torch.nn.Module. Its keyword arguments are what a study can set under `model:`
and vary under `factors:`; an annotation says which values they take. `num_classes`, `in_channels` and `input_size` are
filled in from the data where the function asks for them.
"""

from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "group", "none"]


def build(
    num_classes: int, stem: Literal["conv3", "conv7_pool"] = "conv3", norm: Norm = "batch", width: int = 16
) -> nn.Module:
    """Three stages of one residual block each, `width`, 2 `width` and 4 `width` channels wide."""
    first = [nn.Conv2d(3, width, 3, padding=1, bias=False)]
    if stem == "conv7_pool":
        first = [nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), nn.MaxPool2d(3, stride=2, padding=1)]
    stages = [
        Residual(width, width, 1, norm),
        Residual(width, 2 * width, 2, norm),
        Residual(2 * width, 4 * width, 2, norm),
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, num_classes)]
    # The stem is one module of the sequence, so that later layers have the same path, hence the same initial weights,
    # whatever it is made of.
    return nn.Sequential(nn.Sequential(*first), normalisation(norm, width), nn.ReLU(), *stages, *head)


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity, or beside a 1x1 convolution where the shape changes."""

    def __init__(self, channels: int, out: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm1, self.norm2 = normalisation(norm, out), normalisation(norm, out)
        self.skip = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm1(self.conv1(images)).relu()
        return (self.norm2(self.conv2(features)) + self.skip(images)).relu()


def normalisation(norm: Norm, channels: int) -> nn.Module:
    return {"batch": nn.BatchNorm2d(channels), "group": nn.GroupNorm(4, channels), "none": nn.Identity()}[norm]
