"""What a study that only counts reports, from a results folder made by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ablate import report
from ablate.errors import ResultsError
from ablate.pages import results_page
from ablate.records import Results, load_results, write_json
from ablate.report.counting import parameter_chart
from ablate.report.document import Bar, Block, Chart, Heading, Notice, Panel, Paragraph, Table
from ablate.report.markdown import render
from ablate.report.sections.counted import answer_sentence
from ablate.report.sections.systems import feature_maps, in_units, network, systems_table

Make = Callable[..., Results]


def claim(name: str, system: str, quantity: str, published: float, **more: Any) -> dict[str, Any]:
    count = {"system": system, "quantity": quantity, "over": None, "published": published, "tolerance": 0.01}
    stated = {key: value for key, value in more.items() if key in count}
    rest = {key: value for key, value in more.items() if key not in count}
    said = {"id": name, "source": "A guide, section 8", "statement": f"{system} has {published:g}", "note": ""}
    return {**said, "readings": [], **rest, "count": {**count, **stated}}


CLAIMS = [
    claim("big-params", "big", "params", 23e6),
    claim("small-params", "small", "params", 5e6),
    claim("big-top1", "big", "top1", 0.79),
    claim("big-macs", "big", "macs", 5.5e9, readings=[{"system": "small", "quantity": "macs"}]),
    claim("small-macs", "small", "macs", 0.57e9, source="A paper, table 1", note="Of | pixels."),
    claim("ratio", "big", "params", 5.44, over="small"),
    claim("big-smaller", "big", "params", 22.9e6, source="A paper, table 3", tolerance=0.002),
    claim("lone-top1", "small", "top1", 0.7, source="A paper, table 3"),
    claim("small-rounded", "small", "params", 4e6, tolerance=0.1),
]
QUANTITIES: dict[str, dict[str, float | None]] = {
    "big": {"params": 22_855_952, "macs": 8_357_403_496, "top1": 0.7901},
    "small": {"params": 4_231_976, "macs": 568_740_352, "top1": None},
}
FACTORS = {
    "system": {
        "big": {"model.preset": "xception"},
        "small": {"model.preset": "mobilenet_v1", "model.width": 0.5, "model.downsample_kernel": [3, 1]},
    }
}
STAGES = {"big": [["a", [32, 149, 149]], ["b", [32, 149, 149]], ["c", [64, 7, 9]]], "small": [["a", [8, 2, 2]]]}


def page(results: Results) -> list[Block]:
    return results_page(results, report.tables(results))


def counted_plan(**changes: Any) -> dict[str, Any]:
    """plan.json of two systems; `changes` are keys of its study section."""
    study = {
        "name": "toy",
        "question": "Is it so?",
        "design": "count",
        "seeds": [],
        "primary": "accuracy",
        "margin": {},
        "measure": ["params", "macs", "latency"],
        "factors": FACTORS,
        "claims": CLAIMS,
        "model": {"preset": "xception"},
        **changes,
    }
    return {
        "training_version": 1,
        "precision": "fp32",
        "source": "studies/toy.yaml",
        "overrides": [],
        "study": study,
        "factors": [{"path": "system", "column": "system"}],
        "baseline": "big",
        "variants": [counted_variant("big", 299), counted_variant("small", 224)],
    }


def counted_variant(name: str, size: int) -> dict[str, Any]:
    return {
        "variant": name,
        "levels": {"system": name},
        "model": {"preset": FACTORS["system"][name]["model.preset"], "input_size": size},
        "data": {},
        "train": {},
        "steps": 0,
        "params": QUANTITIES[name]["params"],
        "macs": QUANTITIES[name]["macs"],
        "quantities": QUANTITIES[name],
        "stages": STAGES[name],
        "keys": {},
    }


def measured_costs(model: dict[str, Any], latency_ms: float) -> dict[str, Any]:
    return {
        "model": model,
        "columns": {"latency_ms_p50": latency_ms, "latency_ms_p90": 99.0, "macs_fvcore": 7},
        "rounds": {"latency_ms_p50": [9.0, 9.0, 9.1, 9.1, 9.2, 9.2, 9.3, 9.3, 9.4, 9.4, 9.5, 9.5]},
        "samples": {"latency_ms_p50": 12},
        "spread": {"latency_ms_p50": 0.5},
        "problems": {"throughput": "RuntimeError: out of memory"},
        "uncounted": {},
    }


@pytest.fixture
def counted(tmp_path: Path) -> Make:
    """A count study of two systems, read from its folder; keywords change its study section."""

    def make(**changes: Any) -> Results:
        plan = counted_plan(**changes)
        write_json(tmp_path / "plan.json", plan)
        models = {each["variant"]: each["model"] for each in plan["variants"]}
        latencies_ms = {"big": 80.5, "small": 9.25}
        measured = {
            "environment": "e1",
            "metrics": ["latency", "macs"],
            "conditions": {"device": "cpu", "threads": 2, "batch_sizes": [1]},
            "observed": {"rounds": 12},
            "variants": {name: measured_costs(models[name], latencies_ms[name]) for name in models},
        }
        write_json(tmp_path / "costs.json", {"sets": [measured]})
        write_json(tmp_path / "environment.json", {"e1": {"machine": {"cpu": "Xeon"}}})
        return load_results(tmp_path)

    return make


class TestTables:
    def test_claims_have_the_contract_s_columns_and_then_their_own(self, counted: Make) -> None:
        claims = report.tables(counted()).claims
        assert list(claims.columns) == [
            *("id", "source", "metric", "published", "measured", "ci_low", "ci_high", "verdict"),
            *("system", "reason", "badges"),
        ]
        assert claims[["ci_low", "ci_high"]].isna().all(axis=None)
        assert (claims["badges"] == "").all()

    def test_every_verdict_follows_from_the_counts(self, counted: Make) -> None:
        claims = report.tables(counted()).claims.set_index("id")
        assert claims["verdict"].to_dict() == {
            "big-params": "matches",
            "small-params": "differs",
            "big-top1": "matches",
            "big-macs": "differs",
            "small-macs": "matches",
            "ratio": "matches",
            "big-smaller": "matches",
            "lone-top1": "not tested",
            "small-rounded": "matches",
        }
        assert claims.loc["big-params", "measured"] == 22_855_952
        assert claims.loc["ratio", "measured"] == pytest.approx(22_855_952 / 4_231_976)
        assert claims.loc["ratio", "system"] == "big over small"
        assert math.isnan(claims.loc["lone-top1", "measured"])
        assert claims.loc["small-macs", "reason"] == "macs of small: 568,740,352 (-0.22 %). Of | pixels."

    def test_variants_have_counts_and_costs_and_nothing_of_training(self, counted: Make) -> None:
        variants = report.tables(counted()).variants
        assert list(variants.columns) == [
            *("variant", "system", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low", "accuracy_ci_high"),
            *("params", "macs", "training_macs", "latency_ms_p50", "latency_ms_p90", "macs_fvcore", "badges"),
        ]
        assert variants["n"].tolist() == [0, 0]
        assert variants["params"].tolist() == [22_855_952, 4_231_976]
        assert variants["latency_ms_p50"].tolist() == [80.5, 9.25]

    def test_costs_have_values_and_intervals_and_are_set_against_nothing(self, counted: Make) -> None:
        derived = report.tables(counted())
        costs = derived.costs
        assert costs[["ratio", "ratio_ci_low", "ratio_ci_high", "verdict"]].isna().all(axis=None)
        assert set(costs["badges"]) == set(costs["baseline"]) == set(derived.variants["badges"]) == {""}
        latency = costs[costs["metric"] == "latency_ms_p50"]
        assert latency[["value", "value_ci_low", "value_ci_high"]].to_numpy().tolist() == [
            [80.5, 9.0, 9.5],
            [9.25, 9.0, 9.5],
        ]

    def test_there_is_nothing_to_compare_with(self, counted: Make) -> None:
        assert report.tables(counted()).contrasts.empty
        assert report.strict_problems(report.tables(counted())) == []
        with pytest.raises(ResultsError, match="baseline 'big' has no use here: the study counts networks"):
            report.tables(counted(), baseline="big")


class TestSystems:
    def test_a_row_has_what_is_counted_beside_what_is_printed(self, counted: Make) -> None:
        results = counted()
        table = systems_table(results, report.tables(results))
        assert [column.header for column in table.columns] == [
            *("system", "network", "input (pixels)", "parameters", "parameters, printed"),
            *("MACs", "MACs, printed", "top-1 (%)", "top-1 (%), printed"),
            *("latency, median (ms, batch 1)", "feature maps"),
        ]
        assert table.texts == (
            (
                *("big", "xception", "299", "22,855,952", "23 M (matches); 22.9 M (matches)"),
                *("8.36 G", "5.5 G (differs)", "79.0", "79 (matches)", "80.5", "32@149 64@7x9"),
            ),
            (
                *("small", "mobilenet_v1, width 0.5, downsample_kernel [3, 1]", "224", "4,231,976"),
                "5 M (differs); 4 M (matches)",
                *("569 M", "570 M (matches)", "–", "70 (not tested)", "9.25", "8@2"),
            ),
        )

    def test_without_any_accuracy_there_is_no_column_for_it(self, counted: Make) -> None:
        results = counted(claims=CLAIMS[:2])
        for variant in results.plan["variants"]:
            variant["quantities"].pop("top1", None)
        table = systems_table(results, report.tables(results))
        assert "top-1 (%)" not in [column.header for column in table.columns]

    def test_a_level_in_short_form_sets_its_own_field(self) -> None:
        plan = {"study": {"factors": {"model.width": [0.5, 1]}}}
        variant = {"levels": {"model.width": "0.5"}, "model": {"builder": "nets.py:make"}}
        assert network(plan, variant) == "nets.py:make, width 0.5"

    def test_feature_maps_are_shown_where_they_change(self) -> None:
        assert feature_maps([("a", [3, 8, 8]), ("b", [3, 8, 8]), ("c", [4, 8, 8]), ("d", [3, 8, 8])]) == "3@8 4@8 3@8"

    @pytest.mark.parametrize(
        ("value", "text"), [(5.5e9, "5.5 G"), (22855952, "22.855952 M"), (470000, "470,000"), (79.0, "79")]
    )
    def test_printed_numbers_keep_their_digits(self, value: float, text: str) -> None:
        assert in_units(value) == text


class TestChart:
    def test_one_panel_a_source_that_prints_parameters_of_several_systems(self, counted: Make) -> None:
        chart = parameter_chart(counted())
        assert chart is not None
        bars = (Bar("big", 22.855952, 23.0), Bar("small", 4.231976, 5.0), Bar("small", 4.231976, 4.0))
        assert chart.panels == (Panel("A guide, section 8", bars),)
        assert chart.file == "figures/parameters.svg"

    def test_two_bars_are_no_chart(self, counted: Make) -> None:
        results = counted(claims=CLAIMS[:-1])
        assert parameter_chart(results) is None
        assert "figures" not in render(report.composed(results, report.tables(results)))


class TestReport:
    def test_the_answer_counts_verdicts(self, counted: Make) -> None:
        results = counted()
        assert answer_sentence(results, report.tables(results)) == (
            "2 systems were counted. Of 9 printed numbers 6 match what is counted here, 2 differ, 1 have nothing to be "
            "compared with."
        )

    def test_ambiguity_is_told(self, counted: Make) -> None:
        ambiguous = claim("both", "big", "params", 22.9e6, readings=[{"system": "small", "quantity": "params"}])
        results = counted(claims=[ambiguous])
        assert "1 are ambiguous, since they agree with one meaning" in answer_sentence(results, report.tables(results))

    def test_without_claims_the_systems_stand_alone(self, counted: Make) -> None:
        results = counted(claims=[])
        blocks = report.composed(results, report.tables(results))
        headings = [block.text for block in blocks if isinstance(block, Heading)]
        assert headings == ["toy", "Systems", "How to reproduce", "Environment", "Method"]
        said = Paragraph("2 systems were counted; no printed number was stated to compare them with.", "answer")
        assert said in blocks

    def test_the_document_has_one_row_a_number_and_the_picture(self, counted: Make) -> None:
        results = counted()
        text = render(report.composed(results, report.tables(results)))
        row = "| small-macs | small has 5.7e+08 | A paper, table 1 | 570,000,000 | 568,740,352 | matches |"
        assert f"{row} macs of small: 568,740,352 (-0.22 %). Of \\| pixels. |" in text
        assert "![Parameters, measured and as printed](figures/parameters.svg)" in text
        assert "| macs | multiply-adds of convolutions and linear layers for one image |" in text
        assert "Costs were measured under: device cpu, threads 2, batch sizes 1. Environment e1: rounds 12." in text
        assert "- big, throughput: RuntimeError: out of memory" in text
        assert "ablate run studies/toy.yaml\n" in text
        assert "--only" not in text

    def test_costs_that_are_asked_for_are_missed(self, counted: Make) -> None:
        results = replace(counted(), cost_group=None, costs=pd.DataFrame({"variant": []}))
        blocks = report.composed(results, report.tables(results))
        assert any(isinstance(block, Notice) and "have not been measured" in block.text for block in blocks)
        asked_for_none = counted(measure=["params"])
        asked_for_none = replace(asked_for_none, cost_group=None, costs=pd.DataFrame({"variant": []}))
        assert not any(isinstance(block, Notice) for block in page(asked_for_none))

    def test_the_folder_gets_the_figure_and_the_same_bytes_again(self, counted: Make, tmp_path: Path) -> None:
        results = counted()
        paths = report.write(results)
        names = [path.relative_to(tmp_path).as_posix() for path in paths]
        assert names[-4:] == ["report.html", "report.md", "figures/parameters.svg", "figures/parameters.pdf"]
        before = {path: path.read_bytes() for path in paths}
        report.write(results)
        assert {path: path.read_bytes() for path in paths} == before
        assert pd.read_csv(tmp_path / "claims.csv")["verdict"].tolist()[:2] == ["matches", "differs"]

    def test_the_page_ends_with_the_chart(self, counted: Make) -> None:
        blocks = page(counted())
        assert blocks[0] == Heading("toy", 1)
        assert isinstance(blocks[-1], Chart)
        assert [len(block.rows) for block in blocks if isinstance(block, Table)] == [2, 9]
