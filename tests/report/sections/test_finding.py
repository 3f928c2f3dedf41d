"""The answer in a sentence, of the committed flagship study and of made ones."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablate.records import Results, load_results
from ablate.report import tables
from ablate.report.sections.claims import claims_section
from ablate.report.sections.finding import finding
from ablate.report.sections.results import results_table

FLAGSHIP = Path(__file__).parents[3] / "results" / "cifar10_downsampling"


@pytest.fixture(scope="module")
def flagship() -> Results:
    return load_results(FLAGSHIP)


def lead(results: Results, variant: str, baseline: str) -> float:
    """In percentage points, worked out anew."""
    accuracy = results.trials.pivot(index="seed", columns="variant", values="accuracy")
    return float(100 * (accuracy[variant] - accuracy[baseline]).mean())


def test_many_comparisons_are_listed_by_their_conditions_the_best_first(flagship: Results) -> None:
    said = finding(flagship, tables(flagship))
    assert said.startswith("On accuracy, in percentage points against strided (n = 10). As they come: maxpool +")
    parts = re.findall(r"(As they come|With as many \S+): (.*?)\. ?(?=[AW]|$)", said)
    assert [part for part, _ in parts] == ["As they come", "With as many parameters", "With as many multiply-adds"]
    for level, (_, told) in zip(("none", "params", "macs"), parts, strict=True):
        arms = [clause.split() for clause in told.split("; ")]
        expected = {
            name: lead(flagship, f"downsample={name},match={level}", "downsample=strided,match=none")
            for name in ("spd", "strided_6x6", "strided_depthwise", "maxpool")
        }
        assert [arm[0] for arm in arms] == sorted(expected, key=lambda name: -expected[name])
        assert [float(arm[1]) for arm in arms] == pytest.approx(sorted(expected.values(), reverse=True), abs=0.006)
    assert "maxpool +7.68 [+6.40, +8.96], better, with 0.62x the parameters" in parts[2][1]


def test_another_baseline_is_compared_under_every_condition_and_shown_under_its_own(flagship: Results) -> None:
    derived = tables(flagship, baseline="downsample=spd,match=none")
    said = finding(flagship, derived)
    for level, budget in (("none", ", worse, with 0.34x"), ("params", ", inconclusive"), ("macs", ", inconclusive")):
        number = lead(flagship, "downsample=strided,match=none", f"downsample=spd,match={level}")
        assert re.search(rf"\bstrided {re.escape(f'{number:+.2f}')} \[[^]]*\]{budget}", said)
    row = next(row for row in results_table(flagship, derived).texts if row[0] == "downsample=strided,match=none")
    assert row[3].startswith("-3.32 [")
    assert row[4] == "worse"
    own = derived.variants.set_index("variant").loc["downsample=strided,match=none"]
    assert own["params_ratio"] == pytest.approx(331_570 / 976_690)


def test_leads_over_the_same_trials_are_said_to_be_one_difference(flagship: Results) -> None:
    bullets = next(block for block in claims_section(flagship, tables(flagship)) if hasattr(block, "items"))
    (told,) = [item for item in bullets.items if item.startswith("spd-gains-by-its-size")]
    assert told.endswith("so that this is downsample=spd,match=none minus downsample=spd,match=macs")
    claim = tables(flagship).claims.set_index("id").loc["spd-gains-by-its-size"]
    assert 100 * claim["measured"] == pytest.approx(
        lead(flagship, "downsample=spd,match=none", "downsample=spd,match=macs"), abs=1e-9
    )


def test_where_nothing_is_tested_the_means_are_told(toy):
    results = toy(factors={"data.noise": [0, 8]})
    said = finding(results, tables(results))
    means = 100 * results.trials.groupby("variant")["accuracy"].mean()
    assert said.startswith("Nothing is tested: only the data vary")
    for name, mean in means.items():
        assert f"{name}: {mean:.2f} ±" in said


def test_a_loss_is_told_in_nats_and_the_lowest_first(toy):
    results = toy(primary="test_loss", factors={"data.noise": [0, 8], "model.downsample": ["a", "b", "c", "d", "e"]})
    said = finding(results, tables(results))
    assert said.startswith("On test loss, in nats against a (n = 8). At noise=0: ")
    first = re.search(r"At noise=0: (.*?)\. At noise=8", said)
    assert first is not None
    numbers = [float(clause.split()[1]) for clause in first[1].split("; ")]
    assert numbers == sorted(numbers)
    assert len(numbers) == 4


def test_another_number_of_pairs_is_a_range(toy):
    results = toy(factors={"data.noise": [0, 8], "model.downsample": ["a", "b", "c", "d", "e"]})
    left = results.trials[~((results.trials["variant"] == "noise=0,downsample=b") & (results.trials["seed"] > 4))]
    said = finding(replace(results, trials=left), tables(replace(results, trials=left)))
    assert "against a (n = 5 to 8)" in said
    assert np.isfinite(tables(replace(results, trials=left)).contrasts["difference"]).all()
