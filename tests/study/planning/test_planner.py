"""From a study to variants, counts and keys."""

from pathlib import Path
from typing import Any

import pytest

from ablate.errors import ResultsError, StudyError
from ablate.records import digest, write_json
from ablate.study.planning import keys
from ablate.study.planning import planner as planning
from ablate.study.planning.plan import Plan, Planned, check_unchanged
from ablate.study.planning.planner import plan_study
from ablate.study.planning.variants import variants_of
from ablate.study.reading.load import load_study
from ablate.train import TRAINING_VERSION


def only(plan: Plan, name: str) -> Planned:
    return next(planned for planned in plan.variants if planned.variant.name == name)


def first_key(plan: Plan) -> str:
    return plan.variants[0].keys[0]


class TestVariants:
    def test_one_factor_names_variants_by_their_level(self, make_plan: Any) -> None:
        plan = make_plan()
        assert [planned.variant.name for planned in plan.variants] == ["strided", "maxpool"]
        assert plan.baseline == "strided"
        assert only(plan, "maxpool").variant.levels == {"model.downsample": "maxpool"}

    def test_several_factors_join_column_and_level_in_file_order(self, make_plan: Any) -> None:
        plan = make_plan("factors.model.middle_depth=[0, 1]", "baseline.model.middle_depth=1")
        assert [planned.variant.name for planned in plan.variants] == [
            "downsample=strided,middle_depth=0",
            "downsample=strided,middle_depth=1",
            "downsample=maxpool,middle_depth=0",
            "downsample=maxpool,middle_depth=1",
        ]
        assert plan.baseline == "downsample=strided,middle_depth=1"

    def test_one_at_a_time_is_the_baseline_and_every_single_change(self, make_plan: Any) -> None:
        plan = make_plan(
            "factors.model.downsample=[strided, maxpool, spd]",
            "factors.model.middle_depth=[0, 1]",
            "baseline.model.middle_depth=1",
            "design=one_at_a_time",
        )
        assert [planned.variant.name for planned in plan.variants] == [
            "downsample=strided,middle_depth=0",
            "downsample=strided,middle_depth=1",
            "downsample=maxpool,middle_depth=1",
            "downsample=spd,middle_depth=1",
        ]

    def test_a_study_without_factors_is_one_variant_called_after_its_preset(self, make_plan: Any) -> None:
        plan = make_plan("factors={}", "baseline={}")
        assert [planned.variant.name for planned in plan.variants] == ["mini_xception"]
        assert plan.baseline == "mini_xception"

    def test_levels_reach_the_network_the_data_and_the_recipe(self, make_plan: Any) -> None:
        plan = make_plan(
            "factors={f: {a: {model.width: 0.5, data.noise: 3, train.lr: 0.5}, b: {train.optimizer: adamw}}}",
            "baseline={f: a}",
        )
        first, second = (planned.variant for planned in plan.variants)
        assert (first.model.width, first.data.noise, first.train.lr) == (0.5, 3.0, 0.5)
        assert (second.model.width, second.data.noise, second.train.optimizer) == (0.125, None, "adamw")

    def test_what_the_data_decide_comes_from_the_data(self, toy_study: Path) -> None:
        mnist = variants_of(load_study(toy_study, ["data={name: mnist}"]))[0].model
        assert (mnist.num_classes, mnist.input_size, mnist.in_channels) == (10, 28, 1)
        hundred = variants_of(load_study(toy_study, ["data={name: cifar100}"]))[0].model
        assert (hundred.num_classes, hundred.input_size, hundred.in_channels) == (100, 32, 3)

    def test_steps_follow_from_images_and_batch(self, make_plan: Any) -> None:
        variant = make_plan("train={epochs: 3, batch_size: 16, precision: fp32}").variants[0].variant
        assert (variant.steps, variant.epochs) == (36, 3)  # 200 // 16 = 12 full batches an epoch

    def test_augmentation_is_settled_by_the_data(self, make_plan: Any) -> None:
        assert make_plan().variants[0].variant.train.augment != "auto"
        assert make_plan("train.augment=none").variants[0].variant.train.augment == "none"

    @pytest.mark.slow
    def test_a_grid_of_two_hundred_variants_is_planned(self, toy_study: Path, tmp_path: Path) -> None:
        study = load_study(
            toy_study,
            [
                "factors.model.downsample=[strided, maxpool, spd, avgpool, blurpool]",
                "factors.model.middle_depth=[0, 1]",
                "factors.model.activation=[relu, elu, gelu, silu]",
                "factors.train.momentum=[0.1, 0.2, 0.3, 0.4, 0.5]",
                "baseline={model.downsample: strided, model.middle_depth: 0, model.activation: relu}",
                "baseline.train.momentum=0.1",
                "seeds=10",
            ],
        )
        plan = plan_study(study, tmp_path / "results", "cpu")
        assert len(plan.variants) == 200
        keys = [key for planned in plan.variants for key in planned.keys.values()]
        assert len(set(keys)) == 2000
        counts = {(planned.variant.model.downsample, planned.macs) for planned in plan.variants}
        assert len(counts) == 5 * 2  # neither activations nor momentum multiply or add


class TestKeys:
    def test_a_key_is_64_hexadecimal_digits_and_the_same_every_time(self, make_plan: Any) -> None:
        assert first_key(make_plan()) == first_key(make_plan())
        assert len(first_key(make_plan())) == 64
        assert int(first_key(make_plan()), 16)

    @pytest.mark.parametrize(
        "override",
        [
            "model.width=0.25",
            "model.dropout=0.1",
            "data.seed=1",
            "data.train_limit=150",
            "data.noise=1",
            "train.steps=3",
            "train.lr=0.2",
            "train.batch_size=8",
            "train.precision=bf16",
            "train.augment=none",
            "train.label_smoothing=0.1",
        ],
    )
    def test_it_changes_with_everything_that_decides_the_outcome(self, make_plan: Any, override: str) -> None:
        assert first_key(make_plan(override)) != first_key(make_plan())

    @pytest.mark.parametrize(
        "override",
        [
            "measure=[accuracy, params]",
            "question=Another one",
            "seeds=7",
            "seeds=[0, 5]",
            "retries=3",
            "trial_timeout_minutes=9",
            "margin={accuracy: 0.01}",
            "factors.model.downsample=[strided, spd]",
            "factors={kind: {plain: {model.downsample: strided}}}",
            "cost.seconds_per_variant=1",
        ],
    )
    def test_it_does_not_change_with_names_devices_and_what_is_measured(self, make_plan: Any, override: str) -> None:
        baseline = "baseline={kind: plain}" if "kind" in override else "baseline={model.downsample: strided}"
        assert first_key(make_plan(override, baseline)) == first_key(make_plan())

    def test_it_changes_with_the_version_of_training(self, make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        before = first_key(make_plan())
        monkeypatch.setattr(keys, "TRAINING_VERSION", keys.TRAINING_VERSION + 1)
        assert first_key(make_plan()) != before

    def test_it_does_not_change_with_the_folder_of_the_data(self, make_plan: Any, tmp_path: Path) -> None:
        assert first_key(make_plan(f"data.root={tmp_path}")) == first_key(make_plan())

    def test_seeds_and_variants_have_keys_of_their_own(self, make_plan: Any) -> None:
        keys = [key for planned in make_plan().variants for key in planned.keys.values()]
        assert len(set(keys)) == 4

    def test_variants_that_resolve_to_one_network_share_their_keys(self, make_plan: Any, counted: list[str]) -> None:
        plan = make_plan("factors={f: {a: {model.width: 0.125}, b: {model.dropout: 0.0}}}", "baseline={f: a}")
        first, second = plan.variants
        assert first.keys == second.keys
        assert len(counted) == 1

    def test_a_key_is_the_digest_of_what_it_is_documented_to_hold(self, make_plan: Any) -> None:
        plan = make_plan()
        planned = plan.variants[0]
        ingredients = {
            "model": planned.variant.model.as_json(),
            "data": {
                "name": "small_objects",
                "digest": planned.data_digest,
                "seed": 0,
                "train_limit": 200,
                "scored": "test",
            },
            "train": planned.variant.train.model_dump(mode="json", exclude_none=True),
            "training_version": TRAINING_VERSION,
            "seed": 1,
        }
        assert planned.keys[1] == digest(ingredients)


class TestPrecision:
    @pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp32")])
    def test_auto_is_what_the_processor_multiplies(
        self, make_plan: Any, monkeypatch: pytest.MonkeyPatch, supported: bool, expected: str
    ) -> None:
        monkeypatch.setattr(planning, "has_bf16_cpu", lambda: supported)
        plan = make_plan("train.precision=auto")
        assert plan.precision == expected
        assert {planned.variant.train.precision for planned in plan.variants} == {expected}

    def test_what_is_stated_stays(self, make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planning, "has_bf16_cpu", lambda: True)
        assert make_plan("train.precision=fp32").variants[0].variant.train.precision == "fp32"

    def test_a_stored_plan_has_decided_already(
        self, make_plan: Any, toy_study: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(planning, "has_bf16_cpu", lambda: False)
        before = make_plan("train.precision=auto")
        write_json(toy_study.parent / "results" / "toy" / "plan.json", before.as_json())
        monkeypatch.setattr(planning, "has_bf16_cpu", lambda: True)
        after = make_plan("train.precision=auto")
        assert after.precision == "fp32"
        assert after.as_json() == before.as_json()

    def test_a_stored_plan_is_planned_again_without_counting(
        self, make_plan: Any, counted: list[str], toy_study: Path
    ) -> None:
        before = make_plan().as_json()
        before["variants"][0]["params"] = 7
        write_json(toy_study.parent / "results" / "toy" / "plan.json", before)
        counted.clear()
        assert only(make_plan(), "strided").params == 7
        assert counted == []


class TestWrongVariants:
    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            (
                ["model.num_classes=5"],
                r"variant strided: model\.num_classes: 5 is less than the 10 classes of small_obj",
            ),
            (
                ["model.in_channels=1"],
                r"variant strided: model\.in_channels: 1 does not fit .* which have 3; leave it ",
            ),
            (["train.batch_size=500"], r"variant strided: train\.batch_size: 500 is more than the 200 training images"),
            (
                ["factors.model.downsample=[strided, spd]", "model.downsample_kernel=[2, 1]"],
                r"variant spd: model\.downsample_kernel: spd needs odd kernels, not \[2, 1\]",
            ),
        ],
    )
    def test_the_file_the_variant_and_the_reason_are_named(
        self, make_plan: Any, overrides: list[str], expected: str
    ) -> None:
        with pytest.raises(StudyError, match=rf"toy\.yaml: {expected}"):
            make_plan(*overrides)

    def test_a_network_that_cannot_be_built_is_named(self, toy_study: Path, tmp_path: Path) -> None:
        study = load_study(toy_study, ["factors.model.segments=[depthwise, 7]", "baseline.model.segments=depthwise"])
        with pytest.raises(StudyError, match=r"toy\.yaml: variant downsample=strided,segments=7: model\.segments: .*7"):
            plan_study(study, tmp_path, "cpu")

    def test_more_classes_than_the_data_have_are_allowed(self, make_plan: Any) -> None:
        assert make_plan("model.num_classes=12").variants[0].variant.model.num_classes == 12

    def test_a_limit_above_the_set_is_refused(self, make_plan: Any) -> None:
        sentence = r"toy\.yaml: variant strided: data\.train_limit is 100000, but the training split has 5000 images"
        with pytest.raises(StudyError, match=sentence):
            make_plan("data.train_limit=100000")


class TestSeedsInBlocks:
    BLOCKS = "seeds={start: 3, at_most: 8, until: 0.1}"

    def store(self, plan: Plan, toy_study: Path) -> None:
        write_json(toy_study.parent / "results" / "toy" / "plan.json", plan.as_json())

    def test_the_first_block_is_planned(self, make_plan: Any) -> None:
        plan = make_plan(self.BLOCKS)
        assert plan.seeds == (0, 1, 2)
        assert plan.as_json()["study"]["seeds"] == {"start": 3, "at_most": 8, "until": 0.1}

    @pytest.mark.parametrize(("before", "after"), [("seeds=7", 7), ("seeds=2", 3), ("seeds=9", 9), ("seeds=[4, 1]", 3)])
    def test_seeds_that_were_planned_before_stay(
        self, make_plan: Any, toy_study: Path, before: str, after: int
    ) -> None:
        self.store(make_plan(before), toy_study)
        assert make_plan(self.BLOCKS).seeds == tuple(range(after))

    def test_a_list_that_is_no_count_cannot_go_on_in_blocks(self, make_plan: Any, toy_study: Path) -> None:
        self.store(make_plan("seeds=[4, 1]"), toy_study)
        with pytest.raises(ResultsError, match="it has seed 4, this one has not"):
            check_unchanged(make_plan(self.BLOCKS), toy_study.parent / "results" / "toy")


def test_variants_are_named_without_counting_them(toy_study: Path) -> None:
    assert [variant.name for variant in variants_of(load_study(toy_study))] == ["strided", "maxpool"]
