"""Distinct widths against a fine walk over all of them."""

from dataclasses import replace
from typing import Any

import pytest

from ablate.models.presets import Conv, Separable
from ablate.models.resolve import PRESETS, resolve
from ablate.models.spec import ModelSpec
from ablate.models.widths import distinct_widths, narrowest


def spec_of(preset: str, **fields: Any) -> ModelSpec:
    found = resolve(preset, fields)
    assert isinstance(found, ModelSpec)
    return found


def channels(spec: ModelSpec) -> tuple[int, ...]:
    """Of every layer, as the builders ask for them."""
    rows = PRESETS[spec.preset].rows
    counts = [each for row in rows for each in ((row.channels,) if isinstance(row, Conv | Separable) else row.channels)]
    return tuple(spec.channels(count) for count in counts)


@pytest.mark.parametrize("preset", ["mini_xception", "xception", "mobilenet_v1"])
@pytest.mark.parametrize("multiple", [8, 4])
def test_a_fine_walk_meets_no_other_network(preset: str, multiple: int) -> None:
    spec = spec_of(preset, width=0.25, channel_multiple=multiple)
    found = [channels(each) for each in distinct_widths(spec, 0.15, 0.4)]
    walked = {channels(replace(spec, width=0.15 + step * 1e-5)) for step in range(1, 25_000)}
    assert len(found) == len(set(found))
    assert set(found) == walked


def test_the_stated_width_stands_for_its_network_and_others_have_few_digits() -> None:
    spec = spec_of("mini_xception", width=0.2512345)
    found = distinct_widths(spec, 0.2, 0.3)
    assert spec in found
    assert all(each == spec or len(str(each.width)) <= len("0.2345") for each in found)
    assert [each.width for each in found] == sorted(each.width for each in found)


def test_a_width_on_the_edge_of_rounding_stands_for_what_it_rounds_to() -> None:
    """728 x 0.25 is 182, which lies between 180 and 184: half up."""
    spec = spec_of("xception", width=0.25, channel_multiple=4)
    assert spec.channels(728) == 184
    assert spec in distinct_widths(spec, 0.24, 0.26)


@pytest.mark.parametrize("multiple", [8, 1])
def test_below_the_narrowest_nothing_changes(multiple: int) -> None:
    spec = spec_of("mini_xception", channel_multiple=multiple)
    edge = narrowest(spec)
    assert set(channels(replace(spec, width=edge * 0.999))) == {multiple}
    assert max(channels(replace(spec, width=edge * 1.001))) == 2 * multiple
    assert len(distinct_widths(spec, edge / 100, edge)) == 1
