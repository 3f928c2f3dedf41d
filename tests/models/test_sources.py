"""The digest of a user's module changes with what the module is made of, and with nothing else; places in it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ablate
from ablate.models.sources import file_digest, module_digest, place_of

Written = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Written:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


# How a builder's file may import `layers`, and the file that then is a part of it.
IMPORTS = [
    ("import layers", "layers.py"),
    ("from layers import Norm", "layers.py"),
    ("import layers as the_layers, os", "layers.py"),
    ("def build():\n    from layers import Norm\n    return Norm()", "layers.py"),
    ("try:\n    import layers\nexcept ImportError:\n    pass", "layers.py"),
    ("from layers.norms import Norm", "layers/norms.py"),
    ("from layers.norms import Norm", "layers/__init__.py"),
    ("from layers import norms", "layers/norms.py"),
    ("import layers.norms", "layers/norms.py"),
    ("from layers import *", "layers/__init__.py"),
]


@pytest.mark.parametrize(("statement", "neighbour"), IMPORTS)
def test_an_imported_neighbour_is_a_part(write: Written, statement: str, neighbour: str) -> None:
    net = write("net.py", statement)
    digests = [file_digest(net)]
    for text in ("a = 1", "a = 2", "a = 1"):
        write(neighbour, text)
        digests.append(file_digest(net))
    assert digests[1] == digests[3]
    assert len(set(digests)) == 3


def test_what_a_neighbour_imports_is_a_part(write: Written) -> None:
    net = write("net.py", "import layers.norms")
    write("layers/__init__.py", "")
    write("layers/norms.py", "from .base import Base\nfrom . import more")
    write("layers/base.py", "import net")  # a circle
    before = file_digest(net)
    write("layers/more.py", "a = 1")
    after = file_digest(net)
    write("layers/base.py", "import net  # changed")
    assert len({before, after, file_digest(net)}) == 3


def test_what_is_not_imported_is_no_part(write: Written) -> None:
    net = write("net.py", "import os, torch\nfrom missing import thing\nname = 'layers'")
    before = file_digest(net)
    write("other.py", "import net")
    write("layers.py", "a = 1")
    write("torch/nn.py", "a = 1")
    assert file_digest(net) == before


def test_a_file_with_another_text_or_name_is_another(write: Written) -> None:
    texts = {file_digest(write("net.py", text)) for text in ("a = 1", "a = 2", "a = 2  # why")}
    assert len(texts) == 3
    assert file_digest(write("other.py", "a = 1")) != file_digest(write("net.py", "a = 1"))


def test_the_folder_is_no_part(write: Written) -> None:
    digests = set()
    for folder in ("here", "there/below"):
        write(f"{folder}/layers.py", "a = 1")
        digests.add(file_digest(write(f"{folder}/net.py", "import layers")))
    assert len(digests) == 1


def test_a_neighbour_that_cannot_be_parsed_is_a_part_all_the_same(write: Written) -> None:
    net = write("net.py", "import layers")
    write("layers.py", "this is no Python")
    before = file_digest(net)
    write("layers.py", "this is none either")
    assert file_digest(net) != before


def test_a_package_s_module_is_made_of_its_package(write: Written) -> None:
    net = write("lab/models/net.py", "from lab.layers import Norm\nfrom ..common import width\nimport elsewhere")
    names = ("lab/__init__.py", "lab/models/__init__.py", "lab/layers.py", "lab/common.py")
    for name in names:
        write(name, "")
    digests = [module_digest("lab.models.net", net)]
    for name in names:
        write(name, "changed = True")
        digests.append(module_digest("lab.models.net", net))
    assert len(set(digests)) == 5
    write("elsewhere.py", "another = 'package'")
    write("lab/unrelated.py", "a = 1")
    assert module_digest("lab.models.net", net) == digests[-1]


def test_a_package_itself_can_be_the_module(write: Written) -> None:
    package = write("lab/__init__.py", "from .nets import build")
    before = module_digest("lab", package)
    write("lab/nets.py", "def build(): ...")
    assert module_digest("lab", package) != before


def test_a_place_is_in_the_user_s_own_code(tmp_path: Path) -> None:
    frames = [
        ("<frozen importlib._bootstrap>", 1),
        (str(json.__file__), 2),
        (str(torch.__file__), 3),
        (str(tmp_path / "net.py"), 4),
        (str(tmp_path / "outer.py"), 5),
        (str(ablate.__file__), 6),
    ]
    assert place_of(frames) == "net.py:4"
    assert place_of([each for each in frames if str(tmp_path) not in each[0]]) == "__init__.py:3"
    assert place_of([*frames[:2], frames[-1]]) == ""
