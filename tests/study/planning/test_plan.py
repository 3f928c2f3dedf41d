"""What plan.json holds, and what may not change in it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import ResultsError
from ablate.records import write_json
from ablate.study.planning import keys
from ablate.study.planning import plan as planned
from ablate.study.planning.plan import Plan, check_unchanged
from ablate.study.planning.planner import plan_study
from ablate.study.planning.tuned import with_chosen
from ablate.study.reading.load import load_study


class TestPlanJson:
    def test_it_is_json_with_all_that_a_report_needs(self, make_plan: Any) -> None:
        stored = json.loads(json.dumps(make_plan().as_json()))
        assert stored["study"]["name"] == "toy"
        assert stored["factors"] == [{"path": "model.downsample", "column": "downsample"}]
        variant = stored["variants"][1]
        assert set(variant) >= {"variant", "levels", "model", "data", "train", "steps", "params", "macs", "keys"}
        assert (variant["variant"], variant["params"], variant["macs"]) == ("maxpool", 100, 1000)
        assert variant["data"]["train_images"] == 200
        assert set(variant["keys"]) == {"0", "1"}

    def test_no_folder_of_this_machine_is_in_it(self, make_plan: Any, tmp_path: Path) -> None:
        assert str(tmp_path) not in json.dumps(make_plan(f"data.root={tmp_path}").as_json())

    def test_claims_name_levels_by_their_names(self, make_plan: Any) -> None:
        claim = "{id: a, source: b, statement: c, better: {model.width: 1.0}, than: {model.width: 0.5}}"
        plan = make_plan("factors={model.width: [0.5, 1]}", "baseline={model.width: 0.5}", f"claims=[{claim}]")
        (stored,) = plan.as_json()["study"]["claims"]
        assert (stored["better"], stored["than"]) == ({"model.width": "1"}, {"model.width": "0.5"})


class TestCheckUnchanged:
    @pytest.fixture
    def results(self, make_plan: Any, toy_study: Path) -> Path:
        folder = toy_study.parent / "results" / "toy"
        write_json(folder / "plan.json", make_plan().as_json())
        return folder

    @pytest.mark.parametrize(
        "overrides",
        [
            [],
            ["seeds=3"],
            ["seeds=[1, 0, 9]"],
            ["factors.model.downsample=[spd, strided, maxpool]"],
            ["measure=[accuracy, latency]"],
            ["question=Is it another one?"],
            ["seeds={start: 3, at_most: 5, until: 0.1}"],
            ["retries=5"],
        ],
    )
    def test_new_levels_seeds_and_metrics_are_welcome(
        self, results: Path, make_plan: Any, overrides: list[str]
    ) -> None:
        check_unchanged(make_plan(*overrides), results)

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            (
                ["model.width=0.5"],
                r"model\.width was 0\.125 and is 0\.5; give this one another name, or another folder",
            ),
            (["train.lr=0.5"], r"train\.lr was 0\.1 and is 0\.5"),
            (["train={epochs: 1, batch_size: 16, precision: fp32}"], r"train\.steps was 2 and is None"),
            (["data.train_limit=150"], r"data\.train_limit was 200 and is 150"),
            (["train.average_decay=0.99"], r"train\.average_decay was None and is 0\.99; give this one another name"),
            (["train.rotation_degrees=10"], r"train\.rotation_degrees was None and is 10"),
            (["model.mid_norm=batch"], r"model\.mid_norm was None and is 'batch'"),
            (
                ["tune={fields: {train.lr: {low: 0.01, high: 1}}}"],
                r"variant strided was to train as it is stated and is now to be tuned; give this one another name",
            ),
            (["data.noise=3"], r"data\.digest was '\w+' and is '\w+'|data\.noise was .* and is 3"),
            (["factors.model.downsample=[strided, spd]"], r"it has the variant 'maxpool', this one has not"),
            (["seeds=1"], r"it has seed 1, this one has not"),
            (["train.seed_offset=3"], r"train\.seed_offset was 0 and is 3; give this one another name"),
            (["baseline.model.downsample=maxpool"], r"its baseline is 'strided', not 'maxpool'; .* report --baseline"),
        ],
    )
    def test_anything_else_stops(self, results: Path, make_plan: Any, overrides: list[str], expected: str) -> None:
        with pytest.raises(ResultsError, match=expected):
            check_unchanged(make_plan(*overrides), results)

    def test_another_version_of_training_stops(
        self, results: Path, make_plan: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored = planned.TRAINING_VERSION
        monkeypatch.setattr(planned, "TRAINING_VERSION", 99)
        monkeypatch.setattr(keys, "TRAINING_VERSION", 99)
        with pytest.raises(ResultsError, match=rf"were trained by version {stored}, this is 99"):
            check_unchanged(make_plan(), results)

    def test_other_keys_of_the_same_version_are_said_to_be_no_more(self, results: Path, make_plan: Any) -> None:
        stored = make_plan().as_json()
        stored["variants"][0]["keys"]["1"] = "0" * 64
        write_json(results / "plan.json", stored)
        with pytest.raises(ResultsError, match=r"another version of this program has planned it, and keyed its trials"):
            check_unchanged(make_plan(), results)

    TUNE = "tune={fields: {train.lr: {low: 0.01, high: 1}}, trials: 4}"

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            ([TUNE, "train.steps=3"], r"train\.steps was 2 and is 3"),
            ([TUNE, "model.width=0.25"], r"model\.width was 0\.125 and is 0\.25"),
            ([TUNE, "train.average_decay=0.99"], r"train\.average_decay was None and is 0\.99"),
            ([TUNE, "tune.trials=5"], r"variant strided was tuned under other conditions, such as other ranges"),
            ([TUNE, "train.lr=0.2"], r"variant strided was tuned under other conditions"),
            ([], r"variant strided was tuned and is now to train as it is stated"),
        ],
    )
    def test_of_a_study_that_was_tuned_too(
        self, results: Path, make_plan: Any, overrides: list[str], expected: str
    ) -> None:
        write_json(results / "plan.json", self.tuned(make_plan(self.TUNE)).as_json())
        check_unchanged(make_plan(self.TUNE), results)
        with pytest.raises(ResultsError, match=expected):
            check_unchanged(make_plan(*overrides), results)

    def tuned(self, plan: Plan) -> Plan:
        """As the tuning of every variant leaves it."""
        found = {"values": {"train.lr": 0.3}, "score": 0.5, "stated_score": 0.4, "states": ["complete"], "edges": []}
        variants = [with_chosen(each.variant, {"arm": each.variant.awaits, **found}) for each in plan.variants]
        done = [replace(each, variant=own) for each, own in zip(plan.variants, variants, strict=True)]
        return replace(plan, variants=tuple(each.with_seeds(plan.seeds) for each in done))

    def test_an_empty_folder_is_no_other_study(self, make_plan: Any, tmp_path: Path) -> None:
        check_unchanged(make_plan(), tmp_path / "elsewhere")


def test_the_source_is_named_as_one_would_type_it_and_never_by_a_machine_s_path(
    toy_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source() -> str:
        return str(plan_study(load_study(toy_study), tmp_path / "results", "cpu").as_json()["source"])

    monkeypatch.chdir(toy_study.parent.parent)
    assert source() == f"{toy_study.parent.name}/{toy_study.name}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert source() == toy_study.name
