"""Study files, right and wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablate.errors import StudyError
from ablate.schema import PublishedUnder, SeedBlocks
from ablate.study.reading.claims import claims_json
from ablate.study.reading.factors import level_name
from ablate.study.reading.load import Study, load_study
from ablate.study.reading.sections import Sections, apply_levels

# The lines of this text are counted from 1 in the tests below.
STUDY = """\
# ablate run studies/spdconv_vs_stride.yaml
name: spdconv_vs_stride
question: Do small objects survive SPDConv better than strided convolution or max pooling?
model: {preset: mini_xception, width: 0.25}
data: {name: small_objects}
train: {epochs: 6, batch_size: 128, optimizer: sgd, lr: 0.1, schedule: one_cycle, precision: auto}
factors:
  model.downsample: [strided, spd, maxpool]
  # relu: is in another test
baseline: {model.downsample: strided}
design: grid
seeds: 5
measure: [accuracy, params, macs, latency, throughput, memory]
claims:
  - id: spd-beats-stride
    source: "Sunkara & Luo 2022, arXiv 2208.03641, CIFAR-10: 95.03 vs 93.94"
    statement: SPD-Conv classifies low-resolution images more accurately than strided convolution
    metric: accuracy
    better: {model.downsample: spd}
    than: {model.downsample: strided}
    published_difference: 0.0109
"""

LONG_FORM = """\
name: relu
model: {preset: mini_xception}
data: {name: cifar10}
train: {steps: 100}
factors:
  relu:
    pre: {model.relu_placement: pre}
    mid:
      model.relu_placement: none
      model.mid_activation: relu
    no: {model.relu_placement: none}
  model.downsample_kernel: [[3, 1], [5, 3]]
baseline: {relu: no, model.downsample_kernel: [3, 1]}
seeds: [3, 4]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str | bytes, *overrides: str) -> Study:
    Path("study.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_study("study.yaml", overrides)


def changed(old: str, new: str) -> str:
    assert STUDY.count(old) == 1
    return STUDY.replace(old, new)


def message(text: str | bytes, *overrides: str) -> str:
    with pytest.raises(StudyError) as raised:
        load(text, *overrides)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.usefixtures("folder")
class TestRightStudies:
    def test_the_example_is_read_as_it_is_written(self) -> None:
        study = load(STUDY)
        assert study.source == Path("study.yaml")
        assert study.config.model.model_dump(exclude_none=True) == {"preset": "mini_xception", "width": 0.25}
        assert study.config.seed_list == (0, 1, 2, 3, 4)
        (factor,) = study.factors
        assert (factor.path_or_name, factor.column) == ("model.downsample", "downsample")
        assert [level.name for level in factor.levels] == ["strided", "spd", "maxpool"]
        assert factor.levels[1].sets == {"model.downsample": "spd"}
        assert study.baseline_levels == {"downsample": "strided"}
        (claim,) = study.claims
        assert claim.sides == {"better": {"model.downsample": "spd"}, "than": {"model.downsample": "strided"}}
        assert claim.stated.published_difference == 0.0109

    def test_the_long_form_names_levels_that_set_several_fields(self) -> None:
        study = load(LONG_FORM)
        relu, kernel = study.factors
        assert (relu.column, [level.name for level in relu.levels]) == ("relu", ["pre", "mid", "no"])
        assert relu.levels[1].sets == {"model.relu_placement": "none", "model.mid_activation": "relu"}
        assert [level.name for level in kernel.levels] == ["3-1", "5-3"]
        assert study.baseline_levels == {"relu": "no", "downsample_kernel": "3-1"}
        assert study.config.seed_list == (3, 4)

    def test_seeds_may_come_in_blocks(self) -> None:
        study = load(changed("seeds: 5", "seeds: {start: 5, at_most: 20, until: 0.005}"))
        assert study.config.seeds == SeedBlocks(start=5, at_most=20, until=0.005)
        assert study.config.seed_list == (0, 1, 2, 3, 4)
        assert load(STUDY, "seeds={start: 3, at_most: 3, until: 0.5}", "seeds.start=3").config.seed_list == (0, 1, 2)

    def test_a_claim_may_say_under_what_it_was_published(self) -> None:
        (claim,) = load(changed("    metric: accuracy", "    published_under: {data: CIFAR-10}")).claims
        assert claim.stated.published_under == PublishedUnder(data="CIFAR-10")
        (stored,) = claims_json([claim])
        nothing = dict.fromkeys(("input_size", "recipe", "budget"))
        assert stored["published_under"] == {"data": "CIFAR-10", **nothing}
        (without,) = claims_json(load(STUDY).claims)
        assert "published_under" not in without

    def test_yaml_is_version_1_2(self) -> None:
        study = load(changed("lr: 0.1", "lr: 5e-4").replace("Do small", "&a on").replace("# relu", "# no"))
        assert study.config.train.lr == 0.0005
        for word in ("on", "off", "yes", "no", "2024-01-01", "1:30"):
            assert load(STUDY, f"question={word}").config.question == word

    def test_an_alias_means_what_it_points_to(self) -> None:
        text = changed("[strided, spd, maxpool]", "[&base strided, spd]").replace(": strided}\nd", ": *base}\nd")
        assert load(text).baseline_levels == {"downsample": "strided"}

    def test_a_byte_order_mark_is_no_part_of_the_text(self) -> None:
        assert load(b"\xef\xbb\xbf" + STUDY.encode()).config.name == "spdconv_vs_stride"

    def test_a_study_may_have_no_factors(self) -> None:
        text = "name: one\nmodel: {preset: xception}\ndata: {name: cifar10}\ntrain: {epochs: 1}\nseeds: 1\n"
        study = load(text)
        assert (study.factors, study.baseline_levels, study.claims) == ((), {}, ())

    def test_a_column_is_the_last_path_part_while_only_one_factor_has_it(self) -> None:
        overrides = ["factors.downsample={a: {}, b: {model.width: 2}}", "baseline.downsample=a"]
        assert [factor.column for factor in load(STUDY, *overrides).factors] == ["model.downsample", "downsample"]

    def test_a_number_names_the_equal_level(self) -> None:
        study = load(STUDY, "factors.model.width=[0.25, 1]", "baseline.model.width=1.0")
        assert study.baseline_levels == {"downsample": "strided", "width": "1"}

    def test_a_level_of_a_set_s_own_field_is_a_level_of_that_field(self) -> None:
        study = load(STUDY, "factors.data.noise=[0, 8]", "baseline.data.noise=0")
        assert study.factors[1].column == "noise"

    @pytest.mark.parametrize(
        ("value", "name"),
        [(0.25, "0.25"), (True, "true"), (None, "null"), ([3, 1], "3-1"), ("no", "no"), (5e-4, "0.0005")],
    )
    def test_a_level_is_called_what_yaml_writes(self, value: object, name: str) -> None:
        assert level_name(value) == name


# What is wrong, the text, and what the message has to say: the line, the key path, the right name.
WRONG = {
    "unknown key": (
        changed("width: 0.25", "wdith: 0.25"),
        r"^study\.yaml:4: model\.wdith: unknown key 'wdith'; did you mean 'width'\? \(choices: activation, aux_heads,",
    ),
    "unknown key at the top": (changed("seeds: 5", "seed: 5"), r":12: seed: unknown key 'seed'; did you mean 'seeds'"),
    "a key of a later version": (
        changed("design: grid", "keep: [weights]"),
        r":11: keep: unknown key 'keep'; choices:",
    ),
    "a design of a later version": (
        changed("grid", "fractional"),
        r":11: design: unknown value 'fractional'; choices: count, grid, ",
    ),
    "misspelt level": (
        changed("[strided, spd, maxpool]", "\n    - strided\n    - spdd"),
        r"^study\.yaml:10: factors\.model\.downsample\[1\]: unknown value 'spdd'; did you mean 'spd'\? "
        r"\(choices: avgpool, blurpool, maxpool, spd, strided, strided_depthwise\)$",
    ),
    "text for a number": (changed("0.25", "'0.25'"), r":4: model\.width: expected a number, not '0\.25'$"),
    "a list for a number": (changed("lr: 0.1", "lr: [0.1]"), r":6: train\.lr: expected a number, not \[0\.1\]$"),
    "a word for true": (changed("0.25", "1, bias: yes"), r":4: model\.bias: expected true or false, not 'yes'$"),
    "a mapping for text": (changed("name: small_objects", "name: {a: 1}"), r":5: data\.name: expected text, not "),
    "neither of two forms": (
        changed("0.25", "1, segments: no"),
        r":4: model\.segments: expected 'depthwise' or a whole number, not 'no'$",
    ),
    "one kernel": (changed("0.25", "1, downsample_kernel: [3]"), r":4: model\.downsample_kernel: expected one more "),
    "out of range": (changed("lr: 0.1", "lr: 0"), r":6: train\.lr: expected a number above 0, not 0$"),
    "a factor on no field": (
        changed("  model.downsample: [", "  model.downsmaple: ["),
        r":8: factors\.model\.downsmaple: unknown field 'model\.downsmaple'; did you mean 'model\.downsample'\?",
    ),
    "a factor without its section": (
        changed("  model.downsample: [", "  downsample: ["),
        r":8: factors\.downsample: unknown field 'downsample'; did you mean 'model\.downsample'\?",
    ),
    "a factor that is one value": (
        changed("[strided, spd, maxpool]", "spd"),
        r":8: factors\.model\.downsample: expected a list or a mapping of keys to values, not 'spd'$",
    ),
    "a factor without levels": (changed("[strided, spd, maxpool]", "[]"), r":8: .* at least one level, the list is em"),
    "a level twice": (changed("spd, maxpool]", "spd, spd]"), r":8: .*\.downsample\[2\]: level 'spd' is named twice$"),
    "a level that is an equal number": (
        changed("  model.downsample: [strided, spd, maxpool]", "  model.width: [1, 1.0]"),
        r":8: factors\.model\.width\[1\]: level '1\.0' is named twice$",
    ),
    "a level that splits a variant's name": (
        changed("  model.downsample: [strided, spd, maxpool]", "  data.root: ['a,b']"),
        r":8: factors\.data\.root\[0\]: 'a,b' cannot name a level",
    ),
    "a path with named levels": (changed("[strided, spd, maxpool]", "{a: {}}"), r":8: .* needs a name of letters, dig"),
    "a factor called like a column": (
        changed("  model.downsample: [strided, spd, maxpool]", "  data.seed: [0, 1]"),
        r":8: factors\.data\.seed: 'seed' is a column of the result tables; give this factor another name",
    ),
    "a factor called like a measured column": (
        changed("  # relu: is in another test", "  latency_ms_p50_b8: {a: {}}"),
        r":9: factors\.latency_ms_p50_b8: 'latency_ms_p50_b8' is a column",
    ),
    "two factors on one field": (
        changed("  # relu: is in another test", "  other: {a: {model.downsample: spd}}"),
        r":9: factors\.other: sets model\.downsample, which factor 'model\.downsample' sets already",
    ),
    "a level of a named factor that does not fit": (
        LONG_FORM.replace("model.mid_activation: relu", "model.mid_activation: rleu"),
        r":10: factors\.relu\.mid\.model\.mid_activation: unknown value 'rleu'; did you mean 'relu'\? ",
    ),
    "a named level of no field": (
        LONG_FORM.replace("model.mid_activation", "model.mid_activtion"),
        r":10: factors\.relu\.mid\.model\.mid_activtion: unknown field .* did you mean 'model\.mid_activation'",
    ),
    "a level that contradicts the base": (
        changed("  model.downsample: [strided, spd, maxpool]", "  train.steps: [10]"),
        r":8: factors\.train\.steps\[0\]: gives both epochs \(6\) and steps \(10\); give one of them, and null for",
    ),
    "baseline not in the grid": (
        changed("baseline: {model.downsample: strided}", "baseline: {model.downsample: spb}"),
        r":10: baseline\.model\.downsample: unknown level 'spb'; did you mean 'spd'\? \(choices: maxpool, spd, strid",
    ),
    "baseline of no factor": (
        changed("baseline: {model.downsample", "baseline: {model.downsampel"),
        r":10: baseline\.model\.downsampel: unknown factor 'model\.downsampel'; did you mean 'model\.downsample'",
    ),
    "baseline without a factor": (
        changed("baseline: {model.downsample: strided}", "baseline: {}"),
        r":10: baseline: names no level of factor 'model\.downsample' \(choices: strided, spd, maxpool\)$",
    ),
    "no seeds key": (changed("seeds: 5", ""), r"^study\.yaml:1: seeds: the key 'seeds' is missing$"),
    "no seeds": (changed("seeds: 5", "seeds: 0"), r":12: seeds: expected a number of at least 1 or a list, not 0$"),
    "an empty list of seeds": (
        changed("seeds: 5", "seeds: []"),
        r":12: seeds: expected .* at least 1 in the list",
    ),
    "nothing for seeds": (
        changed("seeds: 5", "seeds:"),
        r":12: seeds: expected a whole number or a list, not nothing$",
    ),
    "a seed twice": (changed("seeds: 5", "seeds: [1, 1]"), r":12: seeds: names 1 twice$"),
    "a seed below zero": (changed("seeds: 5", "seeds: [1, -1]"), r":12: seeds\[1\]: expected a number of at least 0, "),
    "blocks of two": (
        changed("seeds: 5", "seeds: {start: 2, at_most: 9, until: 0.01}"),
        r":12: seeds\.start: expected a number of at least 3, not 2$",
    ),
    "fewer seeds than a block": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 4, until: 0.01}"),
        r":12: seeds\.at_most: 4 is below start, 5; give at least as many$",
    ),
    "blocks without end": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 20}"),
        r":12: seeds\.until: the key 'until' is missing$",
    ),
    "blocks until nothing": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 20, until: 0}"),
        r":12: seeds\.until: expected a number above 0, not 0$",
    ),
    "blocks until so many per cent": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 20, until: 2}"),
        r":12: seeds\.until: accuracies are fractions, so 2 cannot be their difference; 1 % is 0\.01",
    ),
    "a misspelt key of blocks": (
        changed("seeds: 5", "seeds: {start: 5, at_mots: 20, until: 0.01}"),
        r":12: seeds\.at_mots: unknown key 'at_mots'; did you mean 'at_most'\? \(choices: at_most, start, until\)$",
    ),
    "blocks where nothing is trained": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 20, until: 0.01}").replace("grid", "count").split("claims")[0],
        r":12: seeds: design: count trains nothing, so no seeds can be added; leave seeds out$",
    ),
    "blocks where nothing is compared": (
        changed("seeds: 5", "seeds: {start: 5, at_most: 20, until: 0.01}")
        .replace("model.downsample: [strided, spd, maxpool]", "data.noise: [0, 8]")
        .replace("baseline: {model.downsample: strided}", "baseline: {data.noise: 0}")
        .split("claims")[0],
        r":12: seeds\.until: no variants are compared here, so there is no interval to become narrow; give a count",
    ),
    "a seed offset below zero": (
        changed("lr: 0.1", "lr: 0.1, seed_offset: -1"),
        r":6: train\.seed_offset: expected a number of at least 0, not -1$",
    ),
    "nothing published": (
        changed("    metric: accuracy", "    published_under: {}"),
        r":18: claims\[0\]\.published_under: says nothing; give at least one of data, input_size, recipe, budget$",
    ),
    "a misspelt condition of a claim": (
        changed("    metric: accuracy", "    published_under: {dta: CIFAR-10}"),
        r":18: claims\[0\]\.published_under\.dta: unknown key 'dta'; did you mean 'data'\?",
    ),
    "a size that is a number": (
        changed("    metric: accuracy", "    published_under: {input_size: 32}"),
        r":18: claims\[0\]\.published_under\.input_size: expected text, not 32$",
    ),
    "a name that climbs": (
        changed("name: spdconv", "name: ../spdconv"),
        r":2: name: expected only letters, digits, '_' and '-', not '\.\./spdconv_vs_stride'$",
    ),
    "a name with a space": (changed("name: spdconv", "name: spd conv"), r":2: name: expected only letters, digits, "),
    "no length of training": (changed("epochs: 6, ", ""), r":6: train: gives no length of training; give epochs or st"),
    "two lengths of training": (changed("epochs: 6", "epochs: 6, steps: 9"), r":6: train: gives both epochs \(6\) and"),
    "unknown preset": (
        changed("mini_xception", "mini_xcepton"),
        r":4: model\.preset: unknown preset 'mini_xcepton'; did you mean 'mini_xception'\?",
    ),
    "unknown data set": (
        changed("small_objects", "cifar11"),
        r":5: data\.name: unknown data set 'cifar11'; did you",
    ),
    "a field of another data set": (
        changed("name: small_objects", "name: cifar10, clutter: 2"),
        r":5: data\.clutter: data set 'cifar10' does not take 'clutter'; choices: ",
    ),
    "unknown metric": (
        changed("[accuracy, ", "[acuracy, "),
        r":13: measure\[0\]: unknown metric 'acuracy'; did you",
    ),
    "a metric twice": (changed("[accuracy, ", "[macs, "), r":13: measure: names 'macs' twice$"),
    "primary is not measured": (changed("[accuracy, ", "["), r": primary: 'accuracy' is not measured; add it to meas"),
    "primary is not of a trial": (
        changed("seeds: 5", "primary: macs\nseeds: 5"),
        r":12: primary: unknown metric of a trial 'macs'; choices: accuracy, test_loss$",
    ),
    "a margin of nothing measured": (
        changed("seeds: 5", "margin: {test_loss: 0.1}\nseeds: 5"),
        r":12: margin\.test_loss: 'test_loss' is not measured; add it to measure \(accuracy, params",
    ),
    "a margin in per cent": (
        changed("seeds: 5", "margin: {accuracy: 2}\nseeds: 5"),
        r":12: margin\.accuracy: accuracies are fractions, so 2 cannot be their difference; 1 % is 0\.01",
    ),
    "a misspelt key of a claim": (
        changed("    statement:", "    statment:"),
        r":17: claims\[0\]\.statment: unknown key 'statment'; did you mean 'statement'\?",
    ),
    "a claim without its source": (
        re.sub(r"    source.*\n", "", STUDY),
        r":15: claims\[0\]\.source: the key 'source' is missing$",
    ),
    "duplicate key": (STUDY + "seeds: 3\n", r":22: duplicate key 'seeds'; it stands on line 12 already$"),
    "duplicate inner key": (
        changed("width: 0.25", "width: 1, width: 2"),
        r":4: duplicate key 'width'; it stands on",
    ),
    "empty file": ("", r"^study\.yaml:1: the file is empty; a study has at least name, model, data, train and seeds$"),
    "only a comment": ("# to do\n", r"^study\.yaml:1: the file is empty"),
    "a list": ("- name: a\n", r"^study\.yaml:1: expected a mapping of keys to values"),
    "not YAML": (
        changed("[strided, spd, maxpool]", "[strided, spd"),
        r"^study\.yaml:10: not YAML: .*expected ','",
    ),
    "prose": ("Dear all,\nsee: the: results\n", r"^study\.yaml:\d: not YAML: "),
    "tabs": (
        changed("  model.downsample: [", "\tmodel.downsample: ["),
        r":8: a tab in the indentation; YAML is",
    ),
    "not UTF-8": (STUDY.encode() + b"# caf\xe9\n", r"^study\.yaml:22: not text in UTF-8: byte 0xe9$"),
    "a control character": (changed("grid", "gr\x07id"), r":11: not YAML: character 0x07 is not allowed$"),
    "two documents": (STUDY + "---\n" + STUDY, r":22: not YAML: .*another document$"),
    "another YAML": ("%YAML 1.1\n---\n" + STUDY, r"^study\.yaml:1: a % directive"),
    "a tag that runs code": (
        changed("grid", "!!python/name:os.system"),
        r":11: tag \S+python/name:os\.system' is",
    ),
    "a wrong tag": (changed("seeds: 5", "seeds: !!int five"), r":12: 'five' is not a whole number$"),
    "a set": (
        changed("[accuracy, params, macs, latency, throughput, memory]", "!!set {a}"),
        r":13: tag \S+:set' is",
    ),
    "a key of two lines": (STUDY + '"a\\nb": 1\n', r":22: 'a\\nb': unknown key 'a\\nb'; choices: "),
    "a key that is a list": (STUDY + "? [a]\n: 1\n", r":22: a key must be text"),
    "an alias to nothing": (changed("grid", "*grid"), r":11: not YAML: found undefined alias 'grid'$"),
    "an alias to itself": (changed("seeds: 5", "seeds: &all [*all]"), r":12: nested deeper than 20 levels$"),
    "too deep": (changed("seeds: 5", f"seeds: {'[' * 500}"), r":12: nested deeper than 20 levels$"),
    "too large": (changed("seeds: 5", f"seeds: 0x{'f' * 5000}"), r":12: the whole number 0xf+\.\.\. is too large$"),
}


@pytest.mark.usefixtures("folder")
class TestWrongStudies:
    @pytest.mark.parametrize("mistake", WRONG)
    def test_a_wrong_study_is_one_sentence_with_place_value_and_choice(self, mistake: str) -> None:
        text, expected = WRONG[mistake]
        with pytest.raises(StudyError, match=expected) as raised:
            load(text)
        assert "\n" not in str(raised.value)
        assert str(raised.value).startswith("study.yaml:")

    def test_aliases_that_unfold_without_end_are_stopped_early(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
        assert re.search(r"more than 10000 values once aliases are unfolded$", message("\n".join(lines)))

    def test_a_missing_file_names_its_neighbour(self, folder: Path) -> None:
        (folder / "spdconv.yaml").write_text(STUDY)
        with pytest.raises(StudyError, match=r"^spdcon\.yaml: no such file; did you mean 'spdconv\.yaml'\?"):
            load_study("spdcon.yaml")
        with pytest.raises(StudyError, match=r"^nowhere/a\.yaml: no such file$"):
            load_study("nowhere/a.yaml")

    def test_a_folder_is_no_study(self, folder: Path) -> None:
        (folder / "results").mkdir()
        with pytest.raises(StudyError, match=r"^results: a folder, not a study file$"):
            load_study(Path("results"))

    def test_a_path_that_no_system_takes_is_an_error_of_ours(self) -> None:
        with pytest.raises(StudyError, match=r"cannot be read: "):
            load_study("a\0b")
        with pytest.raises(StudyError, match=r"cannot be read: "):
            load_study("a" * 5000)


@pytest.mark.usefixtures("folder")
class TestOverrides:
    def test_an_override_replaces_or_adds_a_value(self) -> None:
        config = load(STUDY, "model.width=1", "seeds=[7, 8]", "cost.batch_sizes=[1, 8]", "train.lr=5e-4").config
        assert (config.model.width, config.seed_list, config.cost.batch_sizes) == (1.0, (7, 8), (1, 8))
        assert (config.train.lr, config.train.epochs, config.model.preset) == (0.0005, 6, "mini_xception")

    def test_a_factor_is_named_by_its_dotted_path(self) -> None:
        study = load(STUDY, "factors.model.downsample=[spd, maxpool]", "baseline.model.downsample=maxpool", "claims=[]")
        assert [level.name for level in study.factors[0].levels] == ["spd", "maxpool"]
        assert study.baseline_levels == {"downsample": "maxpool"}

    def test_a_new_factor_is_named_by_its_dotted_path(self) -> None:
        study = load(STUDY, "factors.model.middle_depth=[0, 3]", "baseline.model.middle_depth=3")
        assert study.baseline_levels == {"downsample": "strided", "middle_depth": "3"}

    def test_a_field_of_a_named_level_can_be_reached(self) -> None:
        study = load(LONG_FORM, "factors.relu.mid.model.mid_activation=elu", "factors.relu.no.model.width=2")
        assert study.factors[0].levels[1].sets["model.mid_activation"] == "elu"
        assert study.factors[0].levels[2].sets == {"model.relu_placement": "none", "model.width": 2}

    def test_an_entry_of_a_list_is_named_by_its_index(self) -> None:
        assert load(STUDY, "claims.0.metric=params").claims[0].stated.metric == "params"

    def test_later_overrides_win(self) -> None:
        assert load(STUDY, "seeds=2", "seeds=3").config.seeds == 3

    def test_a_deeper_path_replaces_a_scalar(self) -> None:
        said = message(STUDY, "design.on=macs")
        assert said.startswith(
            "--set design.on=macs: design: unknown value {'on': 'macs'}; choices: count, grid, one_at_a_time"
        )

    @pytest.mark.parametrize(
        ("override", "expected"),
        [
            ("model.wdith=0.5", r"^--set model\.wdith=0\.5: model\.wdith: unknown key 'wdith'; did you mean 'width'"),
            ("model.width=wide", r"^--set model\.width=wide: model\.width: expected a number, not 'wide'$"),
            ("model={preset: xcepton}", r"^--set .*: model\.preset: unknown preset 'xcepton'; did you mean 'xception'"),
            ("seeds=", r"^--set seeds=: seeds: expected a whole number or a list, not nothing$"),
            ("seeds=[1", r"^--set seeds=\[1: not YAML: "),
            ("seeds=!!set {1}", r"^--set seeds=!!set \{1\}: tag .* is not allowed"),
            ("seeds", r"^--set seeds: expected path=value, such as model\.width=0\.5$"),
            ("=3", r"^--set =3: expected path=value"),
            ("model..width=3", r"^--set model\.\.width=3: expected path=value"),
            (f"{'a.' * 5000}a=3", r"expected path=value"),
            ("claims.4.metric=macs", r"^--set claims\.4\.metric=macs: claims has no entry 4; it has 1"),
            ("claims.first.metric=macs", r"^--set .*: claims: expected a list, not "),
            (
                "factors.model.downsample=[spd, spdd]",
                r": factors\.model\.downsample\[1\]: unknown value 'spdd'",
            ),
            ("factors.model.width=[0.5]", r"^study\.yaml:10: baseline: names no level of factor 'model\.width'"),
        ],
    )
    def test_a_wrong_override_is_named(self, override: str, expected: str) -> None:
        assert re.search(expected, message(STUDY, override))


@pytest.mark.usefixtures("folder")
class TestApplyLevels:
    def test_levels_win_over_the_base(self) -> None:
        sets = {"model.downsample": "spd", "model.width": 1, "train.lr": 0.5, "data.noise": 3}
        found = apply_levels(load(STUDY).config, sets, Path())
        model, data, train = found.model, found.data, found.train
        assert (model.downsample, model.width, model.preset) == ("spd", 1.0, "mini_xception")
        assert (data.noise, data.name, train.lr, train.epochs) == (3.0, "small_objects", 0.5, 6)

    def test_without_levels_the_base_stays(self) -> None:
        config = load(STUDY).config
        assert apply_levels(config, {}, Path()) == Sections(model=config.model, data=config.data, train=config.train)

    def test_levels_that_contradict_each_other_are_named(self) -> None:
        config = load(STUDY).config
        with pytest.raises(StudyError, match=r"^levels data\.name='cifar10', data\.noise=3 do not go together: data"):
            apply_levels(config, {"data.name": "cifar10", "data.noise": 3}, Path())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, len(STUDY)),
    length=st.integers(0, 40),
    insert=st.one_of(st.text(max_size=8), st.text("[]{}:,-&*!|>'\"%@#\t\n ?<0.e", max_size=8), st.just(STUDY[:200])),
)
def test_a_damaged_study_is_read_or_refused_but_never_crashes(
    folder: Path, start: int, length: int, insert: str
) -> None:
    source = folder / "study.yaml"
    source.write_bytes((STUDY[:start] + insert + STUDY[start + length :]).encode("utf-8", "surrogatepass"))
    try:
        load_study(source)
    except StudyError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def test_loading_a_study_does_not_import_torch() -> None:
    program = "import sys, ablate.study.reading.load; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
