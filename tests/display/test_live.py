"""What a person sees while a study runs."""

import io
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ablate.display import Display
from ablate.display.progress import Progress
from ablate.study.running.events import (
    CostsFailed,
    CostsRound,
    EpochDone,
    Event,
    LedgerRebuilt,
    LedgerWait,
    RecordSetAside,
    StatementChanged,
    StepDone,
    StudyStarted,
    TrialArrived,
    TrialFailed,
    TrialFinished,
    TrialStarted,
    TrialTaken,
)

LOG = Path("results/toy/logs/k.log")
NONE: frozenset[tuple[str, int]] = frozenset()
STARTED = StudyStarted("toy", Path("results/toy"), ("a", "b"), (0, 1), NONE, "cpu", 1, 3)


def plain(*events: Event) -> list[str]:
    """The lines printed where there is no terminal."""
    out = io.StringIO()
    with Display(Console(file=out, width=240)) as shown:
        for event in events:
            shown(event)
    return out.getvalue().splitlines()


class TestPlainLines:
    def test_a_run_is_one_line_an_event(self) -> None:
        assert plain(
            replace(STARTED, done=frozenset({("b", 1)}), workers=2),
            CostsRound(1, 12.0),
            TrialStarted("a", 0, 2),
            StepDone("a", 0, 5, 20),
            EpochDone("a", 0, 1, 2.25, 0.5),
            TrialFinished("a", 0, "complete", 0.75, 90.4),
            TrialTaken("a", 1, "there"),
            TrialArrived("a", 1, "complete", 0.8123),
        ) == [
            "toy: 2 variants x 2 seeds = 4 trials, 1 done; on cpu, 2 workers of 3 threads, into results/toy",
            "costs: round 1 done",
            "a seed 0: epoch 1, training loss 2.2500, accuracy 0.5000",
            "a seed 0: test accuracy 0.7500 in 1 min 30 s [2/4, about 1 min 30 s left]",
            "a seed 1: test accuracy 0.8123, by another run [3/4, about 1 min 30 s left]",
        ]

    def test_a_study_without_seeds_trains_nothing(self) -> None:
        said = "toy: nothing to train; on cpu, 1 worker of 3 threads, into results/toy"
        assert plain(replace(STARTED, variants=(), seeds=()), CostsRound(1, 12.0)) == [said, "costs: round 1 done"]

    def test_failures_name_their_cause_and_their_log(self) -> None:
        assert plain(
            STARTED,
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

    def test_names_are_printed_as_they_are_and_lines_never_wrapped(self) -> None:
        name = "[bold]x[/nothing]" * 30
        lines = plain(replace(STARTED, variants=(name,)), TrialFinished(name, 0, "complete", 0.5, 1.0))
        assert lines[1].startswith(f"{name} seed 0: ")

    def test_a_changed_statement_is_said_even_where_nothing_runs(self) -> None:
        assert plain(StatementChanged(("question", "claims"), 3, 15)) == [
            "question and claims changed after 3 of 15 trials had finished; plan.json keeps what was stated before, "
            "and the report shows both"
        ]


class TestSilentLedger:
    """It is asked again and again, by several threads; that it does not answer is said once, until it does."""

    WAIT = LedgerWait("locked")
    SAID = "the ledger does not answer and is asked again until it does: locked"

    def test_the_first_of_a_row_is_said_even_before_the_study_starts(self) -> None:
        assert plain(self.WAIT, self.WAIT)[:2] == [self.SAID]

    def test_workers_that_go_on_meanwhile_do_not_end_the_row(self) -> None:
        going = (StepDone("a", 0, 1, 9), EpochDone("a", 0, 1, 2.0, 0.5), CostsRound(1, 3.0))
        lines = plain(
            STARTED, TrialStarted("a", 0, 2), self.WAIT, *(event for one in going for event in (one, self.WAIT))
        )
        assert lines.count(self.SAID) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            TrialStarted("a", 0, 2),
            TrialTaken("a", 0, "there"),
            TrialArrived("a", 0, "complete", 0.5),
            LedgerRebuilt("is no database", Path("ledger.damaged.db")),
        ],
    )
    def test_the_next_row_is_said_again(self, answer: Event) -> None:
        assert plain(STARTED, self.WAIT, self.WAIT, answer, self.WAIT, self.WAIT).count(self.SAID) == 2


class TestTerminal:
    @pytest.fixture(autouse=True)
    def _capable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")

    def terminal(self, width: int = 200) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, color_system=None)

    def shown(self, terminal: Console) -> str:
        assert isinstance(terminal.file, io.StringIO)
        return terminal.file.getvalue()

    def drawn(self, *events: Event, width: int = 200) -> str:
        terminal = self.terminal(width)
        with Display(terminal) as shown:
            for event in events:
                shown(event)
        return self.shown(terminal)

    def test_a_terminal_that_cannot_draw_gets_plain_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        assert self.drawn(STARTED, CostsRound(1, 3.0)).splitlines()[1] == "costs: round 1 done"

    @pytest.mark.parametrize("variants", [("a", "b"), tuple(f"v{number}" for number in range(300))])
    def test_a_run_is_drawn_however_many_variants_it_has(self, variants: tuple[str, ...]) -> None:
        said = self.drawn(
            replace(STARTED, variants=variants, seeds=tuple(range(5))),
            CostsRound(1, 3.0),
            TrialStarted(variants[0], 0, 7),
            EpochDone(variants[0], 0, 3, 1.5, 0.25),
        )
        assert "costs: round 1 done, about 3 s left" in said
        assert f"{variants[0]} seed 0: epoch 3/7  training loss 1.5000  accuracy 0.2500" in said
        assert ("seed 4" in said) == (len(variants) == 2)
        assert "toy: " not in said  # the plain line of the start, which the headline stands for

    def test_seeds_that_do_not_fit_are_counted(self) -> None:
        """Of twelve seeds of a two are done, one here and one elsewhere; one runs here and three elsewhere."""
        events = (
            replace(STARTED, seeds=tuple(range(12))),
            TrialFinished("a", 0, "complete", 0.5, 1.0),
            TrialArrived("a", 1, "complete", 0.5),
            *(TrialTaken("a", seed, "box") for seed in (3, 4, 5)),
            TrialStarted("a", 2, 2),
        )
        narrow = self.drawn(*events, width=80)
        assert ["variant", "done", "here", "elsewhere", "left"] in map(str.split, narrow.splitlines())
        assert ["a", "2", "1", "3", "10"] in map(str.split, narrow.splitlines())
        assert "seed 11" not in narrow
        assert "seed 11" in self.drawn(*events, width=140)

    def test_so_are_they_where_a_name_takes_their_room(self) -> None:
        eight = replace(STARTED, seeds=tuple(range(8)))
        assert "seed 7" in self.drawn(eight, width=80)
        assert "seed 7" not in self.drawn(replace(eight, variants=("a" * 40,)), width=80)

    def test_trials_elsewhere_are_drawn_beside_those_here(self) -> None:
        said = self.drawn(
            STARTED,
            TrialTaken("a", 0, "box.example.org"),
            StepDone("a", 1, 1, 9),
            TrialTaken("b", 0, "node-17"),
            TrialArrived("b", 0, "complete", 0.8123),
            TrialStarted("b", 1, 2),
        )
        assert "toy  1/4 trials" in said
        assert ["a", "@box", "·"] in map(str.split, said.splitlines())
        assert ["b", "0.8123", "…"] in map(str.split, said.splitlines())
        assert "1 trial runs elsewhere: 1 on box" in said
        assert "by another run" not in said

    def test_what_lasts_is_printed_above_the_table(self) -> None:
        said = self.drawn(
            STARTED,
            RecordSetAside("a", 0, "is empty", Path("damaged/k.json")),
            LedgerWait("locked"),
            LedgerWait("locked"),
            LedgerRebuilt("is no database", Path("ledger.damaged.db")),
        )
        assert said.count("a seed 0: its record cannot be used, so it will run again: is empty") == 1
        assert said.count("the ledger does not answer and is asked again until it does: locked") == 1
        assert said.count("the ledger cannot be used, so a new one is made from the records: is no database") == 1

    def test_the_headline_says_that_the_ledger_is_waited_for_until_it_answers(self) -> None:
        waiting = self.drawn(STARTED, LedgerWait("locked"))
        assert waiting.rindex("waiting for the ledger") > waiting.rindex("0/4 trials")
        answered = self.drawn(STARTED, LedgerWait("locked"), TrialStarted("a", 0, 2))
        assert answered.rindex("waiting for the ledger") < answered.rindex("0/4 trials")

    def test_a_further_block_is_drawn_in_the_same_table(self) -> None:
        first = replace(STARTED, at_most=4)
        said = self.drawn(first, replace(first, seeds=(0, 1, 2, 3)), StatementChanged(("margin",), 0, 4))
        assert "8 trials of 4 seeds (at most 4)" in said
        assert "seed 3" in said
        assert "margin changed after 0 of 4 trials had finished" in said

    def test_names_that_look_like_markup_are_drawn_as_they_are(self) -> None:
        names = ("[red]x[/red]", "[/]", "a\\", "[link=b]")
        failures = [
            event
            for name in names
            for event in (
                TrialStarted(name, 0, 1),
                TrialFailed(name, 0, "[/red] boom", LOG, "will be tried again"),
                TrialTaken(name, 1, "[/]"),
            )
        ]
        said = self.drawn(replace(STARTED, variants=names), *failures)
        assert all(f"{name} seed 0 failed, will be tried again: [/red] boom" in said for name in names)
        assert all(f"{name} " in said for name in names)
        assert "@[/]" in said

    def test_events_may_come_from_several_threads(self) -> None:
        names = tuple(f"v{number}" for number in range(8))
        terminal = self.terminal()
        with Display(terminal) as shown:
            shown(replace(STARTED, variants=names, seeds=(0,), workers=8))

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

    def test_nothing_changes_while_the_table_is_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The event of another thread, which comes while the headline is made, is taken in once the table is done."""
        shown = Display(Console(file=io.StringIO()))
        shown(STARTED)
        taking = threading.Thread(target=shown, args=(TrialTaken("a", 0, "box"),))

        def headline(progress: Progress, spent_seconds: float) -> str:
            taking.start()
            taking.join(timeout=0.05)
            return f"{len(progress.going)} of {spent_seconds}"

        monkeypatch.setattr("ablate.display.words.headline", headline)
        terminal = self.terminal()
        terminal.print(shown._render())
        taking.join()
        said = self.shown(terminal)
        assert said.startswith("0 of ")
        assert "elsewhere" not in said
        assert shown._progress is not None
        assert len(shown._progress.going) == 1

    def test_the_cursor_is_shown_again_after_an_error(self) -> None:
        terminal = self.terminal()

        def fail() -> None:
            with Display(terminal) as shown:
                shown(STARTED)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert self.shown(terminal).rfind("\x1b[?25h") > self.shown(terminal).rfind("\x1b[?25l") >= 0
