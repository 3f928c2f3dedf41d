"""Where numbers come from."""

import os
import subprocess
from pathlib import Path

import pytest

from ablate import environment


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text("name: a\n")
    return tmp_path / "study.yaml"


class TestCommit:
    def test_outside_a_repository_there_is_none(self, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(study.parent.parent))
        described = environment.describe("cpu", study, study.parent / "results")
        assert (described["commit"], described["dirty"]) == (None, None)

    def test_the_commit_around_the_study_and_whether_files_differ_from_it(self, study: Path) -> None:
        git(study.parent, "init", "-q")
        git(study.parent, "add", "study.yaml")
        git(study.parent, "commit", "-q", "-m", "first")
        (study.parent / "untracked").write_text("")
        clean = environment.describe("cpu", study, study.parent / "results")
        assert (clean["commit"], clean["dirty"]) == (git(study.parent, "rev-parse", "HEAD"), False)
        study.write_text("name: b\n")
        assert environment.describe("cpu", study, study.parent / "results")["dirty"] is True

    def test_what_runs_write_is_no_change_of_what_they_read(self, study: Path) -> None:
        results = study.parent / "results"
        (results / "a").mkdir(parents=True)
        (results / "a" / "plan.json").write_text("{}")
        git(study.parent, "init", "-q")
        git(study.parent, "add", ".")
        git(study.parent, "commit", "-q", "-m", "first")
        (results / "a" / "plan.json").write_text("{1}")
        assert environment.describe("cpu", study, results)["dirty"] is False
        assert environment.describe("cpu", study, results / "b")["dirty"] is True

    def test_a_machine_without_git_has_none(self, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(study.parent))
        assert environment.describe("cpu", study, study.parent / "results")["commit"] is None


class TestMachine:
    def test_it_holds_what_moves_numbers_and_not_the_load(self, study: Path) -> None:
        described = environment.describe("cpu", study, study.parent / "results")
        assert set(described["machine"]) == {"system", "python", "versions", "cpu", "cores", "gpu"}
        assert set(described) == {"machine", "commit", "dirty", "energy", "load_at_start", "clocks"}
        assert set(environment.VOLATILE) == {"load_at_start", "clocks"}
        assert set(described["clocks"]) == {"governor", "cpu_mhz", "gpu"}
        assert described["machine"]["gpu"] is None
        assert set(described["machine"]["versions"]) == {"ablate", "torch", "torchvision", "numpy", "optuna"}

    def test_a_gpu_is_what_its_driver_says(self, study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text("#!/bin/sh\necho 'NVIDIA H100, 570.86'\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert (
            environment.describe("cuda:0", study, study.parent / "results")["machine"]["gpu"] == "NVIDIA H100, 570.86"
        )
        assert environment.describe("cpu", study, study.parent / "results")["machine"]["gpu"] is None

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no processor affinity")
    def test_cores_are_those_this_process_may_use(self) -> None:
        allowed = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(allowed)})
            assert environment.cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)
        assert environment.cores() == len(allowed)

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16 amx_tile", True), ("fpu avx512f", False), ("", False)],
    )
    def test_bf16_is_what_the_processor_s_flags_say(
        self, monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
    ) -> None:
        text = f"processor\t: 0\nmodel name\t: A: B\nflags\t\t: {flags}\n"
        monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/proc/cpuinfo")
        monkeypatch.setattr(Path, "read_text", lambda _path: text)
        assert environment.has_bf16_cpu() is expected
        assert environment._cpu_model() == "A: B"


class TestCanHaveGpu:
    def test_a_linux_without_any_driver_s_node_has_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment, "DEVICES", tmp_path)
        monkeypatch.setattr(environment.platform, "system", lambda: "Linux")
        (tmp_path / "null").touch()
        assert not environment.can_have_gpu()

    @pytest.mark.parametrize("node", ["nvidiactl", "nvidia0", "nvhost-gpu", "dxg", "kfd"])
    def test_with_such_a_node_torch_is_asked(self, node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment, "DEVICES", tmp_path)
        (tmp_path / node).touch()
        assert environment.can_have_gpu()

    def test_elsewhere_torch_is_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment, "DEVICES", tmp_path)
        monkeypatch.setattr(environment.platform, "system", lambda: "Darwin")
        assert environment.can_have_gpu()
