"""What is shown of text that somebody else wrote."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import ResultsError
from ablate.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, äöü, 漢字, 👩\u200d🔬, a\u0301", "plain, äöü, 漢字, 👩\u200d🔬, a\u0301"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("\x1b]8;;https://x\x07link", r"\x1b]8;;https://x\x07link"),
        ("over\rwritten\x08", r"over\rwritten\x08"),
        ("\x00", r"\x00"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("a\u2028b\u0085c", r"a\u2028b\x85c"),
        ("\ud800", r"\ud800"),
        ("\\x1b", "\\x1b"),
    ],
)
def test_what_is_acted_on_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_control_character_is_left_and_all_else_is_as_it_was(text: str) -> None:
    shown = visible(text)
    left = {character for character in shown if unicodedata.category(character) in ("Cc", "Cs")}
    assert left <= {"\n", "\t"}
    shown.encode()
    assert visible(shown) == shown


def test_a_message_to_the_user_is_one_line_that_a_terminal_does_not_act_on() -> None:
    assert str(ResultsError("unknown variant '\x1b[31ma\nb'")) == r"unknown variant '\x1b[31ma\nb'"
