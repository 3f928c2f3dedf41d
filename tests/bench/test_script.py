"""A script in a process of its own, which trains when told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ablate.bench.script import SCRIPT, Script
from ablate.executors.contract import CallFailed

ECHO = """
import json, sys
task = json.load(open(sys.argv[1]))
for number, line in enumerate(sys.stdin, 1):
    if number > task["rounds"]:
        sys.exit("enough")
    print(json.dumps({"images": 100 * number, "seconds": 4.0}), flush=True)
open(task["left"], "w").write(task["pace"])
"""


@contextmanager
def script(folder: Path, rounds: int) -> Iterator[Script]:
    path = folder / "echo.py"
    path.write_text(ECHO)
    task = {"layout": "contiguous", "rounds": rounds, "left": str(folder / "left")}
    with (folder / "log").open("ab") as log:
        made = Script(path, task, folder, log)
        yield made
        made.close()


def test_every_line_is_an_epoch(tmp_path: Path) -> None:
    with script(tmp_path, rounds=9) as echo:
        assert [echo.images_per_second() for _ in range(3)] == [25.0, 50.0, 75.0]
    assert (tmp_path / "left").read_text() == "rounds"
    assert json.loads((tmp_path / "script_contiguous.json").read_text())["layout"] == "contiguous"


def test_one_that_ends_is_no_pace(tmp_path: Path) -> None:
    with script(tmp_path, rounds=1) as echo:
        echo.images_per_second()
        with pytest.raises(CallFailed, match=r"^the script ended with status 1; what it said is in the log$"):
            echo.images_per_second()
        with pytest.raises(CallFailed, match="ended with status 1"):
            echo.images_per_second()
    assert (tmp_path / "log").read_text() == "enough\n"


def test_the_script_of_the_source_tree_is_there() -> None:
    assert (Path(__file__).parents[2] / SCRIPT).is_file()
