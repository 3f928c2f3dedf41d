"""Which variant stands beside which."""

from collections.abc import Callable
from typing import Any

import pytest

from ablate.comparison.matching import Unmatched, match
from ablate.errors import ResultsError

Folder = Callable[..., Any]
ONE = {0: 0.5}


def names(a: Any, b: Any) -> list[tuple[str, str]]:
    return [(pair.name, pair.name_b) for pair in match(a, b).pairs]


def test_variants_of_one_name_and_network_stand_together_in_the_order_of_a(folder: Folder) -> None:
    a, b = folder("a", {"spd": ONE, "strided": ONE}), folder("b", {"strided": ONE, "maxpool": ONE, "spd": ONE})
    assert names(a, b) == [("spd", "spd"), ("strided", "strided")]
    (alone,) = match(a, b).unmatched
    assert (alone.side, alone.variant) == ("B", "maxpool")
    assert "A has no variant of this name and no equal network" in alone.reason


def test_an_equal_network_is_found_under_another_name(folder: Folder) -> None:
    a = folder("a", {"strided": ONE, "spd": ONE})
    b = folder("b", {"downsample=spd": ONE}, of={"downsample=spd": {"model": a.plan["variants"][1]["model"]}})
    assert names(a, b) == [("spd", "downsample=spd")]


def test_one_name_for_two_networks_is_no_match_and_says_in_what_they_differ(folder: Folder) -> None:
    wide = {"preset": "mini_xception", "downsample": "spd", "width": 0.5}
    a, b = (
        folder("a", {"strided": ONE, "spd": ONE}),
        folder("b", {"strided": ONE, "spd": ONE}, of={"spd": {"model": wide}}),
    )
    matching = match(a, b)
    assert [pair.name for pair in matching.pairs] == ["strided"]
    assert matching.unmatched == (
        Unmatched("A", "spd", "B's 'spd' is another network: model.width is not stated here and 0.5 there"),
        Unmatched("B", "spd", "A's 'spd' is another network: model.width is 0.5 here and not stated there"),
    )


def test_of_several_equal_networks_the_recipe_decides(folder: Folder) -> None:
    """Levels of a recipe are all one network; where names do not tell, the whole of a trial's settings does."""
    model = {"model": {"preset": "mini_xception"}}
    slow, fast = {**model, "train": {"lr": 0.1}}, {**model, "train": {"lr": 0.2}}
    a = folder("a", {"slow": ONE, "fast": ONE}, of={"slow": slow, "fast": fast})
    b = folder("b", {"0.2": ONE, "0.1": ONE}, of={"0.1": slow, "0.2": fast})
    assert names(a, b) == [("slow", "0.1"), ("fast", "0.2")]


def test_an_equal_network_under_another_recipe_is_matched_only_where_there_is_one(folder: Folder) -> None:
    model = {"model": {"preset": "mini_xception"}}
    one = folder("one", {"x": ONE}, of={"x": {**model, "train": {"lr": 0.3}}})
    a = folder("a", {"y": ONE}, of={"y": {**model, "train": {"lr": 0.1}}})
    two = folder(
        "two", {"y": ONE, "z": ONE}, of={"y": {**model, "train": {"lr": 0.1}}, "z": {**model, "train": {"lr": 0.2}}}
    )
    assert names(one, a) == [("x", "y")]
    with pytest.raises(ResultsError, match="no variant in common"):
        match(one, two)


def test_no_variant_of_b_stands_beside_two_of_a(folder: Folder) -> None:
    same = {"model": {"preset": "mini_xception"}, "train": {"lr": 0.1}}
    a = folder("a", {"x": ONE, "y": ONE}, of={"x": same, "y": same})
    b = folder("b", {"z": ONE}, of={"z": same})
    assert names(a, b) == [("x", "z")]
    assert [(each.side, each.variant) for each in match(a, b).unmatched] == [("A", "y")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"builder": "net.py:build", "digest": "1" * 64}, {"builder": "net.py:build", "digest": "2" * 64}),
        ({"preset": "timm/resnet18", "version": "1.0.20"}, {"preset": "timm/resnet18", "version": "1.0.24"}),
    ],
)
def test_another_version_of_the_code_is_the_same_network(folder: Folder, before: Any, after: Any) -> None:
    """Or two commits of one's own network, or two versions of a package, could never be compared."""
    a, b = (
        folder("a", {"net": ONE}, of={"net": {"model": before}}),
        folder("b", {"net": ONE}, of={"net": {"model": after}}),
    )
    assert names(a, b) == [("net", "net")]


def test_nothing_in_common_is_an_error_that_names_both_sides(folder: Folder) -> None:
    a, b = folder("a", {"strided": ONE}), folder("b", {"spd": ONE, "maxpool": ONE})
    with pytest.raises(
        ResultsError, match=r"a and .*b have no variant in common, .* has strided, the second spd, maxpool$"
    ):
        match(a, b)
    wide = folder("wide", {"strided": ONE}, of={"strided": {"model": {"preset": "mini_xception", "downsample": "spd"}}})
    with pytest.raises(
        ResultsError, match=r"'strided' is in both, but model\.downsample is 'strided' here and 'spd' there"
    ):
        match(a, wide)
