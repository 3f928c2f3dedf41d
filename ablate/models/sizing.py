"""The width at which a preset has a given number of parameters or multiply-adds."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from torch import nn

from ablate.errors import ModelError
from ablate.models.counts import Counts, countable, layers, parameters
from ablate.models.spec import ModelSpec
from ablate.models.widths import distinct_widths, narrowest

Budget = Literal["params", "macs"]

# Counts grow with the width, but not everywhere: where rounding makes two neighbours alike, a skip convolution between
# them can go. So whatever lies this near the target by and large is counted.
NEIGHBOURHOOD = 1.25
STRIDE = 1.05
MOST_TIMES_WIDER = 32


@dataclass(frozen=True)
class Sized:
    """A network with its counts, and those that were asked for."""

    spec: ModelSpec
    counts: Counts
    target: Counts

    def off(self, budget: Budget) -> float:
        """How far it is from what was asked for, as a fraction of it."""
        have, want = (counts.params if budget == "params" else counts.macs for counts in (self.counts, self.target))
        return abs(have / want - 1)


# Asked once for every condition of the data, under which networks are the same.
@lru_cache
def nearest(spec: ModelSpec, budget: Budget, target: Counts) -> Sized:
    """`spec` at the width whose count is nearest to `target` in `budget`; among equals in the other budget.

    Every distinct width around the target is counted. Raises `ModelError` where none of them can be built.
    """
    scale = Scale(spec)
    goal = getattr(target, budget)
    low, high = _bounds(scale, spec, budget, goal)
    counted = [(each, scale.attempt(each)) for each in distinct_widths(spec, low, high)]
    sized = [Sized(each, counts, target) for each, counts in counted if counts is not None]
    if not sized:
        raise ModelError(f"model.width: {spec.preset} cannot be built at any width from {low:.3g} to {high:.3g}")
    other: Budget = "macs" if budget == "params" else "params"
    return min(sized, key=lambda each: (each.off(budget), each.off(other), abs(math.log(each.spec.width / spec.width))))


class Scale:
    """Counts of one preset at any width, without a forward pass.

    A layer multiplies each of its weights, or of the fixed filter that it has for a buffer, once at every place of its
    output, and the width has no part in where these are.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._places = _places(spec)

    def counts(self, spec: ModelSpec) -> Counts:
        """As `ablate.models.counts.count` has them."""
        network, _ = countable(spec)
        weights = _weights(network)
        if not weights.keys() <= self._places.keys():
            self._places |= _places(spec)
        return Counts(parameters(network), sum(count * self._places[name] for name, count in weights.items()))

    def attempt(self, spec: ModelSpec) -> Counts | None:
        """`counts`, None at a width where the network cannot be, since segments ask for channels they divide."""
        try:
            return self.counts(spec)
        except ModelError:
            return None


def _places(spec: ModelSpec) -> dict[str, int]:
    """Layer -> places where it applies its weights: height times width of its output, 1 for a linear layer."""
    weights = _weights(countable(spec)[0])
    return {layer.name: layer.macs // weights[layer.name] for layer in layers(spec) if layer.name in weights}


def _weights(network: nn.Module) -> dict[str, int]:
    """Layer -> what it multiplies with, for every layer that does."""
    leaves = {name: module for name, module in network.named_modules() if not list(module.children())}
    counts = {
        name: sum(each.numel() for each in (*leaf.parameters(), *leaf.buffers()) if each.ndim > 1)
        for name, leaf in leaves.items()
    }
    return {name: count for name, count in counts.items() if count}


def _bounds(scale: Scale, spec: ModelSpec, budget: Budget, goal: int) -> tuple[float, float]:
    """Widths between which `budget` passes through the neighbourhood of `goal`."""

    def share(width: float) -> float:
        counts = scale.attempt(replace(spec, width=width))
        return math.nan if counts is None else getattr(counts, budget) / goal

    own = share(spec.width)
    # Where pointwise convolutions dominate, counts go with the square of the width.
    low = high = spec.width if math.isnan(own) else spec.width / math.sqrt(own)
    while not share(low) < 1 / NEIGHBOURHOOD and low > narrowest(spec):
        low /= STRIDE
    while not share(high) > NEIGHBOURHOOD and high < MOST_TIMES_WIDER * spec.width:
        high *= STRIDE
    return low, high
