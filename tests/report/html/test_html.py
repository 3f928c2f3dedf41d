"""The page as text: whole, well-formed, escaped, and asking for nothing. tests/report/html/test_browser.py opens it."""

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from ablate.report import composed, tables
from ablate.report.document import Cell, Column, Heading, Notice, Paragraph, Table
from ablate.report.html import SIGNS, TONES, render, sort_value
from ablate.report.html.inline import inline
from ablate.report.sections.claims import claims_section

HOSTILE = "<script>alert('x')</script> \"quoted\" & 日本語 " + "x" * 200
VOID = {"meta", "wbr", "path", "use", "rect", "circle"}


class Page(HTMLParser):
    """Start tags with their attributes in order, what was left open, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.strays: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.strays.append(tag)

    def handle_data(self, data):
        self.text += data

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(toy, claim):
    results = toy(claims=[claim()])
    return Page(render(composed(results, tables(results))))


def test_every_element_is_closed(page):
    assert (page.open, page.strays) == ([], [])


def test_no_id_stands_twice_and_every_reference_has_its_target(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
    anchors = [attributes["href"][1:] for attributes in page.named("a") if attributes["href"].startswith("#")]
    used = [attributes["xlink:href"][1:] for attributes in page.named("use")]
    assert set(named) | set(anchors) | set(used) <= set(ids)
    assert used


def test_nothing_is_asked_of_anyone(page):
    """No element that loads, and no address but fragments and the figures' own files."""
    assert not {"img", "link", "iframe", "image", "object", "embed"} & {tag for tag, _ in page.tags}
    addresses = [attributes[name] for _, attributes in page.tags for name in ("src", "href") if name in attributes]
    assert [address for address in addresses if not re.fullmatch(r"#[\w-]+|figures/\w+\.(svg|pdf)", address)] == []
    (style,) = re.findall(r"<style>(.*?)</style>", render([]), re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_its_own_script_alone():
    text = render([])
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_it_opens_with_question_answer_and_conditions(toy):
    results = toy()
    text = Page(render(composed(results, tables(results)))).text
    order = ["Does SPD help?", "On accuracy: spd is better than strided", "The conditions that the answer holds for"]
    places = [text.index(part) for part in [*order, "Every variant: what it reached"]]
    assert places == sorted(places)


def test_headings_descend_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_every_table_has_a_caption_and_scopes(page):
    assert len(page.named("caption")) == len(page.named("table")) > 5
    assert all("scope" in attributes for attributes in page.named("th"))


def test_every_figure_is_an_image_with_words(page):
    images = [attributes for attributes in page.named("div") if attributes.get("role") == "img"]
    assert len(images) == len(page.named("figure")) == 3
    assert all(attributes["aria-hidden"] == "true" for attributes in page.named("svg"))


def test_a_verdict_is_a_word_a_sign_and_a_colour():
    assert set(SIGNS) == set(TONES)
    rows = tuple((verdict,) for verdict in SIGNS)
    text = render([Heading("T"), Table((Column("verdict", "left", "verdict"),), (("-",), *rows), "c")])
    for verdict in SIGNS:
        assert re.search(rf'class="left {TONES[verdict]}"><span aria-hidden="true">{re.escape(SIGNS[verdict])} ', text)
        assert f"</span>{verdict}</th>" in text


def test_words_of_a_verdict_elsewhere_are_words():
    text = render([Heading("T"), Table((Column("variant", "left"),), (("better",),), "c")])
    assert SIGNS["better"] not in text


def test_cells_carry_the_numbers_that_they_are_sorted_by():
    assert sort_value("text") is None
    assert sort_value(Cell("text")) is None
    assert sort_value(Cell("1.2 M", 1_234_567)) == "1234567.0"
    assert sort_value(Cell("–", math.nan)) == ""
    assert (
        sort_value(Cell("14.64", 14.636321354853447))
        == sort_value(Cell("14.64", 14.636321354853271))
        == "14.6363213549"
    )
    assert sort_value(Cell("39.6 G", 39_614_289_496)) == "39614289496.0"
    text = render([Table((Column("a", "left"), Column("b")), (("x", Cell("1.2 M", 1_234_567)),), "c")])
    assert 'data-sort="1234567.0">1.2 M</td>' in text


def test_a_baseline_row_is_marked():
    rows = (("strided (baseline)", "1"), ("spd", "2"))
    page = Page(render([Table((Column("a", "left"), Column("b")), rows, "c", marked=frozenset({0}))]))
    assert [attributes.get("class") for attributes in page.named("tr")] == [None, "baseline", None]


def test_a_notice_is_told_apart_in_words():
    assert "Note: Unfinished" in Page(render([Notice("Unfinished")])).text


def test_hostile_text_stays_text(toy, claim):
    results = toy(
        question=HOSTILE,
        factors={"bias": {HOSTILE: {"model.bias": False}, "<b>": {"model.bias": True}}},
        claims=[claim(statement=HOSTILE, source=HOSTILE, better={"bias": HOSTILE}, than={"bias": "<b>"})],
    )
    assert claims_section(results, tables(results))
    text = render(composed(results, tables(results)))
    page = Page(text)
    assert len(page.named("script")) == 1
    assert not page.named("b")
    assert page.text.count(HOSTILE) >= 5
    assert (page.open, page.strays) == ([], [])


def test_headings_of_one_text_have_ids_of_their_own():
    page = Page(render([Heading("Same"), Paragraph("a"), Heading("Same"), Heading("名前")]))
    assert [attributes["id"] for attributes in page.named("h2")] == ["same", "same-2", "section"]


def test_a_picture_takes_the_colours_of_the_page_and_ids_of_its_own(toy):
    results = toy()
    chart = next(block for block in composed(results, tables(results)) if type(block).__name__ == "LadderChart")
    drawn = inline(chart, "effects-1")
    assert drawn.startswith("<svg viewBox=")
    assert "var(--c-1b1b1f)" in drawn
    assert not re.search("#(1b1b1f|ffffff|0072b2)", drawn, re.IGNORECASE)
    assert all(name.startswith("effects-1-") for name in re.findall(r'\bid="([^"]*)"', drawn))
    assert all(name.startswith("effects-1-") for name in re.findall(r"url\(#([^)]*)\)", drawn))
    assert "<style" not in drawn
    assert "<metadata" not in drawn
    page = render([Heading("T"), chart])
    colours = set(re.findall(r"var\((--c-\w+)\)", drawn))
    assert all(f"{name}:" in page for name in colours)


def test_the_same_blocks_give_the_same_page(toy):
    results = toy()
    blocks = composed(results, tables(results))
    assert render(blocks) == render(blocks)


def test_a_name_may_break_behind_its_signs_and_a_number_never():
    row = ("mid_activation=none,segments=4", "a/b", "10,000 [2,450, 2,560]")
    text = render([Table((Column("a", "left"), Column("b", "left"), Column("c")), (row,), "c")])
    assert ">mid_activation=<wbr>none,<wbr>segments=<wbr>4</th>" in text
    assert ">a/<wbr>b</td>" in text
    assert ">10,000 [2,450, 2,560]</td>" in text


def luminance(colour):
    """Relative luminance by WCAG 2.2, of sRGB."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_stands_out_from_what_it_is_on(theme):
    """4.5:1 for text, 3:1 for what is drawn (WCAG 2.2, 1.4.3 and 1.4.11)."""
    themes = re.findall(r":root \{(.*?)\n\s*\}", render([]), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", themes[theme]))
    assert len(colours) > 10

    def contrast(first, second):
        low, high = sorted((luminance(colours[first]), luminance(colours[second])))
        return (high + 0.05) / (low + 0.05)

    text = ("ink", "soft", "link", "good", "bad", "even", "open")
    assert [(name, on) for name in text for on in ("paper", "raised") if contrast(name, on) < 4.5] == []
    assert contrast("ink", "warn") >= 4.5
    drawn = ("c-0072b2", "c-d55e00", "c-009e73", "focus", "warn-line")
    assert [name for name in drawn if contrast(name, "paper") < 3] == []
