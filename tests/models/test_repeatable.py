"""Networks that initialise themselves: equal for equal seeds, alike where they share layers, as their source says."""

import math
import random
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ablate.models import build
from ablate.models.repeatable import repeatable

RESNET = "torchvision/resnet18"


def states_equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, two) for one, two in pairs)


def drawn(network: nn.Module) -> dict[str, Tensor]:
    """The parameters that are not one constant."""
    return {path: values.detach() for path, values in network.named_parameters() if values.std() > 0}


@pytest.mark.parametrize("preset", [RESNET, "torchvision/mobilenet_v2", "timm/resnet18"])
def test_a_seed_builds_the_same_network_whatever_was_drawn_before(preset: str) -> None:
    first = build(preset, seed=3, num_classes=4)
    torch.randn(17)
    np.random.rand(3)  # the global generator, which constructors may use
    assert states_equal(first, build(preset, seed=3, num_classes=4))


PRINT_SUM = """
from ablate.models import build
network = build("torchvision/resnet18", seed=3, num_classes=4)
print(*(f"{values.double().sum().item():.17g}" for values in network.parameters()))
"""


@pytest.mark.slow
def test_another_process_builds_the_same_network() -> None:
    told = subprocess.run([sys.executable, "-c", PRINT_SUM], capture_output=True, text=True, check=True).stdout.split()
    network = build(RESNET, seed=3, num_classes=4)
    assert told == [f"{values.double().sum().item():.17g}" for values in network.parameters()]


def test_every_seed_draws_every_layer_anew() -> None:
    first, second = (drawn(build(RESNET, seed=seed, num_classes=4)) for seed in (0, 1))
    assert len(first) == 20 + 1 + 1  # 20 convolutions, the classifier's weight and its bias
    assert all((first[path] != second[path]).float().mean() > 0.99 for path in first)


def test_no_two_layers_of_one_shape_start_alike() -> None:
    shapes: dict[tuple[int, ...], list[Tensor]] = {}
    for values in drawn(build(RESNET, num_classes=4)).values():
        shapes.setdefault(tuple(values.shape), []).append(values.flatten())
    twins = [pair for group in shapes.values() for pair in combinations(group, 2)]
    assert len(twins) > 10
    for one, other in twins:
        # A correlation of unrelated normal numbers has a standard deviation of 1 / sqrt(n).
        correlation = torch.corrcoef(torch.stack([one, other]))[0, 1].item()
        assert abs(correlation) < 6 / math.sqrt(one.numel())


# --- Two networks that share layers ---------------------------------------------------------------------------------


def chain(stem: nn.Module, *, width: int = 8) -> nn.Module:
    """A stem and what follows it; the constructors draw one after another from one generator."""
    layers = [("stem", stem), ("conv", nn.Conv2d(width, width, 3)), ("conv2", nn.Conv2d(width, width, 3))]
    return nn.Sequential(OrderedDict([*layers, ("norm", nn.BatchNorm2d(width)), ("fc", nn.Linear(width, 5))]))


def parameters_of(make: Callable[[], nn.Module], seed: int = 0) -> dict[str, Tensor]:
    return dict(repeatable(make, seed).named_parameters())


def test_layers_behind_another_stem_start_alike() -> None:
    small = parameters_of(lambda: chain(nn.Conv2d(3, 8, 3)))
    large = parameters_of(lambda: chain(nn.Sequential(nn.Conv2d(3, 16, 7), nn.Conv2d(16, 8, 1))))
    shared = small.keys() & large.keys()
    assert shared == {f"{layer}.{part}" for layer in ("conv", "conv2", "norm", "fc") for part in ("weight", "bias")}
    assert all(torch.equal(small[path], large[path]) for path in shared)


def test_one_generator_alone_would_not_do() -> None:
    """What the two-pass construction is for: seeding once lets the stem shift every later layer."""
    weights = []
    for stem in (nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 5)):
        torch.manual_seed(0)
        nn.Conv2d(3, 8, stem.kernel_size)  # type: ignore[arg-type]
        weights.append(nn.Conv2d(8, 8, 3).weight)
    assert not torch.equal(*weights)


def test_layers_of_another_shape_or_path_differ() -> None:
    narrow, wide = parameters_of(lambda: chain(nn.Identity())), parameters_of(lambda: chain(nn.Identity(), width=16))
    assert not torch.equal(narrow["conv.weight"], wide["conv.weight"][:8, :8])
    assert not torch.equal(narrow["conv.weight"], narrow["conv2.weight"])


class Reinitialised(nn.Module):
    """As torchvision's ResNet: constructors draw, then a loop draws the convolutions again."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = nn.ModuleList(nn.Conv2d(4, 8, 3) for _ in range(extra))  # of the shape of `conv`
        self.conv = nn.Conv2d(4, 8, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images)  # type: ignore[no-any-return]


def test_layers_that_are_drawn_twice_start_alike_and_keep_the_second_draw() -> None:
    alone, among = (parameters_of(lambda extra=extra: Reinitialised(extra)) for extra in (0, 3))  # type: ignore[misc]
    assert torch.equal(alone["conv.weight"], among["conv.weight"])
    assert alone["conv.weight"].std().item() == pytest.approx(math.sqrt(2 / (8 * 9)), rel=4 / math.sqrt(2 * 8 * 4 * 9))


def test_a_residual_network_of_torchvision_shares_its_layers_with_another_head() -> None:
    ten, four = (dict(build(RESNET, num_classes=classes).named_parameters()) for classes in (10, 4))
    assert all(torch.equal(ten[path], four[path]) for path in ten if not path.startswith("fc."))


def test_weights_made_outside_a_layer_are_repeatable_too() -> None:
    """Numbers that end up in no parameter as they are: scaled ones, and those of numpy's and Python's generators."""

    def make() -> nn.Module:
        layer = nn.Linear(4, 4)
        layer.weight = nn.Parameter(0.1 * torch.randn(4, 4))
        layer.bias = nn.Parameter(torch.from_numpy(np.random.rand(4)))
        return layer

    first, again, other = (parameters_of(make, seed) for seed in (0, 0, 1))
    for path in ("weight", "bias"):
        assert torch.equal(first[path], again[path])
        assert not torch.equal(first[path], other[path])


def test_numbers_that_end_up_in_no_parameter_are_not_drawn_twice() -> None:
    def make() -> nn.Module:
        layers = [nn.Linear(4, 4, bias=False) for _ in range(2)]
        for layer in layers:
            layer.weight = nn.Parameter(0.1 * torch.randn(4, 4))
        return nn.Sequential(*layers)

    drawn_weights = parameters_of(make)
    assert not torch.equal(drawn_weights["0.weight"], drawn_weights["1.weight"])


def test_both_constructions_see_the_same_numbers_of_other_generators() -> None:
    """A constructor may choose its layers by Python's or numpy's generator."""
    choices: list[tuple[int, int]] = []

    def make() -> nn.Module:
        choices.append((random.randrange(2**30), np.random.randint(2**30)))
        return nn.Linear(2, 2)

    repeatable(make, 0)
    assert choices[0] == choices[1]


def test_a_constructor_may_run_its_network() -> None:
    """To learn a shape, for instance; dropout draws, and inside attention it gives several tensors."""

    def make() -> nn.Module:
        layer = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        layer(torch.ones(2, 4))
        nn.functional.scaled_dot_product_attention(*torch.ones(3, 1, 2, 3, 8), dropout_p=0.1)
        torch.native_dropout(torch.ones(4), 0.5, train=True)
        return layer

    first, again = parameters_of(make), parameters_of(make)
    assert torch.equal(first["0.weight"], again["0.weight"])


# --- The values follow the source's own distribution -----------------------------------------------------------------


def test_a_resnet_is_drawn_as_torchvision_draws_it() -> None:
    """Kaiming normal by fan out for convolutions, 1 and 0 for norms, uniform by fan in for the classifier."""
    network = build(RESNET)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            std = math.sqrt(2 / (module.out_channels * module.kernel_size[0] ** 2))
            count = module.weight.numel()
            assert module.weight.std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * count))
            assert module.weight.mean().item() == pytest.approx(0, abs=5 * std / math.sqrt(count))
        elif isinstance(module, nn.BatchNorm2d):
            assert bool((module.weight == 1).all())
            assert not module.bias.any()
    weight = network.get_parameter("fc.weight").detach()
    bound = 1 / math.sqrt(512)
    assert 0.999 * bound < weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_truncated_normals_stay_within_their_bounds() -> None:
    """torchvision's GoogLeNet has a standard deviation of 0.01, cut at 2, far outside; a nearer cut is tried too."""
    modules = build("torchvision/googlenet", num_classes=2).modules()
    numbers = torch.cat([module.weight.detach().flatten() for module in modules if isinstance(module, nn.Conv2d)])
    assert numbers.std().item() == pytest.approx(0.01, rel=0.01)

    def make() -> nn.Module:
        layer = nn.Linear(300, 300, bias=False)
        nn.init.trunc_normal_(layer.weight, std=1.0, a=-1.0, b=1.0)
        return layer

    weight = repeatable(make, 0).get_parameter("weight").detach()
    assert weight.abs().max().item() <= 1
    # The standard deviation of a standard normal cut at -1 and 1: sqrt(1 - 2 pdf(1) / (2 cdf(1) - 1)).
    assert weight.std().item() == pytest.approx(0.53956, rel=0.01)


def test_a_second_construction_that_asks_for_more_still_builds() -> None:
    """A constructor that does not repeat itself is not repeatable, yet gives a network."""
    calls: list[int] = []

    def make() -> nn.Module:
        calls.append(1)
        return nn.Sequential(*(nn.Linear(2, 2) for _ in calls))

    assert len(list(repeatable(make, 0).parameters())) == 4
