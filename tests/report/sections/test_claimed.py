import pytest

from ablate.report import tables
from ablate.report.document import Bullets
from ablate.report.sections.answer import answer
from ablate.report.sections.claimed import CLAIMED, MOST_CLAIMS, claimed


def lines_of(results):
    _said, (bullets) = claimed(results, tables(results))
    assert isinstance(bullets, Bullets)
    return bullets.items


def test_a_claim_is_told_with_its_verdict_and_numbers(toy, claim):
    results = toy(claims=[claim(published_difference=0.0109)])
    (row,) = tables(results).claims.to_dict("records")
    low, high = 100 * row["ci_low"], 100 * row["ci_high"]
    numbers = f"{100 * row['measured']:+.2f} [{low:+.2f}, {high:+.2f}] percentage points; published +1.09"
    assert lines_of(results) == (f"{row['verdict']}: {claim()['statement']} ({numbers})",)


def test_the_answer_ends_with_what_was_claimed(toy, claim):
    results = toy(claims=[claim()])
    blocks = answer(results, tables(results))
    texts = [getattr(block, "text", "") for block in blocks]
    assert isinstance(blocks[texts.index(CLAIMED) + 1], Bullets)
    assert CLAIMED not in [getattr(block, "text", "") for block in answer(toy(), tables(toy()))]


@pytest.mark.parametrize(("count", "shown"), [(9, 9), (10, MOST_CLAIMS + 1)])
def test_of_very_many_claims_the_first_are_told(toy, claim, count, shown):
    lines = lines_of(toy(claims=[claim(id=f"claim-{number}") for number in range(count)]))
    assert len(lines) == shown
    assert (lines[-1] == f"and {count - MOST_CLAIMS} more, under Claims") == (count > shown)


def test_what_was_not_tested_has_no_number(toy, claim):
    (line,) = lines_of(toy(claims=[claim(metric="latency")]))
    assert line == f"not tested: {claim()['statement']}"
