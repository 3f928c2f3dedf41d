"""Seeds in blocks: how many, decided by records alone."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablate.records import finished_keys, load_record, read_json, record_path
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.run import run
from ablate.study.running.events import SeedsSettled, StudyStarted, TrialStarted
from ablate.study.running.options import Options
from ablate.study.running.seeds import grown, settle


# Of the engine's trials, whose accuracies are any fractions, three seeds give half a width of about 1 and eight of 0.3.
@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """To write it takes longer than a block of trials that take no time."""
    monkeypatch.setattr("ablate.study.run.report.write", lambda _results: [])


def blocks(until: float, at_most: int = 8) -> str:
    return f"seeds={{start: 3, at_most: {at_most}, until: {until}}}"


def half_width(differences: list[float]) -> float:
    """Half the 95 % interval of their mean, by scipy's own one-sample t test."""
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    return float(interval.high - interval.low) / 2


def differences(engine: Any, count: int) -> list[float]:
    keys = engine.keys()
    accuracy = {}
    for name in ("strided", "maxpool"):
        records = [load_record(engine.results, keys[name, seed]) for seed in range(count)]
        accuracy[name] = np.array([record.metrics["accuracy"] for record in records if record])
    return list(accuracy["maxpool"] - accuracy["strided"])


def run_observed(engine: Any, observer: Any, *overrides: str) -> None:
    options = Options(results=engine.folder / "results", device="cpu", workers=1)
    run(engine.folder / "toy.yaml", overrides=overrides, options=options, observer=observer)


def seeds_of(engine: Any) -> list[int]:
    keys: dict[tuple[str, int], str] = engine.keys()
    return sorted({seed for _, seed in keys})


class TestSettle:
    """By records of which the differences are known."""

    @pytest.fixture
    def make(self, engine: Any, save_records: Any) -> Any:
        def make(override: str, differences: list[float], **last: float) -> tuple[Plan, Path]:
            """The plan, and a record of each of `differences` at maxpool beside 0.5 at strided."""
            study = load_study(engine.folder / "toy.yaml", [override])
            plan = plan_study(study, engine.results, "cpu")
            whole = plan.with_seeds(range(max(len(differences), len(plan.seeds)))).as_json()
            strided = {("strided", seed): 0.5 for seed in range(len(differences))}
            maxpool = {("maxpool", seed): 0.5 + difference for seed, difference in enumerate(differences)}
            save_records(engine.results, whole, strided | maxpool)
            return plan, engine.results

        return make

    # t(0.975, 2) / sqrt(3) = 2.4841 and t(0.975, 5) / sqrt(6) = 1.0494 standard deviations.
    WIDE, NARROW = (0.1, 0.2, 0.3), (0.2, 0.2, 0.2)

    def test_the_first_block_is_planned_before_anything_ran(self, make: Any) -> None:
        plan, folder = make(blocks(0.1), [])
        settled = settle(plan, folder)
        assert settled is not None
        assert (settled.planned, settled.outlook, settled.judged) == (3, "unfinished", 0)
        assert math.isnan(settled.half_width)
        assert grown(plan, folder) is plan

    def test_a_block_is_added_while_an_interval_is_too_wide(self, make: Any) -> None:
        plan, folder = make(blocks(0.2), list(self.WIDE))
        settled = settle(plan, folder)
        assert settled is not None
        assert (settled.planned, settled.outlook, settled.judged) == (6, "unfinished", 3)
        assert settled.half_width == pytest.approx(2.4841 * 0.1, rel=1e-4)
        larger = grown(plan, folder)
        assert larger.seeds == tuple(range(6))
        assert [len(planned.keys) for planned in larger.variants] == [6, 6]

    @pytest.mark.parametrize(("until", "planned", "outlook"), [(0.249, 3, "enough"), (0.248, 6, "unfinished")])
    def test_an_interval_may_be_just_as_wide_as_asked(
        self, make: Any, until: float, planned: int, outlook: str
    ) -> None:
        settled = settle(*make(blocks(until), list(self.WIDE)))
        assert settled is not None
        assert (settled.planned, settled.outlook) == (planned, outlook)

    def test_significance_does_not_stop_it(self, make: Any) -> None:
        """t = 0.5 / (0.01 / sqrt 3) = 87, p < 0.001: found, but not known to 0.02."""
        settled = settle(*make(blocks(0.02), [0.39, 0.4, 0.41]))
        assert settled is not None
        assert settled.planned == 6

    def test_the_last_block_is_cut_and_then_it_ends(self, make: Any) -> None:
        settled = settle(*make(blocks(0.001), [0.1, 0.2] * 4))
        assert settled is not None
        assert (settled.planned, settled.outlook, settled.judged) == (8, "at most", 8)
        assert settled.half_width == pytest.approx(half_width([0.1, 0.2] * 4))

    def test_records_beyond_a_block_play_no_part_in_what_follows_it(self, make: Any) -> None:
        """Six equal differences after three wide ones: known well enough by six, but not by three."""
        narrow_in_the_end = [*self.WIDE, 0.2, 0.2, 0.2]
        assert half_width(narrow_in_the_end) < 0.1 < half_width(list(self.WIDE))
        settled = settle(*make(blocks(0.1), narrow_in_the_end))
        assert settled is not None
        assert (settled.planned, settled.outlook, settled.judged) == (6, "enough", 6)
        wide_in_the_end = [*self.NARROW, -0.4, 0.4, 0.4]
        settled = settle(*make(blocks(0.1), wide_in_the_end))
        assert settled is not None
        assert (settled.planned, settled.outlook, settled.judged) == (3, "enough", 3)

    def test_a_claim_on_the_primary_metric_has_to_be_known_as_well(self, engine: Any, save_records: Any) -> None:
        """Both contrasts with the baseline are narrow, the claim between the two others is twice as wide."""
        claim = "{id: a, source: b, statement: c, better: {model.downsample: maxpool}, than: {model.downsample: spd}}"
        variants = "factors.model.downsample=[strided, maxpool, spd]"
        for claims, metric, expected in (("[]", "", 3), (f"[{claim}]", "", 6), (f"[{claim}]", "test_loss", 3)):
            stated = claims.replace("statement: c", f"statement: c, metric: {metric}") if metric else claims
            study = load_study(engine.folder / "toy.yaml", [variants, f"claims={stated}", blocks(0.3)])
            plan = plan_study(study, engine.results, "cpu")
            values = {(name, seed): 0.5 for name in ("strided", "maxpool", "spd") for seed in range(3)}
            changed = {("maxpool", 0): 0.6, ("maxpool", 2): 0.4, ("spd", 0): 0.4, ("spd", 2): 0.6}
            save_records(engine.results, plan.as_json(), values | changed)
            assert len(grown(plan, engine.results).seeds) == expected

    def test_seeds_that_are_counted_or_listed_are_settled(self, make: Any) -> None:
        plan, folder = make("seeds=[4, 2]", [])
        assert settle(plan, folder) is None
        assert grown(plan, folder) is plan


class TestRun:
    def settled(self, engine: Any) -> SeedsSettled:
        (event,) = [event for event in engine.events if isinstance(event, SeedsSettled)]
        engine.events.clear()
        return event

    def test_it_goes_on_until_the_interval_is_narrow_enough(self, engine: Any) -> None:
        until = 0.3
        outcome = engine.run(blocks(until, at_most=20))
        widths = {count: half_width(differences(engine, count)) for count in range(3, len(seeds_of(engine)) + 1, 3)}
        *before, last = widths
        assert len(before) >= 1
        assert all(widths[count] > until for count in before)
        assert widths[last] <= until
        assert seeds_of(engine) == list(range(last))
        assert (outcome.missing, outcome.failed, len(engine.calls())) == (0, 0, 2 * last)
        settled = self.settled(engine)
        assert (settled.outlook, settled.judged) == ("enough", last)
        assert settled.half_width == pytest.approx(widths[last])

    def test_it_ends_with_as_many_as_may_be(self, engine: Any) -> None:
        outcome = engine.run(blocks(0.001))
        assert seeds_of(engine) == list(range(8))
        assert outcome.missing == 0
        assert self.settled(engine).outlook == "at most"

    def test_every_block_is_in_the_plan_before_its_first_trial(self, engine: Any) -> None:
        seen = []

        def observe(event: Any) -> None:
            if isinstance(event, TrialStarted):
                seen.append((event.seed, len(seeds_of(engine))))

        run_observed(engine, observe, blocks(0.001))
        assert [planned for seed, planned in seen] == [3] * 6 + [6] * 6 + [8] * 4
        assert sorted({seed for seed, _ in seen}) == list(range(8))

    def test_an_observer_is_told_of_every_block(self, engine: Any) -> None:
        engine.run(blocks(0.001))
        started = [event for event in engine.events if isinstance(event, StudyStarted)]
        told = [(len(event.seeds), event.at_most, len(event.done)) for event in started]
        assert told == [(3, 8, 0), (6, 8, 6), (8, 8, 12)]

    def test_again_there_is_nothing_to_do(self, engine: Any) -> None:
        engine.run(blocks(0.001))
        before = {path: path.read_bytes() for path in engine.results.rglob("*.json")}
        engine.events.clear()
        assert engine.run(blocks(0.001)).work == "none"
        assert engine.events == []
        assert {path: path.read_bytes() for path in engine.results.rglob("*.json")} == before

    @pytest.mark.parametrize("seed", [1, 3, 7])
    def test_an_interrupted_run_ends_with_the_same_seeds(self, engine: Any, seed: int) -> None:
        engine.run(blocks(0.001))
        whole = engine.plan()
        shutil.rmtree(engine.results)

        def interrupt(event: Any) -> None:
            if isinstance(event, TrialStarted) and event.seed == seed:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_observed(engine, interrupt, blocks(0.001))
        assert len(finished_keys(engine.results)) == 2 * seed
        engine.run(blocks(0.001))
        assert engine.plan() == whole

    def test_a_plan_that_was_lost_is_made_again_from_the_records(self, engine: Any) -> None:
        engine.run(blocks(0.3, at_most=20))
        whole = engine.plan()
        (engine.results / "plan.json").unlink()
        assert engine.run(blocks(0.3, at_most=20)).work == "none"
        assert {**engine.plan(), "stated": whole["stated"]} == whole

    def test_only_adds_no_block_before_every_variant_is_complete(self, engine: Any) -> None:
        outcome = engine.run(blocks(0.001), only=("maxpool",))
        assert (seeds_of(engine), outcome.missing) == ([0, 1, 2], 3)
        assert self.settled(engine).outlook == "unfinished"
        outcome = engine.run(blocks(0.001), only=("strided",))
        assert (seeds_of(engine), outcome.missing) == ([0, 1, 2, 3, 4, 5], 3)
        assert engine.run(blocks(0.001)).missing == 0
        assert len(engine.calls()) == 16

    def test_a_failed_trial_ends_it_and_the_next_run_goes_on(self, engine: Any) -> None:
        engine.script(fails={"4": 9})
        outcome = engine.run(blocks(0.001))
        assert (seeds_of(engine), outcome.failed, outcome.missing) == (list(range(6)), 2, 0)
        settled = self.settled(engine)
        assert (settled.outlook, settled.planned, settled.judged) == ("unfinished", 6, 3)
        engine.script()
        assert engine.run(blocks(0.001)).failed == 0
        assert seeds_of(engine) == list(range(8))

    def test_a_diverged_trial_is_an_outcome(self, engine: Any) -> None:
        engine.script(diverges=[1, 4])
        outcome = engine.run(blocks(0.001))
        assert (seeds_of(engine), outcome.failed) == (list(range(8)), 0)

    def test_an_interval_that_cannot_be_is_never_narrow_enough(self, engine: Any) -> None:
        """A diverged trial has no test loss, so with two of three seeds diverged there is one pair left."""
        engine.script(diverges=[0, 1])
        engine.run("primary=test_loss", "seeds={start: 3, at_most: 3, until: 0.9}")
        settled = self.settled(engine)
        assert (settled.outlook, settled.judged) == ("at most", 3)
        assert math.isnan(settled.half_width)

    def test_no_trial_begins_after_max_hours(self, engine: Any) -> None:
        outcome = engine.run(blocks(0.001), max_hours=0.0)
        assert (engine.calls(), outcome.missing) == ([], 6)


class TestChanges:
    def test_a_narrower_interval_or_more_seeds_run_only_what_is_new(self, engine: Any) -> None:
        engine.run("seeds={start: 3, at_most: 3, until: 0.001}")
        assert len(engine.calls()) == 6
        engine.run("seeds={start: 3, at_most: 5, until: 0.001}")
        assert len(engine.calls()) == len(set(engine.calls())) == 10
        engine.run("seeds={start: 3, at_most: 6, until: 9.0}", "primary=test_loss")
        assert len(engine.calls()) == 10

    def test_less_than_was_planned_takes_nothing_back(self, engine: Any) -> None:
        engine.run(blocks(0.001))
        outcome = engine.run("seeds={start: 3, at_most: 4, until: 9.0}", "primary=test_loss")
        assert (outcome.work, outcome.missing, seeds_of(engine)) == ("none", 0, list(range(8)))

    def test_a_count_can_go_on_in_blocks_and_blocks_as_a_count(self, engine: Any) -> None:
        engine.run("seeds=4")
        engine.run("seeds={start: 3, at_most: 6, until: 0.001}")
        assert len(engine.calls()) == len(set(engine.calls())) == 12
        assert engine.run("seeds=6").work == "none"

    def test_a_new_variant_gets_all_the_seeds_before_more_are_added(self, engine: Any) -> None:
        engine.run("seeds={start: 3, at_most: 6, until: 0.001}")
        more = "factors.model.downsample=[strided, maxpool, avgpool]"
        engine.run("seeds={start: 3, at_most: 6, until: 0.001}", more)
        assert len(engine.calls()) == len(set(engine.calls())) == 18


def test_a_finished_study_is_run_again_without_torch(engine: Any) -> None:
    engine.run(blocks(0.001))
    program = f"""
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(f"{{name}} is not to be imported here")

sys.meta_path.insert(0, NoTorch())
from pathlib import Path
from ablate.study.running.options import Options
from ablate.study.run import run
print(run("toy.yaml", overrides=[{blocks(0.001)!r}], options=Options(results=Path("results"), device="cpu")).work)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=engine.folder, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("none\n", 0), done.stderr


def test_the_plan_holds_the_keys_of_every_block(engine: Any) -> None:
    engine.run(blocks(0.001))
    stored = json.loads((engine.results / "plan.json").read_text())
    for variant in stored["variants"]:
        assert list(variant["keys"]) == [str(seed) for seed in range(8)]
        assert all(read_json(record_path(engine.results, key)) for key in variant["keys"].values())
