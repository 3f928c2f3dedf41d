"""Tables for a paper: a LaTeX document that compiles as it is, from which single tables can be taken.

It holds the tables that have a name: results, main effects, contrasts, claims. The document needs booktabs and
graphicx. Characters that pdfLaTeX has no glyph for are printed as their code point; XeLaTeX and LuaLaTeX print them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from ablate.report.document import Block, Heading, Paragraph, Table

# A longer table is printed in parts, each of which fits a page.
ROWS_A_PART = 40

MINUS = "\N{MINUS SIGN}"
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # Two hyphens in a row would be a dash, and a bracket after the end of a row the row's own argument.
    "-": r"{-}",
    "[": "{[}",
    "]": "{]}",
    MINUS: r"\ensuremath{-}",
    "±": r"\ensuremath{\pm}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
}
ESCAPES = {ord(character): escaped for character, escaped in SPECIAL.items()}
# A number's hyphen is a minus.
NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")

HEAD = r"""\documentclass[10pt,a4paper]{article}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\fi
\usepackage{textcomp}
\usepackage[landscape,margin=15mm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
% A table wider than the text is made smaller; others keep their size.
\newsavebox{\tablebox}
\newcommand{\fitted}{\ifdim\wd\tablebox>\linewidth\resizebox{\linewidth}{!}{\usebox{\tablebox}}\else\usebox{\tablebox}\fi}
% What pdfLaTeX has no glyph for is printed as its code point.
\ifPDFTeX
  \newcommand{\codepoint}[2]{\ifcsname u8:\detokenize{#1}\endcsname\else
    \DeclareUnicodeCharacter{#2}{\texttt{[U+#2]}}\fi}
\else
  \newcommand{\codepoint}[2]{}
\fi
"""


def render(blocks: Sequence[Block]) -> str:
    """A document with every named table among `blocks`, under the title and the sentences that open the report."""
    title = next((block.text for block in blocks if isinstance(block, Heading) and block.level == 1), "ablate report")
    said = [block.text for block in blocks if isinstance(block, Paragraph) and block.role != "plain"]
    named = [block for block in blocks if isinstance(block, Table) and block.name]
    body = [rf"\section*{{{escape(title)}}}", *map(escape, said), *_tables(named)]
    text = "\n\n".join(body)
    declared = "".join(rf"\codepoint{{{character}}}{{{ord(character):04X}}}" + "\n" for character in _beyond(text))
    return f"{HEAD}{declared}\\begin{{document}}\n{text}\n\\end{{document}}\n"


def escape(text: str) -> str:
    """`text` on one line, such that it is printed as it is; characters without a shape are left out."""
    line = NEGATIVE.sub(MINUS, " ".join(text.split()))
    shown = (character for character in line if unicodedata.category(character)[0] != "C")
    return "".join(shown).translate(ESCAPES)


def _beyond(text: str) -> list[str]:
    """The characters of `text` beyond Latin-1, each once, in order."""
    return sorted({character for character in text if ord(character) > 0xFF})


def _tables(tables: Sequence[Table]) -> Iterator[str]:
    """The parts of all tables; the second of a name, such as under another condition, has a number in its label."""
    seen: Counter[str] = Counter()
    for table in (each.without_empty_columns() for each in tables):
        seen[table.name] += 1
        label = table.name if seen[table.name] == 1 else f"{table.name}-{seen[table.name]}"
        for start in range(0, max(1, len(table.rows)), ROWS_A_PART):
            yield _table(table, table.texts[start : start + ROWS_A_PART], "" if start else label)


def _table(table: Table, rows: Sequence[Sequence[str]], label: str) -> str:
    """One float; a part without a label goes on from the one before."""
    columns = "".join("r" if column.align == "right" else "l" for column in table.columns)
    caption = escape(table.caption) + (rf"\label{{tab:{label}}}" if label else ", continued")
    header = " & ".join(escape(column.header) for column in table.columns)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{caption}}}",
        r"\begin{lrbox}{\tablebox}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *(f"{' & '.join(escape(cell) for cell in row)} \\\\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{lrbox}",
        r"\fitted",
        r"\end{table}",
    ]
    return "\n".join(lines)
