"""Fields of a network: rounding of channel counts, checks, and the JSON they travel as."""

import json

import pytest

from ablate.errors import ModelError, UnknownName
from ablate.models import FIELDS, PRESETS, resolve
from ablate.models.spec import ModelSpec, spec_from_json


@pytest.mark.parametrize(
    ("count", "width", "multiple", "expected"),
    [
        (64, 1.0, 8, 64),
        (64, 0.5, 8, 32),
        (100, 0.2, 8, 24),  # 20 is 2.5 multiples: half goes up
        (100, 0.199, 8, 16),  # 19.9 is 2.49 multiples
        (728, 0.25, 8, 184),  # 182 is 22.75 multiples
        (728, 0.5, 1, 364),
        (728, 1.0, 16, 736),  # 45.5 multiples
        (40, 1.0, 16, 48),  # 2.5 multiples: rounding half to even would give 32
        (32, 0.01, 8, 8),  # at least one multiple
        (32, 2.0, 8, 64),
    ],
)
def test_channels_round_to_the_nearest_multiple_half_up(count: int, width: float, multiple: int, expected: int) -> None:
    spec = resolve("mini_xception", {"width": width, "channel_multiple": multiple})
    assert spec.channels(count) == expected


def test_only_the_fields_that_are_named_change() -> None:
    spec = resolve("mini_xception", {"width": 0.5, "downsample": "maxpool"})
    before = PRESETS["mini_xception"].defaults.as_json()
    assert spec.as_json() == {**before, "width": 0.5, "downsample": "maxpool"}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_named_in_its_spec(preset: str) -> None:
    assert resolve(preset, {}).preset == preset


def test_json_holds_the_whole_spec() -> None:
    spec = resolve("xception", {"downsample": "strided", "downsample_kernel": (2, 4), "segments": 4, "bias": True})
    assert spec_from_json(json.loads(json.dumps(spec.as_json()))) == spec


def test_fields_are_those_of_the_spec_but_the_preset() -> None:
    assert {*FIELDS, "preset"} == set(ModelSpec.__dataclass_fields__)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown preset 'mini_xeption'; did you mean 'mini_xception'\?"):
        resolve("mini_xeption", {})


def test_an_unknown_field_names_the_preset_and_the_nearest_field() -> None:
    with pytest.raises(UnknownName, match=r"xception has no downsampel; did you mean 'downsample'\?"):
        resolve("xception", {"downsampel": "spd"})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("downsample", "stride", r"model\.downsample: unknown value 'stride'; did you mean 'strided'\?"),
        ("skip_downsample", "spd", r"model\.skip_downsample: unknown value 'spd'; choices: same, strided$"),
        ("relu_placement", "mid", r"model\.relu_placement: unknown value 'mid'; choices: full_pre, none, post, pre$"),
        ("activation", "tanh", r"model\.activation: unknown value 'tanh'; choices: elu, gelu, relu, silu$"),
        ("init", "xavier", r"model\.init: unknown value 'xavier'; choices: fan_in, fan_out$"),
        ("width", 0, r"model\.width: expected a number above 0, not 0$"),
        ("width", -0.5, r"model\.width: expected a number above 0, not -0\.5$"),
        ("width", "0.5", r"model\.width: expected a number, not '0\.5'$"),
        ("channel_multiple", 0, r"model\.channel_multiple: expected a number of at least 1, not 0$"),
        ("middle_depth", -1, r"model\.middle_depth: expected a number of at least 0, not -1$"),
        ("middle_depth", 1001, r"model\.middle_depth: expected a number of at most 1000, not 1001$"),
        ("dropout", 1.0, r"model\.dropout: expected a number below 1, not 1\.0$"),
        ("num_classes", 0, r"model\.num_classes: expected a number of at least 1, not 0$"),
        ("input_size", 0, r"model\.input_size: expected a number of at least 1, not 0$"),
        ("in_channels", 0, r"model\.in_channels: expected a number of at least 1, not 0$"),
        ("downsample_kernel", [3, "1"], r"model\.downsample_kernel\.1: expected a whole number, not '1'$"),
    ],
)
def test_a_value_that_no_network_can_have_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        resolve("mini_xception", {field: value})


@pytest.mark.parametrize("kernels", [(2, 1), (3, 2)])
def test_spd_needs_odd_kernels(kernels: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=rf"spd needs odd kernels, not \[{kernels[0]}, {kernels[1]}\]"):
        resolve("mini_xception", {"downsample_kernel": kernels})


def test_even_kernels_are_right_where_nothing_reads_them_as_space_to_depth() -> None:
    spec = resolve("mini_xception", {"downsample": "strided", "downsample_kernel": (2, 2)})
    assert spec.downsample_kernel == (2, 2)


@pytest.mark.parametrize("placement", ["after_add", "both"])
def test_no_norm_closes_a_branch_under_full_pre(placement: str) -> None:
    with pytest.raises(ModelError, match=rf"model\.norm_placement: {placement} .* full_pre .* use branch"):
        resolve("mini_xception", {"relu_placement": "full_pre", "norm_placement": placement})


# The names of the fields that networks had when the first results were published: those results' keys rest on them.
FIRST_FIELDS = {
    *("preset", "width", "channel_multiple", "middle_depth", "downsample", "skip_downsample", "downsample_kernel"),
    *("relu_placement", "mid_activation", "activation", "residual", "norm_placement", "segments", "separable_order"),
    *("bias", "init", "dropout", "num_classes", "input_size", "in_channels"),
}


@pytest.mark.parametrize("preset", ["mini_xception", "xception"])
def test_networks_of_the_first_presets_keep_their_json(preset: str) -> None:
    assert set(resolve(preset, {}).as_json()) == FIRST_FIELDS


@pytest.mark.parametrize(
    ("preset", "younger"),
    [("xception_guide", {"skip_norm": "none"}), ("mobilenet_v1", {"mid_norm": "batch"}), ("sepconv_guide", {})],
)
def test_younger_fields_are_in_the_json_where_they_say_something(preset: str, younger: dict[str, str]) -> None:
    spec = resolve(preset, {})
    fields = spec.as_json()
    assert {name: value for name, value in fields.items() if name not in FIRST_FIELDS} == younger
    assert spec_from_json(json.loads(json.dumps(fields))) == spec


@pytest.mark.parametrize("field", ["mid_norm", "skip_norm"])
def test_younger_choices_are_checked_too(field: str) -> None:
    with pytest.raises(ModelError, match=rf"model\.{field}: unknown value 'layer'; choices: batch, none"):
        resolve("xception", {field: "layer"})


def test_a_field_of_none_keeps_the_preset_s_value() -> None:
    assert resolve("mini_xception", {"width": None, "dropout": None}) == resolve("mini_xception", {})


def test_lists_are_as_good_as_tuples() -> None:
    fields = {"downsample": "strided", "downsample_kernel": [5, 3]}
    assert resolve("mini_xception", fields).as_json()["downsample_kernel"] == [5, 3]
