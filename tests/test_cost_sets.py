"""Which sets of costs.json stand in one table, and what becomes of older ones."""

from typing import Any

import pytest

from ablate.cost_sets import CostGroup, chosen_group, cost_groups

MODELS = {"a": {"width": 0.25}, "b": {"width": 0.5}}
MACHINES = {
    "e1": {"machine": {"cpu": "Xeon"}, "commit": "1"},
    "e2": {"machine": {"cpu": "Xeon"}, "commit": "2"},
    "e3": {"machine": {"cpu": "EPYC"}, "commit": "1"},
}
EAGER = {"protocol": 2, "modes": ["eager"]}
COMPILED = {"protocol": 2, "modes": ["compiled"]}


def variant(name: str, columns: dict[str, float], **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"rounds": {}, "samples": {}, "spread": {}, "problems": {}, "uncounted": {}}
    return {"model": MODELS[name], "columns": columns, **empty, **more}


def cost_set(environment: str = "e1", conditions: dict[str, Any] = EAGER, **columns: float) -> dict[str, Any]:
    """A set whose metrics are called like its columns."""
    return {
        "environment": environment,
        "metrics": list(columns),
        "conditions": conditions,
        "observed": {"rounds": 12},
        "variants": {name: variant(name, columns) for name in MODELS},
    }


def groups(*sets: dict[str, Any]) -> list[CostGroup]:
    return cost_groups({"sets": list(sets)}, MACHINES, MODELS)


def test_nothing_measured_is_no_group() -> None:
    assert cost_groups(None, MACHINES, MODELS) == []
    assert chosen_group([], ["latency"]) is None


def test_a_later_set_adds_a_metric() -> None:
    (group,) = groups(cost_set(latency=1.0), cost_set("e2", memory=5.0))
    assert group.metrics == {"latency", "memory"}
    assert group.variants["b"].columns == {"latency": 1.0, "memory": 5.0}
    assert (group.environments, group.machine, group.conditions) == (("e1", "e2"), {"cpu": "Xeon"}, EAGER)
    assert group.observed == ({"rounds": 12}, {"rounds": 12})
    assert group.variants["a"].columns == {"latency": 1.0, "memory": 5.0}


def test_a_newer_number_replaces_an_older_and_a_set_that_is_wholly_replaced_is_not_named() -> None:
    (group,) = groups(cost_set("e1", latency=1.0), cost_set("e2", latency=2.0, memory=5.0))
    assert group.variants["a"].columns == {"latency": 2.0, "memory": 5.0}
    assert group.environments == ("e2",)
    (group,) = groups(cost_set("e1", latency=1.0, throughput=7.0), cost_set("e2", latency=2.0))
    assert group.variants["a"].columns == {"throughput": 7.0, "latency": 2.0}
    assert group.environments == ("e1", "e2")


def test_a_number_that_the_newer_set_lacks_of_one_variant_is_not_filled_up_from_the_older() -> None:
    """Rounds of two sets would be paired."""
    older, newer = cost_set(latency=1.0, memory=5.0), cost_set(latency=2.0)
    for measured, rounds in ((older, [1.0]), (newer, [2.0])):
        for own in measured["variants"].values():
            own["rounds"] = {"latency": rounds}
    newer["variants"]["b"] = variant("b", {}, problems={"latency": "boom"})
    (group,) = groups(older, newer)
    assert group.variants["a"].rounds == {"latency": [2.0]}
    assert group.variants["b"].rounds == {}
    assert group.variants["b"].columns == {"memory": 5.0}
    assert group.variants["b"].problems == {"latency": "boom"}


@pytest.mark.parametrize("key", ["latency", "latency_ms_p50"])
def test_a_problem_goes_once_its_metric_or_column_is_measured(key: str) -> None:
    older = cost_set(latency=1.0, memory=5.0)
    older["variants"]["b"] = variant("b", {}, problems={key: "boom", "memory": "too large"})
    newer = {**cost_set(latency_ms_p50=2.0), "metrics": ["latency"]}
    (group,) = groups(older, newer)
    assert group.variants["b"].problems == {"memory": "too large"}


def test_machines_and_conditions_never_mix_and_the_newest_stands_last() -> None:
    found = groups(
        cost_set("e1", EAGER, latency=1.0),
        cost_set("e3", EAGER, latency=3.0),
        cost_set("e1", COMPILED, latency=4.0),
        cost_set("e2", EAGER, memory=5.0),
    )
    assert [dict(group.variants["a"].columns) for group in found] == [
        {"latency": 3.0},
        {"latency": 4.0},
        {"latency": 1.0, "memory": 5.0},
    ]


def test_a_set_counts_only_if_it_has_every_variant_with_an_equal_model() -> None:
    lacking, other, more = cost_set(latency=1.0), cost_set(latency=2.0), cost_set(latency=3.0)
    del lacking["variants"]["b"]
    other["variants"]["b"]["model"] = {"width": 0.75}
    assert groups(lacking, other) == []
    more["variants"]["c"] = variant("a", {"latency": 9.0})
    (group,) = groups(more, lacking, other)
    assert list(group.variants) == ["a", "b"]
    assert group.variants["a"].columns == {"latency": 3.0}


def test_sets_of_the_older_format_are_passed_over() -> None:
    older = {
        "environment": "gone",
        "metrics": ["latency"],
        "conditions": {},
        "rounds": 5,
        "variants": {name: {"model": model, "columns": {"latency": 9.0}} for name, model in MODELS.items()},
    }
    (group,) = groups(older, cost_set(latency=1.0))
    assert group.variants["a"].columns == {"latency": 1.0}


def test_an_environment_that_nobody_knows_is_a_machine_of_its_own() -> None:
    """Each set is sound in itself; what is not known is where it was taken."""
    found = groups(cost_set("e8", latency=1.0), cost_set("e9", memory=5.0), cost_set("e9", latency=2.0))
    assert [group.machine for group in found] == [{"unknown environment": "e8"}, {"unknown environment": "e9"}]
    assert [dict(group.variants["a"].columns) for group in found] == [{"latency": 1.0}, {"memory": 5.0, "latency": 2.0}]


def test_the_group_with_most_of_what_is_asked_for_is_chosen_then_the_newest() -> None:
    rich, poor, newest = groups(
        cost_set("e1", EAGER, latency=1.0, memory=5.0),
        cost_set("e3", EAGER, latency=2.0),
        cost_set("e3", COMPILED, latency=3.0, energy=1.0),
    )
    every = [rich, poor, newest]
    assert chosen_group(every, ["accuracy", "latency", "memory"]) is rich
    assert chosen_group(every, ["latency"]) is newest
    assert chosen_group([rich, poor], ["latency", "energy"]) is poor
    assert chosen_group(every, []) is newest
