"""Counts at any width, and the width for a count, against the counter and against every width there is."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from models.test_widths import spec_of

from ablate.errors import ModelError
from ablate.models.counts import Counts, count
from ablate.models.downsample import DOWNSAMPLES
from ablate.models.resolve import PRESETS
from ablate.models.sizing import Scale, nearest
from ablate.models.spec import ModelSpec
from ablate.models.widths import distinct_widths

SMALL: dict[str, Any] = {"num_classes": 10, "input_size": 32}


@pytest.mark.parametrize("preset", [*PRESETS])
def test_counts_of_every_preset_are_the_counter_s(preset: str) -> None:
    spec = spec_of(preset, width=0.25, **SMALL)
    scale = Scale(spec)
    for width in (0.11, 0.25, 0.37):
        other = replace(spec, width=width, channel_multiple=2)
        assert scale.counts(other) == count(other)


@pytest.mark.parametrize("name", [*DOWNSAMPLES])
@pytest.mark.parametrize("fields", [{}, {"residual": "none"}, {"segments": 2}, {"bias": True}])
def test_counts_of_every_downsampling_are_the_counter_s(name: str, fields: dict[str, Any]) -> None:
    spec = spec_of("mini_xception", width=0.25, downsample=name, middle_depth=1, **fields, **SMALL)
    wider = replace(spec, width=0.41, channel_multiple=4)
    assert Scale(spec).counts(wider) == count(wider)


def by_brute_force(spec: ModelSpec, budget: Literal["params", "macs"], target: Counts) -> float:
    """How near the nearest of all widths from a tenth to four times that of `spec` comes."""
    scale = Scale(spec)
    widths = distinct_widths(spec, spec.width / 10, spec.width * 4)
    return min(abs(getattr(scale.counts(each), budget) / getattr(target, budget) - 1) for each in widths)


@pytest.mark.parametrize("budget", ["params", "macs"])
@pytest.mark.parametrize(
    ("preset", "factor"), [*(("mini_xception", factor) for factor in (0.3, 0.9, 2.2)), ("sepconv_guide", 2.2)]
)
def test_no_width_comes_nearer(preset: str, budget: Literal["params", "macs"], factor: float) -> None:
    spec = spec_of(preset, width=0.25, downsample="maxpool", middle_depth=1, **SMALL)
    own = count(spec)
    target = Counts(round(own.params * factor), round(own.macs * factor))
    found = nearest(spec, budget, target)
    assert found.off(budget) == pytest.approx(by_brute_force(spec, budget, target))
    assert count(found.spec) == found.counts


def test_what_fits_already_stays_as_it_is() -> None:
    spec = spec_of("mini_xception", width=0.25, **SMALL)
    assert nearest(spec, "macs", count(spec)).spec == spec


def test_widths_that_segments_do_not_divide_are_passed_over() -> None:
    spec = spec_of("mini_xception", width=0.25, channel_multiple=1, segments=4, middle_depth=0, **SMALL)
    own = count(spec)
    found = nearest(spec, "params", Counts(round(own.params * 1.3), own.macs))
    assert all(found.spec.channels(channels) % 4 == 0 for channels in (64, 128, 256, 512))


def test_where_no_width_can_be_built_that_is_said() -> None:
    spec = spec_of("mini_xception", width=0.25, channel_multiple=1, segments=7, middle_depth=0, **SMALL)
    with pytest.raises(ModelError, match="segments"):
        nearest(spec, "params", Counts(100_000, 1_000_000))
