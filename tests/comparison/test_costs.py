"""Costs side by side."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ablate.comparison.costs import costs_table, why_unmeasured
from ablate.comparison.matching import match
from ablate.records import load_results, write_json

Folder = Callable[..., Any]
ONE = {0: 0.5}


def measured(results: Any, latency: Mapping[str, float], **changes: Any) -> Any:
    """`results` with a set of latencies at batch 1, in ms, in costs.json."""
    models = {variant["variant"]: variant["model"] for variant in results.plan["variants"]}
    variants = {
        name: {
            "model": models[name],
            "columns": {"latency_ms_p50": value},
            "rounds": {"latency_ms_p50": [value] * 8},
            "samples": {"latency_ms_p50": 64},
            "spread": {"latency_ms_p50": 0.01},
            "problems": {},
            "uncounted": {},
        }
        for name, value in latency.items()
    }
    one = {
        "environment": "e1",
        "metrics": ["latency"],
        "conditions": {"threads": 1},
        "observed": {},
        "variants": variants,
    }
    write_json(results.folder / "costs.json", {"sets": [{**one, **changes}]})
    return load_results(results.folder)


def rows(a: Any, b: Any, metric: str) -> list[dict[str, Any]]:
    table = costs_table(a, b, match(a, b).pairs)
    return table[table["metric"] == metric].to_dict("records")


def test_counts_are_equal_or_differ(folder: Folder) -> None:
    a = folder("a", {"strided": ONE, "spd": ONE})
    b = folder("b", {"strided": ONE, "spd": ONE}, of={"spd": {"params": 1500}})
    assert [(row["variant"], row["finding"], row["ratio"]) for row in rows(a, b, "params")] == [
        ("strided", "equal", 1.0),
        ("spd", "differs", 1.5),
    ]
    assert {row["finding"] for row in rows(a, b, "macs")} == {"equal"}
    assert {row["kind"] for row in rows(a, b, "params")} == {"exact"}


def test_times_have_the_ratio_of_b_over_a_and_no_finding(folder: Folder) -> None:
    """However far apart they are: they were not measured in turns."""
    a = measured(folder("a", {"strided": ONE, "spd": ONE}), {"strided": 2.0, "spd": 4.0})
    b = measured(folder("b", {"spd": ONE, "strided": ONE}), {"strided": 20.0, "spd": 4.5})
    assert [(row["variant"], row["value_a"], row["value_b"]) for row in rows(a, b, "latency_ms_p50")] == [
        ("strided", 2.0, 20.0),
        ("spd", 4.0, 4.5),
    ]
    assert [row["ratio"] for row in rows(a, b, "latency_ms_p50")] == pytest.approx([10.0, 1.125])
    assert {(row["kind"], row["finding"]) for row in rows(a, b, "latency_ms_p50")} == {("measured", None)}


def test_what_one_side_alone_measured_has_no_ratio(folder: Folder) -> None:
    a, b = measured(folder("a", {"spd": ONE}), {"spd": 2.0}), folder("b", {"spd": ONE})
    (row,) = rows(a, b, "latency_ms_p50")
    assert row["value_a"] == 2.0
    assert math.isnan(row["value_b"])
    assert math.isnan(row["ratio"])
    assert (why_unmeasured(a), why_unmeasured(b)) == ("", "no costs were measured")


def test_an_older_costs_json_is_no_measurement_and_says_so(folder: Folder, tmp_path: Path) -> None:
    results = measured(folder("a", {"spd": ONE}), {"spd": 2.0})
    older = {"environment": "e1", "metrics": ["latency"], "conditions": {}, "variants": {}}
    write_json(results.folder / "costs.json", {"sets": [older]})
    again = load_results(results.folder)
    assert why_unmeasured(again).startswith("costs.json holds no set of this version's format")
    assert rows(again, again, "latency_ms_p50") == []
    write_json(results.folder / "costs.json", {"sets": []})
    assert why_unmeasured(load_results(results.folder)) == "no costs were measured"
