"""What `import ablate` promises."""

import subprocess
import sys
from importlib import metadata

import pytest

import ablate
from ablate import analysis, models
from ablate.report import collecting
from ablate.study.reading.load import load_study
from ablate.study.run import run
from ablate.study.running.options import Options


def test_the_version_is_the_installed_one() -> None:
    assert ablate.__version__ == metadata.version("ablate")


def test_every_public_name_is_what_it_says() -> None:
    assert ablate.run is run
    assert ablate.Options is Options
    assert ablate.load_study is load_study
    assert ablate.load_results is collecting.load_results
    assert ablate.analysis is analysis
    assert ablate.models is models
    assert set(ablate.__all__) == {"run", "Options", "load_study", "load_results", "analysis", "models"}


@pytest.mark.parametrize("name", ["run", "Options", "load_study", "load_results", "analysis", "models"])
def test_a_name_can_be_the_first_thing_asked_for(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"import ablate; ablate.{name}; from ablate import {name}"], check=True)


def test_a_name_that_is_not_there_is_an_ordinary_mistake() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ablate.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        models.nothing  # noqa: B018


def test_networks_are_built_by_name_and_fields() -> None:
    network = ablate.models.build("mini_xception", width=0.125, downsample="maxpool", middle_depth=0)
    wider = ablate.models.build("mini_xception", width=0.25, downsample="maxpool", middle_depth=0)
    assert sum(p.numel() for p in wider.parameters()) > 2 * sum(p.numel() for p in network.parameters())


def test_the_typed_marker_is_shipped() -> None:
    files = metadata.files("ablate") or []
    root = ablate.__file__.removesuffix("__init__.py")
    assert files
    with open(f"{root}py.typed") as marker:  # noqa: PTH123
        assert marker.read() == ""
