"""Committed results: the tables follow from the records, and say what README and the data set's description say."""

import re
from pathlib import Path

import pandas as pd
import pytest

from ablate import report
from ablate.analysis import contrasts as contrasts_of
from ablate.records import Results, load_results

ROOT = Path(__file__).parent.parent
TEXT = re.compile(r"<text [^>]*>([^<]*)</text>")
DRAWING = re.compile(r"<svg .*?</svg>", re.DOTALL)
NUMBERS = ("difference", "ci_low", "ci_high")
FOLDERS = sorted(path.parent for path in (ROOT / "results").rglob("plan.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_and_report_follow_from_the_records(folder: Path, tmp_path: Path) -> None:
    committed = load_results(folder)
    moved = Results(**{**vars(committed), "folder": tmp_path})
    for path in report.write(moved):
        stored = folder / path.relative_to(tmp_path)
        if path.suffix == ".csv":
            # Other versions of scipy may differ in the last digit.
            pd.testing.assert_frame_equal(pd.read_csv(path), pd.read_csv(stored), rtol=1e-9)
        elif path.suffix == ".svg":
            # Other versions of matplotlib may draw otherwise, but not write otherwise.
            assert TEXT.findall(path.read_text()) == TEXT.findall(stored.read_text()) != []
        elif path.suffix == ".pdf":
            assert stored.read_bytes().startswith(b"%PDF")
        elif path.suffix == ".html":
            page, committed_page = path.read_text(), stored.read_text()
            assert DRAWING.sub("", page) == DRAWING.sub("", committed_page)
            assert TEXT.findall(page) == TEXT.findall(committed_page)
        else:
            assert path.read_text() == stored.read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_studies_are_finished_and_were_run_at_a_commit(folder: Path) -> None:
    committed = load_results(folder)
    planned = sum(len(variant["keys"]) for variant in committed.plan["variants"])
    assert committed.trials["state"].tolist() == ["complete"] * planned
    used = set(committed.trials["environment"])
    assert all(committed.environments[name]["dirty"] is False for name in used)


def test_the_first_command_of_readme_finds_work_to_do() -> None:
    """Its results are kept apart, or in a clean clone there would be nothing left to run."""
    assert ROOT / "results" / "spdconv_vs_stride" not in FOLDERS


def test_the_flagship_s_variants_are_neither_at_chance_nor_at_the_ceiling() -> None:
    means = _variants("reference/spdconv_vs_stride")["accuracy_mean"]
    assert len(means) == 3
    assert means.between(0.60, 0.97).all()


def test_smaller_objects_are_harder() -> None:
    """Size by size the intervals of the mean accuracy lie apart, the smaller object's below."""
    sizes = _variants("object_size").sort_values("object_size")
    assert sizes["object_size"].tolist() == [6, 8, 10]
    assert (sizes["accuracy_ci_high"].to_numpy()[:-1] < sizes["accuracy_ci_low"].to_numpy()[1:]).all()


def test_readme_shows_the_committed_numbers() -> None:
    """Every row of the report's table of results stands in README, word for word."""
    shown = (ROOT / "README.md").read_text()
    lines = (ROOT / "results/reference/spdconv_vs_stride/report.md").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| variant |"))
    table = lines[first : lines.index("", first)]
    assert len(table) == 2 + 3
    assert "\n".join(table) in shown


def test_readme_answers_the_flagship_question_with_its_report() -> None:
    """Each difference, verdict and ratio of the section's table is that of its cell; so are the numbers of the text."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## SPDConv on CIFAR-10") :].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    section = " ".join(section.split())
    contrasts = pd.read_csv(ROOT / "results/cifar10_downsampling/contrasts.csv").query("metric == 'accuracy'")
    found = contrasts.set_index("variant")
    budgets = _variants("cifar10_downsampling").set_index("variant")
    arms = {"SPDConv": "spd", "strided 6x6": "strided_6x6", "strided depthwise": "strided_depthwise"}
    assert len(rows) == 1 + 4
    _check_tuned_arms(section)
    _check_object_sizes(section)
    for name, raw, ratios, *matched in rows[1:]:
        arm = arms.get(name, "maxpool")
        for said, match in zip((raw, *matched), ("none", "params", "macs"), strict=True):
            row = found.loc[f"downsample={arm},match={match}"]
            numbers = [100 * row[column] for column in NUMBERS]
            assert said == f"{numbers[0]:+.2f} [{numbers[1]:+.2f}, {numbers[2]:+.2f}] {row['verdict']}"
        own = budgets.loc[f"downsample={arm},match=none"]
        assert ratios == f"{own['params_ratio']:.2f}x, {own['macs_ratio']:.2f}x"
    claims = pd.read_csv(ROOT / "results/cifar10_downsampling/claims.csv").set_index("id")
    low, high = (100 * claims.loc["spd-gains-by-its-size", column] for column in ("ci_low", "ci_high"))
    assert f"{100 * claims.loc['spd-gains-by-its-size', 'measured']:.2f} points [{low:.2f}, {high:.2f}]" in section
    kernel = [100 * claims.loc["spd-is-more-than-a-larger-kernel", name] for name in ("measured", "ci_low", "ci_high")]
    assert f"{kernel[0]:+.2f} [{kernel[1]:+.2f}, {kernel[2]:+.2f}]" in section
    trials = load_results(ROOT / "results/cifar10_downsampling").trials
    against_spd = contrasts_of(trials, baseline="downsample=spd,match=none", metrics=["accuracy"]).set_index("variant")
    pooling = [100 * against_spd.loc["downsample=maxpool,match=none", name] for name in NUMBERS]
    assert f"{pooling[0]:.2f} points [{pooling[1]:.2f}, {pooling[2]:.2f}]" in section
    base = 100 * budgets.loc["downsample=strided,match=none", ["accuracy_mean", "accuracy_ci_low", "accuracy_ci_high"]]
    assert f"({base.iloc[0]:.2f} % ± {(base.iloc[2] - base.iloc[1]) / 2:.2f})" in section


def _check_tuned_arms(section: str) -> None:
    """What the section says of the tuned study is in its tables."""
    trials = load_results(ROOT / "results/cifar10_downsampling_tuned").trials
    for baseline, variant, form in (
        ("strided,match=none", "spd,match=none", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided,match=none", "strided_6x6,match=none", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided,match=none", "maxpool,match=none", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided,match=none", "spd,match=macs", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided,match=none", "strided_6x6,match=macs", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided,match=none", "maxpool,match=macs", "{:+.2f} [{:+.2f}, {:+.2f}]"),
        ("strided_6x6,match=macs", "spd,match=macs", "{:.2f} points [{:.2f}, {:.2f}]"),
    ):
        found = contrasts_of(trials, baseline=f"downsample={baseline}", metrics=["accuracy"]).set_index("variant")
        assert form.format(*(100 * found.loc[f"downsample={variant}", name] for name in NUMBERS)) in section


def _check_object_sizes(section: str) -> None:
    """What the section says of larger and smaller objects is in the tables of that study."""
    said = section[section.index("**Smaller objects.**") : section.index("**Limits.**")]
    contrasts = pd.read_csv(ROOT / "results/object_size_downsampling/contrasts.csv").query("metric == 'accuracy'")
    claims = pd.read_csv(ROOT / "results/object_size_downsampling/claims.csv").set_index("id")
    found = contrasts.set_index("variant")
    arms = ("spd,object_size=10,match=none", "spd,object_size=6,match=none", "spd,object_size=10,match=macs")
    arms = (
        *arms,
        "spd,object_size=6,match=macs",
        "maxpool,object_size=10,match=none",
        "maxpool,object_size=6,match=none",
    )
    told = [found.loc[f"downsample={arm}", list(NUMBERS)].to_list() for arm in arms]
    interactions = ("spd-helps-small-objects-more", "spd-helps-small-objects-more-at-equal-macs")
    told += [claims.loc[name, ["measured", "ci_low", "ci_high"]].to_list() for name in interactions]
    for numbers in told:
        assert "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(100 * number for number in numbers)) in said
    assert claims.loc[list(interactions), "verdict"].tolist() == ["inconclusive"] * 2


def _variants(study: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / study / "variants.csv")


def test_readme_s_differences_are_those_of_the_reports() -> None:
    """Every `+4.56 [+2.79, +6.34]` in a row of README that names a report stands in that report."""
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if "([report](results/" in line]
    rows = [row for row in rows if row.startswith("| [")]
    assert len(rows) == 13
    for row in rows:
        report_path = re.findall(r"\]\((results/[\w/]+/report\.md)\)", row)[0]
        stated = re.findall(r"([+-]\d+\.\d+)(?: points)? (\[[^\]]+\])", row)
        text = (ROOT / report_path).read_text()
        assert [pair for pair in stated if " ".join(pair) not in text] == []


def test_readme_s_verdicts_on_printed_numbers_are_those_of_the_study() -> None:
    claims = pd.read_csv(ROOT / "results/paper_vs_mini/claims.csv").set_index("id")["verdict"]
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| ([\w-]+): .* \| (matches|differs|ambiguous) \|$", text, re.MULTILINE)
    assert len(rows) == 7
    assert dict(rows) == claims[[name for name, _ in rows]].to_dict()
    tally = claims.value_counts()
    said = f"{len(claims)} printed numbers against the counts: {tally['matches']} match, {tally['differs']} differ, "
    assert said + f"{tally['ambiguous']} are ambiguous" in " ".join(text.split())


def test_the_null_study_ends_in_no_difference() -> None:
    """One function under two names, and one network under other seeds: each interval holds zero."""
    found = pd.read_csv(ROOT / "results/null/contrasts.csv").query("metric == 'accuracy'")
    assert found["verdict"].tolist() == ["inconclusive", "inconclusive"]
    assert found["n"].tolist() == [10, 10]
    assert ((found["ci_low"] < 0) & (found["ci_high"] > 0)).all()
