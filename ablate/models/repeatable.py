"""Networks that initialise themselves, made repeatable: every random number follows from the seed and its place.

A constructor draws from one generator, so a layer that is added shifts the numbers of every later one, and two variants
share no weight. Here the network is built twice. The first time it is noted which tensor each random operation fills,
the second time the generator is seeded before each from (seed, path, shape, how often that tensor was filled before):
layers that two variants share by path, shape and manner of initialisation start alike, as in the presets.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ablate.randomness import seed_of


def repeatable(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What `make` builds, equal for equal seeds; `make` must ask for random numbers in the same order every time."""
    noting = _Noting()
    _seed_all(seed_of("construction", seed))
    with noting:
        network = make()
    seeds = iter([seed_of("initialisation", seed, *place) for place in _places(noting.filled, network)])
    del network
    noting.filled.clear()
    _seed_all(seed_of("construction", seed))
    with _Seeding(seeds):
        return make()


class _Noting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps the result of every random operation, in order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.filled: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if _is_random(func):  # fused operations, such as dropout inside attention, give several tensors
            self.filled.append(result[0] if isinstance(result, tuple) else result)
        return result


class _Seeding(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Seeds the generator before every random operation, as long as there are seeds."""

    def __init__(self, seeds: Iterator[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seeds = seeds

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        if _is_random(func) and (seed := next(self._seeds, None)) is not None:
            torch.manual_seed(seed)
        return func(*args, **(kwargs or {}))


def _is_random(func: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in func.tags


def _places(filled: Sequence[Tensor], network: nn.Module) -> Iterator[tuple[str, str, int]]:
    """Path, shape and count for every filled tensor; one that ended up nowhere in `network` has an empty path."""
    paths = _paths(network)
    times: Counter[tuple[str, str]] = Counter()
    for tensor in filled:
        address = tensor.untyped_storage().data_ptr()
        place = (paths[address], str(tuple(tensor.shape)))
        yield (*place, times[place])
        times[place] += 1


def _paths(network: nn.Module) -> Mapping[int, str]:
    """Address of its storage -> path of every parameter and buffer; nothing for any other address."""
    named = [*network.named_buffers(), *network.named_parameters()]
    return defaultdict(str, {tensor.untyped_storage().data_ptr(): name for name, tensor in named})


def _seed_all(seed: int) -> None:
    """For constructors that ask other generators than torch's."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
