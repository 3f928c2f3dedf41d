"""Unknown names are answered with the nearest right one."""

import math

import pytest

from ablate.errors import AblateError, UnknownName
from ablate.lookup import load_dotted, lookup, suggestion

TABLE = {"maxpool": 1, "avgpool": 2, "spd": 3}


def test_a_known_name_gives_its_thing() -> None:
    assert lookup(TABLE, "spd", "operator") == 3


def test_a_near_miss_names_what_was_meant_and_the_choices() -> None:
    with pytest.raises(
        UnknownName,
        match=r"^unknown operator 'maxpol'; did you mean 'maxpool'\? \(choices: avgpool, maxpool, spd\)$",
    ):
        lookup(TABLE, "maxpol", "operator")


def test_a_far_miss_names_the_choices() -> None:
    with pytest.raises(UnknownName, match=r"^unknown operator 'zzz'; choices: avgpool, maxpool, spd$"):
        lookup(TABLE, "zzz", "operator")


def test_where_nothing_is_known_nothing_is_allowed() -> None:
    assert suggestion("x", []) == "nothing is allowed here"


def test_of_many_choices_the_nearest_are_shown_and_the_rest_counted() -> None:
    names = [f"net{number}" for number in range(60)]
    said = suggestion("net7x", names)
    assert said.startswith("did you mean 'net7'? (choices: net7, ")
    assert said.endswith(", ... and 48 more)")
    assert said.count("net") == 1 + 12
    assert suggestion("Ω", names).endswith(", ... and 48 more")


def test_an_unknown_name_is_a_mistake_of_the_user() -> None:
    assert issubclass(UnknownName, AblateError)


def test_a_dotted_path_is_imported() -> None:
    assert load_dotted("math:sqrt") is math.sqrt


def test_a_wrong_path_says_what_is_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="ablate_nowhere"):
        load_dotted("ablate_nowhere:thing")
    with pytest.raises(AttributeError, match="sqroot"):
        load_dotted("math:sqroot")
