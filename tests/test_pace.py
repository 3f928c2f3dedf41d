"""Timed stretches of training: that they train what they say, as often as they say."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ablate import pace
from ablate.data import small_objects
from ablate.models import resolve
from ablate.pace import WAYS, Stretch
from ablate.schema import DataConfig, TrainConfig
from ablate.train import materials
from ablate.train.materials import network_on, training_data

CPU = torch.device("cpu")
SPEC = resolve("mini_xception", {"width": 0.0625, "middle_depth": 0})
DATA = DataConfig(name="small_objects", train_limit=20)
PLAIN = TrainConfig(epochs=1, batch_size=20, augment="none", precision="fp32", schedule="constant", lr=0.01)


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """100 images a split, none of them kept from or for another test."""
    monkeypatch.setattr(small_objects, "IMAGES", 100)
    for kept in (materials.split_of, materials.training_data, materials.test_data):
        kept.cache_clear()
    yield
    for kept in (materials.split_of, materials.training_data, materials.test_data):
        kept.cache_clear()


def task(**changes: Any) -> dict[str, Any]:
    asked = {"model": SPEC.as_task(), "data": DATA.model_dump(mode="json"), "train": PLAIN.model_dump(mode="json")}
    return {**asked, "seed": 0, "device": "cpu", "steps": 3, "way": "harness", "layout": "channels_last", **changes}


def stretch(steps: int) -> Stretch:
    network = network_on(CPU, SPEC, 0).train()
    return Stretch(network, training_data(DATA, "none", 32, CPU), PLAIN, steps, 0, torch.channels_last)


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
@pytest.mark.parametrize("way", ["harness", "bare"])
def test_it_counts_the_images_of_its_steps(way: str, layout: str) -> None:
    found = pace.run(task(way=way, layout=layout), lambda progress: None)
    assert found["images"] == 3 * 20
    assert found["seconds"] > 0


def test_bare_steps_are_the_steps_of_the_loop() -> None:
    """One batch is the whole set, so that the loop meets the same images in every step, in another order."""
    trained = {}
    for way in ("harness", "bare"):
        given = stretch(steps=2)
        before = [parameter.detach().clone() for parameter in given.network.parameters()]
        WAYS[way](given)()
        trained[way] = list(given.network.parameters())
        moved = [float((now.detach() - then).abs().max()) for now, then in zip(trained[way], before, strict=True)]
        assert max(moved) > 1e-3
    torch.testing.assert_close(trained["harness"], trained["bare"], atol=2e-4, rtol=0)


def test_preparing_is_not_training() -> None:
    given = stretch(steps=2)
    before = [parameter.detach().clone() for parameter in given.network.parameters()]
    for way in ("harness", "bare"):
        WAYS[way](given)
    torch.testing.assert_close(list(given.network.parameters()), before, atol=0, rtol=0)


def test_scoring_counts_the_test_split() -> None:
    found = pace.run_score(task(), lambda progress: None)
    assert found["images"] == 100
    assert found["seconds"] > 0
