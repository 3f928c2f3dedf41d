"""What a plan compares is what the report tests."""

import math
from typing import Any

import pytest

from ablate.records import load_results
from ablate.report.derive import tables
from ablate.study.planning.compared import compared, primary_claims, primary_values
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study

CROSSED = ("factors.model.width=[0.125, 0.25]", "baseline.model.width=0.125", "seeds=3")
CLAIM = "{id: a, source: b, statement: c, better: {model.width: 0.25}, than: {model.width: 0.125}}"


def plan_of(engine: Any, *overrides: str) -> Plan:
    return plan_study(load_study(engine.folder / "toy.yaml", overrides), engine.results, "cpu")


@pytest.mark.parametrize(("overrides", "count"), [(("seeds=3",), 1), ((*CROSSED, f"claims=[{CLAIM}]"), 3)])
def test_intervals_are_those_of_the_report(engine: Any, overrides: tuple[str, ...], count: int) -> None:
    engine.run(*overrides)
    plan = plan_of(engine, *overrides)
    found = compared(plan, primary_values(plan, engine.results), plan.seeds)
    derived = tables(load_results(engine.results))
    contrasts = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    low = [*contrasts["ci_low"], *derived.claims["ci_low"]]
    assert [each.effect.ci_low for each in found] == low
    assert len(low) == count


def test_only_the_seeds_asked_for_count(engine: Any) -> None:
    engine.run("seeds=4")
    plan = plan_of(engine, "seeds=4")
    values = primary_values(plan, engine.results)
    assert [compared(plan, values, range(count))[0].effect.n for count in (4, 3)] == [4, 3]


def test_what_has_no_record_has_no_value(engine: Any) -> None:
    engine.run(only=("maxpool",))
    values = primary_values(plan_of(engine), engine.results)
    assert values["maxpool"].notna().all()
    assert all(math.isnan(value) for value in values["strided"])


def test_a_claim_without_its_arms_is_left_out(engine: Any) -> None:
    """One change at a time has no variant with maxpool at width 0.25."""
    sides = (
        "better: {model.downsample: maxpool, model.width: 0.25}, than: {model.downsample: strided, model.width: 0.25}"
    )
    overrides = (*CROSSED, "design=one_at_a_time", f"claims=[{{id: a, source: b, statement: c, {sides}}}]")
    plan = plan_of(engine, *overrides)
    assert len(primary_claims(plan)) == 1
    assert len(compared(plan, primary_values(plan, engine.results), plan.seeds)) == 2
