"""Equal training."""

from functools import partial
from typing import Any

import pytest

from ablate.errors import StudyError
from ablate.models.spec import ModelSpec
from ablate.study.planning import surveys

STUDY = """\
name: budgets
model: {preset: mini_xception, width: 0.125, middle_depth: 0}
data: {name: small_objects, train_limit: 640}
train: {epochs: 5, batch_size: 64, precision: fp32}
factors:
  model.downsample: [strided, spd, maxpool]
baseline: {model.downsample: strided}
seeds: 2
"""


@pytest.fixture
def make(plan_of: Any) -> Any:
    return partial(plan_of, STUDY)


def test_as_stated_every_variant_trains_as_many_epochs(make: Any) -> None:
    assert {each.variant.steps for each in make().variants} == {50}
    assert make("budget.on=epochs").as_json()["variants"] == make().as_json()["variants"]


def test_equal_multiply_adds_give_a_cheaper_network_more_steps(make: Any) -> None:
    plan = make("budget.on=macs")
    spent = [each.variant.steps * each.macs for each in plan.variants]
    assert plan.variants[0].variant.steps == 50
    assert plan.variants[1].variant.steps < 50 < plan.variants[2].variant.steps
    # To the nearest step.
    assert all(abs(each - spent[0]) <= own.macs / 2 for each, own in zip(spent, plan.variants, strict=True))
    assert plan.variants[0].keys == make().variants[0].keys
    assert plan.variants[1].keys != make().variants[1].keys
    stored = plan.as_json()["variants"][1]
    assert (stored["train"]["steps"], "epochs" in stored["train"]) == (stored["steps"], False)


def test_equal_steps_give_a_larger_batch_no_fewer(make: Any) -> None:
    varied = ("factors={train.batch_size: [32, 64]}", "baseline={train.batch_size: 32}")
    assert [each.variant.steps for each in make(*varied).variants] == [100, 50]
    plan = make(*varied, "budget.on=steps")
    assert [each.variant.steps for each in plan.variants] == [100, 100]
    assert [each.variant.epochs for each in plan.variants] == [5, 10]


def test_equal_multiply_adds_count_the_images_of_a_batch(make: Any) -> None:
    plan = make("factors={train.batch_size: [32, 64]}", "baseline={train.batch_size: 32}", "budget.on=macs")
    assert [each.variant.steps for each in plan.variants] == [100, 50]


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        (["train.schedule=milestones", "train.milestones=[2]", "train.decay_factor=0.1"], "schedule milestones"),
        (
            ["train.stop_patience_epochs=2", "data.validation=0.2", "train.schedule=constant"],
            "stop_patience_epochs 2",
        ),
    ],
)
def test_what_is_counted_in_epochs_does_not_stretch(make: Any, recipe: list[str], field: str) -> None:
    with pytest.raises(
        StudyError, match=rf"budget.on: macs gives variant spd \d+ steps instead of \d+, but train.{field}"
    ):
        make(*recipe, "budget.on=macs")


@pytest.mark.parametrize("without", ["strided", "spd"])
def test_a_network_without_multiply_adds_has_no_share(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """As a builder's may be, of element-wise operations alone."""

    def survey(spec: ModelSpec, quantities: None) -> dict[str, int]:
        return {"params": 100, "macs": 0 if spec.downsample == without else 1000}

    monkeypatch.setattr(surveys, "load_dotted", {"ablate.models.survey:survey": survey}.__getitem__)
    levels = "factors.model.downsample=[strided, spd]"
    said = rf"--set budget\.on=macs: budget\.on: the network of variant {without} has 0 multiply-adds, .* use steps$"
    with pytest.raises(StudyError, match=said):
        make_plan(levels, "budget.on=macs")
    assert {each.variant.steps for each in make_plan(levels, "budget.on=steps").variants} == {2}


@pytest.mark.parametrize(
    ("factor", "baseline", "field"),
    [
        ("train.epochs: [1, 4]", "train.epochs: 1", "train.epochs"),
        ("length: {short: {train.steps: 9, train.epochs: null}, long: {}}", "length: short", "train.steps"),
        ("length: {short: {train.epochs: 2, train.lr: 0.1}, long: {train.lr: 0.2}}", "length: long", "train.epochs"),
    ],
)
def test_a_length_that_it_settles_is_no_factor(make: Any, factor: str, baseline: str, field: str) -> None:
    varied = (f"factors={{{factor}}}", f"baseline={{{baseline}}}")
    name = factor.partition(":")[0]
    said = rf"factors\.{name}: varies {field}, but with budget\.on steps the baseline's length settles every variant's"
    with pytest.raises(StudyError, match=said):
        make(*varied, "budget.on=steps")
    assert len({each.variant.steps for each in make(*varied).variants}) == 2


def test_under_every_condition_the_baseline_has_a_length_of_its_own(make: Any) -> None:
    data = "size: {few: {data.train_limit: 320, train.epochs: 4}, many: {data.train_limit: 640, train.epochs: 2}}"
    plan = make(f"factors={{model.downsample: [strided, spd], {data}}}", "baseline.size=many", "budget.on=steps")
    assert [each.variant.steps for each in plan.variants] == [20, 20, 20, 20]
    assert [each.variant.epochs for each in plan.variants] == [4, 2, 4, 2]


def test_the_baseline_s_length_can_be_set(make: Any) -> None:
    assert {each.variant.steps for each in make("budget.on=steps", "train.epochs=2").variants} == {20}


def test_where_nothing_is_trained_it_is_refused(make: Any) -> None:
    with pytest.raises(StudyError, match=r"budget: design: count trains nothing, whatever its length; leave it out"):
        make("design=count", "budget.on=macs")


def test_a_wrong_budget_is_one_sentence(make: Any) -> None:
    with pytest.raises(StudyError, match=r"budget\.on: unknown value 'flops'; choices: epochs, macs, steps"):
        make("budget.on=flops")
