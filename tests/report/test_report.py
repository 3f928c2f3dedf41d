import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ablate.errors import UnknownName
from ablate.records import (
    TRIAL_METRICS,
    Record,
    failure_path,
    load_results,
    pack_bits,
    record_path,
    save_record,
    write_json,
)
from ablate.report import SECTIONS, composed, tables, write
from ablate.report.document import Heading
from ablate.report.markdown import render
from ablate.report.sections.results import effects_table, results_table


def report_of(results, **options):
    return render(composed(results, tables(results, **options)))


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.*")}


def test_the_folder_holds_the_tables_and_the_report(toy, tmp_path):
    results = toy(folder=tmp_path)
    paths = write(results)
    names = ["trials.csv", "variants.csv", "contrasts.csv", "costs.csv", "claims.csv", "curves.csv"]
    names += ["report.html", "report.md"]
    # One epoch is no curve.
    names += [f"figures/{name}.{form}" for name in ("ladder", "seeds", "pareto") for form in ("svg", "pdf")]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == names
    written = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(written) == sorted(names)
    contrasts = pd.read_csv(tmp_path / "contrasts.csv")
    assert contrasts["difference"][0] == pytest.approx(tables(results).contrasts["difference"][0], rel=1e-12)
    assert list(pd.read_csv(tmp_path / "trials.csv").columns) == [
        *("variant", "downsample", "seed", "key", "state", "accuracy", "test_loss", "train_seconds"),
        *("train_images_per_second", "attempts", "error", "environment"),
    ]


def test_a_folder_on_disk_gives_the_tables_of_its_records(toy, tmp_path, claim, key_of):
    results = toy(folder=tmp_path, claims=[claim()])
    write_json(tmp_path / "plan.json", results.plan)
    write_json(tmp_path / "environment.json", results.environments)
    for row in results.trials.to_dict("records"):
        metrics = {name: row[name] for name in TRIAL_METRICS}
        curve = [{"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "learning_rate": 0.1}]
        save_record(
            tmp_path,
            Record(
                key=row["key"],
                seed=row["seed"],
                state="complete",
                metrics=metrics,
                steps=234,
                curve=curve,
                correct=pack_bits(np.arange(10_000) < round(10_000 * row["accuracy"])),
                test_images=10_000,
                environment="e1",
            ),
        )
    record_path(tmp_path, key_of("maxpool", 7)).unlink()
    write_json(failure_path(tmp_path, key_of("maxpool", 7)), {"attempts": [{"cause": "boom"}]})
    loaded = load_results(tmp_path)
    write(loaded)
    first = digests(tmp_path)
    assert "Unfinished: 23 of 24 trials, 1 failed." in (tmp_path / "report.md").read_text()
    expected = tables(results).contrasts.iloc[0]
    found = pd.read_csv(tmp_path / "contrasts.csv").iloc[0]
    assert found["difference"] == pytest.approx(expected["difference"], rel=1e-12)
    assert found["verdict"] == "better"
    assert len(pd.read_csv(tmp_path / "curves.csv")) == 23
    write(load_results(tmp_path))
    assert digests(tmp_path) == first


def test_writing_twice_gives_the_same_bytes(toy, tmp_path, claim):
    results = toy(folder=tmp_path, claims=[claim()])
    write(results)
    before = digests(tmp_path)
    write(results)
    assert digests(tmp_path) == before


def test_an_unknown_format_writes_nothing(toy, tmp_path):
    with pytest.raises(UnknownName, match="unknown report format 'docx'; choices: html, md, tex"):
        write(toy(folder=tmp_path), ["md", "docx"])
    assert list(tmp_path.iterdir()) == []


def test_the_first_lines_answer_the_question(toy):
    results = toy()
    row = tables(results).contrasts.iloc[0]
    lines = report_of(results).split("\n\n")
    assert lines[:2] == ["# toy", "Does SPD help?"]
    low, high = 100 * row["ci_low"], 100 * row["ci_high"]
    spd = f"spd is better than strided (+{100 * row['difference']:.2f} percentage points [+{low:.2f}, +{high:.2f}]"
    larger = "4.00x the parameters and 4.00x the multiply-adds"
    assert lines[2].startswith(f"On accuracy: {spd}, n = 8) with {larger}; maxpool cannot be told from strided (")
    assert lines[2].count(" with ") == 1


def test_conditions_are_stated(toy):
    text = report_of(toy())
    assert "| model | preset mini_xception, width 0.25 |" in text
    assert "| data | name small_objects, seed 0, train images 5,000, test images 5,000, digest dddddddddddd |" in text
    assert "| training | epochs 6, batch size 128, optimizer sgd, lr 0.1, steps 234 |" in text
    assert "| seeds | 8 a variant, the same for all: 0, 1, 2, 3, 4, 5, 6, 7 |" in text
    assert "| baseline | strided |" in text
    assert "| baseline | spd |" in report_of(toy(), baseline="spd")
    assert "| machine | cpu Xeon, cores 2 |" in text


def test_what_a_factor_varies_is_no_condition(toy):
    results = toy()
    for variant, rate in zip(results.plan["variants"], (0.1, 0.2, 0.1), strict=True):
        variant["train"]["lr"] = rate
    assert "| training | epochs 6, batch size 128, optimizer sgd, steps 234 |" in report_of(results)


def test_the_results_table(toy):
    results = toy()
    derived = tables(results)
    table = results_table(results, derived)
    assert [column.header for column in table.columns] == [
        *("variant", "n", "accuracy (%)", "difference", "verdict", "parameters", "MACs, torch (multiply-adds)"),
        *("latency, median (ms, batch 1)", "latency, median (ms, batch 64)", "badges"),
    ]
    assert [row[0] for row in table.texts] == ["strided (baseline)", "spd", "maxpool"]
    assert table.marked == {0}
    spd = derived.variants.iloc[1]
    half = 50 * (spd["accuracy_ci_high"] - spd["accuracy_ci_low"])
    assert table.texts[1][2] == f"{100 * spd['accuracy_mean']:.2f} ± {half:.2f}"
    assert table.texts[0][3:5] == ("–", "–")
    assert table.texts[1][4:9] == ("better", "4,000 (4.00x)", "140 M (4.00x)", "2.47", "40.0")
    # What is sorted by is the number itself, and the baseline's difference from itself is none.
    assert [row[3].value for row in table.rows] == [0.0, *derived.contrasts["difference"][:2]]
    assert table.rows[1][6].value == 140_400_000


def test_a_finished_study_does_not_say_unfinished(toy):
    assert "nfinished" not in report_of(toy())


def test_an_unfinished_study_says_so_before_anything_else(toy):
    results = toy()
    trials = results.trials[:7].copy()
    trials.loc[6, ["state", "error", "accuracy"]] = ["failed", "out of memory", math.nan]
    text = report_of(replace(results, trials=trials))
    assert text.split("\n\n")[1].startswith("> **Unfinished: 6 of 24 trials, 1 failed.")


def test_what_is_missing_is_named(toy, key_of):
    results = toy()
    missing = results.trials["key"].isin([key_of("spd", 2), key_of("spd", 5)])
    kept = results.trials[~missing & (results.trials["variant"] != "maxpool")]
    lines = report_of(replace(results, trials=kept)).split("\n\n")
    assert lines[2] == "> **Missing: spd, seeds 2, 5; maxpool, all seeds.**"
    one = report_of(replace(results, trials=results.trials[results.trials["key"] != key_of("spd", 2)])).split("\n\n")
    assert one[2] == "> **Missing: spd, seed 2.**"
    assert "Missing:" not in report_of(results)


def test_of_very_many_missing_variants_the_first_are_named(toy):
    results = toy(factors={"model.downsample": [f"l{number}" for number in range(20)]})
    text = report_of(replace(results, trials=results.trials[:0], curves=results.curves[:0]))
    assert "l11, all seeds; and 8 more variants." in text
    assert "l12, all seeds" not in text


def test_of_many_contrasts_the_answer_counts_verdicts_and_names_both_ends(toy):
    results = toy(factors={"model.downsample": ["strided", "spd", *(f"l{number}" for number in range(30))]})
    contrasts = tables(results).contrasts
    of_accuracy = contrasts[contrasts["metric"] == "accuracy"]
    text = report_of(results)
    tally = of_accuracy["verdict"].value_counts()
    assert f"On accuracy: of 31 comparisons {tally['better']} is better" in text
    lowest = of_accuracy.sort_values("difference").iloc[0]
    assert "; the highest difference: spd is better than strided (+" in text
    assert f"; the lowest: {lowest['variant']} " in text
    assert "strided, spd, l0, l1" in text
    assert "and 8 more |" in text


def test_nothing_finished_is_a_report_too(toy):
    results = toy()
    text = report_of(replace(results, trials=results.trials[:0], curves=results.curves[:0], environments={}))
    assert "Unfinished: 0 of 24 trials." in text
    assert "spd against strided has no verdict (n = 0, 3 are needed)" in text
    assert "| machine | none yet |" in text


def test_a_machine_that_is_not_on_record_is_said_to_be_unknown(toy):
    results = toy()
    trials = results.trials.assign(environment=results.trials["environment"].where(results.trials.index > 0, "lost"))
    text = report_of(replace(results, trials=trials))
    assert "| machine | unknown (environment lost); cpu Xeon, cores 2 |" in text
    assert "| unknown environment | environment.json does not say where a trial ran; restore that file |" in text


def test_failures_are_listed_with_cause_and_log(toy, key_of):
    results = toy()
    trials = results.trials.copy()
    trials.loc[3, ["state", "error", "attempts", "accuracy", "environment"]] = ["failed", "a|b\nc", 2, math.nan, ""]
    text = report_of(replace(results, trials=trials))
    assert f"| strided | 3 | 2 | a\\|b c | logs/{key_of('strided', 3)}.log |" in text


def test_badges_are_explained_with_their_rows(toy, key_of):
    results = toy()
    text = report_of(replace(results, trials=results.trials[results.trials["key"] != key_of("spd", 2)]))
    line = next(line for line in text.splitlines() if line.startswith("| missing seeds |"))
    assert "a planned trial has no value of the metric" in line
    assert "variant spd; spd against strided on accuracy; spd against strided on test loss |" in line
    assert "Badges" not in report_of(toy())


def test_claims_stand_beside_what_was_measured(toy, claim):
    results = toy(claims=[claim()])
    text = report_of(results)
    assert "- spd-beats-stride: SPD-Conv classifies better (Sunkara & Luo 2022)" in text
    measured = tables(results).claims["measured"][0]
    assert f"| spd-beats-stride | accuracy | +1.09 | +{100 * measured:.2f} |" in text
    assert "the measured ones for the networks of this study on small_objects, 234 steps." in text
    assert "Claims" not in report_of(toy())


def test_a_claim_on_a_metric_without_seeds_says_why(toy, claim):
    text = report_of(toy(claims=[claim(id="size", metric="params")]))
    assert "Not tested, since the metric has no value a seed: size (params)." in text


CROSSED = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}


def test_a_crossed_grid_answers_with_its_main_effects(toy):
    results = toy(factors=CROSSED)
    spd, wide = tables(results).contrasts.to_dict("records")[:2]
    answer = report_of(results).split("\n\n")[2]
    low, high = 100 * spd["ci_low"], 100 * spd["ci_high"]
    assert answer.startswith(
        "On accuracy, averaged over the other factors: downsample spd is better than strided "
        f"(+{100 * spd['difference']:.2f} percentage points [+{low:.2f}, +{high:.2f}], n = 8); "
        f"width 0.5 cannot be told from 0.25 ({100 * wide['difference']:+.2f} percentage points ["
    )
    assert answer.endswith("those have an interval and no verdict.")


def test_under_conditions_the_answer_names_them(toy):
    text = report_of(toy(factors={"data.noise": [0, 8], **CROSSED}))
    answer = text.split("\n\n")[2]
    assert "at noise=0 downsample spd is better than strided (" in answer
    assert "; at noise=8 width 0.5 cannot be told from 0.25 (" in answer


def test_cells_have_no_verdict_and_main_effects_stand_beneath(toy):
    results = toy(factors=CROSSED)
    for variant, params in zip(results.plan["variants"], (100, 300, 1000, 5000), strict=True):
        variant["params"] = params
    derived = tables(results)
    cells = results_table(results, derived)
    assert {"difference", "verdict"}.isdisjoint(column.header for column in cells.columns)
    first, *others = derived.variants["variant"]
    assert [row[0] for row in cells.texts] == [f"{first} (baseline)", *others]
    assert cells.marked == {0}
    effects = effects_table(results, derived)
    assert [column.header for column in effects.columns] == [
        *("level", "against", "n", "accuracy, difference (percentage points)", "verdict"),
        *("parameters, difference", "MACs, torch (multiply-adds), difference", "badges"),
    ]
    assert [row[:3] for row in effects.texts] == [
        ("downsample=spd", "downsample=strided", "8"),
        ("width=0.5", "width=0.25", "8"),
    ]
    assert [row[4:6] for row in effects.texts] == [("better", "+2,800"), ("inconclusive", "+2,100")]
    assert effects.texts[0][3].startswith(f"{100 * derived.contrasts['difference'][0]:+.2f} [+")
    text = report_of(results)
    first, second = text.index("| variant | n |"), text.index("| level | against |")
    assert text.index("## Results") < first < text.index("Main effects: each level") < second < text.index("## Contr")


def test_one_factor_has_no_table_of_main_effects(toy):
    results = toy()
    assert effects_table(results, tables(results)).rows == ()
    assert "ain effect" not in report_of(results)
    one_at_a_time = toy(factors=CROSSED, design="one_at_a_time")
    assert "ain effect" not in report_of(one_at_a_time)


def test_the_method_says_what_a_main_effect_is(toy):
    text = report_of(toy(factors=CROSSED))
    assert "Single cells carry the interval of their mean over seeds and no verdict" in text
    assert "after Holm's correction over all main effects and all claims" in text
    assert "Each row is a main effect: the level minus the baseline's level" in text
    assert "after Holm's correction over all contrasts with the baseline and all claims" in report_of(toy())


def test_an_unfinished_grid_says_what_it_lacks(toy):
    results = toy(factors=CROSSED)
    only = replace(results, trials=results.trials[results.trials["variant"] == "downsample=spd,width=0.25"])
    text = report_of(only)
    assert "Unfinished: 8 of 32 trials." in text
    assert "downsample spd against strided has no verdict (n = 0, 3 are needed)" in text
    effects = effects_table(only, tables(only))
    assert effects.texts[0][2:6] == ("0", "–", "–", "+0")
    assert effects.texts[0][-1] == "missing seeds"


def test_another_baseline_of_a_crossed_grid_is_announced(toy):
    results = toy(factors=CROSSED)
    told = "Compared with downsample=spd and width=0.25; the study's own baseline is downsample=strided,width=0.25."
    text = report_of(results, baseline="downsample=spd,width=0.25")
    assert told in text
    assert "downsample strided is worse than spd" in text
    assert "Compared with" not in report_of(results)
    assert "Compared with" not in report_of(toy(factors={"data.noise": [0, 8], **CROSSED}))


def test_an_interaction_claim_says_what_it_measures(toy, interaction, claim):
    text = report_of(toy(factors=CROSSED, claims=[interaction()]))
    assert (
        "(a guess); measured as the lead of model.downsample spd over model.downsample strided at model.width 0.25, "
        "minus the same at model.width 0.5\n"
    ) in text.replace("\\", "")
    assert "its number is the first difference minus the second" in text
    assert "its number is the first difference" not in report_of(toy(claims=[claim()]))


def test_a_margin_is_put_in_words(toy):
    assert "place the difference within 0.50 percentage points of zero" in report_of(toy(margin={"accuracy": 0.005}))
    assert "No margin was stated" in report_of(toy())


def test_another_baseline_is_marked(toy):
    text = report_of(toy(), baseline="spd")
    assert "| spd (baseline) |" in text
    assert "strided is worse than spd" in text


def test_hostile_names_break_no_table(toy):
    named = {"a|b": {"model.bias": False}, "<i>x</i>": {"model.bias": True}, "`c`": {"model.bias": True}}
    results = toy(factors={"bias": named}, question="Is *this* <b>safe</b>?\n# No")
    text = report_of(results)
    prose = "".join(text.split("```")[::2])
    assert "<i>" not in prose
    assert "Is \\*this\\* &lt;b>safe&lt;/b>? # No" in text
    blocks = [line.startswith("|") for line in text.splitlines()]
    starts = [index for index, (before, now) in enumerate(pairwise([False, *blocks])) if now and not before]
    assert len(starts) == 6
    lines = text.splitlines()
    for start in starts:
        width = lines[start].count("|")
        end = next(index for index in range(start, len(lines) + 1) if index == len(lines) or not blocks[index])
        assert {line.replace("\\|", "").count("|") for line in lines[start:end]} == {width}
    assert "ablate run studies/toy.yaml --only 'a|b'" in text


def test_every_section_opens_with_a_heading(toy, claim):
    results = toy(claims=[claim()])
    derived = tables(results)
    for name, section in SECTIONS.items():
        blocks = section(results, derived)
        assert not blocks or isinstance(blocks[0], Heading), name


def test_the_report_imports_no_torch():
    code = "import sys, ablate.report, ablate.analysis; sys.exit(any(n in sys.modules for n in ('torch', 'optuna')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_baseline_than_the_study_s_is_announced(toy):
    results = toy()
    told = "Compared with spd; the study's own baseline is strided."
    assert told in report_of(results, baseline="spd")
    assert told not in report_of(results)


def test_what_is_varied_is_a_condition_of_the_answer(toy):
    assert "| varied | model.downsample: strided, spd, maxpool |" in report_of(toy())


def test_a_verdict_carries_its_contrast_s_badges(toy):
    """With four pairs the sign-flip p is at least 2/16, so that a verdict rests on the t test."""
    results = toy()
    for variant in results.plan["variants"]:
        variant["keys"] = dict(list(variant["keys"].items())[:4])
    results = replace(results, trials=results.trials[results.trials["seed"] < 4])
    rows = {row[0]: row[-1] for row in results_table(results, tables(results)).texts}
    assert rows == {"strided (baseline)": "", "spd": "normality assumed", "maxpool": "normality assumed"}


def test_costs_that_were_asked_for_and_not_measured_are_missed(toy, without_costs):
    missed = "The costs that the study asks for have not been measured"
    assert f"{missed} (latency); running it again" in report_of(without_costs(toy(measure=["accuracy", "latency"])))
    assert missed not in report_of(without_costs(toy(measure=["accuracy"])))
    assert f"{missed} (memory)" in report_of(toy(measure=["latency", "memory"]))
    assert missed not in report_of(toy(measure=["latency"]))


def test_overrides_are_part_of_how_to_reproduce(toy):
    results = toy()
    results.plan["overrides"] = ["train.epochs=2"]
    assert "ablate run studies/toy.yaml --set train.epochs=2\n" in report_of(results)


def section_of(text, heading):
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_costs_stand_with_interval_ratio_verdict_and_conditions_after_the_contrasts(toy):
    text = report_of(toy())
    assert text.index("## Contrasts") < text.index("## Costs") < text.index("## Method")
    costs = section_of(text, "Costs")
    assert "| latency, median (ms, batch 1) | strided (baseline) | 1.23 [1.20, 1.31] | – | – |" in costs
    assert "| latency, median (ms, batch 1) | spd | 2.47 [2.40, 2.62] | 2.000 [2.000, 2.000] | worse |" in costs
    assert "| parameters | spd | 4,000 | 4.000 | – |" in costs
    assert "| training MACs, 3 x forward (multiply-adds) | spd | 421 M | 4.000 | – |" in costs
    assert (
        "Costs were measured under: protocol 2, device cpu, threads 1, batch sizes 1 and 64, modes eager. "
        "Environment e1: rounds 12, load before 0.25."
    ) in costs
    assert "lies outside 1/1.03 to 1.03" in costs
    assert "p90 is given from 64 samples on, p99 from 662" in costs


def test_operators_that_the_second_counter_leaves_out_are_listed_once(toy, with_costs):
    results = with_costs(toy(), "spd", uncounted={"aten::pixel_unshuffle": 3})
    assert "leaves them out: aten::add (all variants); aten::pixel_unshuffle (spd)." in report_of(results).replace(
        "\\", ""
    )


def test_why_a_cost_is_missing_is_told_with_the_costs(toy, with_costs):
    costs = section_of(report_of(with_costs(toy(), "spd", problems={"energy": "no counter | on a CPU"})), "Costs")
    assert "Not measured:\n\n- spd, energy: no counter \\| on a CPU" in costs
    assert "| energy (J per image) | spd | – | – | – | cost missing |" in costs


def test_without_measured_costs_counts_are_shown_and_no_conditions(toy, without_costs):
    costs = section_of(report_of(without_costs(toy())), "Costs")
    assert "| parameters | spd | 4,000 | 4.000 | – |" in costs
    assert "measured under" not in costs
    assert "order statistics" not in costs
