from ablate.report import tables
from ablate.report.document import Heading, Notice, Paragraph
from ablate.report.sections.answer import answer
from ablate.report.sections.stated import stated_section


def entry(**changes):
    return {
        "digest": "0123456789abcdef",
        "question": "Does SPD help?",
        "claims": [{"id": "spd-beats-stride"}],
        "margin": {"accuracy": 0.005},
        "primary": "accuracy",
        "trials_finished": 0,
        **changes,
    }


def stated(results, *entries):
    results.plan["stated"] = list(entries)
    return results


def notices(results):
    return [block.text for block in answer(results, tables(results)) if isinstance(block, Notice)]


def test_an_older_folder_says_nothing(toy):
    results = toy()
    assert stated_section(results, tables(results)) == []
    assert stated_section(stated(results), tables(results)) == []


def test_what_was_fixed_before_the_first_trial(toy):
    results = stated(toy(), entry())
    heading, said = stated_section(results, tables(results))
    assert heading == Heading("Stated in advance")
    assert said == Paragraph(
        "Before the first trial these were fixed: the question; the primary metric, accuracy; a margin of 0.50 "
        "percentage points of accuracy; the claims spd-beats-stride. Digest 0123456789ab."
    )
    assert notices(results) == []


def test_a_later_change_is_a_notice_before_the_answer(toy):
    later = entry(margin={}, claims=[{"id": "spd-beats-stride", "source": "x"}, {"id": "new"}], trials_finished=7)
    results = stated(toy(), entry(), later)
    assert notices(results) == [
        "Changed after 7 trials had finished: the margin, from a margin of 0.50 percentage points of accuracy to no "
        "margin; the claims (added: new; reworded: spd-beats-stride)."
    ]


def test_a_change_before_any_trial_finished_is_no_change(toy):
    assert notices(stated(toy(), entry(), entry(question="Does it?"))) == []


def test_what_was_fixed_is_what_was_stated_last_before_any_trial_finished(toy):
    later = entry(claims=[{"id": "mended"}], margin={}, digest="fedcba9876543210")
    results = stated(toy(), entry(), later, entry(trials_finished=3))
    _, said, notice = stated_section(results, tables(results))
    assert said == Paragraph(
        "Before the first trial these were fixed: the question; the primary metric, accuracy; no margin; the claims "
        "mended. Digest fedcba987654."
    )
    assert notice.text.startswith("Changed after 3 trials had finished: the margin, from no margin to a margin of 0.50")
    # Where records were deleted since, what is stated then was not stated in advance.
    results = stated(toy(), entry(), entry(trials_finished=3), later)
    assert stated_section(results, tables(results))[1].text.endswith(
        "the claims spd-beats-stride. Digest 0123456789ab."
    )


def test_trials_of_tuning_and_search_have_finished_too(toy):
    after_search = entry(claims=[], rehearsals_finished=40)
    results = stated(toy(), entry(), after_search, entry(trials_finished=1, rehearsals_finished=1_040))
    assert stated_section(results, tables(results))[1].text.endswith(
        "the claims spd-beats-stride. Digest 0123456789ab."
    )
    assert notices(results) == [
        "Changed after 40 trials of tuning or search had finished: the claims (taken away: spd-beats-stride).",
        "Changed after 1 trial and 1,040 of tuning or search had finished: the claims (added: spd-beats-stride).",
    ]
    results = stated(toy(), after_search)
    assert (
        "only from when 40 trials of tuning or search had finished" in stated_section(results, tables(results))[1].text
    )


def test_an_earlier_question_is_kept(toy):
    results = stated(toy(), entry(question="Is SPD worse?"), entry(trials_finished=1))
    assert notices(results) == ["Changed after 1 trial had finished: the question, which was: Is SPD worse?."]


def test_what_was_not_recorded_in_advance_is_said(toy):
    results = stated(toy(), entry(trials_finished=24))
    _, said = stated_section(results, tables(results))
    assert isinstance(said, Notice)
    assert "only from when 24 trials had finished" in said.text
