"""The table of costs and what weakens its rows."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from ablate.report import strict_problems, tables
from ablate.report.contrasting import cost_baselines
from ablate.report.numbers import quantity
from ablate.report.sections.results import results_table

CROSSED = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}
LATENCY = "latency_ms_p50"


def row(derived, metric, variant):
    found = derived.costs.set_index(["metric", "variant"]).loc[(metric, variant)]
    return found.to_dict()


def test_costs_have_the_contract_s_columns_and_a_row_a_variant_and_column(toy):
    costs = tables(toy()).costs
    assert list(costs.columns) == [
        *("variant", "baseline", "metric", "value", "value_ci_low", "value_ci_high", "ratio", "ratio_ci_low"),
        *("ratio_ci_high", "rounds", "samples", "spread", "verdict", "badges"),
    ]
    assert costs["variant"].tolist() == ["strided", "spd", "maxpool"] * 6
    assert costs["metric"].tolist()[::3] == [
        *("params", "macs", "training_macs", LATENCY, "latency_ms_p50_b64", "latency_ms_p90_b64")
    ]


def test_what_is_timed_has_intervals_from_its_rounds_and_a_verdict(toy):
    """12 rounds, 6 of either process: from the lowest to the highest, since 2 / 2^6 = 0.031."""
    derived = tables(toy())
    spd = row(derived, LATENCY, "spd")
    assert (spd["baseline"], spd["value"], spd["rounds"], spd["samples"], spd["spread"]) == (
        *("strided", 2.468, 12, 240, 0.02),
    )
    assert (spd["value_ci_low"], spd["value_ci_high"]) == pytest.approx((2 * 1.20, 2 * 1.31))
    assert (spd["ratio"], spd["ratio_ci_low"], spd["ratio_ci_high"]) == pytest.approx((2.0, 2.0, 2.0))
    assert spd["verdict"] == "worse"
    assert row(derived, LATENCY, "maxpool")["verdict"] == "equivalent"
    strided = row(derived, LATENCY, "strided")
    assert (strided["baseline"], strided["verdict"]) == ("", None)
    assert strided["value_ci_low"] == pytest.approx(1.20)
    assert math.isnan(strided["ratio"])


def test_counts_have_a_value_and_a_ratio_alone_and_percentiles_a_value(toy):
    derived = tables(toy())
    alone = derived.costs[derived.costs["metric"] != LATENCY]
    said = ["variant", "baseline", "metric", "value", "ratio", "badges"]
    assert alone.drop(columns=said).isna().all(axis=None)
    # A percentile is one of all rounds together, so that nothing is taken within a round.
    assert alone[alone["metric"] == "latency_ms_p90_b64"]["ratio"].isna().all()
    assert (row(derived, "params", "spd")["value"], row(derived, "params", "spd")["ratio"]) == (4000, 4.0)
    assert row(derived, "training_macs", "spd")["value"] == 3 * 140_400_000
    assert row(derived, "latency_ms_p50_b64", "spd")["ratio"] == 2.0


def test_more_images_a_second_are_better(toy, with_costs):
    rounds = {name: [speed + 0.1 * number for number in range(12)] for name, speed in (("strided", 100), ("spd", 150))}
    results = toy()
    for name, taken in rounds.items():
        metric = {"inference_images_per_second": taken}
        results = with_costs(results, name, columns={"inference_images_per_second": taken[3]}, rounds=metric)
    derived = tables(results)
    assert row(derived, "inference_images_per_second", "spd")["verdict"] == "better"
    assert ("inference_images_per_second", "maxpool") not in set(
        zip(derived.costs["metric"], derived.costs["variant"], strict=True)
    )


def test_another_baseline_changes_every_ratio(toy):
    derived = tables(toy(), baseline="spd")
    assert row(derived, LATENCY, "strided")["ratio"] == pytest.approx(0.5)
    assert row(derived, LATENCY, "strided")["verdict"] == "better"
    assert row(derived, "params", "strided")["ratio"] == 0.25
    assert row(derived, LATENCY, "spd")["baseline"] == ""


def test_in_a_crossed_grid_every_cell_is_set_against_the_baseline_s(toy):
    results = toy(factors=CROSSED)
    first, *others = [variant["variant"] for variant in results.plan["variants"]]
    assert cost_baselines(results.plan) == dict.fromkeys(others, first)
    assert set(tables(results).costs["baseline"]) == {"", first}


def test_costs_are_not_set_against_those_under_other_data(toy):
    plan = toy(factors={"data.noise": [0, 8], "model.downsample": ["strided", "spd"]}).plan
    assert cost_baselines(plan) == {
        "noise=0,downsample=spd": "noise=0,downsample=strided",
        "noise=8,downsample=spd": "noise=8,downsample=strided",
    }


def test_a_noisy_time_is_marked_and_marks_the_ratios_to_it(toy, with_costs):
    derived = tables(with_costs(toy(), "strided", spread={LATENCY: 0.11}))
    assert derived.variants["badges"].tolist() == ["noisy cost", "", ""]
    noisy = derived.costs[derived.costs["badges"] != ""]
    assert noisy[["metric", "variant", "badges"]].to_numpy().tolist() == [
        [LATENCY, variant, "noisy cost"] for variant in ("strided", "spd", "maxpool")
    ]
    assert tables(with_costs(toy(), "strided", spread={LATENCY: 0.10})).costs["badges"].tolist() == [""] * 18
    problems = strict_problems(derived)
    assert problems[0].startswith("variant strided: noisy cost (the samples of a time spread over more than 10 %")
    assert problems[1].startswith("latency, median (ms, batch 1) of all variants: noisy cost (")
    assert len(problems) == 2


def test_counters_that_disagree_mark_both_counts(toy, with_costs):
    results = with_costs(toy(), "spd", columns={"macs_fvcore": 140_400_001})
    results = with_costs(results, "strided", columns={"macs_fvcore": 35_100_000})
    derived = tables(results)
    assert derived.variants["badges"].tolist() == ["", "counters disagree", ""]
    assert [row(derived, metric, "spd")["badges"] for metric in ("params", "macs", "macs_fvcore")] == [
        *("", "counters disagree", "counters disagree")
    ]
    assert row(derived, "macs_fvcore", "strided")["badges"] == ""
    assert row(derived, "macs_fvcore", "spd")["ratio"] == 140_400_001 / 35_100_000
    assert len(strict_problems(derived)) == 3


@pytest.mark.parametrize(
    ("problem", "metric"),
    [
        ("memory", "memory_mib"),
        ("memory_mib", "memory_mib"),
        ("macs", "macs_fvcore"),
        ("latency_ms_p50_b64_compiled", "latency_ms_p50_b64_compiled"),
    ],
)
def test_what_could_not_be_measured_is_a_row_without_numbers(toy, with_costs, problem, metric):
    derived = tables(with_costs(toy(), "spd", problems={problem: "RuntimeError: no"}))
    missing = row(derived, metric, "spd")
    assert math.isnan(missing["value"])
    assert math.isnan(missing["ratio"])
    assert (missing["verdict"], missing["badges"]) == (None, "cost missing")
    assert derived.variants["badges"].tolist() == ["", "cost missing", ""]
    assert metric not in derived.variants.columns
    assert [line.rpartition(" (")[0] for line in strict_problems(derived)] == [
        "variant spd: cost missing",
        f"{quantity(metric).header} of spd: cost missing",
    ]


def test_of_a_metric_that_others_have_every_column_is_missed(toy, with_costs):
    parts = {"memory_mib": 10.0, "memory_activations_mib": 8.0}
    results = with_costs(with_costs(toy(), "strided", columns=parts), "spd", problems={"memory": "too large"})
    derived = tables(results)
    assert [row(derived, metric, "spd")["badges"] for metric in parts] == ["cost missing"] * 2
    assert derived.variants["memory_mib"].isna().tolist() == [False, True, True]


def test_a_number_from_before_a_failure_says_that_it_failed(toy, with_costs):
    derived = tables(with_costs(toy(), "spd", problems={LATENCY: "the process died"}))
    assert row(derived, LATENCY, "spd")["badges"] == "cost missing"
    assert derived.variants["badges"].tolist() == ["", "cost missing", ""]


def test_badges_of_costs_stand_in_the_table_of_results(toy, with_costs):
    results = with_costs(toy(), "spd", spread={LATENCY: 0.2})
    assert [cells[-1] for cells in results_table(results, tables(results)).rows] == ["", "noisy cost", ""]


def headers(results):
    shown = [column.header for column in results_table(results, tables(results)).columns]
    return shown[shown.index("verdict") + 1 : -1]


def test_the_table_of_results_stays_narrow(toy, with_costs):
    measured = (
        *("latency_ms_p99", "latency_ms_p50_b8", "latency_ms_p50_compiled", "macs_fvcore"),
        *("inference_images_per_second", "inference_images_per_second_compiled", "memory_mib"),
        *("memory_parameters_mib", "memory_inference_mib", "energy_joules", "training_images_per_second"),
    )
    columns = dict.fromkeys(measured, 1.0)
    assert headers(with_costs(toy(), "spd", columns=columns)) == [
        *("parameters", "MACs, torch (multiply-adds)", "latency, median (ms, batch 1)"),
        *("latency, median (ms, batch 64)", "inference (images/s)", "memory, one training step (MiB)"),
        *("energy (J per image)", "training step (images/s)"),
    ]


def test_where_nothing_ran_eagerly_the_first_mode_is_shown(toy, without_costs):
    results = without_costs(toy())
    assert headers(results) == ["parameters", "MACs, torch (multiply-adds)"]
    measured = ("latency_ms_p50_compiled", "latency_ms_p50_b8_compiled", "latency_ms_p50_cuda_graph")
    costs = pd.DataFrame({"variant": ["strided", "spd", "maxpool"], **dict.fromkeys(measured, 1.0)})
    assert headers(replace(results, costs=costs))[2:] == [
        *("latency, median (ms, batch 1, compiled)", "latency, median (ms, batch 8, compiled)")
    ]
