"""`ablate bench` as a whole: how deep it goes, what it writes, and a real one."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.bench import paces, placement
from ablate.bench import run as benching
from ablate.bench.run import DEPTHS, bench
from ablate.errors import DeviceError
from ablate.executors.contract import CallFailed

PLACED = {"name": "toy", "study": "toy", "rows": []}
CEILINGS = {"products": {"float32": {"gflops": 50.0}, "bfloat16": {"gflops": 200.0}}}
PACE = {
    "variant": "v",
    "training_macs": 10_000_000,
    "precision": "fp32",
    "ways": {"harness": {"images_per_second": 1e3}},
    "ratios": {},
}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part answers at once; 20 MFLOP an image at 1,000 a second are 20 GFLOP/s."""
    monkeypatch.setattr(benching, "place", lambda *_: dict(PLACED))
    monkeypatch.setattr(benching, "ceilings_of", lambda *_: CEILINGS)
    monkeypatch.setattr(benching, "pace_of", lambda *_: PACE)
    monkeypatch.setattr(benching, "studies_of", lambda *_: {"runs": []})


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("depth", "parts"), [("placement", set()), ("training", {"training"}), ("studies", {"training", "studies"})]
)
def test_each_depth_includes_those_before_it(toy_study: Path, tmp_path: Path, depth: Any, parts: set[str]) -> None:
    document = bench(toy_study, (), tmp_path, "cpu", lambda told: None, depth=depth)
    assert set(document) == {*PLACED, *parts}
    assert json.loads((tmp_path / "bench" / "toy.json").read_text()) == document


@pytest.mark.usefixtures("made_up")
def test_the_share_of_the_matrix_products_by_hand(toy_study: Path, tmp_path: Path) -> None:
    pace = bench(toy_study, (), tmp_path, "cpu", lambda told: None)["training"]["variants"][0]
    assert (pace["attained_gflops"], pace["matrix_share"]) == (pytest.approx(20.0), pytest.approx(0.4))


@pytest.mark.usefixtures("made_up")
def test_a_training_that_fails_is_one_sentence(
    toy_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise CallFailed("out of memory")

    monkeypatch.setattr(benching, "pace_of", fail)
    with pytest.raises(DeviceError, match=r"^--device cpu: training could not be measured \(out of memory\)$"):
        bench(toy_study, (), tmp_path, "cpu", lambda told: None)


def test_the_deepest_is_the_last() -> None:
    assert DEPTHS == ("placement", "training", "studies")


@pytest.mark.slow
def test_a_real_one(pictures_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (placement, "LATENCY_SECONDS", 0.1),
        (paces, "ROUNDS", 2),
        (benching, "SCRIPT", tmp_path / "none"),
        (paces, "OTHER_ROUNDS", 1),
        (paces, "COMPILED_ROUNDS", 0),
        (paces, "MOST_STEPS", 4),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr("ablate.study.machine.CEILING_SECONDS", 0.1)
    document = bench(pictures_study, ("train.batch_size=4",), tmp_path, "cpu", lambda told: None, depth="training")
    variants = document["training"]["variants"]
    assert len(variants) == 2
    for each in variants:
        assert each["problems"] == {}
        assert {"bare", "harness", "bare, bf16", "bare, contiguous"} <= set(each["ways"])
        assert 0.2 < each["ratios"]["bare"]["median"] < 3.0
        assert "script" not in each["ratios"]
        assert 0.0 < each["matrix_share"] < 1.5
    json.dumps(document, allow_nan=False)
