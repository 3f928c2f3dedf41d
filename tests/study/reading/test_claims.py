"""Claims of study files: right ones by name, wrong ones with their line."""

import re
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import StudyError
from ablate.schema import CountClaim, DifferenceClaim, InteractionClaim, claim_from_json
from ablate.study.reading.claims import Claim, claims_json
from ablate.study.reading.load import load_study

# The lines of this text are counted from 1 in the tests below.
STUDY = """\
name: mid
model: {preset: mini_xception}
data: {name: small_objects}
train: {epochs: 1}
factors:
  model.mid_activation: [none, relu, elu]
  cut:
    deep: {model.segments: 1}
    shallow: {model.segments: depthwise}
  model.width: [0.25, 1]
  data.noise: [0, 8]
baseline: {model.mid_activation: none, cut: shallow, model.width: 1.0, data.noise: 0}
seeds: 3
claims:
  - id: none-beats-relu
    source: a paper
    statement: One is better than the other
    metric: accuracy
    better: {model.mid_activation: none, model.width: 1.0}
    than: {model.mid_activation: relu}
    published_difference: 0.0109
  - id: more-so-where-shallow
    source: a paper
    statement: And by more where the spaces are shallow
    interaction:
      better: {model.mid_activation: none}
      than: {model.mid_activation: relu}
      more_at: {cut: shallow, model.width: 1}
      than_at: {cut: deep}
    published_difference: 0.02
"""

COUNT = """\
name: counted
model: {preset: xception}
factors:
  model.preset: [xception, mini_xception]
  model.width: [0.5, 1]
baseline: {model.preset: xception, model.width: 1}
design: count
claims:
  - id: parameters
    source: a paper
    statement: It has 22.9 million parameters
    count: {system: "preset=xception,width=1", quantity: params, published: 22.9e6}
    readings:
      - {system: "preset=xception,width=0.5", quantity: params, over: "preset=xception,width=1"}
      - {cited: 22.8e6, source: another paper}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claims(text: str, *overrides: str) -> tuple[Claim, ...]:
    Path("study.yaml").write_text(text)
    return load_study("study.yaml", overrides).claims


def changed(old: str, new: str, text: str = STUDY) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


class TestRightClaims:
    def test_a_difference_names_its_levels_factor_by_factor(self) -> None:
        difference, _ = claims(STUDY)
        assert isinstance(difference.stated, DifferenceClaim)
        assert difference.stated.published_difference == 0.0109
        assert difference.sides == {
            "better": {"model.mid_activation": "none", "model.width": "1"},
            "than": {"model.mid_activation": "relu"},
        }

    def test_an_interaction_names_the_levels_of_its_four_sides(self) -> None:
        _, interaction = claims(STUDY)
        assert isinstance(interaction.stated, InteractionClaim)
        assert interaction.sides == {
            "better": {"model.mid_activation": "none"},
            "than": {"model.mid_activation": "relu"},
            "more_at": {"cut": "shallow", "model.width": "1"},
            "than_at": {"cut": "deep"},
        }

    def test_both_hold_within_one_condition_too(self) -> None:
        inside = changed("{cut: shallow, model.width: 1}", "{cut: shallow, data.noise: 8}")
        inside = changed("{cut: deep}", "{cut: deep, data.noise: 8}", inside)
        assert claims(inside)[1].sides["than_at"] == {"cut": "deep", "data.noise": "8"}

    def test_a_difference_may_depend_on_a_condition(self) -> None:
        """Each of the two differences holds within one; only their difference does not."""
        across = changed("{cut: shallow, model.width: 1}", "{data.noise: 8}")
        across = changed("{cut: deep}", "{data.noise: 0}", across)
        sides = claims(across)[1].sides
        assert (sides["more_at"], sides["than_at"]) == ({"data.noise": "8"}, {"data.noise": "0"})

    def test_a_count_names_variants(self) -> None:
        (count,) = claims(COUNT)
        assert isinstance(count.stated, CountClaim)
        assert count.sides == {}

    def test_a_count_study_without_factors_has_one_variant(self) -> None:
        text = re.sub(r"factors:\n(  .*\n)+baseline.*\n", "", COUNT)
        text = re.sub(r'"preset=xception,width=[\d.]+"', "xception", text)
        assert len(claims(text)) == 1

    @pytest.mark.parametrize("text", [STUDY, COUNT], ids=["trained", "counted"])
    def test_plan_json_holds_what_was_stated_with_levels_by_name(self, text: str) -> None:
        resolved = claims(text)
        stored = claims_json(resolved)
        assert [entry["id"] for entry in stored] == [claim.stated.id for claim in resolved]
        read = [claim_from_json(entry) for entry in stored]
        assert [type(each) for each in read] == [type(claim.stated) for claim in resolved]
        # A level that the file gives as the number 1.0 is the level that is called 1.
        assert _names(stored) == _names([claim.stated.model_dump(mode="json") for claim in resolved])

    def test_a_level_is_stored_by_its_name(self) -> None:
        difference, interaction = claims_json(claims(STUDY))
        assert difference["better"] == {"model.mid_activation": "none", "model.width": "1"}
        assert interaction["interaction"]["more_at"] == {"cut": "shallow", "model.width": "1"}
        assert list(difference) == [
            *("id", "source", "statement", "metric", "better", "than", "published_difference"),
        ]


def _names(value: Any) -> Any:
    """`value` with the numbers as text, as levels are named."""
    if isinstance(value, dict):
        return {key: _names(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_names(inner) for inner in value]
    return str(value).removesuffix(".0")


# What is wrong, the text, and what the message has to say.
WRONG = {
    "a difference on an unmeasured metric": (
        changed("metric: accuracy", "metric: latency"),
        r":18: claims\[0\]\.metric: 'latency' is not measured; add it to measure \(accuracy, ",
    ),
    "a difference on no metric": (
        changed("metric: accuracy", "metric: acuracy"),
        r":18: claims\[0\]\.metric: unknown metric 'acuracy'; did you mean 'accuracy'\?",
    ),
    "a difference of no level": (
        changed("better: {model.mid_activation: none, model.width: 1.0}", "better: {model.mid_activation: nome}"),
        r":19: claims\[0\]\.better\.model\.mid_activation: unknown level 'nome'; did you mean 'none'\?",
    ),
    "a difference of no factor": (
        changed("    than: {model.mid_activation: relu}\n    p", "    than: {model.bias: true}\n    p"),
        r":20: claims\[0\]\.than\.model\.bias: unknown factor 'model\.bias'; .*choices: cut, data\.noise, model\.mid",
    ),
    "a difference of nothing": (
        changed(
            "    better: {model.mid_activation: none, model.width: 1.0}", "    better: {model.mid_activation: relu}"
        ),
        r":20: claims\[0\]\.than: names the same levels as better; a claim compares two$",
    ),
    "a difference in per cent": (
        changed("published_difference: 0.0109", "published_difference: 1.09"),
        r":21: claims\[0\]\.published_difference: accuracies are fractions, so 1\.09 cannot be their difference",
    ),
    "a difference across conditions": (
        changed("    better: {model.mid_activation: none, model.width: 1.0}", "    better: {data.noise: 8}"),
        r":20: claims\[0\]\.than: differs from better in 'data\.noise', a condition; variants are compared on equal",
    ),
    "an interaction of nothing": (
        changed("      than: {model.mid_activation: relu}", "      than: {model.mid_activation: none}"),
        r":27: claims\[1\]\.interaction\.than: names the same levels as better; a claim compares two$",
    ),
    "an interaction at one place": (
        changed("      than_at: {cut: deep}", "      than_at: {model.width: 1.0, cut: shallow}"),
        r":29: claims\[1\]\.interaction\.than_at: names the same levels as more_at; a claim compares two$",
    ),
    "an interaction with itself": (
        changed("      more_at: {cut: shallow, ", "      more_at: {model.mid_activation: none, "),
        r":28: claims\[1\]\.interaction\.more_at\.model\.mid_activation: is named by better already; "
        r"more_at and than_at are about other factors$",
    ),
    "an interaction with what only than names": (
        changed("      than: {model.mid_activation: relu}", "      than: {model.mid_activation: relu, cut: deep}"),
        r":28: claims\[1\]\.interaction\.more_at\.cut: is named by than already; ",
    ),
    "an interaction at no level": (
        changed("      than_at: {cut: deep}", "      than_at: {cut: deeep}"),
        r":29: claims\[1\]\.interaction\.than_at\.cut: unknown level 'deeep'; did you mean 'deep'\?",
    ),
    "an interaction with no factor": (
        changed("      than_at: {cut: deep}", "      than_at: {cat: deep}"),
        r":29: claims\[1\]\.interaction\.than_at\.cat: unknown factor 'cat'; did you mean 'cut'\?",
    ),
    "an interaction of conditions": (
        changed("      better: {model.mid_activation: none}", "      better: {data.noise: 8}"),
        r":27: claims\[1\]\.interaction\.than: differs from better in 'data\.noise', a condition",
    ),
    "an interaction in per cent": (
        changed("published_difference: 0.02", "published_difference: 2.0"),
        r":30: claims\[1\]\.published_difference: accuracies are fractions, so 2 cannot be their difference",
    ),
    "an interaction on no metric": (
        changed("    interaction:", "    metric: latency\n    interaction:"),
        r":25: claims\[1\]\.metric: 'latency' is not measured; add it to measure",
    ),
    "a misspelt side": (
        changed("      than_at:", "      then_at:"),
        r":29: claims\[1\]\.interaction\.then_at: unknown key 'then_at'; did you mean 'than_at'\?",
    ),
    "a missing side": (
        changed("      than_at: {cut: deep}\n", ""),
        r":25: claims\[1\]\.interaction\.than_at: the key 'than_at' is missing$",
    ),
    "an interaction where combinations are absent": (
        changed("seeds: 3", "seeds: 3\ndesign: one_at_a_time"),
        r":26: claims\[1\]\.interaction: needs every combination of levels, so design: grid, not 'one_at_a_time'$",
    ),
    "two of one name": (
        changed("id: more-so-where-shallow", "id: none-beats-relu"),
        r":15: claims\[0\]\.id: 2 claims are called 'none-beats-relu'; each needs its own id$",
    ),
    "a count in a grid": (
        changed("design: count", "design: grid\nseeds: 1\ndata: {name: cifar10}\ntrain: {epochs: 1}", COUNT),
        r":15: claims\[0\]\.count: counts are compared where design is count; here it is 'grid'$",
    ),
    "a count of no quantity": (
        changed("quantity: params, published", "quantity: parms, published", COUNT),
        r":12: claims\[0\]\.count\.quantity: unknown quantity 'parms'; did you mean 'params'\?",
    ),
    "a count of no variant": (
        changed('count: {system: "preset=xception,', 'count: {system: "preset=xcepton,', COUNT),
        r":12: claims\[0\]\.count\.system: unknown variant 'preset=xcepton,width=1'; did you mean 'preset=xception,wid",
    ),
    "a reading of no variant": (
        changed('over: "preset=xception,width=1"', "over: xception", COUNT),
        r":14: claims\[0\]\.readings\[0\]\.over: unknown variant 'xception'; .*choices: preset=mini_xception,width=",
    ),
    "a difference where nothing is trained": (
        COUNT + "  - {id: b, source: c, statement: d, better: {model.width: 1}, than: {model.width: 0.5}}\n",
        r":16: claims\[1\]\.better: design: count trains nothing that could be compared; state a count",
    ),
    "an interaction where nothing is trained": (
        COUNT
        + "  - {id: b, source: c, statement: d, interaction: {better: {model.width: 1}, than: {model.width: 0.5}, "
        "more_at: {model.preset: xception}, than_at: {model.preset: mini_xception}}}\n",
        r":16: claims\[1\]\.interaction: design: count trains nothing that could be compared; state a count",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_claim_is_one_sentence_with_place_and_choice(mistake: str) -> None:
    text, expected = WRONG[mistake]
    with pytest.raises(StudyError, match=expected) as raised:
        claims(text)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("study.yaml:")
