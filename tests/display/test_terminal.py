"""What is printed on: a terminal, or something that is none."""

import io
from pathlib import Path

import pytest

from ablate.display import Display, console, print_blocks
from ablate.report.document import Heading, Notice, Paragraph
from ablate.study.running.events import StudyStarted


def test_where_there_is_no_terminal_nothing_is_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_blocks([Paragraph("word " * 400)], console("stdout"))
    console("stderr").print("x " * 600)
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err.count("\n")) == (1, 1)
    assert "\x1b" not in said.out


@pytest.mark.parametrize(("variable", "escapes"), [("NO_COLOR", False), ("OTHER", True)])
def test_no_color_leaves_no_escapes_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, variable: str, escapes: bool
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
        shown(StudyStarted("toy", Path("results/toy"), ("a", "b"), (0, 1), frozenset(), "cpu", 1, 3))
    assert ("\x1b" in made.file.getvalue()) is escapes
