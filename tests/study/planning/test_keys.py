"""What makes a trial's key, and that keys of finished trials never change."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.study.planning import keys as making
from ablate.study.planning.keys import keys_of
from ablate.study.planning.plan import check_unchanged
from ablate.study.planning.planner import plan_study
from ablate.study.planning.variants import variants_of
from ablate.study.reading.load import load_study
from ablate.train import TRAINING_VERSION
from ablate.train.recipes import RECIPES

ROOT = Path(__file__).parents[3]
STORED = sorted(path for path in (ROOT / "results").rglob("plan.json") if "cifar10" not in str(path))


def keys(study: Path, *overrides: str, seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, dict[int, str]]:
    return {variant.name: keys_of(variant, "d" * 64, seeds) for variant in variants_of(load_study(study, overrides))}


def test_golden_keys(toy_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As made by the first training version, before there was a `train.seed_offset`."""
    monkeypatch.setattr(making, "TRAINING_VERSION", 1)
    assert {name: own[1] for name, own in keys(toy_study).items()} == {
        "strided": "ce7bee22fae49e72ad19480ed8c8f0f2f427c9a0e9df9f834998068e505f9a8c",
        "maxpool": "808561913747b326e483dcda44e6cf79ac6acef67dc2706a760bbe7be26e28dc",
    }


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.parent.name)
def test_committed_studies_are_planned_as_they_were_trained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if "timm/" in path.read_text():
        pytest.importorskip("timm")
    stored: dict[str, Any] = json.loads(path.read_text())
    if stored["training_version"] not in (TRAINING_VERSION, None):
        pytest.skip(f"trained by version {stored['training_version']}: shown, not gone on with")
    plan = plan_study(load_study(stored["source"], stored["overrides"]), path.parent, "cpu")
    check_unchanged(plan, path.parent)
    planned = plan.as_json()
    assert {each["variant"]: each["keys"] for each in planned["variants"]} == {
        each["variant"]: each["keys"] for each in stored["variants"]
    }


class TestImageSize:
    """`pictures_study` has image_size: 16."""

    def test_images_of_two_sizes_are_two_trials_whatever_the_network_takes(self, pictures_study: Path) -> None:
        sizes = ("factors={data.image_size: [8, 16, 32]}", "baseline={data.image_size: 16}", "model.input_size=16")
        assert len({own[0] for own in keys(pictures_study, *sizes).values()}) == 3

    def test_the_set_s_own_size_is_one_of_them(self, pictures_study: Path) -> None:
        own = keys(pictures_study, "data.image_size=null", "model.input_size=64")
        assert own == keys(pictures_study, "data.image_size=32", "model.input_size=64")
        assert own != keys(pictures_study, "data.image_size=64", "model.input_size=64")

    def test_where_the_network_takes_it_as_it_is_the_key_is_what_it_was(self, pictures_study: Path) -> None:
        """As made before the size of the images was looked at."""
        assert keys(pictures_study, "model.input_size=16") == keys(pictures_study)
        assert keys(pictures_study)["relu"][0] == "880b184b77f32cd9d8919bba8404723ef1cd8bb41274c6af13fb68c6f792fa8f"


class TestSeedOffset:
    def test_a_trial_is_keyed_by_the_seed_it_is_trained_with(self, toy_study: Path) -> None:
        plain, shifted = keys(toy_study), keys(toy_study, "train.seed_offset=2")
        assert shifted["strided"][0] == plain["strided"][2]
        assert plain == keys(toy_study, "train.seed_offset=0")

    def test_a_level_that_differs_in_it_alone_is_the_same_network_under_other_seeds(self, toy_study: Path) -> None:
        offsets = ("model.downsample=strided", "factors={train.seed_offset: [0, 2]}", "baseline={train.seed_offset: 0}")
        later = keys(toy_study, seeds=(2, 3, 4))["strided"]
        shifted = {seed: later[seed + 2] for seed in (0, 1, 2)}
        assert keys(toy_study, *offsets) == {"0": keys(toy_study)["strided"], "2": shifted}

    def test_no_recipe_sets_it(self) -> None:
        assert all("train.seed_offset" not in recipe.sets for recipe in RECIPES.values())
