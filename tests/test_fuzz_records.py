"""Results folders that were damaged, edited or made up: each is read, or refused in one sentence.

Nothing is written while one is read, no program is started, nothing is unpickled. The same cases are met in every run.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_events import watching
from edits import Edit, edited, edits_of, kinds_of_places
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_results import KINDS, Kind, sample

from ablate import report
from ablate.comparison import as_json, compare
from ablate.errors import AblateError
from ablate.records import finished_keys, load_record, load_results
from ablate.report import latex, markdown
from ablate.study.status import status_of

WORDS = (
    *(
        "",
        "a",
        "<b>",
        "../../x",
        "/etc/passwd",
        "\x1b[31m",
        "\x00",
        "$",
        "nan",
        "variant",
        "seed",
        "accuracy",
        "=",
        ",",
    ),
    *("a=b", "a=b,c=d", "\u202e", "9" * 11, "1e5", "e1", "e2", "model.downsample", "data.noise", "strided", "spd"),
    *("latency", "count", "grid", "one_at_a_time", "test_loss", "params", "train_seconds", " ", "a\nb", "{x}", "%s"),
    *("latency_ms_p50", "optimizer steps", "é" * 3000, "complete", "diverged", "macs", "base", "big", "1", "0", "-1"),
)
NUMBERS = (0, 1, -1, 2, 3, 0.5, -0.5, 1e-300, 1e300, 1.7e308, 2**53, 2**63 - 1, 2**63, -(2**63), 10**18, 1e39)
VALUES = st.recursive(
    st.sampled_from((None, True, False, *NUMBERS, *WORDS)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2),
    max_leaves=3,
)
EDITS = edits_of(("delete", "set", "rename", "add", "swap", "repeat", "as text"), WORDS, VALUES)
# By weight: a plan has most to it, and records are read one by one.
FILES = ("plan.json",) * 6 + ("costs.json",) * 3 + ("environment.json",) * 2 + ("execution.json",)
WHICH = st.sampled_from((*FILES, "records/*", "records/*", "failures/*"))


def flawed(content: bytes, number: int, value: int, kind: str) -> bytes:
    """`content` with a byte changed, or a piece taken away, put in or repeated."""
    place = number % (len(content) + 1)
    before, after = content[:place], content[place:]
    match kind:
        case "cut":
            return before
        case "change":
            return before + bytes([value]) + after[1:]
        case "put in":
            return before + bytes([value, value]) + after
        case "take out":
            return before + after[value % 20 :]
        case _:
            return before + before[-50:] + after


def quick(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def originals(tmp_path: Path) -> dict[Kind, Path]:
    return {kind: sample(tmp_path / "originals" / kind, kind) for kind in KINDS}


@pytest.fixture
def copy(tmp_path: Path, originals: dict[Kind, Path]) -> Callable[[Kind], Path]:
    """A fresh copy of a sound results folder of this kind."""

    def make(kind: Kind) -> Path:
        place = tmp_path / "results" / "toy"
        shutil.rmtree(place, ignore_errors=True)
        return Path(shutil.copytree(originals[kind], place))

    return make


def refusal(look: Callable[[], Any]) -> str:
    """The sentence that `look` is refused with, empty where it is not; it writes, starts and unpickles nothing."""
    said = ""
    with watching() as watch:
        try:
            look()
        except AblateError as error:
            said = str(error)
    assert watch.seen == []
    assert "\n" not in said
    assert "\x1b" not in said
    return said


def read(folder: Path) -> None:
    """All that is cheap: the tables as they are stored, the status, every record."""
    refusal(lambda: load_results(folder))
    refusal(lambda: status_of(folder))
    for key in finished_keys(folder):
        refusal(lambda key=key: load_record(folder, key))


def report_on(folder: Path) -> None:
    """All of the report but its pictures."""
    results = load_results(folder)
    derived = report.tables(results)
    blocks = report.composed(results, derived)
    for text in (markdown.render(blocks), latex.render(blocks)):
        assert "\x1b" not in text
        text.encode()
    report.strict_problems(derived)


def target(folder: Path, pattern: str, number: int) -> Path:
    found = sorted(folder.glob(pattern))
    return found[number % len(found)] if found else folder / "plan.json"


@pytest.fixture(autouse=True)
def _quick(quick_corrections: None) -> None:
    """Every report corrects p-values."""


@quick(600)
@given(st.sampled_from(KINDS), WHICH, st.integers(0, 99), st.lists(EDITS, min_size=1, max_size=3))
def test_a_folder_with_other_keys_and_values(
    copy: Callable[[Kind], Path], kind: Kind, which: str, number: int, edits: list[Edit]
) -> None:
    path = target(copy(kind), which, number)
    document: Any = {} if path.read_bytes().endswith(b": ") else json.loads(path.read_bytes())
    for edit in edits:
        document = edited(document, edit, kinds_of_places)
    path.write_text(json.dumps(document))
    read(path.parent if path.name in FILES else path.parent.parent)


@quick(400)
@given(
    st.sampled_from(KINDS),
    WHICH,
    st.integers(0, 99),
    st.integers(0, 100_000),
    st.integers(0, 255),
    st.sampled_from(("cut", "change", "put in", "take out", "repeat")),
)
def test_a_folder_with_other_bytes(
    copy: Callable[[Kind], Path], kind: Kind, which: str, file: int, place: int, value: int, flaw: str
) -> None:
    path = target(copy(kind), which, file)
    path.write_bytes(flawed(path.read_bytes(), place, value, flaw))
    read(path.parent if path.name in FILES else path.parent.parent)


@quick(80)
@given(st.sampled_from(KINDS), WHICH, st.integers(0, 99), EDITS)
def test_a_report_on_a_folder_with_another_key_or_value(
    copy: Callable[[Kind], Path], kind: Kind, which: str, number: int, edit: Edit
) -> None:
    path = target(copy(kind), which, number)
    document: Any = {} if path.read_bytes().endswith(b": ") else json.loads(path.read_bytes())
    path.write_text(json.dumps(edited(document, edit, kinds_of_places)))
    refusal(lambda: report_on(path.parent if path.name in FILES else path.parent.parent))


@pytest.mark.slow
@quick(100)
@given(st.sampled_from(KINDS), WHICH, st.integers(0, 99), st.lists(EDITS, min_size=1, max_size=2))
def test_reports_and_comparisons_of_many_more(
    copy: Callable[[Kind], Path], originals: dict[Kind, Path], kind: Kind, which: str, number: int, edits: list[Edit]
) -> None:
    path = target(copy(kind), which, number)
    document: Any = {} if path.read_bytes().endswith(b": ") else json.loads(path.read_bytes())
    for edit in edits:
        document = edited(document, edit, kinds_of_places)
    path.write_text(json.dumps(document))
    folder = path.parent if path.name in FILES else path.parent.parent
    if not refusal(lambda: report_on(folder)) and kind != "count":
        refusal(lambda: as_json(compare(load_results(folder), load_results(originals[kind]))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["deleted", "a folder", "empty", "a link to itself", "another file's"])
def test_a_file_that_is_something_else(copy: Callable[[Kind], Path], kind: Kind, change: str) -> None:
    names = [path.relative_to(copy(kind)) for path in copy(kind).rglob("*.json")]
    for name in names:
        folder = copy(kind)
        path = folder / name
        content = path.read_bytes()
        path.unlink()
        if change == "a folder":
            path.mkdir()
        elif change == "empty":
            path.touch()
        elif change == "a link to itself":
            path.symlink_to(path)
        elif change == "another file's":
            path.write_bytes(content if name.name == "costs.json" else (folder / "costs.json").read_bytes())
        read(folder)
