"""README's Python is run as it stands there: what a reader copies has to work. Links lead somewhere."""

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import pandas as pd
import pytest
from torch import nn

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
# What tells a block from the others: each is run by the test below that asks for it.
BUILDER, RUN, EVERYTHING = "# my_net.py", "ablate.run(", 'load_results("results/")'


DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document: Path) -> None:
    targets = [link for link in re.findall(r"\]\(([^)#]+)", document.read_text()) if not link.startswith("http")]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_what_contributing_names_of_the_package_is_there() -> None:
    named = re.findall(r"`((?:[\w.]+/)*[\w.]+(?:/|\.py))`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 30
    assert [path for path in named if not ((ROOT / "ablate" / path).exists() or (ROOT / path).exists())] == []


def block(mark: str) -> str:
    (found,) = [text for text in BLOCKS if mark in text]
    return found


def executed(text: str, **known: Any) -> dict[str, Any]:
    """The names that `text` leaves behind; `known` are those it may use without having made them."""
    names: dict[str, Any] = {**known}
    exec(compile(text, "README.md", "exec"), names)
    return names


def test_every_block_is_run() -> None:
    assert sorted(block(mark) for mark in (BUILDER, RUN, EVERYTHING)) == sorted(BLOCKS)


def test_the_builder_s_outline_is_a_function_whose_arguments_are_annotated() -> None:
    """It is an outline, and leaves out the two imports that any such file begins with."""
    build = executed(block(BUILDER), nn=nn, Literal=Literal)["build"]
    hints = get_type_hints(build)
    assert set(inspect.signature(build).parameters) | {"return"} == set(hints)
    assert issubclass(hints["return"], nn.Module)
    assert inspect.signature(build).parameters["stem"].default in get_args(hints["stem"])


@pytest.mark.slow
def test_a_study_is_run_read_and_analysed(
    engine: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The study that README names, through the real engine; trials that take no time stand in place of training, and
    costs are counts alone."""
    study = (ROOT / "studies" / "spdconv_vs_stride.yaml").read_text()
    (engine.folder / "studies").mkdir()
    counts = re.sub(r"^measure: .*$", "measure: [accuracy, test_loss, params, macs]", study, flags=re.MULTILINE)
    (engine.folder / "studies" / "spdconv_vs_stride.yaml").write_text(counts)
    monkeypatch.chdir(engine.folder)
    names = executed(block(RUN))
    outcome, results = names["outcome"], names["results"]
    assert (outcome.failed, outcome.missing, len(engine.calls())) == (0, 0, 15)
    pd.testing.assert_frame_equal(results.trials, outcome.results.trials)
    assert names["contrasts"]["variant"].tolist() == ["spd", "maxpool"]
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["variant", "difference", "ci_low", "ci_high", "verdict"]
    assert [row.split()[1] for row in rows] == ["spd", "maxpool"]
    assert isinstance(names["network"], nn.Module)


@pytest.mark.usefixtures("quick_corrections")
def test_a_notebook_s_view_is_of_the_committed_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    names = executed(block(EVERYTHING))
    committed = {path.parent.relative_to("results").as_posix() for path in Path("results").rglob("plan.json")}
    assert set(names["everything"].studies["study"]) == committed
    better = names["better"].set_index(["study", "variant"])["difference"]
    # As README's table of the study says.
    assert round(100 * better["cifar10_spdconv_vs_stride", "spd"], 2) == 3.27
    printed = capsys.readouterr().out
    assert "cifar10_spdconv_vs_stride" in printed
    last = printed.splitlines()[-1].split()
    assert last[0] == "12"  # the last of twelve epochs, with a mean loss of every variant
    assert len(last) == 1 + 3
