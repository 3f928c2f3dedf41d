"""Blocks as GitHub-flavoured Markdown."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from ablate.report.document import Block, Bullets, Cell, Chart, Code, Heading, Notice, Paragraph, Table

# What would be read as HTML: tags, comments, entities. A `<` before a blank or a number is text, and so is a lone `&`.
HTML = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")
# An underscore inside a word is text in GitHub's flavour, and so are brackets that no target follows.
MARKUP = re.compile(r"[\\`*|~$]|\](?=[(\[:])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# Only at the start of a line: headings, lists, quotes, rules, numbered lists.
LINE_START = re.compile(r"^(\s*)([#+\-=>]|\d+(?=[.)]))")


def render(blocks: Sequence[Block]) -> str:
    """The document as Markdown, one blank line between blocks, ending in a newline."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def escape(text: str) -> str:
    """`text` on one line, such that a reader of the rendered page sees exactly its characters."""
    line = " ".join(text.split())
    harmless = HTML.sub(lambda found: {"<": "&lt;", "&": "&amp;"}[found.group()], line)
    return MARKUP.sub(lambda found: "\\" + found.group(), harmless)


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return _line(text)
        case Notice(text):
            return f"> **{escape(text)}**"
        case Bullets(items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case Code(text):
            return _fenced(text)
        case Table():
            return _table(block)
        case Chart(title=title, file=file, summary=summary):
            return f"![{escape(title)}]({file})" + (f"\n\n{_line(summary)}" if summary else "")


def _line(text: str) -> str:
    escaped = escape(text)
    start = LINE_START.match(escaped)
    if start is None:
        return escaped
    # A digit cannot be escaped, the full stop after it can.
    at = start.end() if start.group(2).isdigit() else start.start(2)
    return f"{escaped[:at]}\\{escaped[at:]}"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _table(table: Table) -> str:
    header = _row([escape(column.header) for column in table.columns])
    rule = "|" + "|".join("---:" if column.align == "right" else "---" for column in table.columns) + "|"
    return "\n".join([header, rule, *(_row([_cell(cell) for cell in row]) for row in table.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    return f"[{escape(cell.text)}]({quote(cell.link)})" if cell.link else escape(cell.text)
