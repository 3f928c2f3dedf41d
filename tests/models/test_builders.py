"""The user's own networks: what a function says of itself, and what is said where it fails."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ablate.errors import ModelError, SourceChanged
from ablate.models.builders import assemble_builder, check_builder, signature
from ablate.models.network import assemble
from ablate.models.outputs import Outputs
from ablate.models.spec import BuilderSpec, spec_from_json
from ablate.models.survey import run, survey

HEAD = "from torch import nn\n\n"
LINEAR = "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))"

Net = Callable[[str], str]


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Writes net.py in `tmp_path` and returns the name of its builder; modules of that folder are forgotten after."""
    before = set(sys.modules)

    def write(body: str, name: str = "net.py:build") -> str:
        (tmp_path / name.partition(":")[0]).write_text(HEAD + body)
        return name

    yield write
    for each in set(sys.modules) - before:
        if str(getattr(sys.modules[each], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[each]


def signature_of(builder: str, folder: Path) -> dict[str, Any]:
    return signature({"builder": builder, "folder": str(folder)}, lambda progress: None)


def spec_of(builder: str, folder: Path, arguments: dict[str, Any] | None = None, **fields: Any) -> BuilderSpec:
    stated: dict[str, Any] = {"digest": "0", "num_classes": 5, "input_size": 8, "in_channels": 3, **fields}
    return BuilderSpec(builder=builder, arguments=arguments or {}, folder=str(folder), **stated)


def planned(builder: str, folder: Path, arguments: dict[str, Any] | None = None, **fields: Any) -> BuilderSpec:
    """As planning makes it, of a source that is there."""
    return spec_of(builder, folder, arguments, digest=signature_of(builder, folder)["digest"], **fields)


# --- What a function says of itself ----------------------------------------------------------------------------------


ANNOTATED = """
from typing import Any, Literal, Optional

def build(num_classes, norm: Literal["batch", 2, None] = "batch", depth: int = 3, wide: bool = False,
          rate: float = 0.1, *, name: str = "a", sizes: list[int] = [1], other: Optional[int] = None, last: Any = 0):
    return None
"""


def test_arguments_have_kinds_choices_and_defaults(net: Net, tmp_path: Path) -> None:
    told = signature_of(net(ANNOTATED), tmp_path)
    rows = [(each["name"], each["required"], each["kind"], each["choices"]) for each in told["parameters"]]
    assert rows == [
        ("num_classes", True, "any", []),
        ("norm", False, "choice", ["batch", 2, None]),
        ("depth", False, "int", []),
        ("wide", False, "bool", []),
        ("rate", False, "float", []),
        ("name", False, "str", []),
        ("sizes", False, "any", []),
        ("other", False, "any", []),
        ("last", False, "any", []),
    ]
    assert told["open"] is False


@pytest.mark.parametrize(
    ("parameters", "names", "open_"),
    [
        ("num_classes, **options", ["num_classes"], True),
        ("*sizes, width=1", ["width"], False),
        ("", [], False),
        ("odd=1, /, width=1", ["width"], False),
    ],
)
def test_which_arguments_can_be_set(net: Net, tmp_path: Path, parameters: str, names: list[str], open_: bool) -> None:
    told = signature_of(net(f"def build({parameters}): ..."), tmp_path)
    assert [each["name"] for each in told["parameters"]] == names
    assert told["open"] is open_


def test_annotations_may_be_postponed(net: Net, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from __future__ import annotations\nfrom typing import Literal\ndef build(norm: Literal['a'], n: int): ..."
    )
    kinds = [each["kind"] for each in signature_of("net.py:build", tmp_path)["parameters"]]
    assert kinds == ["choice", "int"]


def test_annotations_that_do_not_exist_at_run_time_say_nothing(net: Net, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from __future__ import annotations\ndef build(norm: Norm, n: int): ...")
    assert [each["kind"] for each in signature_of("net.py:build", tmp_path)["parameters"]] == ["any", "any"]


def test_a_class_is_a_function_of_its_arguments(net: Net, tmp_path: Path) -> None:
    builder = net(
        "class Net(nn.Linear):\n    def __init__(self, num_classes: int, wide: bool = True):\n"
        "        super().__init__(3, num_classes)\n",
        "net.py:Net",
    )
    assert [each["name"] for each in signature_of(builder, tmp_path)["parameters"]] == ["num_classes", "wide"]
    assert isinstance(assemble_builder(planned(builder, tmp_path)), nn.Linear)


def test_arguments_that_have_no_name_are_refused(net: Net, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"builder net\.py:build: argument 'width' cannot be given by name; drop the '/'"
    ):
        signature_of(net("def build(width, /, num_classes): ..."), tmp_path)


def test_what_has_no_signature_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"builder builtins:type: its arguments cannot be read \(.*\); name a Python"):
        signature_of("builtins:type", tmp_path)


def test_a_function_in_a_package(tmp_path: Path) -> None:
    told = signature_of("torchvision.models.alexnet:alexnet", tmp_path)
    assert [each["name"] for each in told["parameters"]] == ["weights", "progress"]
    assert told["open"] is True


def test_a_module_without_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sys has no source file; name the module that defines the function"):
        signature_of("sys:exit", tmp_path)


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (
            "nett.py:build",
            r"^builder nett\.py:build: no such file in \S+; did you mean 'net\.py'\? \(choices: net\.py\)$",
        ),
        ("no/net.py:build", r"^builder no/net\.py:build: no such file in \S+no$"),
        (
            ".:build",
            r"^builder \.:build: '\.' is a folder, not a \.py file; give path\.py:function or package\.module:func",
        ),
        (
            "./nets:build",
            r"^builder \./nets:build: '\./nets' is neither a \.py file nor the dotted name of a module; give ",
        ),
        (
            "net.py:MADE",
            r"^builder net\.py:MADE: MADE is a module, not a function that makes one; name a function that ",
        ),
        ("net.py:biuld", r"builder net\.py:biuld: net\.py has no function 'biuld'; it has build, helper$"),
        ("net.py:WIDTH", r"net\.py has no function 'WIDTH'"),
        (
            "no_such_package.nets:build",
            r"no_such_package\.nets cannot be imported: ModuleNotFoundError: No module named 'no_such_package'$",
        ),
        ("torchvision.models:xception", r"builder torchvision\.models:xception: torchvision\.models has no function"),
    ],
)
def test_what_cannot_be_found(net: Net, tmp_path: Path, builder: str, message: str) -> None:
    net("WIDTH = 3\nMADE = nn.ReLU()\ndef _hidden(): ...\ndef build(): ...\ndef helper(): ...")
    with pytest.raises(ModelError, match=message):
        signature_of(builder, tmp_path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "1 / 0",
            r"builder net\.py:build: net\.py cannot be imported: ZeroDivisionError: division by zero \(net\.py:3\)",
        ),
        ("import no_such", r"ModuleNotFoundError: No module named 'no_such' \(net\.py:3\)"),
        ("def build(:", r"net\.py cannot be imported: SyntaxError: invalid syntax \(net\.py:3\)$"),
        (
            "import importlib\nimportlib.import_module('no.such')",
            r"ModuleNotFoundError: No module named 'no' \(net\.py:4\)$",
        ),
        ("import json\njson.loads('{')", r"JSONDecodeError: .* \(net\.py:4\)$"),
        ("raise RuntimeError", r"RuntimeError: no message \(net\.py:3\)"),
        ("import sys\nsys.exit('usage: train')", r"net\.py cannot be imported: SystemExit: usage: train \(net\.py:4\)"),
    ],
)
def test_a_module_that_fails_says_where(net: Net, tmp_path: Path, body: str, message: str) -> None:
    builder = net(body)
    for _ in range(2):  # a module that failed is not kept half-made
        with pytest.raises(ModelError, match=message):
            signature_of(builder, tmp_path)


def test_importing_leaves_the_path_as_it_was(net: Net, tmp_path: Path) -> None:
    path = list(sys.path)
    signature_of(net("def build(): ..."), tmp_path)
    with pytest.raises(ModelError):
        signature_of(net("1 / 0", "other.py:build"), tmp_path)
    assert sys.path == path


# --- The digest ------------------------------------------------------------------------------------------------------


def forget(tmp_path: Path) -> None:
    """As a new process would begin."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def digest_of(builder: str, folder: Path) -> str:
    forget(folder)
    digest: str = signature_of(builder, folder)["digest"]
    return digest


def test_the_digest_follows_the_file_and_its_imported_neighbours(net: Net, tmp_path: Path) -> None:
    (tmp_path / "layers_of_mine.py").write_text("WIDTH = 1")
    builder = net("from layers_of_mine import WIDTH\ndef build(): ...")
    first = digest_of(builder, tmp_path)
    (tmp_path / "notes.py").write_text("nothing")
    assert digest_of(builder, tmp_path) == first
    (tmp_path / "layers_of_mine.py").write_text("WIDTH = 2")
    second = digest_of(builder, tmp_path)
    net("from layers_of_mine import WIDTH\ndef build(): return 1")
    assert len({first, second, digest_of(builder, tmp_path)}) == 3


def test_another_builder_in_the_process_changes_no_digest(net: Net, tmp_path: Path) -> None:
    one, other = net("def build(): ..."), net("def build(): ...", "other.py:build")
    alone = digest_of(one, tmp_path)
    forget(tmp_path)
    signature_of(other, tmp_path)
    assert signature_of(one, tmp_path)["digest"] == alone


def test_another_source_than_was_planned_is_refused(net: Net, tmp_path: Path) -> None:
    builder = net("def build(): return nn.Linear(3, 5)")
    spec = planned(builder, tmp_path)
    net("def build(): return nn.Linear(3, 5, bias=False)")
    # This process has imported it before, and goes on with that.
    assert assemble_builder(spec).bias is not None
    forget(tmp_path)
    now = digest_of(builder, tmp_path)
    with pytest.raises(
        SourceChanged,
        match=rf"^builder net.py:build: its source has changed since the study was planned: its digest was "
        rf"{spec.digest[:12]} and is {now[:12]} now; restore it, or run the study under another name or with",
    ):
        assemble_builder(spec)


# --- Calling it ------------------------------------------------------------------------------------------------------


def test_arguments_and_what_the_data_decide_reach_the_function(net: Net, tmp_path: Path) -> None:
    builder = net(
        "def build(num_classes, in_channels, depth: int = 1, **more):\n"
        "    network = nn.Linear(3, 3)\n    network.given = (num_classes, in_channels, depth, more)\n    return network"
    )
    network = assemble_builder(planned(builder, tmp_path, {"depth": 2, "odd": "x"}, in_channels=1))
    assert network.given == (5, 1, 2, {"odd": "x"})


def test_a_size_that_the_data_do_not_decide_is_left_to_the_function(net: Net, tmp_path: Path) -> None:
    builder = net("def build(num_classes=9):\n    return nn.Linear(3, num_classes)")
    network = assemble_builder(planned(builder, tmp_path, num_classes=None))
    assert isinstance(network, nn.Linear)
    assert network.out_features == 9


def test_a_function_may_import_its_neighbour_when_called(net: Net, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_net.py").write_text("WIDTH = 7")
    builder = net("def build():\n    from neighbour_of_net import WIDTH\n    return nn.Linear(WIDTH, 1)")
    network = assemble_builder(planned(builder, tmp_path))
    assert isinstance(network, nn.Linear)
    assert network.in_features == 7


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def build(num_classes, depth):\n    raise ValueError(f'no depth {depth}')",
            r"builder net\.py:build: called with num_classes=5, depth=2 it raised ValueError: no depth 2 \(net\.py:4\)",
        ),
        ("def build(depth):\n    exit(3)", r"called with depth=2 it raised SystemExit: 3"),
        (
            "def build(depth):\n    return {'a': depth}",
            r"net\.py:build: returned dict \{'a': 2\}; it has to return a torch",
        ),
        ("def build(depth):\n    pass", r"returned NoneType None; it has to return a torch\.nn\.Module"),
        ("def build(depth):\n    return nn.Linear", r"returned type <class .*; it has to return a torch\.nn\.Module"),
        ("def build(width):\n    ...", r"it raised TypeError: build\(\) got an unexpected keyword argument 'depth'"),
    ],
)
def test_a_function_that_fails_says_how_it_was_called(net: Net, tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        assemble_builder(planned(net(body), tmp_path, {"depth": 2}))


# --- Looking at the network ------------------------------------------------------------------------------------------


class Returns(nn.Module):
    """A network with one parameter that gives what it is told."""

    def __init__(self, training: Any, evaluation: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.given = {True: training, False: evaluation}

    def forward(self, images: torch.Tensor) -> Any:
        given = self.given[self.training]
        if isinstance(given, Exception):
            raise given
        return given


GOOD = torch.zeros(2, 5)


@pytest.mark.parametrize(
    ("training", "evaluation"), [(GOOD, GOOD), (Outputs(GOOD, (GOOD,), 0.3), GOOD)], ids=["tensor", "auxiliary heads"]
)
def test_a_network_that_gives_logits_is_right(training: Any, evaluation: Any) -> None:
    check_builder(spec_of("net.py:build", Path()), Returns(training, evaluation))


@pytest.mark.parametrize(
    ("training", "evaluation", "message"),
    [
        (
            torch.zeros(2, 6),
            GOOD,
            r"gives \(2, 6\) for 2 images of 5 classes; it has to give \(2, 5\); take num_classes",
        ),
        (GOOD, torch.zeros(2, 5, 1, 1), r"gives \(2, 5, 1, 1\) for 2 images of 5 classes"),
        (GOOD[:1], GOOD, r"gives \(1, 5\) for 2 images"),
        ((GOOD, GOOD), GOOD, r"its network gives tuple in training; it has to give one tensor of logits"),
        ({"out": GOOD}, GOOD, r"its network gives dict in training"),
        (GOOD, Outputs(GOOD, (), 0.3), r"its network gives Outputs in evaluation; it has to give one tensor"),
        (RuntimeError("too small"), GOOD, r"fails in training on images \(2, 3, 8, 8\): RuntimeError: too small"),
        (GOOD, KeyError("mode"), r"fails in evaluation on images \(2, 3, 8, 8\): KeyError: 'mode'"),
    ],
)
def test_a_network_that_gives_something_else_is_refused(training: Any, evaluation: Any, message: str) -> None:
    with pytest.raises(ModelError, match=rf"builder net\.py:build: .*{message}"):
        check_builder(spec_of("net.py:build", Path()), Returns(training, evaluation))


def test_a_network_that_cannot_learn_is_refused() -> None:
    frozen = nn.Linear(3, 5).requires_grad_(False)
    for network in (nn.Flatten(), frozen):
        with pytest.raises(ModelError, match=r"builder net\.py:build: its network has no parameters to train"):
            check_builder(spec_of("net.py:build", Path()), network)


# --- Two calls make two networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"num_classes = 5\nMADE = {LINEAR}\ndef build():\n    return MADE", "returned the same module twice, so that"),
        (
            f"import functools\n@functools.cache\ndef build(num_classes):\n    return {LINEAR}",
            r"returned the same module twice, .* build a new one at every call$",
        ),
        (
            f"STEM = nn.Conv2d(3, 3, 1)\ndef build(num_classes):\n    return nn.Sequential(STEM, *{LINEAR})",
            r"two calls returned networks that share 0, .* build a new one at every call$",
        ),
        (
            f"TABLE = nn.Linear(3, 5).weight\ndef build(num_classes):\n    network = {LINEAR}\n"
            "    network[2].weight = nn.Parameter(TABLE.data)\n    return network",
            r"two calls returned networks that share 2\.weight, ",
        ),
        (
            "NORM = nn.BatchNorm2d(3, affine=False)\ndef build(num_classes):\n"
            f"    return nn.Sequential(NORM, *{LINEAR})",
            r"two calls returned networks that share 0, ",
        ),
    ],
    ids=["module", "cache", "submodule", "storage", "running statistics"],
)
def test_a_builder_that_keeps_what_is_trained_is_refused(net: Net, tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf"^builder net\.py:build: {message}"):
        survey(planned(net(body), tmp_path))


def test_what_training_does_not_change_may_be_shared(net: Net, tmp_path: Path) -> None:
    body = f"ACT = nn.ReLU()\ndef build(num_classes):\n    return nn.Sequential(ACT, *{LINEAR})"
    assert survey(planned(net(body), tmp_path))["params"] == 3 * 5 + 5


# --- In plans and trials ---------------------------------------------------------------------------------------------


def test_a_survey_counts_a_user_s_network(net: Net, tmp_path: Path) -> None:
    spec = planned(net(f"def build(num_classes):\n    return {LINEAR}"), tmp_path)
    assert survey(spec) == {"params": 3 * 5 + 5, "macs": 15}


def test_a_survey_of_several_names_the_mistake_of_one(net: Net, tmp_path: Path) -> None:
    builder = net(f"def build(num_classes, extra=0):\n    num_classes += extra\n    return {LINEAR}")
    specs = [planned(builder, tmp_path, arguments) for arguments in ({}, {"extra": 1})]
    answer = run({"specs": [spec.as_task() for spec in specs], "quantities": None}, lambda progress: None)
    assert answer["surveys"][0] == {"params": 20, "macs": 15}
    assert answer["surveys"][1]["mistake"].startswith(
        "builder net.py:build: its network gives (2, 6) for 2 images of 5"
    )


def test_the_folder_is_no_part_of_what_a_network_is() -> None:
    here, there = spec_of("net.py:build", Path("/a")), spec_of("net.py:build", Path("/b"))
    assert here == there
    assert here.as_json() == there.as_json()
    assert "folder" not in here.as_json()
    assert spec_from_json(here.as_task()) == here
    assert here.preset == "net.py:build"


def test_assembling_a_user_s_network_is_calling_the_function(net: Net, tmp_path: Path) -> None:
    spec = planned(net(f"def build(num_classes):\n    return {LINEAR}"), tmp_path)
    assert isinstance(assemble(spec), nn.Sequential)
