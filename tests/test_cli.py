"""The command line: what it prints, where, and how it exits."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest

from ablate import cli
from ablate.schema import json_schema

COMMANDS = ("run", "plan", "status", "report", "compare", "show", "bench", "list", "doctor", "schema")


@dataclass(frozen=True)
class Said:
    """How a command ended: exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs `ablate ARGUMENTS` in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["ablate", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            cli.main()
        said = capsys.readouterr()
        code = exited.value.code
        assert code is None or isinstance(code, int)
        return Said(code or 0, said.out, said.err)

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def in_folder(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine, its folder being the current one."""
    monkeypatch.chdir(engine.folder)
    return engine


RUN = ("run", "toy.yaml", "--device", "cpu", "--workers", "1")


@pytest.mark.usefixtures("in_folder")
class TestRun:
    def test_it_ends_with_the_table_on_stdout_and_progress_on_stderr(self, command: Command) -> None:
        said = command(*RUN)
        assert said.code == 0
        assert [line.split()[0] for line in said.out.splitlines()[-3:]] == ["variant", "strided", "maxpool"]
        assert "toy: 2 variants x 2 seeds = 4 trials, 0 done; on cpu, 1 worker of " in said.err
        assert said.err.count("test accuracy") == 4
        assert "test accuracy" not in said.out
        assert "tables and report.html are in results/toy" in said.err

    def test_again_there_is_nothing_to_do(self, command: Command) -> None:
        first, second = command(*RUN), command(*RUN)
        assert (second.code, second.out) == (0, first.out)
        assert second.err.startswith("nothing to do: every trial has its record")

    def test_a_failed_trial_is_exit_code_1_and_status_says_why(self, in_folder: Any, command: Command) -> None:
        in_folder.script(fails={"1": 9})
        said = command(*RUN)
        assert said.code == 1
        assert said.err.endswith("2 failed; ablate status results/toy says why\n")
        status = command("status", "results/toy")
        assert status.code == 0
        assert "2 of 4 trials complete, 0 missing" in status.out
        assert "attempt 2: RuntimeError: no luck with seed 1" in status.out
        assert f"results/toy/logs/{in_folder.keys()['maxpool', 1]}.log" in status.out
        in_folder.script()
        assert command(*RUN).code == 0

    def test_set_results_and_only_reach_the_run(self, in_folder: Any, command: Command) -> None:
        said = command(*RUN, "--set", "seeds=1", "--set", "name=other", "--results", "there", "--only", "maxpool")
        assert said.code == 0
        assert len(in_folder.calls()) == 1
        assert (in_folder.folder / "there" / "other" / "trials.csv").exists()
        assert "unfinished" in said.out.lower() or "1 of 2" in said.out

    def test_max_hours_of_nothing_trains_nothing(self, in_folder: Any, command: Command) -> None:
        assert command(*RUN, "--max-hours", "0").code == 0
        assert in_folder.calls() == []

    def test_an_interrupt_is_exit_code_130(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ablate.study.run.run", interrupted)
        said = command(*RUN)
        assert (said.code, said.out) == (130, "")
        assert said.err == "ablate: interrupted; the same command goes on from here\n"

    @pytest.mark.parametrize("arguments", [("plan", "toy.yaml"), ("doctor",)])
    def test_so_it_is_in_every_command(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
    ) -> None:
        def interrupted(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ablate.study.preview.preview", interrupted)
        monkeypatch.setattr("ablate.doctor.examine", interrupted)
        assert command(*arguments).code == 130

    def test_a_request_to_end_is_an_interrupt(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ablate.study.run.run", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
        assert command(*RUN).code == 130


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no such study": (("run", "nowhere.yaml"), "ablate: nowhere.yaml: no such file"),
    "a folder": (("run", "."), "a folder, not a study file"),
    "an unknown key": ((*RUN, "--set", "model.wdith=1"), "model.wdith: unknown key 'wdith'; did you mean 'width'?"),
    "an unknown level": ((*RUN, "--set", "factors.model.downsample=[strided, spdd]"), "did you mean 'spd'?"),
    "no value": ((*RUN, "--set", "seeds"), "--set seeds: expected path=value"),
    "an unknown data set": ((*RUN, "--set", "data={name: cifar11}"), "unknown data set 'cifar11'"),
    "data that are not there": (
        (*RUN, "--set", "data={name: image_folder, root: nowhere, image_size: 8}"),
        "nowhere",
    ),
    "a batch too large": ((*RUN, "--set", "train.batch_size=999"), "toy.yaml: variant strided: train.batch_size: 999"),
    "groups that do not divide": ((*RUN, "--set", "model.segments=7"), "toy.yaml: variant strided: model.segments: 7"),
    "an unknown variant": ((*RUN, "--only", "maxpol"), "unknown variant 'maxpol'; did you mean 'maxpool'?"),
    "no such device": (("run", "toy.yaml", "--device", "tpu"), "--device tpu: no such device here; choices: auto, cpu"),
    "results in a file": ((*RUN, "--results", "toy.yaml"), "toy.yaml/toy/study.lock: cannot be locked (Not a dir"),
    "a folder that cannot be made": ((*RUN, "--results", "/proc/nowhere"), "/proc/nowhere/toy/study.lock: cannot be"),
    "an unknown executor": ((*RUN, "--executor", "rai"), "unknown executor 'rai'; did you mean 'ray'?"),
    "an address of nothing": ((*RUN, "--address", "h:1"), "--address h:1: "),
    "a ledger that is no server": (
        (*RUN, "--ledger", "mysql://me:secret@h/d"),
        "--ledger mysql://me:***@h/d: only Postgre",
    ),
    "a report on nothing": (("report", "nowhere"), "ablate: nowhere: no such results folder"),
    "a report on something else": (("report", "."), "is no results folder, it has no plan.json"),
    "a status of nothing": (("status", "nowhere"), "nowhere: no such results folder"),
    "an unknown network": (("show", "xcepton"), "unknown network 'xcepton'; did you mean 'xception'?"),
    "an unknown list": (("list", "modles"), "unknown list 'modles'; did you mean 'models'?"),
    "an unknown network to profile": (
        ("show", "xcepton", "--profile"),
        "unknown network 'xcepton'; did you mean 'xception'",
    ),
    "no such device to profile on": (
        ("show", "xception", "--profile", "--device", "tpu"),
        "--device tpu: no such device",
    ),
    "a bench of nothing": (("bench", "nowhere.yaml"), "ablate: nowhere.yaml: no such file"),
    "a bench on no device": (("bench", "--device", "tpu"), "--device tpu: no such device here; choices: auto, cpu"),
    "a bench with an unknown key": (
        ("bench", "toy.yaml", "--set", "model.wdith=1"),
        "model.wdith: unknown key 'wdith'",
    ),
    "a plan of nothing": (("plan", "toy.yml"), "toy.yml: no such file; did you mean 'toy.yaml'?"),
}


@pytest.mark.usefixtures("in_folder")
class TestWrongInput:
    @pytest.mark.parametrize("mistake", WRONG)
    def test_it_is_one_message_and_exit_code_2(self, in_folder: Any, command: Command, mistake: str) -> None:
        arguments, expected = WRONG[mistake]
        said = command(*arguments)
        assert (said.code, said.out) == (2, "")
        assert expected in said.err
        assert said.err.startswith("ablate: ")
        assert said.err.count("\n") == 1
        assert in_folder.calls() == []

    @pytest.mark.parametrize(
        "arguments", [("rnu",), ("run",), ("run", "a", "b"), ("report",), (*RUN, "--workers", "0")]
    )
    def test_a_wrong_command_line_is_exit_code_2_too(self, command: Command, arguments: tuple[str, ...]) -> None:
        said = command(*arguments)
        assert (said.code, said.out) == (2, "")
        assert "Traceback" not in said.err


@pytest.mark.usefixtures("in_folder")
class TestPlan:
    def test_json_is_the_contract_s(self, command: Command) -> None:
        said = command("plan", "toy.yaml", "--device", "cpu", "--json")
        plan = json.loads(said.out)
        assert said.err == ""
        assert plan.keys() >= {"study", "trials", "done", "variants"}
        assert (plan["study"], plan["trials"], plan["done"]) == ("toy", 4, 0)
        assert plan["variants"][0].keys() == {"variant", "downsample", "params", "macs"}

    def test_the_table_has_every_variant_and_what_is_left(self, in_folder: Any, command: Command) -> None:
        in_folder.run(only=("maxpool",))
        said = command("plan", "toy.yaml", "--device", "cpu")
        assert "4 trials, 2 done; training time left: about 0 min" in said.out
        assert [line.split()[0] for line in said.out.splitlines()[1:4]] == ["variant", "strided", "maxpool"]


class TestShow:
    def test_json_is_the_contract_s_with_the_numbers_of_the_paper(self, command: Command) -> None:
        """22,855,952 parameters: Chollet 2017 as published with Keras; each layer's counts sum to the whole."""
        said = command("show", "xception", "--json")
        shown = json.loads(said.out)
        assert said.err == ""
        assert shown.keys() >= {
            *("model", "input_size", "num_classes", "params", "macs", "flops", "fvcore_flops", "layers")
        }
        assert (shown["model"], shown["input_size"], shown["num_classes"]) == ("xception", 299, 1000)
        assert shown["params"] == 22_855_952
        assert shown["flops"] == 2 * shown["macs"]
        assert shown["layers"][0].keys() == {"name", "type", "output_shape", "params", "macs"}
        assert sum(layer["params"] for layer in shown["layers"]) == shown["params"]
        assert sum(layer["macs"] for layer in shown["layers"]) == shown["macs"]

    def test_mini_xception_counts_as_its_origin_does(self, command: Command) -> None:
        shown = json.loads(command("show", "mini_xception", "--json").out)
        assert (shown["params"], shown["macs"], shown["fvcore_flops"]) == (15_437_482, 649_139_200, 651_244_544)
        plain = json.loads(command("show", "mini_xception", "--set", "model.downsample=strided", "--json").out)
        assert (plain["params"], plain["macs"]) == (5_115_562, 271_651_840)

    def test_the_page_has_a_line_a_layer(self, command: Command) -> None:
        small = ("--set", "model.width=0.125", "--set", "model.middle_depth=0")
        said = command("show", "mini_xception", *small)
        layers = json.loads(command("show", "mini_xception", *small, "--json").out)["layers"]
        lines = said.out.splitlines()
        assert all(any(line.startswith(layer["name"]) for line in lines) for layer in layers)
        assert "MACs (multiply-adds of convolutions and linear layers)" in said.out.replace("\n", " ")


CEILINGS = {
    "device": "cpu",
    "threads": 2,
    "products": {"float32": {"gflops": 100.0, "spread": 0.01, "rounds": 5, "operator": "mm", "size": 1024}},
    "copy": {"gb_per_second": 10.0, "spread": 0.2, "rounds": 5, "operator": "copy_", "size": 1000},
    "passes_compute_in": "float32",
}
PLACE = {"macs": 100, "flops": 200, "bytes_moved": 50, "intensity": 4.0, "attained_gflops": 10.0} | {
    "attained_share": 0.25,
    "ceiling": "memory",
}


class TestProfile:
    PROFILE: Any = {  # noqa: RUF012
        **{"batch": 4, "device": "cpu", "ceilings": CEILINGS, "passes": 7, "hooked_ms": 3.5, "unhooked_ms": 3.0},  # noqa: PIE800
        "layers": [
            {
                "name": "stem",
                "type": "Conv2d",
                "output_shape": [8, 4, 4],
                "milliseconds": 2.0,
                "time_share": 0.8,
                **PLACE,
            }
        ],
        "outside": {"milliseconds": 0.5, "time_share": 0.2, **PLACE, "attained_share": 1.25},
        "total": {"milliseconds": 2.5, "time_share": 1.0, **PLACE},
    }

    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def profile(*arguments: Any) -> Any:
            asked.append(arguments[:-1])
            arguments[-1]("measuring")
            return self.PROFILE

        monkeypatch.setattr("ablate.study.profile.profile", profile)
        return asked

    SMALL = ("--set", "model.width=0.125", "--set", "model.middle_depth=0")

    def test_json_has_it_beside_what_show_says(self, command: Command, asked: list[tuple[Any, ...]]) -> None:
        said = command("show", "mini_xception", *self.SMALL, "--profile", "--batch", 4, "--device", "cpu", "--json")
        assert said.err == "measuring\n"
        without = json.loads(command("show", "mini_xception", *self.SMALL, "--json").out)
        assert json.loads(said.out) == {**without, "profile": self.PROFILE}
        assert asked == [("mini_xception", ("model.width=0.125", "model.middle_depth=0"), 4, "cpu")]

    def test_the_page_has_a_row_a_layer_one_for_the_rest_and_one_for_all(self, command: Command) -> None:
        lines = command("show", "mini_xception", *self.SMALL, "--profile").out.splitlines()
        cells = ["2.000", "80.0", "100", "50", "4.00", "10.0", "25.0", "memory"]
        assert next(line for line in lines if line.startswith("stem")).split()[-8:] == cells
        assert next(line for line in lines if line.startswith("outside the layers")).split()[-2:] == ["125", "memory"]
        assert next(line for line in lines if line.startswith("total")).split()[2:5] == ["–", "2.500", "100.0"]
        assert any(line.startswith("More than 100 % of the roof") for line in lines)


class TestBench:
    def document(self, study: str | None) -> dict[str, Any]:
        row = {"variant": "spd", "batch": 64, "latency_ms_p50": 20.0, **PLACE}
        found = {"study": study, "device": "cpu", "environment": {"load_at_start": 0.7}, "ceilings": CEILINGS}
        return {**found, "latency": study and "costs.json", "rows": [row] if study else []}

    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def bench(study: Path | None, *arguments: Any, depth: str, script: Path | None) -> dict[str, Any]:
            asked.append((study, *arguments[:-1], depth, script))
            return self.document(study and study.stem)

        monkeypatch.setattr("ablate.bench.run.bench", bench)
        return asked

    def test_json_is_the_document(self, command: Command, asked: list[tuple[Any, ...]]) -> None:
        said = command("bench", "toy.yaml", "--set", "seeds=1", "--results", "there", "--device", "cpu", "--json")
        assert json.loads(said.out) == self.document("toy")
        assert asked == [(Path("toy.yaml"), ("seeds=1",), Path("there"), "cpu", "studies", None)]

    def test_the_page_has_the_ceilings_and_a_row_a_variant(self, command: Command) -> None:
        said = command("bench", "toy.yaml")
        lines = said.out.splitlines()
        assert lines[0] == "toy"
        assert next(line for line in lines if line.startswith("spd")).split() == [
            *("spd", "64", "20.0", "100", "50", "4.00", "10.0", "25.0", "memory")
        ]
        assert next(line for line in lines if line.startswith("copy")).split() == [
            *("copy", "10.0", "GB/s", "20", "copy_,", "1.00", "k", "bytes")
        ]
        assert "held by memory below 10.0 flop/byte" in said.out
        assert "noisy: copy; something else runs on this machine" in said.out
        assert "from the study's costs.json. Load of the machine at the start: 0.7." in said.out
        assert "More than 100 %" not in said.out

    def test_without_a_study_it_is_of_the_machine(self, command: Command, asked: list[tuple[Any, ...]]) -> None:
        said = command("bench")
        assert said.out.splitlines()[0] == "cpu"
        assert "spd" not in said.out.split()
        assert asked == [(None, (), Path("results"), "auto", "studies", None)]


@pytest.mark.slow
def test_a_real_profile_in_a_worker_process(command: Command) -> None:
    """Counted and timed for real: bytes and multiply-adds of the rows are those of the whole, times add up."""
    small = ("--set", "model.width=0.125", "--set", "model.middle_depth=0", "--set", "model.input_size=16")
    said = command("show", "mini_xception", *small, "--profile", "--batch", 2, "--device", "cpu", "--json")
    shown = json.loads(said.out)
    profile = shown["profile"]
    rows = [*profile["layers"], profile["outside"]]
    assert [row["name"] for row in profile["layers"]] == [layer["name"] for layer in shown["layers"]]
    assert profile["total"]["macs"] == 2 * shown["macs"] == sum(row["macs"] for row in rows)
    assert sum(row["time_share"] for row in rows) == pytest.approx(1)
    for row in [*rows, profile["total"]]:
        products, copy = profile["ceilings"]["products"]["float32"], profile["ceilings"]["copy"]
        least = max(row["flops"] / products["gflops"], row["bytes_moved"] / copy["gb_per_second"]) / 1e6
        assert (row["attained_share"] or 0) * row["milliseconds"] == pytest.approx(least)


class TestListings:
    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            ("models", ["xception", "mini_xception"]),
            ("datasets", ["small_objects", "cifar10", "image_folder"]),
            ("factors", ["model.downsample", "data.noise", "train.lr"]),
            ("metrics", ["accuracy", "latency", "memory"]),
        ],
    )
    def test_a_list_names_what_a_study_can_name(self, command: Command, kind: str, names: list[str]) -> None:
        said = command("list", kind)
        first_words = [line.split()[0] for line in said.out.splitlines() if line]
        assert said.code == 0
        assert set(names) <= set(first_words)

    def test_studies_are_listed_with_their_question(
        self, command: Command, toy_study: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (toy_study.parent / "studies").mkdir()
        toy_study.rename(toy_study.parent / "studies" / "toy.yaml")
        (toy_study.parent / "studies" / "wrong.yaml").write_text("nmae: a\n")
        monkeypatch.chdir(toy_study.parent)
        said = command("list", "studies")
        assert "studies/toy.yaml" in said.out
        assert "Does it run?" in said.out
        assert "studies/wrong.yaml" in said.out
        assert "unknown key 'nmae'" in said.out

    def test_without_a_kind_everything_is_listed(self, command: Command) -> None:
        said = command("list")
        assert [line for line in said.out.splitlines() if line in ("models", "datasets", "factors", "metrics")] == [
            *("models", "datasets", "factors", "metrics"),
        ]

    def test_doctor_looks_at_versions_devices_and_data(self, command: Command) -> None:
        said = command("doctor")
        assert said.code == 0
        firsts = [line.split()[0] for line in said.out.splitlines()]
        assert {"versions", "cpu", "cuda", "data"} <= set(firsts)

    def test_schema_is_the_schema_and_nothing_else(self, command: Command) -> None:
        said = command("schema")
        assert json.loads(said.out) == json_schema()
        assert said.err == ""

    def test_help_names_every_command(self, command: Command) -> None:
        said = command("--help")
        assert said.code == 0
        for name in COMMANDS:
            assert f" {name} " in said.out

    @pytest.mark.parametrize("name", COMMANDS)
    def test_h_is_help_of_every_command(self, command: Command, name: str) -> None:
        assert command(name, "-h") == command(name, "--help")
        assert f" {name} [OPTIONS]" in command(name, "-h").out

    def test_the_version_is_that_of_the_package(self, command: Command) -> None:
        assert command("--version") == Said(0, f"ablate {metadata.version('ablate')}\n", "")
        assert command("-h") == command("--help")


@pytest.mark.usefixtures("in_folder")
class TestReport:
    def test_it_writes_the_tables_and_prints_the_one_of_variants(self, in_folder: Any, command: Command) -> None:
        ran = command(*RUN)
        (in_folder.results / "report.md").unlink()
        said = command("report", "results/toy")
        assert (said.code, said.out) == (0, ran.out)
        assert (in_folder.results / "report.md").exists()

    def test_another_baseline_turns_the_difference_round(self, in_folder: Any, command: Command) -> None:
        command(*RUN)
        command("report", "results/toy", "--baseline", "maxpool")
        rows = (in_folder.results / "contrasts.csv").read_text().splitlines()
        assert rows[1].startswith("strided,maxpool,accuracy,2,")
        wrong = command("report", "results/toy", "--baseline", "maxpol")
        assert wrong.code == 2
        assert "unknown variant 'maxpol'; did you mean 'maxpool'?" in wrong.err

    def test_strict_fails_on_a_badge_and_names_it(self, in_folder: Any, command: Command) -> None:
        in_folder.script(diverges=[1])
        command(*RUN)
        assert command("report", "results/toy").code == 0
        said = command("report", "results/toy", "--strict")
        assert said.code == 1
        assert "diverged" in said.err

    def test_several_folders_are_reported_one_after_another(self, command: Command) -> None:
        command(*RUN)
        command(*RUN, "--set", "name=other")
        said = command("report", "results/toy", "results/other")
        assert [line for line in said.out.splitlines() if line in ("toy", "other")] == ["toy", "other"]

    def test_a_folder_of_studies_gets_every_report_and_an_index(self, in_folder: Any, command: Command) -> None:
        command(*RUN)
        command(*RUN, "--set", "name=other")
        (in_folder.results / "report.html").unlink()
        said = command("report", "results")
        assert said.code == 0
        rows = [line.split()[0] for line in said.out.splitlines()]
        assert rows == ["study", "other", "toy"]
        assert (in_folder.results / "report.html").exists()
        for name in ("index.html", "index.md"):
            assert f"toy/report.{name.partition('.')[2]}" in (in_folder.results.parent / name).read_text()
        wrong = command("report", "results", "--baseline", "maxpool")
        assert wrong.code == 2
        assert "holds 2 studies; name the folder of one" in wrong.err

    def test_formats_are_chosen_by_name(self, in_folder: Any, command: Command) -> None:
        command(*RUN)
        (in_folder.results / "report.html").unlink()
        assert command("report", "results/toy", "--format", "md, tex").code == 0
        assert not (in_folder.results / "report.html").exists()
        assert (in_folder.results / "report.tex").exists()
        wrong = command("report", "results/toy", "--format", "pdf")
        assert (wrong.code, wrong.out) == (2, "")
        assert "unknown report format 'pdf'; choices: html, md, tex" in wrong.err

    def test_an_unfinished_study_says_so(self, command: Command) -> None:
        command(*RUN, "--only", "maxpool")
        said = command("report", "results/toy")
        assert said.code == 0
        assert "2 of 4" in said.out


@pytest.mark.usefixtures("in_folder")
class TestCompare:
    def test_a_study_run_twice_is_compared_row_by_row(self, command: Command) -> None:
        command(*RUN)
        command(*RUN, "--results", "there")
        said = command("compare", "results/toy", "there/toy")
        assert (said.code, said.err) == (0, "")
        assert said.out.splitlines()[:2] == [
            "A: results/toy, B: there/toy",
            "B repeats A: all 4 trials that both planned are identical, bit by bit.",
        ]

    def test_json_is_one_document_and_nothing_else(self, command: Command) -> None:
        command(*RUN)
        command(*RUN, "--results", "there", "--only", "maxpool")
        said = command("compare", "results/toy", "there/toy", "--json")
        document = json.loads(said.out)
        assert (said.code, said.err) == (0, "")
        assert (document["a"]["finished"], document["b"]["finished"]) == (4, 2)
        verdicts = {row["variant"]: row["verdict"] for row in document["variants"] if row["metric"] == "accuracy"}
        assert verdicts == {"strided": None, "maxpool": "identical"}

    def test_what_cannot_be_compared_is_one_sentence_and_exit_code_2(self, command: Command) -> None:
        command(*RUN)
        wide = ("--set", "model.width=0.25", "--set", "name=wide")
        command(*RUN, *wide, "--max-hours", "0")
        for other, sentence in (
            ("nowhere", "nowhere: no such results folder"),
            ("results", "results: is no results folder, it has no plan.json"),
            ("results/wide", "no variant in common"),
        ):
            said = command("compare", "results/toy", other)
            assert (said.code, said.out) == (2, "")
            assert said.err.startswith("ablate: ")
            assert said.err.count("\n") == 1
            assert sentence in said.err


@pytest.mark.slow
def test_a_real_study_from_the_command_line(pictures_study: Path) -> None:
    """As a user has it: training in worker processes, then nothing to do, then SIGINT has nothing to stop."""
    folder = pictures_study.parent
    ablate = [sys.executable, "-m", "ablate.cli"]
    run = [*ablate, "run", "pictures.yaml", "--device", "cpu", "--set", "measure=[accuracy, params, macs, memory]"]
    first = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert "relu (baseline)" in first.stdout
    variants = (folder / "results" / "pictures" / "variants.csv").read_text().splitlines()
    assert {"params", "macs", "memory_mib"} <= set(variants[0].split(","))
    again = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True)
    assert again.stderr.startswith("nothing to do")
    assert again.stdout == first.stdout
    left = [child for child in psutil.Process().children(recursive=True) if "ablate" in " ".join(child.cmdline())]
    assert left == []
