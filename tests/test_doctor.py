"""What `ablate doctor` looks at."""

import re
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from postgres import new_database

from ablate import doctor
from ablate.data import DATASETS
from ablate.doctor import examine


@pytest.fixture(autouse=True)
def _no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_DATA", str(tmp_path))


def finding(about: str) -> Any:
    (found,) = [found for found in examine() if found.about == about]
    return found


def test_versions_are_the_installed_ones() -> None:
    assert f"torch {metadata.version('torch')}" in finding("versions").detail
    assert f"optuna {metadata.version('optuna')}" in finding("versions").detail


@pytest.mark.parametrize("bf16", [True, False])
def test_the_processor_and_its_arithmetic(monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    monkeypatch.setattr(doctor.environment, "has_bf16_cpu", lambda: bf16)
    monkeypatch.setattr(doctor.environment, "cores", lambda: 7)
    assert finding("cpu").detail.startswith("7 cores, ")
    assert ("studies take fp32" in finding("cpu").detail) is not bf16


@pytest.mark.parametrize(
    ("names", "health", "detail"),
    [([], "absent", "studies run on the CPU"), (["H100", "A10"], "ok", "H100, A10")],
)
def test_accelerators(monkeypatch: pytest.MonkeyPatch, names: list[str], health: str, detail: str) -> None:
    cuda = {"torch.cuda:device_count": lambda: len(names), "torch.cuda:get_device_name": lambda index: names[index]}
    monkeypatch.setattr(doctor, "load_dotted", lambda path: cuda[path])
    assert (finding("cuda").health, finding("cuda").detail) == (health, detail)


def test_data_that_are_made_are_there_and_data_that_are_not_say_how_to_get_them(tmp_path: Path) -> None:
    assert finding("data folder").detail == str(tmp_path)
    assert finding("data small_objects").health == "ok"
    cifar = finding("data cifar10")
    assert cifar.health == "absent"
    assert str(tmp_path) in cifar.detail


def test_data_that_have_been_fetched_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], digest=lambda _data: "0" * 64))
    assert finding("data cifar10").health == "ok"


def test_every_data_set_is_looked_at_but_the_one_that_needs_a_folder() -> None:
    looked_at = {found.about.removeprefix("data ") for found in examine() if found.about.startswith("data ")}
    assert looked_at == set(DATASETS) - {"image_folder"} | {"folder"}


@pytest.mark.parametrize(("spec", "health"), [(None, "absent"), (object(), "ok")])
def test_extras(monkeypatch: pytest.MonkeyPatch, spec: object, health: str) -> None:
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _name: spec)
    assert finding("extra timm").health == health


class TestLedger:
    def test_it_is_looked_at_only_where_one_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ABLATE_LEDGER", raising=False)
        assert [found for found in examine() if found.about == "ledger"] == []

    def test_one_that_does_not_answer_says_so_without_its_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("psycopg")
        monkeypatch.setenv("ABLATE_LEDGER", "postgresql://me:secret@127.0.0.1:1/x")
        found = finding("ledger")
        assert found.health == "absent"
        assert found.detail.startswith("postgresql://me:***@127.0.0.1:1/x: does not answer (")
        assert "secret" not in found.detail

    def test_one_that_answers_names_its_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ABLATE_LEDGER", new_database())
        found = finding("ledger")
        assert found.health == "ok"
        assert re.match(r"PostgreSQL \d+.* at postgresql://ablate:\*\*\*@127\.0\.0\.1:\d+/test_", found.detail)
