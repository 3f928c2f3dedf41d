"""Blocks as one HTML page that needs nothing else: no network, no other file. The only jinja2 importer.

page.jinja    the page: head, navigation, sections
blocks.jinja  a macro a kind of block
style.css     light, dark, phone and print
script.js     sorting of tables; without it everything can be read, nothing sorted
inline        a chart's picture as part of the page

Text is escaped by jinja2; a content security policy keeps the page from loading or running anything that it did not
come with.
"""

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ablate.report.document import Block, Cell, Heading
from ablate.report.html.inline import inline

# Behind which a long name may go on in the next line.
NAME_SIGNS = re.compile(r"(?<=[=/])(?=\S)|(?<=,)(?=[^\s\d])")
FOLDER = Path(__file__).parent
UNTITLED = "ablate report"

# A verdict is told by its word, by a sign and by a colour; any one of them is enough.
SIGNS = {
    "better": "▲",
    "worse": "▼",
    "equivalent": "=",
    "inconclusive": "?",
    "supported": "✓",
    "contradicted": "✗",
    "not tested": "○",
    "matches": "✓",
    "differs": "✗",
    "ambiguous": "?",
}
# Which colour a verdict has, as a class of the style sheet.
TONES = {
    **dict.fromkeys(("better", "supported", "matches"), "good"),
    **dict.fromkeys(("worse", "contradicted", "differs"), "bad"),
    "equivalent": "even",
    **dict.fromkeys(("inconclusive", "not tested", "ambiguous"), "open"),
}


class View(NamedTuple):
    """A block, the name of the macro that writes it, and an id that no other element has."""

    kind: str
    id: str
    block: Block


class Section(NamedTuple):
    id: str
    title: str
    views: tuple[View, ...]


def render(blocks: Sequence[Block]) -> str:
    """The document as one page: what stands before its first heading of level 2 is the lead, the rest its sections."""
    first = next((at for at, block in enumerate(blocks) if _opens_section(block)), len(blocks))
    lead = _views(blocks[:first], "lead")
    title = next((view.block.text for view in lead if isinstance(view.block, Heading)), UNTITLED)
    script = (FOLDER / "script.js").read_text()
    return (
        _environment()
        .get_template("page.jinja")
        .render(
            title=title,
            lead=lead,
            sections=list(_sections(blocks[first:])),
            style=(FOLDER / "style.css").read_text(),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def sort_value(cell: str | Cell) -> str | None:
    """What a cell is sorted by where that is not its text; empty for a number that is absent, which sorts last.

    Twelve digits of it: processors differ in the last of sixteen, and a page says the same wherever it is made.
    """
    if isinstance(cell, str) or cell.value is None:
        return None
    return "" if math.isnan(cell.value) else repr(float(f"{cell.value:.12g}"))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(signs=SIGNS, tones=TONES)
    environment.filters.update(sort_value=sort_value, text=_text, link=_link, parts=NAME_SIGNS.split, inline=inline)
    return environment


def _sections(blocks: Sequence[Block]) -> Iterator[Section]:
    used: set[str] = set()
    starts = [at for at, block in enumerate(blocks) if _opens_section(block)]
    for start, end in pairwise([*starts, len(blocks)]):
        heading = blocks[start]
        assert isinstance(heading, Heading)
        anchor = _anchor(heading.text, used)
        used.add(anchor)
        yield Section(anchor, heading.text, _views(blocks[start + 1 : end], anchor))


def _views(blocks: Sequence[Block], anchor: str) -> tuple[View, ...]:
    return tuple(View(_kind(block), f"{anchor}-{number}", block) for number, block in enumerate(blocks, 1))


def _kind(block: Block) -> str:
    """Every kind of chart is written by one macro."""
    name = type(block).__name__.lower()
    return "chart" if name.endswith("chart") else name


def _opens_section(block: Block) -> bool:
    return isinstance(block, Heading) and block.level == 2


def _anchor(text: str, used: set[str]) -> str:
    """`how-to-reproduce`: a heading as an id."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
    return next(name for number in count(1) if (name := slug if number == 1 else f"{slug}-{number}") not in used)


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _link(cell: str | Cell) -> str:
    """A place below the page: a colon in it begins no scheme."""
    return quote(cell.link) if isinstance(cell, Cell) else ""
