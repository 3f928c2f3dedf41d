"""The types of a study file."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from ablate.models.spec import ModelSpec
from ablate.schema import (
    FIELD_PATHS,
    ModelConfig,
    SectionError,
    StudyFile,
    TrainConfig,
    json_schema,
    keys_at,
    validated,
)

SMALLEST: dict[str, Any] = {
    "name": "a_study-1",
    "model": {"preset": "mini_xception"},
    "data": {"name": "small_objects"},
    "train": {"epochs": 1},
    "seeds": 1,
}


def study(**changes: Any) -> StudyFile:
    return validated(StudyFile, {**SMALLEST, **changes})


def locations(error: SectionError) -> list[tuple[Any, ...]]:
    return [detail["loc"] for detail in error.details]


def test_the_smallest_study_has_the_documented_defaults() -> None:
    config = study()
    assert config.design == "grid"
    assert config.primary == "accuracy"
    assert config.measure == ("accuracy", "test_loss", "params", "macs")
    assert (config.cost.seconds_per_variant, config.cost.batch_sizes) == (4.0, (1, 64))
    assert (config.retries, config.trial_timeout_minutes) == (1, None)
    assert (config.train.optimizer, config.train.lr, config.train.schedule) == ("sgd", 0.1, "one_cycle")
    assert (config.train.momentum, config.train.weight_decay, config.train.batch_size) == (0.9, 0.0005, 128)


def test_a_count_of_seeds_starts_at_zero_and_a_list_is_kept() -> None:
    assert study(seeds=3).seed_list == (0, 1, 2)
    assert study(seeds=[7, 2]).seed_list == (7, 2)


def test_a_field_of_the_model_that_is_not_stated_is_none() -> None:
    assert study().model.model_dump(exclude_none=True) == {"preset": "mini_xception"}


def test_a_whole_number_is_a_number() -> None:
    config = study(model={"preset": "mini_xception", "width": 1})
    assert config.model.width == 1.0
    assert isinstance(config.model.width, float)


def test_a_folder_is_a_path() -> None:
    assert study(data={"name": "cifar10", "root": "images/here"}).data.root == Path("images/here")


@pytest.mark.parametrize("value", [True, "0.5", float("inf"), float("nan"), 0, -1.0, [0.5]])
def test_what_is_no_positive_number_is_no_width(value: Any) -> None:
    with pytest.raises(SectionError) as raised:
        validated(ModelConfig, {"preset": "xception", "width": value})
    assert locations(raised.value) == [("width",)]


@pytest.mark.parametrize("value", [True, "3", 3.0, -1])
def test_what_is_no_count_is_no_middle_depth(value: Any) -> None:
    with pytest.raises(SectionError) as raised:
        validated(ModelConfig, {"preset": "xception", "middle_depth": value})
    assert locations(raised.value) == [("middle_depth",)]


@pytest.mark.parametrize("value", ["depthwise", 1, 4])
def test_segments_are_a_word_or_a_count(value: Any) -> None:
    assert validated(ModelConfig, {"preset": "xception", "segments": value}).segments == value


@pytest.mark.parametrize("value", [0, True, "four", 2.0])
def test_other_segments_are_refused(value: Any) -> None:
    with pytest.raises(SectionError):
        validated(ModelConfig, {"preset": "xception", "segments": value})


@pytest.mark.parametrize("kernel", [[3], [3, 1, 1], [3, 0], [12, 1], ["3", 1], [True, 1], 3, "31"])
def test_a_kernel_is_two_sides_of_1_to_11_pixels(kernel: Any) -> None:
    assert validated(ModelConfig, {"preset": "xception", "downsample_kernel": [11, 1]}).downsample_kernel == (11, 1)
    with pytest.raises(SectionError):
        validated(ModelConfig, {"preset": "xception", "downsample_kernel": kernel})


@pytest.mark.parametrize("length", [{}, {"epochs": 1, "steps": 1}, {"epochs": 0}, {"steps": 1.5}])
def test_the_length_of_training_is_given_once(length: dict[str, Any]) -> None:
    assert validated(TrainConfig, {"steps": 5}).epochs is None
    with pytest.raises(SectionError):
        validated(TrainConfig, length)


@pytest.mark.parametrize("seeds", [0, -1, [], [1, 1], [-1], True, [True], "5", 2.0, None, 10_001])
def test_seeds_that_name_no_set_of_seeds_are_refused(seeds: Any) -> None:
    with pytest.raises(SectionError):
        study(seeds=seeds)


@pytest.mark.parametrize("name", ["../x", "a b", "", "a/b", "a.b", "a\n", "ä", "x" * 101])
def test_a_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(SectionError):
        study(name=name)


@pytest.mark.parametrize("key", ["match", "tune", "search", "keep", "recipe", "wdith"])
def test_a_key_that_does_not_exist_is_refused(key: str) -> None:
    with pytest.raises(SectionError) as raised:
        study(**{key: None})
    assert [detail["type"] for detail in raised.value.details] == ["extra_forbidden"]


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(SectionError, match="3 mistakes in StudyFile") as raised:
        study(retries=-1, design="search", primary=1)
    assert sorted(locations(raised.value)) == [("design",), ("primary",), ("retries",)]


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        study().model.width = 2.0  # type: ignore[misc]


def test_keys_at_follows_sections_and_lists() -> None:
    assert keys_at(StudyFile, ()) == list(StudyFile.model_fields)
    assert keys_at(StudyFile, ("cost",)) == ["seconds_per_variant", "batch_sizes"]
    assert keys_at(StudyFile, ("claims", 3))[:3] == ["id", "source", "statement"]


def test_the_model_section_and_the_spec_of_a_network_name_the_same_fields_and_choices() -> None:
    assert set(ModelConfig.model_fields) == set(get_type_hints(ModelSpec))
    for name, hint in get_type_hints(ModelSpec).items():
        stated = get_args(get_type_hints(ModelConfig)[name])
        if any(isinstance(choice, str) for choice in get_args(hint)):
            choices = next(get_args(part) for part in stated if isinstance(get_args(part)[0], str))
            assert choices == get_args(hint), name


def test_every_field_path_is_a_field() -> None:
    assert {"model.width", "data.noise", "train.lr"} < set(FIELD_PATHS)
    assert len(FIELD_PATHS) == len(set(FIELD_PATHS)) == 20 + 8 + 12  # model, data, train


def test_the_json_schema_explains_every_key() -> None:
    schema = json_schema()
    assert schema["required"] == ["name", "model", "data", "train", "seeds"]
    for section in [schema, *schema["$defs"].values()]:
        assert section["additionalProperties"] is False
        for name, field in section["properties"].items():
            assert "description" in field or "$ref" in field, f"{section['title']}.{name} says nothing of itself"
