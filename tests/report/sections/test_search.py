"""What a report says of a search: the combinations by the mean of their trials, and every objective on both sides."""

from ablate.analysis import summarise
from ablate.report import tables
from ablate.report.document import Paragraph, Table
from ablate.report.sections.search import CAPTION, search_section

VALUES = {"accuracy": 0.7, "test_loss": 0.9, "params": 1_000, "macs": 5_000_000}


def trial(level, state="complete", front=False, **values):
    """A trial of a search over the levels of one factor."""
    return {"levels": {"downsample": level}, "state": state, "values": {**VALUES, **values}, "front": front}


def searched(results, objectives, *trials):
    """`results` of a search that tried `trials`, of which those with `front` run over all seeds."""
    search = {"fields": {}, "objectives": list(objectives), "trials": 9, "sampler": "tpe", "constraints": []}
    results.plan["study"] |= {"design": "search", "search": {**search, "front": 8}}
    front = list({each["levels"]["downsample"]: each["levels"] for each in trials if each["front"]}.values())
    results.plan["searched"] = {"digest": "f" * 64, "front": front, "trials": list(trials)}
    return results


def blocks(results):
    return search_section(results, tables(results))


def front_of(results):
    (table,) = [block for block in blocks(results) if isinstance(block, Table) and block.caption == CAPTION]
    return table


def headers(table):
    return [column.header for column in table.columns]


def said(results):
    return " ".join(block.text for block in blocks(results) if isinstance(block, Paragraph))


TRIALS = (trial("spd", front=True, accuracy=0.8), trial("maxpool", front=True, params=900), trial("strided"))


def test_a_study_without_a_search_says_nothing(toy):
    assert blocks(toy()) == []


class TestObjectives:
    def test_scores_are_shown_as_the_search_saw_them_and_as_final_trials_reached_them(self, toy):
        results = searched(toy(), ["test_loss", "macs"], *TRIALS)
        table = front_of(results)
        assert headers(table) == ["variant", "validation loss in the search (nats)", "test loss (nats)"]
        means = summarise(tables(results).planned, ["test_loss"]).set_index("variant")["test_loss_mean"]
        assert [(row[0], row[1].value, row[2].value) for row in table.rows] == [
            ("spd", 0.9, means["spd"]),
            ("maxpool", 0.9, means["maxpool"]),
        ]

    def test_every_objective_has_its_columns_in_the_order_of_the_study(self, toy):
        trials = [{**each, "values": {**each["values"], "latency_ratio": 2.5}} for each in TRIALS]
        table = front_of(searched(toy(), ["latency", "accuracy"], *trials))
        assert headers(table)[1:] == [
            *("latency in the search (x baseline's)", "latency (x baseline's)"),
            *("validation accuracy in the search (%)", "accuracy (%)"),
        ]
        # SPD takes twice as long as the baseline in every round, max pooling as long.
        assert [row[1:3] for row in table.texts] == [("2.500", "2.000"), ("2.500", "1.000")]

    def test_counts_alone_are_shown_once(self, toy):
        table = front_of(searched(toy(), ["params", "macs"], *TRIALS))
        assert headers(table) == ["variant", "parameters", "MACs, torch (multiply-adds)"]
        assert table.texts == (("spd", "1,000", "5.00 M"), ("maxpool", "900", "5.00 M"))

    def test_trials_stand_with_the_best_by_the_first_objective_on_top(self, toy):
        trials = [trial("spd", test_loss=loss, accuracy=loss) for loss in (0.5, 0.3, 0.9)]
        for objective, order in (("test_loss", ["1", "0", "2"]), ("accuracy", ["2", "0", "1"])):
            *_, table = blocks(searched(toy(), [objective], *trials))
            assert [row[0] for row in table.texts] == order


class TestRepeats:
    """Max pooling was lucky once and unlucky twice: by the mean of its trials, spd beats it."""

    LUCK = tuple(trial("maxpool", accuracy=accuracy) for accuracy in (0.9, 0.6, 0.6))

    def test_a_combination_counts_by_the_mean_of_its_trials(self, toy):
        results = searched(toy(), ["accuracy", "params"], *self.LUCK, trial("spd", accuracy=0.8, front=True))
        assert "The combinations that no other is as good as in every objective, and better in one, ther" in said(
            results
        )
        assert "One that came up again is worth the mean of its trials." in said(results)

    def test_one_is_not_counted_as_often_as_it_was_tried(self, toy):
        best = [trial("spd", accuracy=0.8, front=True), trial("spd", accuracy=0.8), trial("maxpool", params=900)]
        results = searched(toy(), ["accuracy", "params"], *best, trial("strided", params=2_000))
        assert "Of the 2 combinations that no other beats, 1, from the best by accuracy" in said(results)

    def test_the_front_shows_what_the_search_saw_on_average(self, toy):
        lucky, *others = self.LUCK
        results = searched(toy(), ["accuracy"], {**lucky, "front": True}, *others)
        assert front_of(results).texts[0][1] == "70.00"

    def test_nothing_is_said_of_repeats_where_there_are_none(self, toy):
        assert "came up again" not in said(searched(toy(), ["accuracy"], *TRIALS))

    def test_trials_that_came_to_no_end_count_for_nothing(self, toy):
        ends = [trial("spd", state, accuracy=0.0, test_loss=None) for state in ("diverged", "failed")]
        results = searched(toy(), ["accuracy"], trial("spd", front=True, accuracy=0.8), *ends)
        assert front_of(results).texts[0][1] == "80.00"
