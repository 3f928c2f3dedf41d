"""What a task does on its node, without Ray around it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ablate.executors.ray_tasks import node

PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def nothing_kept(engine_path: Path) -> Iterator[None]:
    yield
    node._take((0, None))


def order(function: str, **task: Any) -> dict[str, Any]:
    return {
        "function": f"engine_functions:{function}",
        "task": task,
        "timeout_seconds": None,
        "silence_seconds": None,
        "cpus": 1,
        "gpus": 0,
        "device": "cpu",
        "versions": node.versions(),
        "host": node.identity(),
        "folder": str(Path.cwd()),
    }


def said(function: str, **task: Any) -> list[dict[str, Any]]:
    return list(node.serve(order(function, **task)))


def process() -> int:
    pid: int = said("echo")[-1]["result"]["pid"]
    return pid


class TestSaying:
    def test_progress_comes_before_the_result(self) -> None:
        *progress, ended = said("echo", progress=2)
        assert progress == [{"progress": {"number": 0}, "log": ""}, {"progress": {"number": 1}, "log": ""}]
        assert ended["result"]["task"] == {"progress": 2}

    def test_what_was_printed_comes_with_what_is_said_next(self) -> None:
        progress, ended = said("noisy")
        assert progress["log"].endswith("a warning\nfrom a child\n")
        assert ended["log"] == ""

    def test_a_failure_brings_its_traceback(self) -> None:
        (ended,) = said("raises", message="bäd")
        assert ended["cause"] == "ValueError: bäd"
        assert "ValueError: bäd" in ended["log"].encode("latin-1").decode()

    def test_of_very_much_the_end_is_carried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(node, "MOST_NEWS", 10)
        log = said("noisy")[0]["log"]
        written = '{"result": "a lie"}\n{"cause": "another lie"}\na warning\nfrom a child\n'
        assert log == f"[{len(written) - 10} bytes are left out here]\n" + written[-10:]


class TestPlaces:
    def test_a_checkpoint_lies_where_it_is_wanted_if_the_results_folder_is_here(self, tmp_path: Path) -> None:
        wanted = str(tmp_path / "checkpoints" / "k.pt")
        assert said("echo", checkpoint=wanted)[-1]["result"]["task"]["checkpoint"] == wanted

    def test_else_it_lies_in_a_folder_of_this_user_alone_until_the_trial_is_done(self, tmp_path: Path) -> None:
        wanted = str(tmp_path / "elsewhere" / "checkpoints" / "k.pt")
        own = Path(said("echo", checkpoint=wanted)[-1]["result"]["task"]["checkpoint"])
        assert (own.name, own.parent.stat().st_mode & 0o777) == ("k.pt", 0o700)
        own.write_text("half a trial")
        said("raises", checkpoint=wanted, message="bad")
        assert own.exists()
        said("echo", checkpoint=wanted)
        assert not own.exists()

    def test_relative_paths_are_those_of_the_order(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "study").mkdir()
        list(node.serve({**order("echo"), "folder": str(tmp_path / "study")}))
        assert Path.cwd() == tmp_path / "study"
        list(node.serve({**order("echo"), "folder": str(tmp_path / "not here")}))
        assert Path.cwd() == tmp_path / "study"


class TestMachine:
    def test_one_s_own_is_none(self) -> None:
        assert said("echo")[-1]["machine"] is None

    def test_another_s_says_what_moves_its_numbers_and_leaves_the_commit_to_the_order(self) -> None:
        (ended,) = node.serve({**order("echo"), "host": "another"})
        assert set(ended["machine"]) == {"machine", "energy", "load_at_start", "clocks"}
        assert set(ended["machine"]["machine"]["versions"]) >= {"ablate", "torch"}

    def test_other_versions_are_refused_before_anything_runs(self) -> None:
        wanted = {**node.versions(), "torch": "1.4", "TRAINING_VERSION": "0"}
        (ended,) = node.serve({**order("echo"), "versions": wanted})
        here = node.versions()
        assert ended == {
            "unfit": f"it has torch {here['torch']} rather than 1.4 "
            f"and TRAINING_VERSION {here['TRAINING_VERSION']} rather than 0; install the same versions as here"
        }

    def test_patches_of_a_version_may_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(node.metadata, "version", lambda name: "2.15.3+cu130")
        assert node.versions()["torch"] == "2.15"

    def test_a_package_that_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def version(name: str) -> str:
            raise node.metadata.PackageNotFoundError(name)

        wanted = order("echo")
        monkeypatch.setattr(node.metadata, "version", version)
        assert list(node.serve(wanted)) == [
            {"unfit": "ablate is not installed there; install the same version as here"}
        ]


class TestKeeping:
    def test_the_next_task_finds_the_process_of_the_last(self) -> None:
        assert process() == process()

    def test_a_failure_ends_the_process(self) -> None:
        before = process()
        said("raises", message="bad")
        assert process() != before

    def test_another_gpu_or_number_of_threads_has_a_process_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = process()
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        second = process()
        assert first != second
        assert not psutil.pid_exists(first)
        (ended,) = node.serve({**order("echo"), "cpus": 2})
        assert ended["result"]["pid"] != second
        assert set(ended["result"]["threads"].values()) == {"2"}

    def test_a_process_ends_that_no_task_comes_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(node, "IDLE_SECONDS", 0.0)
        try:
            idle = psutil.Process(process())
        except psutil.NoSuchProcess:
            return
        assert psutil.wait_procs([idle], timeout=PATIENCE_SECONDS)[1] == []

    def test_a_task_in_time_keeps_it_from_ending(self) -> None:
        pid = process()
        kind, kept = next(iter(node._kept.items()))
        assert node._take(kind) is kept.worker
        node._end_idle(kind, kept.worker)  # its time ran out just as the next task came
        assert psutil.pid_exists(pid)
        kept.worker.close()
        assert not psutil.pid_exists(pid)


def test_threads_are_those_of_the_order_whatever_ray_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert set(said("echo")[-1]["result"]["threads"].values()) == {"1"}
