"""Variants with the baseline's budget."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import StudyError
from ablate.models.fvcore_counts import fvcore_count
from ablate.records import write_json
from ablate.study.planning import match as matching
from ablate.study.planning.plan import Plan

STUDY = """\
name: matched
model: {preset: mini_xception, width: 0.25, middle_depth: 1}
data: {name: small_objects, train_limit: 200}
train: {steps: 2, batch_size: 16, precision: fp32}
factors:
  model.downsample: [strided, spd, maxpool]
baseline: {model.downsample: strided}
match: [none, params, macs]
seeds: 2
"""
ALL = "factors.model.downsample=[strided, spd, strided_depthwise, maxpool, avgpool, blurpool]"


@pytest.fixture
def make(plan_of: Any) -> Any:
    return partial(plan_of, STUDY)


def ratios(plan: Plan) -> dict[str, tuple[float, float]]:
    """Variant -> parameters and multiply-adds over the baseline's."""
    base = next(each for each in plan.variants if each.variant.name == plan.baseline)
    return {each.variant.name: (each.params / base.params, each.macs / base.macs) for each in plan.variants}


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.25, 1.0])
@pytest.mark.parametrize("budget", ["params", "macs"])
def test_every_downsampling_comes_within_two_per_cent_by_both_counters(make: Any, width: float, budget: str) -> None:
    plan = make(ALL, f"match={budget}", f"model.width={width}", "model.middle_depth=3")
    assert len(plan.variants) == 6
    for each, (params, macs) in zip(plan.variants, ratios(plan).values(), strict=True):
        assert {"params": params, "macs": macs}[budget] == pytest.approx(1, abs=0.02)
        assert fvcore_count(each.variant.model).macs == each.macs
        assert each.variant.model.width == (width if each.variant.name == "strided" else each.variant.model.width)
    assert len({each.variant.model.channel_multiple for each in plan.variants}) == 1


def test_a_list_sets_stated_and_matched_arms_beside_one_baseline(make: Any) -> None:
    plan = make()
    assert [each.variant.name for each in plan.variants] == [
        "downsample=strided,match=none",
        *(f"downsample={arm},match={on}" for arm in ("spd", "maxpool") for on in ("none", "params", "macs")),
    ]
    found = ratios(plan)
    assert found["downsample=spd,match=none"][0] > 2.5
    assert {plan.variants[at].variant.model.width for at in (0, 1, 4)} == {0.25}
    for arm in ("spd", "maxpool"):
        assert found[f"downsample={arm},match=params"][0] == pytest.approx(1, abs=0.02)
        assert found[f"downsample={arm},match=macs"][1] == pytest.approx(1, abs=0.02)
    assert len(plan.trials) == 7 * 2
    (baseline,) = [each for each in plan.as_json()["variants"] if "also" in each]
    assert baseline["also"] == [{"model.downsample": "strided", "match": on} for on in ("params", "macs")]


def test_one_matching_is_no_factor(make: Any) -> None:
    plan = make("match.on=macs", "match.tolerance=0.05")
    assert [each.variant.name for each in plan.variants] == ["strided", "spd", "maxpool"]
    assert plan.variants[0].variant.also == ()
    assert all(macs == pytest.approx(1, abs=0.05) for _, macs in ratios(plan).values())


def test_all_have_the_largest_multiple_with_which_each_comes_near_enough(make: Any) -> None:
    """At 2 % the multiply-adds of spd ask for finer steps than its parameters; what is stated is kept."""
    multiples = {
        tolerance: {
            each.variant.model.channel_multiple
            for each in make("match.on=macs", f"match.tolerance={tolerance}").variants
        }
        for tolerance in (0.2, 0.02)
    }
    assert multiples[0.2] == {8}
    (fine,) = multiples[0.02]
    assert fine < 8
    for coarser in (multiple for multiple in (8, 4, 2) if multiple > fine):
        with pytest.raises(StudyError, match="does not come within"):
            make("match.on=macs", f"model.channel_multiple={coarser}")


def test_what_cannot_be_reached_names_the_nearest(make: Any) -> None:
    with pytest.raises(
        StudyError,
        match=r"match: variant spd does not come within 0\.01% of the macs of strided: the nearest is width 0\.\d+ "
        r"with channel_multiple 1, [\d,]+ macs and so 0\.\d\d% away; allow a tolerance of 0\.0\d*, or leave",
    ) as raised:
        make("match={on: macs, tolerance: 0.0001}")
    (needed,) = re.findall(r"tolerance of ([\d.]+)", str(raised.value))
    make(f"match={{on: macs, tolerance: {needed}}}", "factors.model.downsample=[strided, spd]")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ["factors={model.width: [0.25, 0.5], model.downsample: [strided, spd]}", "baseline.model.width=0.25"],
            "match: factor 'model.width' varies model.width, which matching settles; leave one of them out",
        ),
        (
            ["factors.wide={all: {model.width: 0.5}, some: {model.width: 0.25}}", "baseline.wide=all"],
            "match: factor 'wide' varies model.width, which matching settles",
        ),
        (["factors={data.object_size: [6, 8]}", "baseline={data.object_size: 6}"], "match: nothing is compared here"),
        (["match=[none, parms]"], r"match\[1\]: unknown value 'parms'; did you mean 'params'\?"),
        (["match=[macs, {on: macs, tolerance: 0.1}]"], "match: names 'macs' twice"),
        (["match={on: macs, tolerance: 0}"], "match.tolerance: expected a number above 0, not 0"),
        (
            ["factors={match: {a: {model.bias: true}, b: {model.bias: false}}}", "baseline={match: a}"],
            "'match' is the factor that `match` stands for; give this one another name",
        ),
    ],
)
def test_a_wrong_match_is_one_sentence(make: Any, overrides: list[str], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        make(*overrides)


def test_a_network_of_another_package_has_no_width(make: Any) -> None:
    with pytest.raises(StudyError, match="variant strided is torchvision/resnet18, which has no width to match by"):
        make(
            "model={preset: torchvision/resnet18}",
            "factors={net: {strided: {model.preset: torchvision/resnet18}, other: {model.preset: mini_xception}}}",
            "baseline={net: strided}",
            "match=macs",
        )


def test_crossed_arms_all_have_the_budget_of_the_one_baseline(make: Any) -> None:
    """Images twice as large ask for a network half as wide."""
    plan = make("factors.size={small: {model.input_size: 32}, large: {model.input_size: 64}}", "baseline.size=small")
    found = ratios(plan)
    for arm in ("downsample=spd,size=large", "downsample=strided,size=large", "downsample=maxpool,size=small"):
        assert found[f"{arm},match=macs"][1] == pytest.approx(1, abs=0.02)


def test_what_was_settled_is_read_back(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make()
    (tmp_path / "results").mkdir()
    write_json(tmp_path / "results" / "plan.json", plan.as_json())
    monkeypatch.setattr(matching, "load_dotted", lambda path: pytest.fail(f"{path} is asked again"))
    again = make()
    assert json.dumps(again.as_json()) == json.dumps(plan.as_json())
    with pytest.raises(pytest.fail.Exception, match="is asked again"):
        make("match=[none, macs]")
