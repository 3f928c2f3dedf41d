"""What `ablate plan` says the seeds can show."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.planning.power import power_of_plan
from ablate.study.preview import preview
from ablate.study.reading.load import load_study

SPD = "factors.model.downsample=[strided, maxpool, spd]"
CLAIM = (
    "{id: ID, source: b, statement: c, better: {model.downsample: maxpool}, than: {model.downsample: THAN}, "
    "published_difference: SIZE}"
)


def claim(identity: str, than: str = "strided", size: str = "0.02", more: str = "") -> str:
    text = CLAIM.replace("ID", identity).replace("THAN", than).replace("SIZE", size)
    return text.replace("source: b", f"source: b{more}")


def plan_of(engine: Any, *overrides: str) -> Plan:
    return plan_study(load_study(engine.folder / "toy.yaml", overrides), engine.results, "cpu")


def power(engine: Any, *overrides: str) -> dict[str, Any]:
    found = power_of_plan(plan_of(engine, *overrides), engine.results)
    assert found is not None
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def chance(difference: float, n: int, spread: float, level: float) -> float:
    """That a two-sided t test of `n` normal differences finds `difference`, by the noncentral t distribution."""
    noncentrality, critical = difference / spread * math.sqrt(n), stats.t.isf(level / 2, n - 1)
    found: float = stats.nct.sf(critical, n - 1, noncentrality) + stats.nct.cdf(-critical, n - 1, noncentrality)
    return found


class TestBeforeTheFirstTrial:
    def test_accuracy_is_assumed_to_move_by_a_point_and_pairing_to_gain_nothing(self, engine: Any) -> None:
        found = power(engine, "seeds=5", SPD)
        spread = found["spread"]
        assert (spread["source"], spread["seeds"], spread["seed_spread"]) == ("assumed", None, 0.01)
        assert spread["median"] == spread["largest"] == pytest.approx(math.sqrt(0.01**2 + 0.01**2))
        (smallest,) = found["smallest_differences"]
        assert (found["metric"], found["family"], found["level"], smallest["seeds"]) == ("accuracy", 2, 0.05, 5)
        assert chance(smallest["difference"], 5, spread["median"], 0.05 / 2) == pytest.approx(0.8)
        assert smallest["difference_at_largest_spread"] == smallest["difference"]

    def test_an_average_over_another_factor_is_assumed_to_move_less(self, engine: Any) -> None:
        """A main effect averages two differences of two variants each: 0.01 sqrt(4 / 4)."""
        found = power(engine, "seeds=5", "factors.model.width=[0.125, 0.25]", "baseline.model.width=0.125")
        assert found["family"] == 2
        assert found["spread"]["median"] == pytest.approx(0.01)

    def test_of_another_metric_nothing_is_assumed(self, engine: Any) -> None:
        found = power(engine, "seeds=5", "primary=test_loss", "margin={test_loss: 0.1}")
        assert (found["metric"], found["spread"]) == ("test_loss", None)
        assert found["smallest_differences"] == [{"seeds": 5, "difference": None, "difference_at_largest_spread": None}]
        assert found["wanted"] == [
            {"source": "margin", "difference": 0.1, "seeds": None, "seeds_at_largest_spread": None}
        ]

    def test_two_seeds_show_nothing(self, engine: Any) -> None:
        assert power(engine, "seeds=2")["smallest_differences"][0]["difference"] is None

    @pytest.mark.parametrize(
        "overrides",
        [
            ("factors={}", "baseline={}"),
            ("factors={data.noise: [0, 8]}", "baseline={data.noise: 0}"),
            ("design=count", "measure=[params]"),
        ],
    )
    def test_where_nothing_is_compared_there_is_nothing_to_say(self, engine: Any, overrides: tuple[str, ...]) -> None:
        assert power_of_plan(plan_of(engine, *overrides), engine.results) is None


class TestFamily:
    def test_a_claim_that_is_a_contrast_counts_once(self, engine: Any) -> None:
        assert power(engine, SPD, f"claims=[{claim('a')}]")["family"] == 2
        assert power(engine, SPD, f"claims=[{claim('a')}, {claim('b', than='spd')}]")["family"] == 3

    def test_claims_about_another_metric_are_another_family(self, engine: Any) -> None:
        other = claim("a", than="spd", more=", metric: test_loss")
        found = power(engine, SPD, f"claims=[{other}]")
        assert (found["family"], found["wanted"]) == (2, [])


class TestWanted:
    def test_what_the_study_names_is_wanted(self, engine: Any) -> None:
        claims = f"claims=[{claim('a')}, {claim('b', than='spd', size='-0.005')}, {claim('c', size='null')}]"
        blocks = "seeds={start: 5, at_most: 20, until: 0.03}"
        found = power(engine, SPD, claims, "margin={accuracy: 0.01, test_loss: 1}", blocks)
        named = [(each["source"], each["difference"]) for each in found["wanted"]]
        assert named == [("claim a", 0.02), ("claim b", 0.005), ("margin", 0.01), ("seeds.until", 0.03)]
        assert [each["seeds"] for each in found["smallest_differences"]] == [5, 20]
        for each in found["wanted"]:
            enough = [
                chance(each["difference"], n, 0.01 * math.sqrt(2), 0.05 / 3) for n in (each["seeds"] - 1, each["seeds"])
            ]
            assert enough[0] < 0.8 <= enough[1]

    def test_what_would_take_too_many_seeds_has_no_number(self, engine: Any) -> None:
        found = power(engine, f"claims=[{claim('a', size='0.0001')}]")
        assert (found["wanted"][0]["seeds"], found["most_seeds"]) == (None, 1000)


class TestMeasured:
    def save(self, engine: Any, save_records: Any, plan: Plan, differences: dict[str, list[float]]) -> None:
        pairs = len(next(iter(differences.values())))
        values = {("strided", seed): 0.5 for seed in range(pairs)}
        for name, own in differences.items():
            values |= {(name, seed): 0.5 + difference for seed, difference in enumerate(own)}
        save_records(engine.results, plan.as_json(), values)

    def test_paired_differences_take_the_place_of_what_was_assumed(self, engine: Any, save_records: Any) -> None:
        differences = {"maxpool": [0.01, 0.02, 0.03, 0.03], "spd": [0.1, -0.1, 0.1, 0.0]}
        self.save(engine, save_records, plan_of(engine, SPD, "seeds=6"), differences)
        found = power(engine, SPD, "seeds=6", f"claims=[{claim('a')}]")
        spreads = sorted(statistics.stdev(own) for own in differences.values())
        assert found["spread"] == {
            "source": "measured",
            "median": pytest.approx(sum(spreads) / 2),
            "largest": pytest.approx(spreads[1]),
            "seeds": 4,
            "seed_spread": None,
        }
        (smallest,) = found["smallest_differences"]
        assert chance(smallest["difference"], 6, sum(spreads) / 2, 0.025) == pytest.approx(0.8)
        assert chance(smallest["difference_at_largest_spread"], 6, spreads[1], 0.025) == pytest.approx(0.8)
        (wanted,) = found["wanted"]
        assert wanted["seeds"] < wanted["seeds_at_largest_spread"]

    def test_two_pairs_are_no_measurement(self, engine: Any, save_records: Any) -> None:
        self.save(engine, save_records, plan_of(engine, "seeds=5"), {"maxpool": [0.1, 0.2]})
        assert power(engine, "seeds=5")["spread"]["source"] == "assumed"

    def test_another_metric_is_known_once_it_is_measured(self, engine: Any, save_records: Any) -> None:
        plan = plan_of(engine, "seeds=3")
        self.save(engine, save_records, plan, {"maxpool": [0.1, 0.2, 0.3]})
        assert power(engine, "seeds=3", "primary=test_loss")["spread"]["source"] == "measured"

    def test_where_nothing_varies_nothing_can_be_said(self, engine: Any, save_records: Any) -> None:
        """Two variants that are one network: every difference is 0."""
        twins = ("factors={f: {a: {}, b: {model.dropout: 0.0}}}", "baseline={f: a}", "seeds=3")
        plan = plan_of(engine, *twins)
        save_records(engine.results, plan.as_json(), {("a", seed): 0.5 + seed / 10 for seed in range(3)})
        found = power(engine, *twins, "margin={accuracy: 0.01}")
        assert (found["spread"]["largest"], found["smallest_differences"][0]["difference"]) == (0.0, None)


def test_it_is_part_of_what_plan_says(engine: Any, tmp_path: Path) -> None:
    shown = preview(engine.folder / "toy.yaml", ("seeds=5",), tmp_path / "elsewhere", "cpu")
    assert shown["power"] == power(engine, "seeds=5")
