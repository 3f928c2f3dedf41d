"""Studies of networks that are not this package's own: torchvision's, timm's, and the user's."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import SourceChanged, StudyError
from ablate.executors import EXECUTORS
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import LocalExecutor
from ablate.lookup import load_dotted
from ablate.models.builders import FILE_MODULE
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.planning.searched import identity
from ablate.study.reading import probe
from ablate.study.reading.load import load_study
from ablate.study.run import run
from ablate.study.running.options import Options
from ablate.study.show import describe

STUDIES = Path(__file__).parents[2] / "studies"

STUDY = """\
name: own
model: MODEL
data: {name: small_objects, train_limit: 200}
train: {steps: 2, batch_size: 64, augment: none}
seeds: 1
"""

NETS = """\
import os, sys, time
from typing import Literal
from torch import nn

def head(num_classes):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes)]

def fine(num_classes, pool: Literal["max", "avg"] = "avg", factor: float = 1.0):
    print("this must not reach the terminal")
    return nn.Sequential(*head(num_classes))

def anything(num_classes, **options):
    return nn.Sequential(*head(num_classes))

def raises(num_classes, depth: int = 2):
    raise ValueError(f"no network of depth {depth}")

def exits(num_classes):
    os._exit(7)

def hangs(num_classes):
    time.sleep(1000)

def sleeps(num_classes, seconds: float):
    time.sleep(seconds)
    return fine(num_classes)

KEPT = []

def keeps(num_classes):
    KEPT.append(fine(num_classes))
    return KEPT[0]

def requires(num_classes, k: int, m: int):
    return fine(num_classes)

def norms(num_classes, norm: str | None = "batch", input_size: int | None = 8):
    return nn.Sequential(*[nn.BatchNorm2d(3)] * (norm == "batch"), *head(num_classes))
"""


class HereExecutor(LocalExecutor):
    """Workers in this process."""

    def worker(self, execution: Execution) -> Any:
        return HereWorker(execution)


class HereWorker:
    """Runs calls in this process, which spares a test the seconds that another one takes to import torch."""

    machine = None

    def __init__(self, execution: Execution) -> None:
        self.log: list[str] = []

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        try:
            answer = load_dotted(call.function)(call.task, on_progress)
        except Exception as error:
            raise CallFailed(f"{type(error).__name__}: {error}") from error
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]

    def close(self) -> None:
        """The end of a process is the end of what it has imported."""
        for name in [name for name in sys.modules if name.startswith(FILE_MODULE)]:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    probe.forget()
    yield
    probe.forget()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LocalWorker", HereWorker)
    monkeypatch.setitem(EXECUTORS, "local", f"{__name__}:HereExecutor")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(model: str, *overrides: str) -> Plan:
    Path("study.yaml").write_text(STUDY.replace("MODEL", model))
    return plan_study(load_study("study.yaml", overrides), Path("results/own"), "cpu")


def message(model: str, *overrides: str) -> str:
    with pytest.raises(StudyError) as raised:
        plan(model, *overrides)
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestExternal:
    def test_a_model_that_torchvision_lacks_is_named_with_what_to_use(self, folder: Path) -> None:
        said = message("{preset: torchvision/xception}")
        assert said.startswith("study.yaml:2: model.preset: torchvision ")
        assert "has no model 'xception'; use xception (the paper's net, built here) or timm/legacy_xception" in said

    def test_the_data_decide_classes_and_size(self, folder: Path) -> None:
        (planned,) = plan("{preset: torchvision/resnet18}").variants
        # 11,689,512 with 1000 classes: 990 outputs of 512 weights and a bias less
        assert planned.params == 11_689_512 - 990 * 513
        assert planned.variant.model.input_size == 32
        assert "torchvision" in planned.variant.model.as_json()["preset"]

    def test_a_stated_size_is_what_images_are_resized_to(self, folder: Path) -> None:
        (planned,) = plan("{preset: torchvision/resnet18, input_size: 224, num_classes: 1000}").variants
        assert (planned.params, planned.macs) == (11_689_512, 1_814_073_344)

    def test_images_too_small_for_it_are_named(self, folder: Path) -> None:
        said = message("{preset: torchvision/inception_v3}")
        assert "model.input_size: torchvision/inception_v3 fails on images of 32 x 32" in said
        assert "state a larger input_size" in said

    def test_a_field_of_presets_is_refused(self, folder: Path) -> None:
        said = message("{preset: torchvision/resnet18, width: 0.5}")
        assert said.startswith("study.yaml:2: model.width: torchvision/resnet18 has no width; choices: ")

    def test_dropout_is_a_field_of_those_that_have_it(self, folder: Path) -> None:
        said = message("{preset: torchvision/resnet18, dropout: 0.5}")
        assert said == (
            "study.yaml:2: model.dropout: torchvision/resnet18 has no dropout; choices: in_channels, input_size, "
            "num_classes"
        )
        (planned,) = plan("{preset: torchvision/mobilenet_v2, dropout: 0.5}").variants
        assert planned.variant.model.as_json()["dropout"] == 0.5

    def test_a_field_that_not_every_level_takes_is_to_be_moved(self, folder: Path) -> None:
        factors = "factors={model.preset: [mini_xception, torchvision/resnet18]}"
        said = message("{preset: mini_xception, width: 0.5}", factors, "baseline={model.preset: mini_xception}")
        assert (
            "torchvision/resnet18 has no width; choices: in_channels, input_size, num_classes; the study states" in said
        )
        assert said.endswith(
            "states model.width for every level: move it into the levels that take it, each with a name"
        )
        moved = (
            "factors={net: {ours: {model.preset: mini_xception, model.width: 0.5}, "
            "theirs: {model.preset: torchvision/resnet18}}}"
        )
        assert len(plan("{preset: mini_xception}", moved, "baseline={net: ours}").variants) == 2

    def test_auxiliary_heads_belong_to_those_that_have_them(self, folder: Path) -> None:
        assert "torchvision/resnet18 has no aux_heads" in message("{preset: torchvision/resnet18, aux_heads: none}")
        (with_heads,) = plan("{preset: torchvision/googlenet, aux_heads: trained, input_size: 224}").variants
        (without,) = plan("{preset: torchvision/googlenet, input_size: 224}").variants
        # 13,004,888 and 6,624,904 with 1000 classes; either auxiliary head, like the main one, has 1024 features
        assert with_heads.params == 13_004_888 - 3 * 990 * 1025
        assert without.params == 6_624_904 - 990 * 1025

    def test_presets_of_all_kinds_go_together_in_one_factor(self, folder: Path) -> None:
        pytest.importorskip("timm")
        levels = "factors={model.preset: [mini_xception, torchvision/mobilenet_v2, timm/mobilenetv1_100]}"
        found = plan("{preset: mini_xception}", levels, "baseline={model.preset: mini_xception}")
        assert [planned.variant.name for planned in found.variants] == [
            "mini_xception",
            "torchvision/mobilenet_v2",
            "timm/mobilenetv1_100",
        ]

    @pytest.mark.slow
    def test_one_trains_like_a_preset(self, folder: Path) -> None:
        Path("study.yaml").write_text(STUDY.replace("MODEL", "{preset: torchvision/shufflenet_v2_x0_5}"))
        outcome = run("study.yaml", options=Options(results=folder / "results", workers=1, device="cpu"))
        assert outcome.failed == outcome.missing == 0
        assert list(outcome.results.trials["variant"]) == ["torchvision/shufflenet_v2_x0_5"]


class TestBuilder:
    def test_arguments_are_checked_before_anything_is_built(self, here: None, folder: Path) -> None:
        model = '{builder: "nets.py:fine", pool: min}'
        assert message(model) == "study.yaml:2: model.pool: unknown value 'min'; choices: avg, max"
        assert "model.fator: unknown key 'fator'; did you mean 'factor'?" in message(
            '{builder: "nets.py:fine", fator: 2}'
        )
        assert "model.factor: expected a number, not 'big'" in message('{builder: "nets.py:fine", factor: big}')

    def test_arguments_are_factors(self, here: None, folder: Path) -> None:
        found = plan('{builder: "nets.py:fine"}', "factors={model.pool: [avg, max]}", "baseline={model.pool: avg}")
        assert [each.variant.model.as_json()["arguments"] for each in found.variants] == [
            {"pool": "avg"},
            {"pool": "max"},
        ]
        assert len(found.trials) == 2
        assert found.variants[0].params == 3 * 10 + 10

    @pytest.mark.parametrize(
        ("factors", "expected"),
        [
            ("{model.pol: [avg]}", r"factors\.model\.pol: unknown field 'model\.pol'; did you mean 'model\.pool'\?"),
            (
                "{model.width: [1]}",
                r"factors\.model\.width: unknown field 'model\.width'; .*model\.factor, model\.in_channels",
            ),
            (
                "{model.kk: [1]}",
                r"unknown field 'model\.kk'; .*choices: model\.builder, model\.factor, model\.in_channels, "
                r"model\.input_size, model\.num_classes, model\.pool\)$",
            ),
            ("{model.pool: [avg, min]}", r"factors\.model\.pool\[1\]: unknown value 'min'; choices: avg, max"),
        ],
    )
    def test_a_wrong_factor_is_named(self, here: None, folder: Path, factors: str, expected: str) -> None:
        with pytest.raises(StudyError, match=expected):
            plan('{builder: "nets.py:fine"}', f"factors={factors}", "baseline={}")

    def test_an_open_builder_takes_any_field(self, here: None, folder: Path) -> None:
        found = plan(
            '{builder: "nets.py:anything"}', "factors={model.colour: [red, blue]}", "baseline={model.colour: red}"
        )
        assert [each.variant.name for each in found.variants] == ["red", "blue"]

    def test_a_builder_can_vary_beside_a_preset(self, here: None, folder: Path) -> None:
        factors = 'factors={net: {ours: {model.preset: mini_xception}, own: {model.builder: "nets.py:fine"}}}'
        found = plan("{preset: mini_xception, width: 0.125}", factors, "baseline={net: ours}")
        assert [each.variant.model.preset for each in found.variants] == ["mini_xception", "nets.py:fine"]

    def test_the_key_holds_the_source_and_not_the_folder(self, here: None, folder: Path) -> None:
        model = '{builder: "nets.py:fine"}'
        before = set(plan(model).trials)
        moved = folder / "moved"
        moved.mkdir()
        shutil.copy("nets.py", moved)
        (moved / "study.yaml").write_text(STUDY.replace("MODEL", model))
        assert set(plan_study(load_study(moved / "study.yaml"), moved / "results", "cpu").trials) == before
        assert str(folder) not in json.dumps(plan(model).as_json())

    def test_a_source_that_was_edited_is_read_anew(self, here: None, folder: Path) -> None:
        """As in a notebook, where one process runs the study again."""
        model = '{builder: "nets.py:fine"}'
        before = plan(model)
        Path("nets.py").write_text(NETS.replace("nn.Linear(3, num_classes)", "nn.Linear(3, num_classes, bias=False)"))
        after = plan(model)
        assert not before.trials.keys() & after.trials.keys()
        assert (before.variants[0].params, after.variants[0].params) == (40, 30)

    def test_a_search_is_another_one_where_the_source_of_a_level_was_edited(self, here: None, folder: Path) -> None:
        """Also of one that is not on its front."""
        Path("study.yaml").write_text(STUDY.replace("MODEL", "{preset: mini_xception, width: 0.125}"))
        factors = 'factors={net: {ours: {model.preset: mini_xception}, own: {model.builder: "nets.py:fine"}}}'
        overrides = (factors, "baseline={net: ours}", "design=search", "search={trials: 2}")
        before = identity(load_study("study.yaml", overrides))
        assert identity(load_study("study.yaml", overrides)) == before
        Path("nets.py").write_text(NETS + "# edited")
        assert identity(load_study("study.yaml", overrides)) != before

    def test_a_source_that_was_edited_since_it_was_read_is_told(self, here: None, folder: Path) -> None:
        Path("study.yaml").write_text(STUDY.replace("MODEL", '{builder: "nets.py:fine"}'))
        study = load_study("study.yaml")
        probe.release()
        Path("nets.py").write_text(NETS + "# edited")
        with pytest.raises(SourceChanged, match=r"^builder nets.py:fine: its source has changed .* restore it, or run"):
            plan_study(study, Path("results/own"), "cpu")

    def test_one_that_raises_is_quoted_with_its_line(self, here: None, folder: Path) -> None:
        said = message('{builder: "nets.py:raises", depth: 3}')
        line = NETS.splitlines().index('    raise ValueError(f"no network of depth {depth}")') + 1
        assert said == (
            "study.yaml: variant raises: builder nets.py:raises: called with num_classes=10, depth=3 it raised "
            f"ValueError: no network of depth 3 (nets.py:{line})"
        )

    def test_a_function_that_is_not_there_is_named_with_those_that_are(self, here: None, folder: Path) -> None:
        said = message('{builder: "nets.py:fin"}')
        assert said.startswith(
            "study.yaml:2: model.builder: builder nets.py:fin: nets.py has no function 'fin'; it has "
        )

    @pytest.mark.slow
    def test_one_that_ends_its_process_does_not_end_ours(self, folder: Path) -> None:
        said = message('{builder: "nets.py:exits"}')
        assert said == (
            "study.yaml: variant exits: builder nets.py:exits: the worker exited with status 7 while it was imported "
            "or built"
        )

    @pytest.mark.slow
    def test_one_that_hangs_is_given_up(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("study.yaml").write_text(STUDY.replace("MODEL", '{builder: "nets.py:hangs"}'))
        study = load_study("study.yaml")
        # The process is there and has imported all that it needs, so that only the builder takes its time.
        shape = {"num_classes": 10, "input_size": 32, "in_channels": 3}
        probe.survey_networks([probe.builder_spec("nets.py:fine", {}, shape, folder)], None)
        monkeypatch.setattr(probe, "SECONDS_TO_IMPORT", 2.0)
        with pytest.raises(StudyError) as raised:
            plan_study(study, Path("results/own"), "cpu")
        line = NETS.splitlines().index("    time.sleep(1000)") + 1
        assert str(raised.value) == (
            f"study.yaml: variant hangs: builder nets.py:hangs: was still at nets.py:{line} after 2 seconds; its "
            "import and its network have to end"
        )

    @pytest.mark.slow
    def test_every_network_has_its_own_time(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        probe.signature_of("nets.py:sleeps", folder)
        monkeypatch.setattr(probe, "SECONDS_A_NETWORK", 2.0)
        factors = "factors={model.seconds: [0.0, 0.1, 0.2, 1000.0]}"
        said = message('{builder: "nets.py:sleeps"}', factors, "baseline={model.seconds: 0.0}")
        assert said.startswith("study.yaml: variant 1000.0: builder nets.py:sleeps: was still at nets.py:")
        assert "after 2 seconds" in said

    def test_the_first_network_may_take_as_long_as_its_import(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits: list[float | None] = []

        class Noting(HereWorker):
            def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
                limits.append(call.timeout_seconds)
                return super().run(call, on_progress)

        monkeypatch.setattr(probe, "LocalWorker", Noting)
        plan('{builder: "nets.py:fine"}', "factors={model.factor: [1.0, 2.0, 3.0]}", "baseline={model.factor: 1.0}")
        assert limits == [120.0, 120.0, 60.0, 60.0]  # the signature, then three networks

    def test_a_network_that_is_kept_is_refused(self, here: None, folder: Path) -> None:
        said = message('{builder: "nets.py:keeps"}')
        assert said == (
            "study.yaml: variant keeps: builder nets.py:keeps: returned the same module twice, so that a trial would "
            "begin with the trained weights of another; build a new one at every call"
        )

    def test_a_required_argument_may_be_a_factor(self, here: None, folder: Path) -> None:
        factors = "factors={model.k: [1, 3], model.m: [1, 2]}"
        found = plan('{builder: "nets.py:requires"}', factors, "baseline={model.k: 3, model.m: 1}")
        assert [each.variant.model.as_json()["arguments"] for each in found.variants] == [
            {"k": k, "m": m} for k in (1, 3) for m in (1, 2)
        ]

    def test_null_is_an_argument_like_any_other(self, here: None, folder: Path) -> None:
        found = plan(
            '{builder: "nets.py:norms"}', "factors={model.norm: [batch, null]}", "baseline={model.norm: batch}"
        )
        assert [each.variant.model.as_json()["arguments"] for each in found.variants] == [
            {"norm": "batch"},
            {"norm": None},
        ]
        # The batch norm of three channels has a scale and a shift of each.
        assert [each.params - 40 for each in found.variants] == [6, 0]

    @pytest.mark.parametrize(
        ("model", "overrides", "said"),
        [
            ('{builder: "nets.py:anything", k: .nan}', (), "study.yaml:2: model.k: expected a finite number, not nan"),
            (
                '{builder: "nets.py:anything", k: [1, {deep: -1e999}]}',
                (),
                "study.yaml:2: model.k[1].deep: expected a finite number, not -inf",
            ),
            (
                '{builder: "nets.py:anything"}',
                ("factors={model.k: [1, .inf]}", "baseline={model.k: 1}"),
                "--set factors={model.k: [1, .inf]}: factors.model.k[1]: expected a finite number, not inf",
            ),
        ],
    )
    def test_what_is_no_number_is_no_argument(
        self, here: None, folder: Path, model: str, overrides: tuple[str, ...], said: str
    ) -> None:
        assert message(model, *overrides) == said

    def test_of_the_input_s_shape_null_leaves_it_to_the_data(self, here: None, folder: Path) -> None:
        (planned,) = plan('{builder: "nets.py:norms", input_size: null}').variants
        model = planned.variant.model.as_json()
        assert (model["input_size"], model["arguments"]) == (32, {})

    @pytest.mark.parametrize(
        ("factors", "expected"),
        [
            ("{model.k: [1, 3]}", r"^study\.yaml:2: model\.m: the key 'm' is missing"),
            (
                "{f: {a: {model.k: 1, model.m: 1}, b: {model.k: 3}}}",
                r"factors\.f\.b: the key 'm' is missing",
            ),
            ("{model.k: [1, three], model.m: [1]}", r"factors\.model\.k\[1\]: expected a whole number, not 'three'"),
        ],
    )
    def test_a_required_argument_that_a_variant_lacks_is_named(
        self, here: None, folder: Path, factors: str, expected: str
    ) -> None:
        with pytest.raises(StudyError, match=expected):
            plan('{builder: "nets.py:requires"}', f"factors={factors}", "baseline={}")

    @pytest.mark.slow
    def test_what_it_prints_stays_out_of_the_terminal(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        plan('{builder: "nets.py:fine"}')
        assert capfd.readouterr() == ("", "")

    @pytest.mark.slow
    def test_the_example_runs_from_any_directory(self, folder: Path) -> None:
        shutil.copytree(STUDIES / "examples", folder / "elsewhere")
        train, data = "train={steps: 2, batch_size: 64}", "data={name: small_objects, train_limit: 200}"
        overrides = [train, data, "seeds=1", "measure=[accuracy, params]"]
        options = Options(results=folder / "results", workers=1, device="cpu")
        options = replace(options, only=("stem=conv3,norm=batch", "stem=conv7_pool,norm=none"))
        outcome = run("elsewhere/small_resnet.yaml", overrides=overrides, options=options)
        assert (outcome.missing, outcome.failed) == (4, 0)
        assert outcome.results.trials["state"].tolist() == ["complete"] * 2
        assert len({key for each in outcome.results.plan["variants"] for key in each["keys"].values()}) == 6
        again = run("elsewhere/small_resnet.yaml", overrides=overrides, options=options)
        assert again.work == "none"

    def test_show_prints_its_layers(self, here: None, folder: Path) -> None:
        Path("study.yaml").write_text(STUDY.replace("MODEL", '{builder: "nets.py:fine"}'))
        described = describe("study.yaml", ())
        assert [layer["type"] for layer in described["layers"]] == ["AdaptiveAvgPool2d", "Flatten", "Linear"]
        assert described["macs"] == described["fvcore_macs"] == 30


# That of printed numbers is planned, and counted, in tests/test_paper_vs_mini.py.
PLANNED = sorted(path for path in STUDIES.rglob("*.yaml") if path.stem != "paper_vs_mini")


@pytest.mark.parametrize("path", PLANNED, ids=lambda path: path.relative_to(STUDIES).with_suffix("").as_posix())
def test_every_study_of_the_repository_can_be_planned(path: Path, here: None) -> None:
    study = load_study(path)
    if study.config.data is not None and study.config.data.name != "small_objects":
        study = load_study(path, ["data={name: small_objects}"])
    found = plan_study(study, Path("no_such_folder"), "cpu")
    assert all(planned.params > 0 and planned.macs > 0 for planned in found.variants)
    assert len(found.trials) == len(found.variants) * len(study.config.seed_list)
    assert f"# ablate run studies/{path.relative_to(STUDIES).as_posix()}" == path.read_text().splitlines()[0]
