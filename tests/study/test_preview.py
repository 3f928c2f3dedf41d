"""What `ablate plan` says."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import ResultsError
from ablate.models.spec import ModelSpec
from ablate.records import write_json
from ablate.study.planning import surveys
from ablate.study.preview import preview


def previewed(engine: Any, *overrides: str) -> dict[str, Any]:
    return preview(engine.folder / "toy.yaml", overrides, engine.folder / "results", "cpu")


def test_it_has_the_keys_of_the_contract_and_trains_nothing(engine: Any) -> None:
    shown = previewed(engine)
    assert set(shown) == {"study", "trials", "done", "first", "seconds_left", "seeds", "power", "variants"}
    assert shown["first"] is None
    assert (shown["study"], shown["trials"], shown["done"], shown["seconds_left"]) == ("toy", 4, 0, None)
    assert [set(row) for row in shown["variants"]] == [{"variant", "downsample", "params", "macs"}] * 2
    assert [(row["variant"], row["downsample"]) for row in shown["variants"]] == [
        ("strided", "strided"),
        ("maxpool",) * 2,
    ]
    assert json.loads(json.dumps(shown)) == shown
    assert not (engine.folder / "results").exists()


def test_what_is_done_is_counted(engine: Any) -> None:
    engine.run(only=("maxpool",))
    assert (previewed(engine)["trials"], previewed(engine)["done"]) == (4, 2)
    assert (previewed(engine, "seeds=5")["trials"], previewed(engine, "seeds=5")["done"]) == (10, 2)


def test_time_left_goes_by_a_variant_s_own_pace_else_by_the_pace_a_multiply_add(engine: Any, save_records: Any) -> None:
    """Records say 10 s a trial: maxpool's second seed takes 10 s, strided's two by its multiply-adds."""
    engine.run(max_hours=0.0)
    save_records(engine.results, engine.plan(), {("maxpool", 0): 0.5})
    macs = {row["variant"]: row["macs"] for row in previewed(engine)["variants"]}
    expected = 10 + 2 * 10 * macs["strided"] / macs["maxpool"]
    assert previewed(engine)["seconds_left"] == pytest.approx(expected, rel=1e-12)


def test_time_left_is_told_where_there_are_no_multiply_adds_to_go_by(
    make_plan: Any, toy_study: Path, save_records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records say 10 s a trial."""

    def survey(spec: ModelSpec, quantities: None) -> dict[str, int]:
        return {"params": 100, "macs": 0 if spec.downsample == "maxpool" else 1000}

    monkeypatch.setattr(surveys, "load_dotted", {"ablate.models.survey:survey": survey}.__getitem__)
    results = toy_study.parent / "results"
    plan = make_plan().as_json()
    write_json(results / "toy" / "plan.json", plan)
    save_records(results / "toy", plan, {("maxpool", 0): 0.5})
    assert preview(toy_study, (), results, "cpu")["seconds_left"] == pytest.approx(30)


def test_nothing_is_left_of_a_finished_study(engine: Any) -> None:
    engine.run()
    assert previewed(engine)["seconds_left"] == 0


class TestSeeds:
    def test_counted_seeds_are_all_there_may_be(self, engine: Any) -> None:
        assert previewed(engine, "seeds=[4, 9, 2]")["seeds"] == {
            "planned": 3,
            "at_most": 3,
            **dict.fromkeys(("metric", "until", "outlook", "judged", "half_width")),
        }

    def test_blocks_are_planned_as_far_as_the_records_ask(self, engine: Any, save_records: Any) -> None:
        """Differences of 0, 0.1 and 0.2: half the interval is 4.303 x 0.1 / sqrt 3."""
        blocks = "seeds={start: 3, at_most: 5, until: 0.01}"
        before = previewed(engine, blocks)
        assert (before["trials"], before["seeds"]["planned"], before["seeds"]["at_most"]) == (6, 3, 5)
        assert (before["seeds"]["judged"], before["seeds"]["half_width"]) == (0, None)
        engine.run(blocks, max_hours=0.0)
        strided = {("strided", seed): 0.5 for seed in range(3)}
        save_records(engine.results, engine.plan(), strided | {("maxpool", seed): 0.5 + seed / 10 for seed in range(3)})
        after = previewed(engine, blocks)
        assert (after["trials"], after["done"]) == (10, 6)
        assert after["seeds"] == {
            "metric": "accuracy",
            "planned": 5,
            "at_most": 5,
            "until": 0.01,
            "outlook": "unfinished",
            "judged": 3,
            "half_width": pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3),
        }


def test_another_study_of_that_name_is_refused(engine: Any) -> None:
    engine.run(max_hours=0.0)
    with pytest.raises(ResultsError, match="another study called 'toy'"):
        previewed(engine, "train.lr=0.7")


def test_counts_are_those_of_the_network(engine: Any) -> None:
    """A strided 3x3 convolution has 9 c^2 weights and a max pooling none: over the three blocks of the main branch, at
    an eighth of 128, 256 and 512 channels, and as many 1x1 ones with BN (2 c each) on the skip branch."""
    rows = {row["variant"]: row for row in previewed(engine, "model.middle_depth=0")["variants"]}
    widths = (16, 32, 64)
    weights = sum(9 * c * c + 2 * c + c * c + 2 * c for c in widths)
    assert rows["strided"]["params"] - rows["maxpool"]["params"] == weights


def test_an_unknown_folder_is_an_empty_one(engine: Any, tmp_path: Path) -> None:
    assert preview(engine.folder / "toy.yaml", (), tmp_path / "elsewhere", "cpu")["done"] == 0


def test_variants_that_are_one_network_share_their_trials(engine: Any) -> None:
    """Two names for one network and one for another, two seeds each: four trials, not six."""
    named = "{a: {model.width: 0.125}, b: {model.width: 0.125, model.dropout: 0.0}, c: {model.width: 0.25}}"
    overrides = ("factors={size: " + named + "}", "baseline={size: a}")
    assert (previewed(engine, *overrides)["trials"], len(previewed(engine, *overrides)["variants"])) == (4, 3)


def test_levels_are_what_the_study_file_says(engine: Any) -> None:
    rows = previewed(engine, "factors={model.width: [0.125, 0.25]}", "baseline={model.width: 0.25}")["variants"]
    assert [(row["variant"], row["width"]) for row in rows] == [("0.125", 0.125), ("0.25", 0.25)]
    kernels = previewed(
        engine, "factors={model.downsample_kernel: [[3, 1], [5, 1]]}", "baseline={model.downsample_kernel: [3, 1]}"
    )
    assert [row["downsample_kernel"] for row in kernels["variants"]] == ["3-1", "5-1"]
