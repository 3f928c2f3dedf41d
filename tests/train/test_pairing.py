"""Two variants with one seed: the same batches byte by byte, and the same start wherever they agree."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ablate.models import build
from ablate.schema import TrainConfig
from ablate.train.fit import fit
from ablate.train.sets import TrainingSet

MakeData = Callable[..., TrainingSet]

pytestmark = pytest.mark.usefixtures("one_thread")

VARIANTS: list[dict[str, Any]] = [
    {"downsample": "strided"},
    {"downsample": "maxpool", "middle_depth": 2},
    {"residual": "none", "dropout": 0.5, "activation": "silu"},
]


def batches_seen(network: nn.Module, data: TrainingSet, seed: int) -> list[str]:
    """A digest of every batch that `network` is shown in two epochs."""
    seen: list[str] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(hashlib.sha256(inputs[0].contiguous().numpy().tobytes()).hexdigest())

    network.register_forward_pre_hook(note)
    recipe = TrainConfig(epochs=2, batch_size=20, precision="fp32")
    fit(network, data, recipe, seed, lambda _: None)
    return seen


def variant(seed: int, **fields: Any) -> nn.Module:
    return build("mini_xception", **{"width": 0.125, "middle_depth": 1, "num_classes": 4, "seed": seed, **fields})


@pytest.mark.parametrize("fields", VARIANTS)
def test_variants_see_the_same_batches(fields: dict[str, Any], make_data: MakeData) -> None:
    data = make_data(70)
    base = batches_seen(variant(3), data, 3)
    assert len(set(base)) == 6
    assert batches_seen(variant(3, **fields), data, 3) == base


def test_another_seed_sees_other_batches(make_data: MakeData) -> None:
    data = make_data(70)
    assert not set(batches_seen(variant(3), data, 3)) & set(batches_seen(variant(4), data, 4))


@pytest.mark.parametrize("fields", VARIANTS)
def test_variants_start_alike_where_they_agree(fields: dict[str, Any]) -> None:
    base, other = variant(3).state_dict(), variant(3, **fields).state_dict()
    shared = [path for path in base if path in other and base[path].shape == other[path].shape]
    assert len(shared) > 30
    assert all(torch.equal(base[path], other[path]) for path in shared)
