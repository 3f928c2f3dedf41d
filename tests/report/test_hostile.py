"""What a hand-edited results folder may hold is shown, and never becomes part of a page, a command or a file name."""

import gc
import io
import itertools
import re
import shutil
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from audit_events import watching
from markdown_it import MarkdownIt
from rich.console import Console
from sample_results import KINDS, Kind, Word, sample

import ablate
from ablate import report
from ablate.cli import main
from ablate.comparison import compare
from ablate.display import print_blocks
from ablate.pages import comparison_page, index_page, results_page, status_page
from ablate.records import load_results
from ablate.report import html, latex, markdown
from ablate.report.document import Block, Cell, Chart, Column, Heading, Table
from ablate.report.index import write_reports
from ablate.study.status import status_of

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "quote": "' onmouseover='alert(1)' x='",
    "title": "</title></style><svg onload=alert(1)>",
    "comment": "<!-- --!> <!DOCTYPE x> <?php ?> <![CDATA[ ]]>",
    "entity": "&lt;script&gt; &#60;b&#62; &amp;lt; &nbsp",
    "link": "]] javascript:alert(1) [x](javascript:alert(1)) <javascript:alert(1)> ![x](//x) [x]: //x",
    "markdown": "`code` ``x`` **b** __b__ ~~s~~ | cell | \\| # h 1. - + > q *** --- === \\",
    "latex": r"\input{/etc/passwd} \write18{x} $x^2$ %x &x #1 _a ^b ~ {} \\ \end{document} -- `` ''",
    "template": "{{ 7*7 }} {% include 'x' %} ${7*7} #{7} %s {0} {x!r}",
    "terminal": "\x1b[31mred \x1b]0;title\x07 \x9b31m \x08\x08 \r \x00 \x7f",
    "direction": "user\u202egnp.exe \u2066x\u2069 \u2028 \u2029 \ufeff",
    "path": "../../../../tmp/x",
    "absolute": "/etc/passwd",
    "shell": "; rm -rf ~ $(touch x) `touch x` | sh & 'x' \"x\"",
    "math": "$\\frac{$ $ $$ \\(x\\) _{ ^{",
    "number": "nan inf 1e999 -0",
}
# What is on a page without having been written there: a chance to break a long name.
UNMARKED = {"wbr"}


def hostile(payload: str) -> Word:
    return lambda label: f"{label} {payload}"


def harmless(payload: str) -> Word:
    """Words of the same length, which break at the same places."""
    shown = "".join(character if character in "=,/ " else "x" for character in payload)
    return lambda label: f"{label} {shown}"


class Elements(HTMLParser):
    """What a page is made of, without its text: every element with its attributes, opened and closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in UNMARKED:
            # A cell is wide where its text is long, and some text is shown longer than it is.
            kept = [(name, value) for name, value in attrs if name != "class"]
            self.found.append((tag, *(f"{name}={value}" for name, value in kept)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in UNMARKED:
            self.found.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment",))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.found.append(("instruction",))


def blocks_of(folder: Path) -> list[Block]:
    results = load_results(folder)
    return report.composed(results, report.tables(results))


def controls(text: str) -> set[str]:
    """The characters of `text` that something might act on."""
    acted_on = {character for character in text if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")}
    turning = {character for character in text if unicodedata.bidirectional(character) in TURNING}
    return (acted_on | turning) - {"\n", "\t"}


TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


Pair = tuple[list[Block], list[Block]]


@pytest.fixture(scope="module", params=itertools.product(("crossed", "count"), PAYLOADS), ids="-".join)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The blocks of a report on a hostile folder, and of one on a harmless one, without charts."""
    kind, name = request.param
    place, payload = tmp_path_factory.mktemp("pair"), PAYLOADS[name]
    words = {"hostile": hostile(payload), "harmless": harmless(payload)}
    folders = [sample(place / each, kind, word) for each, word in words.items()]
    gc.freeze()  # as quick_corrections, which is there for single tests
    made = [[block for block in blocks_of(folder) if not isinstance(block, Chart)] for folder in folders]
    gc.unfreeze()
    return made[0], made[1]


class TestEachPayload:
    def test_the_page_has_the_elements_of_a_harmless_one(self, pair: Pair) -> None:
        page, plain = (html.render(blocks) for blocks in pair)
        assert Elements(page).found == Elements(plain).found
        assert not controls(page)

    def test_markdown_renders_to_the_elements_of_a_harmless_one(self, pair: Pair) -> None:
        """Read by markdown-it, which knows nothing of how it was written."""
        reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        text, plain = (markdown.render(blocks) for blocks in pair)
        assert Elements(reader.render(text)).found == Elements(reader.render(plain)).found
        assert not controls(text)

    def test_latex_has_the_commands_of_a_harmless_one_and_those_that_print_signs(self, pair: Pair) -> None:
        text, plain = (latex.render(blocks) for blocks in pair)
        commands = [set(re.findall(r"\\(?:[A-Za-z]+|[^A-Za-z])", each)) for each in (text, plain)]
        printing = {f"\\{name}" for name in PRINTING} | {rf"\{sign}" for sign in "{}$&#%_"}
        assert commands[0] - commands[1] <= printing | {r"\codepoint"}
        body = text.partition(r"\begin{document}")[2]
        assert body.count(r"\end{document}") == 1
        bare = re.sub(r"\\[{}]", "", body)
        assert bare.count("{") == bare.count("}")
        # Neither a comment, nor a formula, nor a parameter: each of these signs is escaped.
        assert re.findall(r"(?<!\\)[%$#]", re.sub(r"\\\\", "", body)) == []
        assert not controls(text)


PRINTING = (
    *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl"),
    *("textquotesingle", "textasciigrave", "ensuremath", "pm", "times"),
)


EVERYTHING = " ".join(PAYLOADS.values())


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def folder(tmp_path: Path, kind: Kind) -> Path:
    return sample(tmp_path / "results" / "toy", kind, hostile(EVERYTHING))


def test_what_is_written_lies_in_the_folder_under_its_own_names(folder: Path, kind: Kind) -> None:
    report.write(load_results(folder), ["html", "md", "tex"])  # imports what draws, and its caches
    shutil.rmtree(folder / "figures")
    before = {path for path in folder.rglob("*") if path.is_file() and path.parent.name != "figures"}
    with watching() as watch:
        paths = report.write(load_results(folder), ["html", "md", "tex"])
    assert watch.outside(folder) == []
    named = [path.relative_to(folder).as_posix() for path in paths]
    assert all(re.fullmatch(r"(figures/)?[a-z]+\.(csv|html|md|tex|svg|pdf)", name) for name in named)
    assert {path for path in folder.rglob("*") if path.is_file()} == before | set(paths)


def test_figures_are_sound_and_carry_nothing_that_runs(folder: Path) -> None:
    paths = report.write(load_results(folder), ["html"])
    drawings = [path for path in paths if path.suffix == ".svg"]
    assert drawings
    for path in drawings:
        for element in ElementTree.parse(path).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "image", "a", "animate", "set")
            assert not [name for name in element.attrib if name.startswith("on")]
            links = [value for name, value in element.attrib.items() if name.endswith("href")]
            assert all(value.startswith("#") for value in links)


@pytest.fixture(scope="module")
def known_elements(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, ...]]:
    """Every kind of element, with the names of its attributes, of the pages on harmless folders."""
    place = tmp_path_factory.mktemp("plain")
    pages = [html.render(blocks_of(sample(place / kind, kind))) for kind in KINDS]
    return {(tag, *names_of(attributes)) for page in pages for tag, *attributes in elements(page)}


def test_the_page_with_its_figures_has_no_kind_of_element_of_the_folder_s_own(
    folder: Path, known_elements: set[tuple[str, ...]]
) -> None:
    found = {(tag, *names_of(attributes)) for tag, *attributes in elements(html.render(blocks_of(folder)))}
    assert found <= known_elements


def elements(page: str) -> list[tuple[str, ...]]:
    return Elements(page).found


def names_of(attributes: list[str]) -> list[str]:
    return [attribute.partition("=")[0] for attribute in attributes]


class TestTerminal:
    """Of what a folder says, a terminal shows all and acts on nothing."""

    @staticmethod
    def printed(blocks: list[Block]) -> str:
        stream = io.StringIO()
        print_blocks(blocks, Console(file=stream, width=200))
        return stream.getvalue()

    def test_pages_have_no_control_characters(self, folder: Path, kind: Kind) -> None:
        results = load_results(folder)
        pages = [results_page(results, report.tables(results)), status_page(status_of(folder))]
        pages.append(index_page(write_reports(folder.parent, ["md"]).entries))
        if kind != "count":
            pages.append(comparison_page(compare(results, results)))
        texts = [self.printed(blocks) for blocks in pages]
        assert all(not controls(text) for text in texts)
        assert any(r"\x1b[31mred" in text for text in texts)

    @pytest.mark.parametrize("command", ["report", "status", "compare", "strict"])
    def test_commands_print_none(
        self, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        arguments = {
            "report": ["report", str(folder), "--format", "md"],
            "status": ["status", str(folder)],
            "compare": ["compare", str(folder), str(folder)],
            "strict": ["report", "--strict", str(folder), "--format", "md"],
        }[command]
        monkeypatch.setattr(sys, "argv", ["ablate", *arguments])
        with pytest.raises(SystemExit):
            main()
        said = capfd.readouterr()
        assert said.out or said.err
        assert not controls(said.out + said.err)

    def test_an_error_that_quotes_a_name_is_one_line_without_them(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["ablate", "report", str(folder), "--baseline", "\x1b[31m"])
        with pytest.raises(SystemExit):
            main()
        said = capfd.readouterr().err
        assert r"\x1b[31m" in said
        assert not controls(said)
        assert said.count("\n") == 1


def test_a_folder_s_own_name_is_no_address(tmp_path: Path) -> None:
    """The index links to reports below it, whatever their folders are called."""
    names = ["javascript:alert(1)", '"><img src=x>', "a b#c?d", "[x](y)"]
    for name in names:
        sample(tmp_path / name, "count")
    write_reports(tmp_path, ["html", "md"])
    page = (tmp_path / "index.html").read_text()
    links = [part for _, *attributes in elements(page) for part in attributes if part.startswith("href=")]
    assert [link for link in links if not link.startswith("href=#")] == [
        "href=%22%3E%3Cimg%20src%3Dx%3E/report.html",
        "href=%5Bx%5D%28y%29/report.html",
        "href=a%20b%23c%3Fd/report.html",
        "href=javascript%3Aalert%281%29/report.html",
    ]
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render((tmp_path / "index.md").read_text())
    assert 'href="javascript:' not in rendered
    assert not [tag for tag, *_ in elements(rendered) if tag == "img"]


def test_a_link_with_a_scheme_is_a_place_all_the_same() -> None:
    table = Table((Column("a", "left"),), ((Cell("x", link="javascript:alert(1)"),),))
    page = html.render([Heading("t", 1), table])
    assert 'href="javascript%3Aalert%281%29"' in page


# Words that run, or load as objects, what somebody else may have written.
RUNS = re.compile(
    r"pickle\.loads?\b|\bUnpickler\b|\bmarshal\b|\bshelve\b|\bdill\b|\bjoblib\b|\beval\(|\bexec\(|\bcompile\(|os\.system|shell=True"
    r"|torch\.load\(|np\.load\(|yaml\.load\(|allow_pickle|weights_only=False|__import__"
)


def test_nothing_in_the_package_unpickles_or_runs_text() -> None:
    found = []
    for path in sorted(Path(ablate.__file__).parent.rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = re.sub(r"\bre\.compile\(|torch\.compile\(|\.eval\(\)|weights_only=True", "", line)
            if RUNS.search(code) and not ("torch.load(" in code and "weights_only=True" in line):
                found.append(f"{path.relative_to(Path(ablate.__file__).parent).as_posix()}:{number}: {line.strip()}")
    assert found == []


def test_the_rule_sees_what_it_forbids() -> None:
    for line in ("pickle.load(stream)", "x = eval(text)", "torch.load(path)", "os.system('x')", "np.load(path)"):
        assert RUNS.search(line)
