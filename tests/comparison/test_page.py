"""What `ablate compare` shows (ablate/pages/comparison.py)."""

from collections.abc import Callable
from typing import Any

import pytest

from ablate.comparison import compare
from ablate.cost_sets import CostGroup, VariantCosts
from ablate.pages import comparison_page
from ablate.records import write_json
from ablate.report.document import Block, Bullets, Heading, Notice, Paragraph, Table

pytestmark = pytest.mark.usefixtures("quick_corrections")

Folder = Callable[..., Any]
A = {"strided": {0: 0.70, 1: 0.72, 2: 0.71}, "spd": {0: 0.75, 1: 0.74, 2: 0.77}}
B = {"strided": {0: 0.70, 1: 0.72, 2: 0.71}, "spd": {0: 0.80, 1: 0.79, 2: 0.83}}


def section(blocks: list[Block], heading: str) -> list[Block]:
    first = blocks.index(Heading(heading)) + 1
    rest = blocks[first:]
    end = next((at for at, block in enumerate(rest) if isinstance(block, Heading) and block.level < 3), len(rest))
    return rest[:end]


def table(blocks: list[Block], heading: str) -> Table:
    return next(block for block in section(blocks, heading) if isinstance(block, Table))


def said(blocks: list[Block]) -> str:
    return " ".join(block.text for block in blocks if isinstance(block, Paragraph | Notice))


def answer(blocks: list[Block]) -> str:
    return next(block.text for block in blocks if isinstance(block, Paragraph))


def test_a_study_run_twice_is_answered_in_one_sentence(folder: Folder) -> None:
    blocks = comparison_page(compare(folder("a", A), folder("b", A)))
    assert answer(blocks) == "B repeats A: all 6 trials that both planned are identical, bit by bit."
    assert "None: whatever is recorded" in said(section(blocks, "Conditions that differ"))
    assert not any(isinstance(block, Bullets | Notice) for block in blocks)


def test_the_answer_has_every_verdict_and_how_many_trials_repeat(folder: Folder) -> None:
    """Student's t of 0.05, 0.05 and 0.06 is 16: p = 0.0039 on 2 degrees of freedom, and twice that by Holm."""
    blocks = comparison_page(compare(folder("a", A), folder("b", B)))
    assert answer(blocks) == (
        "On accuracy: strided is identical; spd is better in B (B - A: +5.33 percentage points [+3.90, +6.77], n = 3). "
        "Of 6 trials with one key in both, 3 are identical, bit by bit."
    )


def test_a_row_a_variant_and_metric(folder: Folder) -> None:
    blocks = section(comparison_page(compare(folder("a", A), folder("b", B))), "Variants")
    tested, described = [block for block in blocks if isinstance(block, Table)]
    assert [column.header for column in tested.columns] == [
        *("variant", "metric", "A", "B", "n", "B - A [95 %]", "p", "p, sign flips", "p, Holm"),
        *("verdict", "trials", "badges"),
    ]
    assert tested.rows[1] == (
        *("spd", "accuracy (%)", "75.33 ± 3.79", "80.67 ± 5.17", "3", "+5.33 [+3.90, +6.77]", "0.0039", "0.2500"),
        *("0.0078", "better", "0 of 3 bit-equal", "normality assumed"),
    )
    # What is described has no verdict, and here no badge.
    assert [column.header for column in described.columns][-1] == "p, sign flips"
    assert [row[:2] for row in described.rows] == [("strided", "test loss (nats)"), ("spd", "test loss (nats)")]


def test_under_three_pairs_and_on_other_data_the_answer_says_why_there_is_no_verdict(folder: Folder) -> None:
    two = {"spd": {0: 0.5, 1: 0.6}}
    assert "spd has no verdict (n = 2; 3 are needed)" in answer(
        comparison_page(compare(folder("a", two), folder("b", {"spd": {0: 0.6, 1: 0.6}})))
    )
    keys = {"0": "0" * 64, "1": "1" * 64}
    other = folder("c", two, of={"spd": {"keys": keys, "data": {"name": "x", "digest": "e" * 64}}})
    blocks = comparison_page(compare(folder("a", two), other))
    assert "spd has no verdict (tested on other data (digest dddddddddddd in A, eeeeeeeeeeee in B))" in answer(blocks)
    assert any("tested on other data" in item for block in blocks if isinstance(block, Bullets) for item in block.items)


def test_unpaired_trials_are_marked(folder: Folder) -> None:
    far = {name: {seed + 10: value for seed, value in own.items()} for name, own in B.items()}
    blocks = comparison_page(compare(folder("a", A), folder("b", far)))
    assert "n = 3 and 3, unpaired" in answer(blocks)
    row = table(blocks, "Variants").rows[1]
    assert (row[4], row[7], row[10]) == ("3 and 3, unpaired", "–", "no seed in common")
    assert "spd: no seed in common: Welch's interval, of unpaired trials" in next(
        block.items for block in section(blocks, "Variants") if isinstance(block, Bullets)
    )


def test_what_is_unfinished_or_on_one_side_alone_is_said(folder: Folder) -> None:
    part = {"strided": {**A["strided"], 2: None}, "maxpool": {0: 0.5}}
    blocks = comparison_page(compare(folder("a", A), folder("b", part)))
    assert "B: Unfinished: 3 of 4 trials. What is missing is in no table below." in said(blocks)
    (alone,) = [block for block in blocks[:6] if isinstance(block, Bullets)]
    assert [item.partition(":")[0] for item in alone.items] == ["spd, in A alone", "maxpool, in B alone"]
    assert table(blocks, "Variants").rows[0][4] == "2 of 3 and 2"
    assert table(blocks, "Variants").rows[0][10] == "2 of 2 bit-equal, 1 unfinished"


def test_a_network_under_two_names_has_both(folder: Folder) -> None:
    a = folder("a", {"spd": A["spd"]})
    b = folder("b", {"d=spd": B["spd"]}, of={"d=spd": {"model": a.plan["variants"][0]["model"]}})
    blocks = comparison_page(compare(a, b))
    assert table(blocks, "Variants").rows[0][0] == "spd (d=spd in B)"
    assert table(blocks, "Variants").rows[0][10] == "no key in common"


def test_contrasts_have_both_differences_both_verdicts_and_the_change(folder: Folder) -> None:
    shown = table(comparison_page(compare(folder("a", A), folder("b", B))), "Contrasts")
    assert shown.rows[0][:2] == ("spd - strided", "accuracy (%)")
    assert shown.rows[0][4:6] == ("3", "+5.33 [+3.90, +6.77]")
    # Holm over one contrast, and in A 0.05, 0.02 and 0.06, of which t is 3.6, are not enough: p = 0.069.
    assert shown.rows[0][8:12] == ("0.0039", "changed", "inconclusive", "better")


def measured(results: Any, latency_ms: float) -> Any:
    """`results` with a latency in costs.json that every variant shares."""
    own = VariantCosts(
        columns={"latency_ms_p50": latency_ms},
        rounds={"latency_ms_p50": [latency_ms] * 8},
        samples={"latency_ms_p50": 64},
        spread={"latency_ms_p50": 0.01},
        problems={},
        uncounted={},
    )
    group = CostGroup(
        machine={"cpu": "Xeon"},
        conditions={"threads": 1},
        observed=({"rounds": 8},),
        environments=("e1",),
        metrics=frozenset({"latency"}),
        variants=dict.fromkeys(("strided", "spd"), own),
    )
    return type(results)(**{**vars(results), "cost_group": group})


class TestCosts:
    def test_equal_counts_are_a_sentence_and_others_a_table(self, folder: Folder) -> None:
        more = folder("b", B, of={"spd": {"params": 1500}})
        blocks = section(comparison_page(compare(folder("a", A), more)), "Costs")
        assert "Equal for every variant: MACs, torch (multiply-adds)." in said(blocks)
        (shown,) = [block for block in blocks if isinstance(block, Table)]
        assert shown.rows == (("parameters", "spd", "1,000", "1,500", "1.500", "differs"),)
        assert "A: no costs were measured." in said(blocks)

    def test_times_are_a_ratio_without_a_verdict_and_with_the_reason(self, folder: Folder) -> None:
        a, b = measured(folder("a", A), 2.0), measured(folder("b", B), 4.0)
        blocks = section(comparison_page(compare(a, b)), "Costs")
        shown = next(block for block in blocks if isinstance(block, Table))
        assert shown.rows[0] == ("latency, median (ms, batch 1)", "strided", "2.00", "4.00", "2.000", "–")
        assert "measured in two sessions, not in turns" in said(blocks)
        assert [block.text for block in blocks if isinstance(block, Heading)] == ["Costs of A", "Costs of B"]
        assert said(blocks).count("Costs were measured under: threads 1.") == 2

    def test_one_set_of_measurements_on_both_sides_is_said_to_be_one(self, folder: Folder) -> None:
        a, b = measured(folder("a", A), 2.0), measured(folder("b", B), 2.0)
        told = said(section(comparison_page(compare(a, b)), "Costs"))
        assert "A and B hold the same measurements of costs." in told
        assert "two sessions" not in told

    def test_what_one_side_alone_measured_is_named(self, folder: Folder) -> None:
        told = said(section(comparison_page(compare(folder("a", A), measured(folder("b", B), 2.0))), "Costs"))
        assert "In B alone: latency, median (ms, batch 1)." in told

    def test_an_older_file_is_no_measurement(self, folder: Folder) -> None:
        a = folder("a", A)
        write_json(a.folder / "costs.json", {"sets": [{"environment": "e1"}]})
        told = said(section(comparison_page(compare(a, folder("b", B))), "Costs"))
        assert "A: costs.json holds no set of this version's format" in told


def test_conditions_that_differ_are_a_table(folder: Folder) -> None:
    blocks = comparison_page(compare(folder("a", A), folder("b", B, environment={"commit": "b" * 40})))
    assert table(blocks, "Conditions that differ").rows == (("environment", "commit", "a" * 12, "b" * 12),)
