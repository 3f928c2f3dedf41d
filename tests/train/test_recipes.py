"""The recipes against what their sources print, and how a study's own fields stand above them."""

from typing import Any

import pytest

from ablate.errors import UnknownName
from ablate.schema import FIELD_PATHS, DataConfig, ModelConfig, TrainConfig
from ablate.train.length import length_of
from ablate.train.recipes import EVERYWHERE, RECIPES, expanded
from ablate.train.schedules import learning_rate

LENGTHS = {"xception_imagenet": {"epochs": 10}, "xception_jft": {"epochs": 10}}


def sections(name: str, **train: Any) -> dict[str, dict[str, Any]]:
    """What a study on CIFAR-10 states, expanded; the paper's recipes are given a length."""
    length = {} if {"epochs", "steps"} & train.keys() or name not in LENGTHS else LENGTHS[name]
    stated = {
        "model": {"preset": "xception"},
        "data": {"name": "cifar10"},
        "train": {"recipe": name, **length, **train},
    }
    return expanded(stated)


def recipe(name: str, **train: Any) -> TrainConfig:
    return TrainConfig(**sections(name, **train)["train"])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_made_of_fields_that_exist_and_go_together(name: str) -> None:
    entry = RECIPES[name]
    assert set(entry.sets) <= set(FIELD_PATHS)
    assert "train.recipe" not in entry.sets
    whole = sections(name)
    ModelConfig(**whole["model"])
    held_out = round(50_000 * (DataConfig(**whole["data"]).validation or 0))
    length_of(TrainConfig(**whole["train"]), 50_000 - held_out, held_out)
    assert entry.summary
    assert entry.source
    assert set(EVERYWHERE) < set(entry.departures)


def test_xception_on_imagenet() -> None:
    """Chollet 2017, section 4.2: SGD, momentum 0.9, 0.045, x0.94 every 2 epochs; 4.3: decay 1e-5, dropout 0.5."""
    train = recipe("xception_imagenet")
    assert (train.optimizer, train.momentum, train.weight_decay) == ("sgd", 0.9, 1e-5)
    assert sections("xception_imagenet")["model"]["dropout"] == 0.5
    length = length_of(train, 12_800, 0)
    rates = [learning_rate(train, length, 100 * epoch + last, []) for epoch in range(10) for last in (0, 99)]
    assert rates == pytest.approx([0.045 * 0.94 ** (epoch // 2) for epoch in range(10) for _ in range(2)])


def test_xception_on_jft() -> None:
    """Section 4.2: RMSprop, momentum 0.9, 0.001, x0.9 every 3,000,000 samples; 4.3: decay 1e-5, no dropout."""
    train = recipe("xception_jft", batch_size=100, epochs=100)
    assert (train.optimizer, train.momentum, train.weight_decay) == ("rmsprop", 0.9, 1e-5)
    assert sections("xception_jft")["model"]["dropout"] == 0.0
    length = length_of(train, 100_000, 0)
    rates = [learning_rate(train, length, step, []) for step in (0, 29_999, 30_000, 59_999, 60_000)]
    assert rates == pytest.approx([0.001, 0.001, 0.0009, 0.0009, 0.00081])


@pytest.mark.parametrize("name", LENGTHS)
def test_the_papers_recipes_have_no_length_of_their_own(name: str) -> None:
    assert not {"train.epochs", "train.steps", "train.batch_size"} & RECIPES[name].sets.keys()
    assert any("must state epochs" in departure for departure in RECIPES[name].departures)


def test_the_guides_script() -> None:
    whole = sections("guide_cifar10")
    train = TrainConfig(**whole["train"])
    assert (train.batch_size, train.lr, train.epochs) == (64, 0.045, 100)
    assert (train.optimizer, train.momentum, train.weight_decay, train.schedule) == ("sgd", 0.9, 1e-4, "cosine")
    assert (train.augment, whole["model"]["input_size"]) == ("resized_crop_flip", 299)
    assert whole["model"]["input_size"] / (train.test_crop or 1) == pytest.approx(320)


def test_mini_xceptions_own() -> None:
    whole = sections("mini_xception")
    train = TrainConfig(**whole["train"])
    assert (train.batch_size, train.lr, train.epochs) == (256, 0.01, 500)
    assert (train.optimizer, train.weight_decay) == ("adam", 1e-5)
    assert (train.schedule, train.decay_factor, train.patience_epochs, train.stop_patience_epochs) == (
        "plateau",
        0.1,
        15,
        35,
    )
    assert whole["data"]["validation"] == pytest.approx(1 / 6)
    assert (whole["model"]["init"], whole["model"]["dropout"]) == ("fan_out", 0.0)


def test_spd_convs() -> None:
    train = recipe("spd_conv_cifar10")
    assert (train.optimizer, train.momentum, train.weight_decay, train.batch_size) == ("sgd", 0.9, 5e-4, 128)
    assert (train.augment, train.rotation_degrees, train.epochs) == ("crop_flip", 15, 200)
    length = length_of(train, 50_000, 0)
    starts = [learning_rate(train, length, 390 * epoch, []) for epoch in (1, 59, 60, 119, 120, 159, 160, 199)]
    assert starts == pytest.approx([0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008])
    assert [learning_rate(train, length, step, []) for step in (0, 194)] == pytest.approx([0.1 / 391, 0.1 * 195 / 391])


def test_what_is_stated_stands_above_the_recipe() -> None:
    stated = {
        "model": {"preset": "xception", "dropout": 0.1},
        "data": {"name": "cifar10", "validation": 0.2},
        "train": {"recipe": "mini_xception", "lr": 0.5, "stop_patience_epochs": None},
    }
    whole = expanded(stated)
    assert (whole["train"]["lr"], whole["train"]["stop_patience_epochs"]) == (0.5, None)
    assert whole["train"]["batch_size"] == 256
    assert whole["data"] == {"name": "cifar10", "validation": 0.2}
    assert whole["model"] == {"preset": "xception", "dropout": 0.1, "init": "fan_out"}
    assert "recipe" not in whole["train"]
    assert stated["train"]["recipe"] == "mini_xception"  # what was given is not changed


@pytest.mark.parametrize(
    ("name", "stated", "gone"),
    [
        ("guide_cifar10", {"steps": 7}, {"epochs"}),
        ("xception_imagenet", {"steps": 7, "decay_images": 1000}, {"decay_epochs", "epochs"}),
        ("xception_jft", {"steps": 7, "decay_epochs": 2.0}, {"decay_images", "epochs"}),
        ("mini_xception", {"schedule": "cosine"}, {"decay_factor", "patience_epochs"}),
        ("spd_conv_cifar10", {"schedule": "constant"}, {"decay_factor", "milestones"}),
    ],
)
def test_what_excludes_each_other_gives_way(name: str, stated: dict[str, Any], gone: set[str]) -> None:
    whole = sections(name, **stated)["train"]
    assert not gone & whole.keys()
    assert stated.items() <= whole.items()
    train = TrainConfig(**whole)
    length_of(train, 1000, 200)


def test_a_field_that_is_not_given_makes_nothing_give_way() -> None:
    assert sections("guide_cifar10", steps=None)["train"]["epochs"] == 100


def test_the_same_schedule_stated_keeps_its_settings() -> None:
    assert sections("spd_conv_cifar10", schedule="milestones")["train"]["milestones"] == (60, 120, 160)


def test_without_a_recipe_nothing_changes() -> None:
    stated = {"model": {"preset": "xception"}, "data": {"name": "cifar10"}, "train": {"epochs": 3}}
    assert expanded(stated) == stated
    assert expanded({"model": {"preset": "xception"}}) == {"model": {"preset": "xception"}}
    assert expanded({**stated, "train": {"epochs": 3, "recipe": None}}) == stated


def test_a_name_that_is_no_text_is_left_to_the_schema() -> None:
    stated = {"model": {}, "data": {}, "train": {"recipe": 3}}
    assert expanded(stated) == stated


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown recipe 'xception_imagnet'; did you mean 'xception_imagenet'\?"):
        sections("xception_imagnet", epochs=3)
