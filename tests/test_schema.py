"""The types of a study file."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from ablate.models.spec import ModelSpec
from ablate.schema import (
    FIELD_PATHS,
    BuilderConfig,
    Count,
    CountClaim,
    DataConfig,
    DifferenceClaim,
    ModelConfig,
    PublishedUnder,
    SectionError,
    SeedBlocks,
    StudyFile,
    TrainConfig,
    argument_section,
    json_schema,
    keys_at,
    validated,
)
from ablate.schema.choices import AuxHeads
from ablate.schema.mistakes import said_of

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
    assert (config.cost.seconds_per_variant, config.cost.batch_sizes, config.cost.modes) == (8.0, (1, 64), ("eager",))
    assert (config.retries, config.trial_timeout_minutes) == (1, None)
    assert (config.train.optimizer, config.train.lr, config.train.schedule) == ("sgd", 0.1, "one_cycle")
    assert (config.train.momentum, config.train.weight_decay, config.train.batch_size) == (0.9, 0.0005, 128)


def test_a_count_of_seeds_starts_at_zero_and_a_list_is_kept() -> None:
    assert study(seeds=3).seed_list == (0, 1, 2)
    assert study(seeds=[7, 2]).seed_list == (7, 2)


def test_seeds_in_blocks_begin_with_the_first() -> None:
    config = study(seeds={"start": 4, "at_most": 9, "until": 1})
    assert config.seeds == SeedBlocks(start=4, at_most=9, until=1.0)
    assert config.seed_list == (0, 1, 2, 3)
    assert study(seeds=config.seeds) == config
    assert study(seeds={"start": 4, "at_most": 9, "until": 1}, design="count").seed_list == ()


@pytest.mark.parametrize(
    ("seeds", "place"),
    [
        ({"start": 2, "at_most": 9, "until": 0.1}, "start"),
        ({"start": 3.0, "at_most": 9, "until": 0.1}, "start"),
        ({"start": 5, "at_most": 4, "until": 0.1}, "at_most"),
        ({"start": 5, "at_most": 10_001, "until": 0.1}, "at_most"),
        ({"start": 5, "at_most": 9, "until": 0.0}, "until"),
        ({"start": 5, "at_most": 9, "until": float("inf")}, "until"),
        ({"start": 5, "at_most": 9}, "until"),
        ({"start": 5, "at_most": 9, "until": 0.1, "step": 2}, "step"),
    ],
)
def test_blocks_that_cannot_be_are_refused_where_they_are_wrong(seeds: dict[str, Any], place: str) -> None:
    with pytest.raises(SectionError) as raised:
        study(seeds=seeds)
    assert [location[-1] for location in locations(raised.value)] == [place]


class TestYoungerFields:
    """What an older plan.json does not have is not written while it has its default, or old plans would differ."""

    def test_a_seed_offset_is_written_where_it_shifts(self) -> None:
        assert "seed_offset" not in TrainConfig(epochs=1, seed_offset=0).model_dump()
        assert TrainConfig(epochs=1, seed_offset=3).model_dump(exclude_none=True)["seed_offset"] == 3
        assert "seed_offset" not in study().model_dump(mode="json")["train"]

    def test_conditions_of_a_claim_are_written_where_there_are_some(self) -> None:
        claim = DifferenceClaim(id="a", source="b", statement="c", better={"f": 1}, than={"f": 2})
        assert "published_under" not in claim.model_dump()
        under = claim.model_copy(update={"published_under": PublishedUnder(data="CIFAR-10")})
        assert under.model_dump(exclude_none=True)["published_under"] == {"data": "CIFAR-10"}

    def test_what_was_left_out_comes_back_as_it_was(self) -> None:
        for config in (TrainConfig(epochs=1), TrainConfig(epochs=1, seed_offset=2)):
            assert TrainConfig(**config.model_dump()) == config

    def test_nothing_else_is_left_out(self) -> None:
        written = study(data={"name": "cifar10", "root": "here"}).model_dump(mode="json", exclude={"data": {"root"}})
        assert written["retries"] == 1
        assert written["data"].keys() == DataConfig.model_fields.keys() - {"root"}
        assert written["train"].keys() == TrainConfig.model_fields.keys() - {"seed_offset"}


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


@pytest.mark.parametrize("key", ["matches", "tuned", "searched", "keep", "recipe", "wdith"])
def test_a_key_that_does_not_exist_is_refused(key: str) -> None:
    with pytest.raises(SectionError) as raised:
        study(**{key: None})
    assert [detail["type"] for detail in raised.value.details] == ["extra_forbidden"]


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(SectionError, match="3 mistakes in StudyFile") as raised:
        study(retries=-1, design="fractional", primary=1)
    assert sorted(locations(raised.value)) == [("design",), ("primary",), ("retries",)]


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        study().model.width = 2.0  # type: ignore[misc]


def test_keys_at_follows_sections_lists_and_kinds_of_claims() -> None:
    data = {"cost": {}, "claims": [{"id": "a"}, {"count": {"sytem": 1}}], "model": {}}
    assert keys_at(StudyFile, data, ()) == list(StudyFile.model_fields)
    assert keys_at(StudyFile, data, ("cost",)) == ["seconds_per_variant", "batch_sizes", "threads", "modes"]
    assert keys_at(StudyFile, data, ("claims", 0)) == list(DifferenceClaim.model_fields)
    assert keys_at(StudyFile, data, ("claims", 1)) == list(CountClaim.model_fields)
    assert keys_at(StudyFile, data, ("claims", 1, "count")) == list(Count.model_fields)
    assert keys_at(StudyFile, data, ("model",)) == list(ModelConfig.model_fields)


def test_keys_at_follows_mappings_of_names_to_sections() -> None:
    data = {"tune": {"fields": {"train.lr": {"lgo": True}, "low": {}}}, "seeds": {}, "match": [{"on": "macs"}, {}]}
    for name in ("train.lr", "low"):
        assert keys_at(StudyFile, data, ("tune", "fields", name)) == ["low", "high", "log"]
    assert keys_at(StudyFile, data, ("tune",)) == ["fields", "trials"]
    assert keys_at(StudyFile, data, ("seeds",)) == ["start", "at_most", "until"]
    assert keys_at(StudyFile, data, ("match", 1)) == ["on", "tolerance"]


def test_the_model_section_and_the_spec_of_a_network_name_the_same_fields_and_choices() -> None:
    # aux_heads belongs to networks of other packages.
    assert set(ModelConfig.model_fields) == {*get_type_hints(ModelSpec), "aux_heads"}
    for name, hint in [*get_type_hints(ModelSpec).items(), ("aux_heads", AuxHeads)]:
        stated = get_args(get_type_hints(ModelConfig)[name])
        if any(isinstance(choice, str) for choice in get_args(hint)):
            choices = next(get_args(part) for part in stated if get_args(part) and isinstance(get_args(part)[0], str))
            assert choices == get_args(hint), name


def test_every_field_path_is_a_field() -> None:
    assert {"model.width", "data.noise", "train.lr", "model.builder"} < set(FIELD_PATHS)
    assert (
        len(FIELD_PATHS) == len(set(FIELD_PATHS)) == 24 + len(DataConfig.model_fields) + len(TrainConfig.model_fields)
    )


def test_the_json_schema_explains_every_key() -> None:
    schema = json_schema()
    assert schema["required"] == ["name", "model"]
    for section in [schema, *schema["$defs"].values()]:
        assert section["additionalProperties"] is (section["title"] == "BuilderConfig")
        for name, field in section["properties"].items():
            assert {"description", "$ref", "oneOf"} & field.keys(), f"{section['title']}.{name} says nothing of itself"


class TestArgumentsOfABuilder:
    PARAMETERS = (
        {"name": "stem", "required": False, "kind": "choice", "choices": ["conv", "pool"]},
        {"name": "copy", "required": True, "kind": "int", "choices": []},  # a name that pydantic uses itself
        {"name": "scale", "required": False, "kind": "float", "choices": []},
        {"name": "anything", "required": False, "kind": "any", "choices": []},
    )

    @pytest.mark.parametrize(
        "arguments", [{"copy": 1}, {"copy": 1, "stem": "pool", "scale": 2, "anything": [1]}, {"copy": 0, "scale": 0.5}]
    )
    def test_what_fits_is_taken(self, arguments: dict[str, Any]) -> None:
        validated(argument_section(self.PARAMETERS, "forbid"), arguments)

    @pytest.mark.parametrize(
        ("arguments", "kind", "place"),
        [
            ({}, "missing", "copy"),
            ({"copy": "1"}, "int_type", "copy"),
            ({"copy": True}, "int_type", "copy"),
            ({"copy": 1, "stem": "conv7"}, "literal_error", "stem"),
            ({"copy": 1, "stm": "conv"}, "extra_forbidden", "stm"),
        ],
    )
    def test_what_does_not_is_named(self, arguments: dict[str, Any], kind: str, place: str) -> None:
        with pytest.raises(SectionError) as raised:
            validated(argument_section(self.PARAMETERS, "forbid"), arguments)
        assert [(detail["type"], detail["loc"]) for detail in raised.value.details] == [(kind, (place,))]

    def test_an_open_builder_takes_any_other_keyword(self) -> None:
        validated(argument_section(self.PARAMETERS, "allow"), {"copy": 1, "unheard_of": "x"})

    def test_mistakes_name_arguments_as_the_builder_does(self) -> None:
        assert keys_at(argument_section(self.PARAMETERS, "forbid"), {}, ()) == ["stem", "copy", "scale", "anything"]


@pytest.mark.parametrize("builder", ["net.py", ":build", "net.py:", "net.py:a-b", "net.py:build()"])
def test_a_builder_that_names_no_function_is_refused(builder: str) -> None:
    with pytest.raises(SectionError):
        validated(BuilderConfig, {"builder": builder})


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"match": 3}, "match: expected none, params, macs, or a mapping of on and tolerance, not 3"),
        (
            {"match": ["none", True]},
            "match[1]: expected none, params, macs, or a mapping of on and tolerance, not true",
        ),
        ({"budget": "mac"}, "budget: unknown value 'mac'; did you mean 'macs'? (choices: epochs, macs, steps)"),
        (
            {"tune": {"fields": {"train.lr": [0.1, 1]}}},
            "tune.fields.train.lr: expected a range such as {low: 0.1, high: 1}, not [0.1, 1]",
        ),
    ],
)
def test_another_form_than_there_is_names_those_there_are(stated: dict[str, Any], sentence: str) -> None:
    assert said_of(StudyFile, {**SMALLEST, **stated}) == sentence


def test_budgets_are_stated_by_name_as_matchings_are() -> None:
    short, long = (validated(StudyFile, {**SMALLEST, "budget": each}) for each in ("macs", {"on": "macs"}))
    assert short == long
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json_schema())
    assert list(check.iter_errors({**SMALLEST, "budget": "macs"})) == []
    assert list(check.iter_errors({**SMALLEST, "budget": "mac"})) != []


def test_editors_accept_every_form_of_match() -> None:
    """By another reader of JSON Schema."""
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json_schema())
    for match in ("macs", {"on": "params", "tolerance": 0.1}, ["none", "params", {"on": "macs"}]):
        assert list(check.iter_errors({**SMALLEST, "match": match})) == []
    for match in ("mac", ["none", "flops"], {"on": "macs", "tolerence": 0.1}):
        assert list(check.iter_errors({**SMALLEST, "match": match})) != []


def test_a_width_beyond_all_reason_is_refused() -> None:
    with pytest.raises(SectionError):
        study(model={"preset": "mini_xception", "width": 1e6})
