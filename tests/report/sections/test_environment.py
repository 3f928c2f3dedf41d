from ablate.report import tables
from ablate.report.sections.environment import environment


def facts_of(results):
    _, table = environment(results, tables(results))
    return {row[0]: row[1:] for row in table.texts}


def test_an_environment_says_what_it_was_used_for(toy):
    assert facts_of(toy())["used for"] == ("24 trials and costs", "nothing that is shown", "nothing that is shown")


def test_facts_are_named_in_words_and_told_as_yes_and_no(toy):
    results = toy()
    results.environments["e1"] = {**results.environments["e1"], "dirty": False, "load_at_start": 0.5}
    facts = facts_of(results)
    assert facts["torch"] == ("2.13.0", "2.15.0", "2.13.0")
    assert facts["uncommitted changes"] == ("no", "", "")
    assert facts["load at start"] == ("0.5", "", "")


def test_what_no_environment_knows_is_left_out(toy):
    assert "gpu" not in facts_of(toy())
