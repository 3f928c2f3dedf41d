"""What the commands say, as blocks."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from ablate import pages, report
from ablate.doctor import Finding
from ablate.pages.training import studies_blocks, training_blocks
from ablate.report.document import Bullets, Code, Heading, Notice, Paragraph, Table
from ablate.report.numbers import ABSENT
from ablate.study.status import Failure, Rehearsed, Status
from ablate.train.recipes import RECIPES


def texts(blocks: list[Any], kind: type) -> list[str]:
    return [block.text for block in blocks if isinstance(block, kind)]


def status(**changes: Any) -> Status:
    fields: dict[str, Any] = {"study": "toy", "planned": 4, "complete": 2, "diverged": 0, "missing": 2}
    return Status(**{**fields, "running": (), "failures": (), **changes})


class TestStatusPage:
    def test_counts(self) -> None:
        assert pages.status_page(status()) == [Heading("toy", 1), Paragraph("2 of 4 trials complete, 2 missing")]
        assert texts(pages.status_page(status(diverged=1)), Paragraph) == [
            "2 of 4 trials complete, 2 missing, 1 diverged"
        ]

    def test_trials_of_tuning_and_search_are_counted_by_themselves(self) -> None:
        blocks = pages.status_page(status(rehearsed=Rehearsed("search", 40, 23)))
        assert texts(blocks, Paragraph) == [
            "23 of 40 trials of the search have ended",
            "2 of 4 trials complete, 2 missing",
        ]
        blocks = pages.status_page(status(rehearsed=Rehearsed("tuning", 36, 0)))
        assert texts(blocks, Paragraph)[0] == "0 of 36 trials of tuning have ended"

    def test_a_study_that_only_counts_has_no_trials_to_speak_of(self) -> None:
        blocks = pages.status_page(status(planned=0, complete=0, missing=0))
        assert blocks == [Heading("toy", 1), Paragraph("nothing to train: a study that counts its networks")]

    def test_what_runs_and_what_failed(self) -> None:
        failure = Failure("a seed 1", ("boom", "bang"), Path("logs/k.log"), "Traceback\nbang")
        blocks = pages.status_page(status(running=("b seed 0",), failures=(failure,)))
        assert Bullets(("b seed 0",)) in blocks
        assert blocks[-4:] == [
            Notice("a seed 1 failed"),
            Bullets(("attempt 1: boom", "attempt 2: bang")),
            Paragraph("log: logs/k.log"),
            Code("Traceback\nbang"),
        ]


class TestPlanPage:
    def preview(self, seconds_left: float | None) -> dict[str, Any]:
        row = {"variant": "spd", "downsample": "spd", "params": 1234567, "macs": 89}
        seeds = {"planned": 5, "at_most": 5, "until": None}
        shown = {"study": "toy", "trials": 5, "done": 2, "first": None, "seconds_left": seconds_left, "variants": [row]}
        return {**shown, "seeds": seeds, "power": None}

    def test_a_row_a_variant_and_what_is_left(self) -> None:
        heading, table, left = pages.plan_page(self.preview(301.0))
        assert heading == Heading("toy", 1)
        assert isinstance(table, Table)
        assert [column.header for column in table.columns] == ["variant", "downsample", "params", "macs"]
        assert table.rows == (("spd", "spd", "1,234,567", "89"),)
        assert left == Paragraph("5 trials, 2 done; training time left: about 5 min on one worker")

    def test_before_the_first_trial_the_time_is_unknown(self) -> None:
        assert "unknown until a trial has finished" in texts(pages.plan_page(self.preview(None)), Paragraph)[0]


class TestSeedsOfThePlan:
    BLOCKS: Any = {"metric": "accuracy", "planned": 10, "at_most": 20, "until": 0.005}  # noqa: RUF012

    def said(self, **seeds: Any) -> str:
        preview = TestPlanPage().preview(None)
        (*_, said) = texts(pages.plan_page({**preview, "seeds": {**self.BLOCKS, **seeds}}), Paragraph)
        return str(said)

    ASKED = (
        "10 seeds a variant are planned by now and at most 20, until every 95 % interval is within ±0.50 percentage "
        "points; "
    )

    def test_before_a_block_is_whole_no_interval_is_known(self) -> None:
        assert self.said(outlook="unfinished", judged=0, half_width=None) == f"{self.ASKED}none is known yet."

    @pytest.mark.parametrize(
        ("outlook", "half_width", "expected"),
        [
            ("unfinished", 0.0123, "the widest after 5 seeds: ±1.23 percentage points."),
            ("enough", 0.0049, "the widest after 5 seeds: ±0.49 percentage points; no more are added."),
            ("at most", None, "the widest after 5 seeds: an interval is missing; no more are added."),
        ],
    )
    def test_the_widest_interval_is_told(self, outlook: str, half_width: float | None, expected: str) -> None:
        assert self.said(outlook=outlook, judged=5, half_width=half_width) == self.ASKED + expected


class TestPowerOfThePlan:
    SPREAD: Any = {  # noqa: RUF012
        **{"source": "measured", "median": 0.01, "largest": 0.02, "seeds": 4, "seed_spread": None},  # noqa: PIE800
    }

    def said(self, **changes: Any) -> list[str]:
        """Every line of it."""
        smallest = {"seeds": 5, "difference": 0.0123, "difference_at_largest_spread": 0.0246}
        claim = {"source": "claim a", "difference": 0.005, "seeds": 34, "seeds_at_largest_spread": None}
        power = {"metric": "accuracy", "power": 0.8, "level": 0.05, "family": 3, "most_seeds": 1000}
        power |= {"spread": self.SPREAD, "smallest_differences": [smallest], "wanted": [claim], **changes}
        blocks = pages.plan_page({**TestPlanPage().preview(None), "power": power})[3:]
        return [line for each in blocks for line in (each.items if isinstance(each, Bullets) else [each.text])]  # type: ignore[union-attr]

    def test_a_measured_spread_has_a_median_and_a_largest(self) -> None:
        assert self.said() == [
            "Smallest difference on accuracy that is found with a power of 80 %, at the level of Holm's first step "
            "(5 % over 3 tests):",
            "5 seeds: 1.23 percentage points (2.46 at the largest spread)",
            "Seeds that it takes to find as much as the study names:",
            "claim a, 0.50 percentage points: 34 (more than 1,000 at the largest spread)",
            "By the standard deviation of paired differences as measured over 4 seeds: 1.00 percentage points in the "
            "median over the tests, 2.00 at the largest.",
        ]

    def test_an_assumed_spread_says_what_it_takes_for_granted(self) -> None:
        spread = {"source": "assumed", "median": 0.01414, "largest": 0.01414, "seeds": None, "seed_spread": 0.01}
        *_, smallest, last = self.said(spread=spread, wanted=[], family=1)
        assert smallest == "5 seeds: 1.23 percentage points"
        assert last == (
            "By an assumed standard deviation of differences: 1.41 percentage points. It takes seeds to move each "
            "variant by 1.00, and pairing to gain nothing; from the third pair on the measured one takes its place."
        )

    def test_without_a_spread_it_is_unknown(self) -> None:
        assert self.said(spread=None, metric="test_loss") == [
            "Which difference on test loss the seeds can show is unknown until paired trials exist: no spread is "
            "assumed of it."
        ]

    def test_too_few_seeds_and_differences_that_do_not_vary_show_nothing(self) -> None:
        nothing = {"difference": None, "difference_at_largest_spread": None}
        assert "2 seeds: none, since a verdict takes 3 pairs" in self.said(
            smallest_differences=[{"seeds": 2, **nothing}]
        )
        lines = self.said(smallest_differences=[{"seeds": 3, **nothing}], spread={**self.SPREAD, "median": 0.0})
        assert "3 seeds: unknown, since the differences of half of the tests do not vary" in lines
        assert "claim a, 0.50 percentage points: unknown (more than 1,000 at the largest spread)" in lines


def test_the_network_page_has_a_row_a_layer() -> None:
    layer = {"name": "stem", "type": "Conv2d", "output_shape": [8, 16, 16], "params": 1216, "macs": 50000}
    described = {
        "model": "xception",
        "input_size": 32,
        "num_classes": 10,
        "params": 1216,
        "macs": 50000,
        "fvcore_macs": 50001,
        "fvcore_flops": 60000,
        "uncounted": {"aten::add": 7},
        "layers": [layer],
    }
    heading, table, counts, uncounted = pages.network_page(described)
    assert uncounted == Paragraph("Without a formula, and so counted as nothing: aten::add (7).")
    assert heading == Heading("xception", 1)
    assert isinstance(table, Table)
    assert table.rows == (("stem", "Conv2d", "8 x 16 x 16", "1,216", "50,000"),)
    assert isinstance(counts, Paragraph)
    for number in ("1,216 parameters", "50,000 MACs", "32x32", "50,001", "60,000"):
        assert number in counts.text


def test_the_doctor_page_has_a_row_a_finding() -> None:
    (table,) = pages.doctor_page([Finding("cuda", "absent", "studies run on the CPU")])
    assert isinstance(table, Table)
    assert table.rows == (("cuda", "absent", "studies run on the CPU"),)


def test_studies_that_cannot_be_read_are_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_study: Path
) -> None:
    (tmp_path / "studies" / "inner").mkdir(parents=True)
    toy_study.rename(tmp_path / "studies" / "inner" / "toy.yaml")
    (tmp_path / "studies" / "bad.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    heading, table = pages.listing_page(["studies"])
    assert heading == Heading("studies")
    assert isinstance(table, Table)
    (bad, why), toy = table.rows
    assert (bad, why.startswith("cannot be read: ")) == ("studies/bad.yaml", True)
    assert toy == ("studies/inner/toy.yaml", "Does it run?")


def test_where_there_are_no_studies_the_list_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = f"studies/ in the current folder, {tmp_path.resolve()},"
    assert pages.listing_page(["studies"]) == [Heading("studies"), Paragraph(f"none: {place} is not there")]
    (tmp_path / "studies").mkdir()
    assert pages.listing_page(["studies"]) == [Heading("studies"), Paragraph(f"none: {place} has no .yaml file")]


def test_recipes_are_listed_in_lines_of_a_hundred_columns() -> None:
    _, table = pages.listing_page(["recipes"])
    assert isinstance(table, Table)
    assert [name for name, _ in table.rows] == list(RECIPES)
    widest = max(len(name) for name, _ in table.rows)
    assert max(widest + 2 + len(what) for _, what in table.rows) <= 100


def test_the_results_page_has_the_question_and_the_table(engine: Any) -> None:
    outcome = engine.run()
    results = outcome.results
    blocks = pages.results_page(results, outcome.tables)
    assert blocks[0] == Heading("toy", 1)
    assert Paragraph("Does it run?", "question") in blocks
    table = blocks[-1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["strided (baseline)", "maxpool"]
    other = pages.results_page(results, report.tables(results, baseline="maxpool"))[-1]
    assert isinstance(other, Table)
    assert [row[0] for row in other.rows] == ["strided", "maxpool (baseline)"]


def test_the_results_page_of_a_grid_ends_with_its_main_effects(engine: Any) -> None:
    outcome = engine.run("factors.model.width=[0.125, 0.25]", "baseline.model.width=0.125")
    results = outcome.results
    cells, _, effects = pages.results_page(results, outcome.tables)[-3:]
    assert isinstance(cells, Table)
    assert isinstance(effects, Table)
    assert len(cells.rows) == 4
    assert [row[:2] for row in effects.rows] == [
        ("downsample=maxpool", "downsample=strided"),
        ("width=0.25", "width=0.125"),
    ]
    rebased = report.tables(results, baseline="downsample=maxpool,width=0.25")
    other = pages.results_page(results, rebased)[-1]
    assert isinstance(other, Table)
    assert other.rows[1][:2] == ("width=0.125", "width=0.25")


class TestTrainingPage:
    WAYS: ClassVar[dict[str, Any]] = {"bare": {"images_per_second": 1000.0}, "harness": {"images_per_second": 980.0}}
    VARIANT: ClassVar[dict[str, Any]] = {
        "variant": "spd",
        "ways": {**WAYS, "script, contiguous": {"images_per_second": 350.0}},
        "ratios": {
            "bare": {"to": "bare", "median": 0.98, "low": 0.97, "high": 0.99},
            "script": {"to": "script, contiguous", "median": 2.8, "low": None, "high": None},
        },
        "matrix_share": 0.415,
        "problems": {"bare, compiled": "no compiler"},
    }
    OTHER: ClassVar[dict[str, Any]] = {**VARIANT, "variant": "maxpool", "ways": WAYS, "ratios": {}, "problems": {}}

    def test_a_row_a_way_and_a_column_a_variant(self) -> None:
        overall = {"bare": {"median": 0.98, "low": 0.97, "high": 0.99}}
        training = {"split": "2x1", "variants": [self.VARIANT, self.OTHER], "ratios": overall}
        _, table, words, problem = training_blocks(training)
        assert isinstance(table, Table)
        assert [column.header for column in table.columns] == ["images/s", "spd", "maxpool", "geometric mean"]
        assert table.rows == (
            ("bare", "1,000", "1,000", ""),
            ("harness", "980", "980", ""),
            ("script, contiguous", "350", ABSENT, ""),
            ("harness to bare steps", "0.980 [0.970, 0.990]", ABSENT, "0.980 [0.970, 0.990]"),
            ("harness to the script", "2.80", ABSENT, ABSENT),
            ("of matrix products (%)", "42", "42", ""),
        )
        assert "2x1 workers x threads" in words.text
        assert problem.text == "spd, bare, compiled: no compiler."

    def test_a_row_a_whole_study(self) -> None:
        run = {"workers": 2, "trials": 20, "wall_seconds": 170.0, "training_seconds": 280.0, "scoring_seconds": 2.0}
        studies = {"steps": 72, "runs": [{**run, "overhead_share": 0.0588}], "ratio": {"median": 1.234}}
        _, table, words = studies_blocks(studies)
        assert table.rows == (("2", "20", "170.0", "280.0", "40.0", "5.9"),)
        assert words.text.endswith("over those of one with all threads: 1.23.")
