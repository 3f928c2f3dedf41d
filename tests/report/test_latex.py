import re
import shutil
import subprocess

import pytest

from ablate.report import composed, tables
from ablate.report.document import Column, Heading, Paragraph, Table
from ablate.report.latex import ROWS_A_PART, escape, render

pdflatex = shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(pdflatex is None, reason="pdflatex is not installed")
COLUMNS = (Column("name", "left"), Column("value"))


def compiled(text, folder):
    """The text of the PDF that pdflatex makes of `text`, which it must compile without an error."""
    (folder / "report.tex").write_text(text)
    command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "report.pdf").stat().st_size > 1_000
    return done.stdout


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50 % of $5 & more", r"50 \% of \$5 \& more"),
        ("a_b^c~d", r"a\_b\textasciicircum{}d".replace("{}d", r"{}c\textasciitilde{}d")),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("<b> | #1", r"\textless{}b\textgreater{} \textbar{} \#1"),
        ("-3.71 [-7.27, -0.15]", r"\ensuremath{-}3.71 {[}\ensuremath{-}7.27, \ensuremath{-}0.15{]}"),
        ("spd-beats-stride --only", r"spd{-}beats{-}stride {-}{-}only"),
        ("69.69 ± 0.48", r"69.69 \ensuremath{\pm} 0.48"),
        ("two\nlines", "two lines"),
        ("a\x00b\u200bc", "abc"),
        ("日本", "日本"),
    ],
)
def test_text_is_printed_as_it_is(text, escaped):
    assert escape(text) == escaped


def test_named_tables_are_there_and_others_are_not(toy, claim):
    results = toy(claims=[claim()])
    text = render(composed(results, tables(results)))
    assert re.findall(r"\\label\{tab:([^}]*)\}", text) == ["results", "claims", "contrasts"]
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 3
    assert r"strided (baseline) & 8 &" in text
    assert "Does SPD help?" in text


def test_a_crossed_study_has_its_main_effects_and_interactions(toy):
    results = toy(factors={"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]})
    labels = re.findall(r"\\label\{tab:([^}]*)\}", render(composed(results, tables(results))))
    assert labels == ["results", "main-effects", "anova", "interactions", "contrasts"]


def test_a_long_table_goes_on_in_parts():
    rows = tuple((f"row {number}", str(number)) for number in range(2 * ROWS_A_PART + 1))
    text = render([Table(COLUMNS, rows, "All of it", name="long")])
    assert text.count(r"\begin{table}") == 3
    assert text.count(r"\label{tab:long}") == 1
    assert text.count("All of it, continued") == 2


def test_tables_of_one_name_have_labels_of_their_own():
    table = Table(COLUMNS, (("a", "1"),), "c", name="anova")
    assert re.findall(r"\\label\{tab:([^}]*)\}", render([table, table])) == ["anova", "anova-2"]


@needs_latex
@pytest.mark.slow
def test_a_report_compiles(toy, claim, tmp_path):
    results = toy(claims=[claim()])
    said = compiled(render(composed(results, tables(results))), tmp_path)
    assert "Overfull" not in said


@needs_latex
@pytest.mark.slow
def test_whatever_a_study_is_called_compiles(tmp_path):
    hostile = [
        "<script>alert('x')</script> \"quoted\" & % $ # _ { } ~ ^ \\ `back`",
        "\\end{document} \\input{/etc/hostname} $$ %",
        "日本語 Ελληνικά кириллица עברית 😀 ł ő ß é ∑ ≤ “quotes” – — …",
        "x" * 200,
        "",
        "[optional] *starred",
    ]
    blocks = [
        Heading(hostile[0], 1),
        Paragraph(hostile[2], "question"),
        Table(COLUMNS, tuple((text, "-1.5") for text in hostile), hostile[1], name="results"),
        Table(COLUMNS, (), "nothing", name="claims"),
    ]
    compiled(render(blocks), tmp_path)
