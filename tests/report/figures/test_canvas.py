import pytest

from ablate.report.figures.canvas import DASHES, MARKERS, PALETTE, short, two_lines


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2, of sRGB."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_formula_is_that_of_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_the_first_colours_stand_out_from_paper() -> None:
    """3:1 is what WCAG 2.2, 1.4.11 asks of graphics."""
    assert all(contrast(colour, "#ffffff") >= 3 for colour in PALETTE[:3])


def test_lines_are_told_apart_without_colour() -> None:
    assert len(PALETTE) == len(MARKERS) == len(DASHES) == len(set(MARKERS))


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("maxpool", "maxpool"),
        ("two\nwords", "two words"),
        ("a" * 20 + "z" * 20, "aaaa…zzzzz"),
        ("_private", "\N{ZERO WIDTH SPACE}_private"),
    ],
)
def test_a_long_label_keeps_both_ends(label: str, shown: str) -> None:
    assert short(label, 10) == shown
    assert len(short("x" * 300, 10)) == 10


def test_two_levels_stand_on_two_lines() -> None:
    assert two_lines("mid_activation=none,segments=depthwise", 26) == "mid_activation=none,\nsegments=depthwise"
    assert two_lines("short", 26) == "short"
    assert max(len(line) for line in two_lines("y" * 300, 26).split("\n")) <= 26
