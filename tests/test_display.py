"""What a person sees while a study runs, and how report blocks look in a terminal."""

import io
import math
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ablate import display
from ablate.display import Display, Progress, console, print_blocks
from ablate.report.document import Bar, BarChart, Bullets, Code, Column, Heading, Notice, Panel, Paragraph, Table
from ablate.study.events import (
    CostsFailed,
    CostsRound,
    EpochDone,
    Event,
    Outlook,
    SeedsSettled,
    StatementChanged,
    StudyStarted,
    TrialFailed,
    TrialFinished,
    TrialStarted,
)

LOG = Path("results/toy/logs/k.log")


def started(
    variants: tuple[str, ...] = ("a", "b"),
    seeds: tuple[int, ...] = (0, 1),
    done: frozenset[tuple[str, int]] = frozenset(),
    workers: int = 1,
) -> StudyStarted:
    return StudyStarted("toy", Path("results/toy"), variants, seeds, done, "cpu", workers, 3)


def plain(*events: Event) -> list[str]:
    """The lines printed where there is no terminal."""
    out = io.StringIO()
    with Display(Console(file=out, width=240)) as shown:
        for event in events:
            shown(event)
    return out.getvalue().splitlines()


def taken(*events: Event) -> Progress:
    progress = Progress(started())
    for event in events:
        display._take(progress, event)
    return progress


class TestPlainLines:
    def test_a_run_is_one_line_an_event(self) -> None:
        assert plain(
            started(done=frozenset({("b", 1)}), workers=2),
            CostsRound(1, 12.0),
            TrialStarted("a", 0, 2),
            EpochDone("a", 0, 1, 2.25, 0.5),
            TrialFinished("a", 0, "complete", 0.75, 90.4),
        ) == [
            "toy: 2 variants x 2 seeds = 4 trials, 1 done; on cpu, 2 workers of 3 threads, into results/toy",
            "costs: round 1 done",
            "a seed 0: epoch 1, training loss 2.2500, accuracy 0.5000",
            "a seed 0: test accuracy 0.7500 in 1 min 30 s [2/4, about 1 min 30 s left]",
        ]

    def test_a_study_without_seeds_trains_nothing(self) -> None:
        said = "toy: nothing to train; on cpu, 1 workers of 3 threads, into results/toy"
        assert plain(started(variants=(), seeds=()), CostsRound(1, 12.0)) == [said, "costs: round 1 done"]

    def test_failures_name_their_cause_and_their_log(self) -> None:
        assert plain(
            started(),
            CostsFailed("no clock", LOG),
            TrialStarted("a", 0, 2),
            TrialFailed("a", 0, "boom", LOG, "will be tried again"),
            TrialStarted("a", 0, 2),
            TrialFailed("a", 0, "boom", LOG, "given up"),
        )[1:] == [
            f"costs could not be measured: no clock ({LOG})",
            f"a seed 0 failed, will be tried again: boom ({LOG})",
            f"a seed 0 failed, given up: boom ({LOG})",
        ]

    def test_a_diverged_trial_has_no_numbers(self) -> None:
        lines = plain(
            started(),
            TrialStarted("a", 0, 2),
            EpochDone("a", 0, 1, None, None),
            TrialFinished("a", 0, "diverged", None, 3600.0),
        )
        assert lines[1] == "a seed 0: epoch 1, training loss not finite, accuracy not finite"
        assert lines[2].startswith("a seed 0: diverged in 1 h 00 min [1/4, ")

    def test_names_are_printed_as_they_are_and_lines_never_wrapped(self) -> None:
        name = "[bold]x[/nothing]" * 30
        assert plain(started((name,)), TrialFinished(name, 0, "complete", 0.5, 1.0))[1].startswith(f"{name} seed 0: ")


class TestBlocksOfSeeds:
    FIRST = replace(started(), at_most=4)
    SECOND = replace(FIRST, seeds=(0, 1, 2, 3), done=frozenset({("a", 0), ("a", 1), ("b", 0), ("b", 1)}))

    def test_every_block_says_how_many_there_are_and_may_be(self) -> None:
        first, second = plain(self.FIRST, self.SECOND)
        assert first.startswith("toy: 2 variants x 2 seeds (at most 4) = 4 trials, 0 done; ")
        assert second.startswith("toy: 2 variants x 4 seeds (at most 4) = 8 trials, 4 done; ")

    def test_progress_goes_on_with_what_it_knew(self) -> None:
        progress = taken(TrialStarted("a", 0, 2), TrialFinished("a", 0, "complete", 0.5, 10.0))
        progress.go_on(self.SECOND)
        assert (progress.done, progress.planned, progress.seconds_left()) == (4, 8, 40)
        assert (progress.state["a", 0], progress.state["b", 1]) == ("0.5000", "done")

    @pytest.mark.parametrize(
        ("outlook", "half_width", "expected"),
        [
            (
                "enough",
                0.0041,
                "5 seeds are enough: every 95 % interval is within ±0.50 percentage points (the widest is ±0.41)",
            ),
            (
                "at most",
                0.0123,
                "5 seeds are as many as may be: the widest 95 % interval is ±1.23, not ±0.50 percentage points",
            ),
            (
                "at most",
                math.nan,
                "5 seeds are as many as may be: the widest 95 % interval is missing, not ±0.50 percentage points",
            ),
            ("unfinished", 0.0123, "no seeds beyond 10 begin while one of their trials has no result"),
        ],
    )
    def test_in_the_end_it_says_why_there_are_no_more(self, outlook: Outlook, half_width: float, expected: str) -> None:
        event = SeedsSettled("accuracy", 10, 20, 0.005, outlook, 5, half_width)
        assert plain(self.FIRST, event)[1] == expected


class TestSharedTrials:
    """The second seed of a is trained as the first of b."""

    STARTED = replace(started(workers=1), shared=frozenset({("a", 1)}))

    def test_they_count_once(self) -> None:
        assert plain(self.STARTED)[0].startswith("toy: 2 variants x 2 seeds = 3 trials, 0 done; ")
        progress = Progress(self.STARTED)
        display._take(progress, TrialFinished("a", 0, "complete", 0.5, 10.0))
        assert (progress.done, progress.planned, progress.seconds_left()) == (1, 3, 20)

    def test_their_cells_say_so(self) -> None:
        assert display._cell(Progress(self.STARTED), ("a", 1)) == "="
        assert display._cell(Progress(self.STARTED), ("b", 0)) == "·"


def test_a_changed_statement_is_said_even_where_nothing_runs() -> None:
    assert plain(StatementChanged(("question", "claims"), 3, 15)) == [
        "question and claims changed after 3 of 15 trials had finished; plan.json keeps what was stated before, and "
        "the report shows both"
    ]


class TestProgress:
    def test_before_the_first_trial_ends_nothing_is_known(self) -> None:
        assert taken(TrialStarted("a", 0, 2)).seconds_left() is None

    def test_a_variant_s_own_mean_counts_and_the_mean_of_all_for_the_others(self) -> None:
        progress = Progress(started(("a", "b", "c"), (0, 1, 2), workers=2))
        for trial in (("a", 0, 10.0), ("a", 1, 20.0), ("b", 0, 60.0)):
            display._take(progress, TrialStarted(trial[0], trial[1], 2))
            display._take(progress, TrialFinished(trial[0], trial[1], "complete", 0.5, trial[2]))
        # a: one trial of 15 s; b: two of 60 s; c: three of the mean of all, 30 s; on two workers
        assert progress.seconds_left() == (15 + 2 * 60 + 3 * 30) / 2
        assert (progress.done, progress.planned) == (3, 9)

    def test_a_running_trial_is_still_to_do(self) -> None:
        before = taken(TrialStarted("a", 0, 2), TrialFinished("a", 0, "complete", 0.5, 10.0))
        assert (before.done, before.seconds_left()) == (1, 30)
        display._take(before, TrialStarted("a", 1, 2))
        display._take(before, EpochDone("a", 1, 1, 2.0, 0.5))
        assert (before.done, before.seconds_left()) == (1, 30)
        assert before.state["a", 1] == "1/2"

    @pytest.mark.parametrize(("outlook", "done", "left"), [("will be tried again", 1, 30), ("given up", 2, 20)])
    def test_a_failed_trial_is_done_only_when_it_is_given_up(self, outlook: str, done: int, left: float) -> None:
        progress = taken(
            TrialStarted("a", 0, 2),
            TrialFinished("a", 0, "complete", 0.5, 10.0),
            TrialStarted("a", 1, 2),
            TrialFailed("a", 1, "boom", LOG, outlook),
        )
        assert (progress.done, progress.seconds_left(), progress.running) == (done, left, {})

    def test_what_an_earlier_run_did_is_done(self) -> None:
        progress = Progress(started(done=frozenset({("a", 0), ("b", 1)})))
        assert (progress.done, progress.planned) == (2, 4)

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.6, "1 h 00 min")]
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert display._duration(seconds) == text


class TestTerminal:
    @pytest.fixture(autouse=True)
    def _capable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")

    def test_a_terminal_that_cannot_draw_gets_plain_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        terminal = self.terminal()
        with Display(terminal) as shown:
            shown(started())
            shown(CostsRound(1, 3.0))
        assert self.shown(terminal).splitlines()[1] == "costs: round 1 done"

    def terminal(self, width: int = 200) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, color_system=None)

    def shown(self, terminal: Console) -> str:
        assert isinstance(terminal.file, io.StringIO)
        return terminal.file.getvalue()

    @pytest.mark.parametrize("variants", [("a", "b"), tuple(f"v{number}" for number in range(300))])
    def test_a_run_is_drawn_however_many_variants_it_has(self, variants: tuple[str, ...]) -> None:
        terminal = self.terminal()
        with Display(terminal) as shown:
            shown(started(variants, tuple(range(5))))
            shown(CostsRound(1, 3.0))
            shown(TrialStarted(variants[0], 0, 7))
            shown(EpochDone(variants[0], 0, 3, 1.5, 0.25))
        said = self.shown(terminal)
        assert "costs: round 1 done, about 3 s left" in said
        assert f"{variants[0]} seed 0: epoch 3/7  training loss 1.5000  accuracy 0.2500" in said
        assert ("seed 4" in said) == (len(variants) == 2)

    def test_a_further_block_is_drawn_in_the_same_table(self) -> None:
        terminal = self.terminal()
        first = replace(started(), at_most=4)
        with Display(terminal) as shown:
            shown(first)
            shown(replace(first, seeds=(0, 1, 2, 3)))
            shown(StatementChanged(("margin",), 0, 4))
        said = self.shown(terminal)
        assert "8 trials of 4 seeds (at most 4)" in said
        assert "seed 3" in said
        assert "margin changed after 0 of 4 trials had finished" in said

    def test_names_that_look_like_markup_are_drawn_as_they_are(self) -> None:
        names = ("[red]x[/red]", "[/]", "a\\", "[link=b]")
        terminal = self.terminal()
        with Display(terminal) as shown:
            shown(started(names, (0,)))
            for name in names:
                shown(TrialStarted(name, 0, 1))
                shown(TrialFailed(name, 0, "[/red] boom", LOG, "will be tried again"))
        said = self.shown(terminal)
        assert all(f"{name} seed 0 failed, will be tried again: [/red] boom" in said for name in names)
        assert all(f"{name} " in said for name in names)

    def test_events_may_come_from_several_threads(self) -> None:
        names = tuple(f"v{number}" for number in range(8))
        terminal = self.terminal()
        with Display(terminal) as shown:
            shown(started(names, (0,), workers=8))

            def trial(name: str) -> None:
                shown(TrialStarted(name, 0, 5))
                for epoch in range(1, 6):
                    shown(EpochDone(name, 0, epoch, 1.0, 0.5))
                shown(TrialFinished(name, 0, "complete", 0.5, 1.0))

            threads = [threading.Thread(target=trial, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert "8/8 trials" in self.shown(terminal)

    def test_the_cursor_is_shown_again_after_an_error(self) -> None:
        terminal = self.terminal()

        def fail() -> None:
            with Display(terminal) as shown:
                shown(started())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert self.shown(terminal).rfind("\x1b[?25h") > self.shown(terminal).rfind("\x1b[?25l") >= 0


class TestBlocks:
    def printed(self, *blocks: object, width: int = 240) -> list[str]:
        out = io.StringIO()
        print_blocks(blocks, Console(file=out, width=width))  # type: ignore[arg-type]
        return [line.rstrip() for line in out.getvalue().splitlines()]

    def test_every_kind_is_printed_as_text(self) -> None:
        blocks = [Heading("[b]H"), Paragraph("p [x]"), Notice("n"), Bullets(("i", "j")), Code("$ c")]
        assert self.printed(*blocks) == ["[b]H", "p [x]", "n", "- i", "- j", "$ c"]

    def test_a_table_keeps_its_alignment(self) -> None:
        table = Table((Column("name", "left"), Column("count")), (("a", "1"), ("bb", "200")))
        assert self.printed(table) == ["name  count", "a         1", "bb      200"]

    def test_bars_are_as_long_as_their_numbers(self) -> None:
        """To an eighth of a cell: of 40 cells for 8.0 there are 20 for 4.0, 15 and 5 eighths for 3.125."""
        bars = (Bar("[a]", 4.0, 8.0), Bar("b", 3.125, 0.0))
        lines = self.printed(
            BarChart("C", "kg", "figures/c.svg", "", (Panel("P", bars), Panel("Q", (Bar("z", 0.5, 0.5),))))
        )
        assert lines == [
            *("C (kg)", "P"),
            f"[a]  measured  4.00  {'█' * 20}",
            f"     printed   8.00  {'█' * 40}",
            f"b    measured  3.12  {'█' * 15}▋",
            "     printed   0.00",
            "Q",
            f"z  measured  0.50  {'█' * 40}",
            f"   printed   0.50  {'█' * 40}",
        ]

    def test_where_there_is_no_terminal_nothing_is_wrapped(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "20")
        print_blocks([Paragraph("word " * 400)], console("stdout"))
        console("stderr").print("x " * 600)
        said = capsys.readouterr()
        assert (said.out.count("\n"), said.err.count("\n")) == (1, 1)
        assert "\x1b" not in said.out

    @pytest.mark.parametrize(("variable", "escapes"), [("NO_COLOR", False), ("OTHER", True)])
    def test_no_color_leaves_no_escapes_on_a_terminal(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, escapes: bool
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in {"TERM": "xterm-256color", "COLUMNS": "40", variable: "1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdout", Terminal())
        made = console("stdout")
        print_blocks([Heading("Title", 1), Notice("careful"), Paragraph("word " * 20)], made)
        assert isinstance(made.file, Terminal)
        assert made.width == 40  # of the terminal, which lines still fit
        with Display(made) as shown:
            shown(started())
        assert ("\x1b" in made.file.getvalue()) is escapes
