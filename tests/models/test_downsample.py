"""The operators that halve a resolution, each against arithmetic written out by hand."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ablate.models import build
from ablate.models.downsample import DOWNSAMPLES, BlurPool, Site, SpaceToDepthConv, StridedConv, row_convolution
from ablate.models.initialise import initialise
from ablate.models.spec import CHOICES

Array = NDArray[np.float64]
OPERATORS = [name for name, entry in DOWNSAMPLES.items() if entry.carrier == "operator"]


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_every_name_has_an_operator() -> None:
    assert tuple(DOWNSAMPLES) == CHOICES["downsample"]


@pytest.mark.parametrize("side", range(1, 10))
@pytest.mark.parametrize("name", OPERATORS)
def test_a_side_becomes_half_of_it_rounded_up(name: str, side: int) -> None:
    for kernel in (1, 3, 5) if name == "spd" else (1, 2, 3, 4, 5, 6):
        operator = DOWNSAMPLES[name].operator(Site(4, kernel, "relu")).double()
        for other in (1, 6, 7):
            shape = tuple(operator(images(2, 4, side, other)).shape)
            assert shape == (2, 4, (side + 1) // 2, (other + 1) // 2)


@pytest.mark.parametrize("side", range(1, 10))
def test_a_strided_depthwise_halves_rounding_up(side: int) -> None:
    network = build("mini_xception", width=0.0625, downsample="strided_depthwise", middle_depth=0, in_channels=8)
    halved = network.get_submodule("down1")(torch.zeros(2, 8, side, side))
    assert tuple(halved.shape[2:]) == ((side + 1) // 2, (side + 1) // 2)


@pytest.mark.parametrize("name", ["spd", "strided"])
def test_a_convolution_is_followed_by_norm_and_activation(name: str) -> None:
    operator = DOWNSAMPLES[name].operator(Site(4, 3, "silu"))
    assert [type(module) for module in operator.children()][1:] == [nn.BatchNorm2d, nn.SiLU]
    assert operator.get_submodule("conv").bias is None


def space_to_depth(features: Array) -> Array:
    """The four sub-maps of (channels, height, width), one after another, zeros beyond an odd side."""
    padded = np.pad(features, ((0, 0), (0, features.shape[1] % 2), (0, features.shape[2] % 2)))
    return np.concatenate([padded[:, row::2, column::2] for row in (0, 1) for column in (0, 1)])


@pytest.mark.parametrize("side", [6, 7])
def test_spd_convolves_the_sub_maps(side: int) -> None:
    conv = SpaceToDepthConv(3, 3).double()
    batch = images(2, 3, side, side)
    sub_maps = torch.from_numpy(np.stack([space_to_depth(each) for each in batch.numpy()]))
    expected = F.conv2d(sub_maps, conv.weight, padding=1)
    torch.testing.assert_close(conv(batch), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 4, 4), (3, 1, 2), (5, 3, 4)])
def test_a_row_of_images_is_convolved_as_each_of_them(kernel: int, height: int, width: int) -> None:
    batch = images(3, 2, height, width).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = images(5, 2, kernel, kernel, seed=1).requires_grad_()
    target = images(3, 5, height, width, seed=2)
    found = row_convolution(batch, weight, kernel // 2)
    expected = F.conv2d(batch, weight, padding=kernel // 2)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad((out * target).sum(), [batch, weight]) for out in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=0)


@pytest.mark.parametrize("side", [6, 8])
def test_spd_is_the_same_function_in_training(side: int) -> None:
    conv = SpaceToDepthConv(3, 3).double()
    batch = images(2, 3, side, side)
    trained = conv.train()(batch)
    torch.testing.assert_close(trained, conv.eval()(batch), atol=1e-12, rtol=0)


def test_counting_in_training_mode_counts_the_images_alone() -> None:
    with torch.device("meta"):
        conv, batch = SpaceToDepthConv(3, 3).train(), torch.zeros(5, 3, 8, 8)
    with FlopCounterMode(display=False) as counter:
        conv(batch)
    assert counter.get_total_flops() == 2 * 5 * 16 * 9 * 12 * 3


def dense_weight(weight: Array) -> Array:
    """The 2k x 2k kernel whose taps a space-to-depth kernel (out, 4 in, k, k) holds sub-map by sub-map."""
    out, fourfold, kernel, _ = weight.shape
    channels = fourfold // 4
    dense = np.zeros((out, channels, 2 * kernel, 2 * kernel))
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        dense[:, :, row::2, column::2] = weight[:, number * channels : (number + 1) * channels]
    return dense


@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_spd_is_one_strided_convolution_of_twice_the_side(kernel: int, side: int) -> None:
    conv = SpaceToDepthConv(3, kernel).double()
    dense = torch.from_numpy(dense_weight(conv.weight.detach().numpy()))
    batch = images(2, 3, side, side)
    even = F.pad(batch, (0, side % 2, 0, side % 2))
    expected = F.conv2d(even, dense, stride=2, padding=2 * (kernel // 2))
    torch.testing.assert_close(conv(batch), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("init", ["fan_in", "fan_out"])
@pytest.mark.parametrize("side", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_spd_and_its_strided_twin_start_as_one_function(kernel: int, side: int, init: str) -> None:
    twins = [
        nn.Sequential(OrderedDict(conv=conv)) for conv in (SpaceToDepthConv(3, kernel), StridedConv(3, 2 * kernel))
    ]
    for twin in twins:
        initialise(twin, 7, init)  # type: ignore[arg-type]
    first, second = (twin.double()(images(2, 3, side, side)) for twin in twins)
    assert first.abs().max() > 1e-3
    torch.testing.assert_close(first, second, atol=1e-12, rtol=0)


@pytest.mark.parametrize("init", ["fan_in", "fan_out"])
@pytest.mark.parametrize("size", [32, 27])
def test_networks_of_spd_and_of_its_strided_twin_start_alike(size: int, init: str) -> None:
    fields = {"width": 0.25, "middle_depth": 1, "init": init, "seed": 3}
    spd = build("mini_xception", downsample="spd", downsample_kernel=(1, 1), **fields)
    strided = build("mini_xception", downsample="strided", downsample_kernel=(2, 2), **fields)
    batch = images(8, 3, size, size).float()
    first, second = spd(batch), strided(batch)
    assert first.std() > 0.01
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", [6, 7])
def test_a_strided_convolution_pads_as_documented(kernel: int, side: int) -> None:
    conv = StridedConv(3, kernel).double()
    batch = images(2, 3, side, side)
    border = (kernel - 1) // 2
    extra = side % 2 if kernel % 2 == 0 else 0
    padded = F.pad(batch, (border, border + extra, border, border + extra))
    torch.testing.assert_close(conv(batch), F.conv2d(padded, conv.weight, stride=2), atol=1e-12, rtol=0)


def blurred(channel: Array) -> Array:
    """[1, 2, 1] x [1, 2, 1] / 16 at every second pixel of a reflected (height, width), pixel by pixel."""
    taps = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    padded = np.pad(channel, 1, mode="reflect")
    rows, columns = range(0, channel.shape[0], 2), range(0, channel.shape[1], 2)
    return np.array([[(padded[row : row + 3, column : column + 3] * taps).sum() for column in columns] for row in rows])


@pytest.mark.parametrize("shape", [(6, 6), (7, 5), (2, 3)])
def test_the_blur_is_the_binomial_filter(shape: tuple[int, int]) -> None:
    batch = images(2, 3, *shape)
    expected = np.stack([np.stack([blurred(channel) for channel in image]) for image in batch.numpy()])
    np.testing.assert_allclose(BlurPool(3)(batch).numpy(), expected, atol=1e-12)


def test_blurring_a_single_pixel_keeps_it() -> None:
    batch = images(2, 3, 1, 1)
    torch.testing.assert_close(BlurPool(3)(batch), batch, atol=1e-12, rtol=0)


def windows(channel: Array, reduce: np.ufunc, start: float, stride: int) -> Array:
    """`reduce` over the pixels that exist of every 3x3 window whose centres are `stride` apart."""
    height, width = channel.shape
    return np.array(
        [
            [
                reduce.reduce(channel[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2], axis=None, initial=start)
                for x in range(0, width, stride)
            ]
            for y in range(0, height, stride)
        ]
    )


@pytest.mark.parametrize("side", [6, 7])
def test_poolings_by_hand(side: int) -> None:
    batch = images(1, 1, side, side)
    channel = batch[0, 0].numpy()
    pooled = {name: DOWNSAMPLES[name].operator(Site(1, 3, "relu"))(batch)[0, 0].numpy() for name in OPERATORS[2:]}
    highest = windows(channel, np.maximum, -np.inf, 1)
    counts = windows(np.ones_like(channel), np.add, 0.0, 2)
    np.testing.assert_allclose(pooled["maxpool"], highest[::2, ::2], atol=1e-12)
    np.testing.assert_allclose(pooled["avgpool"], windows(channel, np.add, 0.0, 2) / counts, atol=1e-12)
    np.testing.assert_allclose(pooled["blurpool"], blurred(highest), atol=1e-12)
