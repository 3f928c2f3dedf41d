"""The names of quantities."""

import pytest

from ablate.errors import UnknownName
from ablate.lookup import load_dotted
from ablate.models.quantities import QUANTITIES, check_quantity


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_has_a_meaning_and_what_counts_it(name: str) -> None:
    entry = QUANTITIES[name]
    assert entry.meaning
    assert callable(load_dotted(entry.function))
    assert entry.function.endswith(f":{name}")


@pytest.mark.parametrize("name", ["params", "params:exit.sep1", "side:stem", "listed:xception", "in_a_row:conv>norm"])
def test_right_names_pass(name: str) -> None:
    check_quantity(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("parms", "unknown quantity 'parms'; did you mean 'params'"),
        ("side", "quantity 'side' needs a path behind it, side:PATH"),
        ("side:", "quantity 'side:' needs a path behind it, side:PATH"),
        ("flops:exit", "quantity 'flops:exit' is of the whole network; write 'flops'"),
        ("params:", "quantity 'params:' ends in a colon; write 'params', or a path behind it"),
    ],
)
def test_a_wrong_name_is_told_what_is_right(name: str, sentence: str) -> None:
    with pytest.raises(UnknownName) as raised:
        check_quantity(name)
    assert sentence in str(raised.value)
