"""Networks of torchvision and timm: counts as published, the fields they obey, the messages for what is not there."""

import importlib.util
from typing import Any

import pytest
import timm
import torch
import torchvision

from ablate.errors import ModelError, UnknownName
from ablate.models import build, resolve
from ablate.models.counts import Counts, count, countable, parameters
from ablate.models.external import check_name, lists, native, published_accuracy, takes_dropout
from ablate.models.fvcore_counts import FvcoreCounts, fvcore_count
from ablate.models.outputs import Outputs
from ablate.models.quantify import measured
from ablate.models.spec import ExternalSpec, spec_from_json
from ablate.models.survey import survey

WITH_HEADS = {"aux_heads": "trained"}

# Counted by other programs, one image of the native size in evaluation: parameters, multiply-adds, fvcore's total.
GOLDEN: list[tuple[str, dict[str, Any], int, int, int]] = [
    ("torchvision/inception_v3", WITH_HEADS, 27_161_264, 5_713_216_096, 5_731_282_144),
    ("torchvision/inception_v3", {}, 23_834_568, 5_713_216_096, 5_731_282_144),
    ("torchvision/googlenet", {}, 6_624_904, 1_498_376_192, 1_504_878_688),
    ("torchvision/googlenet", WITH_HEADS, 13_004_888, 1_498_376_192, 1_504_878_688),
    ("torchvision/resnet18", {}, 11_689_512, 1_814_073_344, 1_819_065_856),
    ("torchvision/resnet50", {}, 25_557_032, 4_089_184_256, 4_111_512_576),
    ("torchvision/resnet152", {}, 60_192_808, 11_513_626_624, 11_558_835_200),
    ("torchvision/vgg16", {}, 138_357_544, 15_470_264_320, 15_470_289_408),
    ("torchvision/mobilenet_v2", {}, 3_504_872, 300_774_272, 314_193_216),
    ("torchvision/efficientnet_b0", {}, 5_288_548, 385_814_752, 401_659_392),
    ("timm/inception_v4", {}, 42_679_816, 12_253_974_624, 12_284_251_296),
    ("timm/mobilenetv1_100", {"input_size": 224}, 4_231_976, 568_740_352, 578_875_904),
    ("timm/legacy_xception", {}, 22_855_952, 8_357_403_496, 8_399_882_600),
]
INCEPTION_SIZE = ("inception_v3", "inception_v4", "legacy_xception")  # 299; the others 224


@pytest.mark.parametrize(("preset", "fields", "params", "macs", "fvcore_total"), GOLDEN)
def test_counts_at_the_native_size(
    preset: str, fields: dict[str, Any], params: int, macs: int, fvcore_total: int
) -> None:
    spec = resolve(preset, fields)
    side = 299 if preset.endswith(INCEPTION_SIZE) else 224
    assert (spec.input_size, spec.num_classes) == (side, 1000)
    assert count(spec) == Counts(params, macs)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "fields", "params", "macs", "fvcore_total"), GOLDEN)
def test_fvcore_counts_the_same(preset: str, fields: dict[str, Any], params: int, macs: int, fvcore_total: int) -> None:
    assert fvcore_count(resolve(preset, fields)) == FvcoreCounts(fvcore_total, macs)


# Of another family than Xception's own; given as billions of multiply-adds.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params", "billions"),
    [("xception41", 26_969_560, 9.204), ("xception65", 39_916_312, 13.853), ("xception71", 42_338_736, 17.947)],
)
def test_the_later_xceptions_of_timm(name: str, params: int, billions: float) -> None:
    counts = count(resolve(f"timm/{name}", {"input_size": 299}))
    assert counts.params == params
    assert round(counts.macs / 1e9, 3) == billions


@pytest.mark.parametrize(
    ("name", "macs"), [("inception_v3", 5_718_899_296), ("googlenet", 1_506_748_416)], ids=["inception_v3", "googlenet"]
)
def test_auxiliary_heads_cost_multiply_adds_in_training(name: str, macs: int) -> None:
    spec = resolve(f"torchvision/{name}", WITH_HEADS)
    assert measured(spec, ["macs_with_aux_heads"]) == {"macs_with_aux_heads": macs}


@pytest.mark.parametrize(
    ("preset", "top1", "top5"),
    [
        ("torchvision/inception_v3", 0.77294, 0.9345),
        ("torchvision/googlenet", 0.69778, 0.8953),
        ("torchvision/resnet50", 0.7613, 0.92862),
        ("torchvision/resnet152", 0.78312, 0.94046),
        ("torchvision/vgg16", 0.71592, 0.90382),
    ],
)
def test_accuracy_is_that_of_the_first_weights(preset: str, top1: float, top5: float) -> None:
    assert (published_accuracy(preset, "acc@1"), published_accuracy(preset, "acc@5")) == (top1, top5)


def test_timm_states_no_accuracy() -> None:
    assert published_accuracy("timm/inception_v4", "acc@1") is None


def test_every_network_of_torchvision_says_what_it_was_made_for() -> None:
    names = torchvision.models.list_models(torchvision.models)
    sizes = {name: native(f"torchvision/{name}").input_size for name in names}
    assert len(sizes) > 60
    assert all(value >= 200 for value in sizes.values())
    assert (sizes["inception_v3"], sizes["resnet18"], sizes["efficientnet_b7"]) == (299, 224, 600)


# --- Fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "fields", "side"),
    [
        ("torchvision/resnet18", {"num_classes": 7}, 32),
        ("torchvision/mobilenet_v2", {"num_classes": 7}, 32),
        ("torchvision/googlenet", {"num_classes": 7}, 32),
        ("timm/resnet18", {"num_classes": 7, "in_channels": 1}, 32),
        ("timm/mobilenetv1_100", {"num_classes": 7, "in_channels": 5}, 33),
    ],
)
def test_classes_image_channels_and_size_are_obeyed(preset: str, fields: dict[str, Any], side: int) -> None:
    spec = resolve(preset, {**fields, "input_size": side})
    network = build(preset, **fields, input_size=side).eval()
    images = torch.zeros(2, spec.in_channels, side, side)
    assert network(images).shape == (2, 7)
    assert parameters(network) == count(spec).params
    assert count(spec).macs < count(resolve(preset, {**fields, "input_size": 2 * side})).macs


def test_a_class_less_is_a_row_less_of_the_classifier() -> None:
    assert count(resolve("torchvision/resnet18", {"num_classes": 7})).params == 11_689_512 - 993 * 513


def test_a_network_of_fixed_size_is_built_for_the_stated_one() -> None:
    """A vision transformer of timm: 16x16 patches, so 4 of them and a class token at 32x32."""
    network = build("timm/vit_tiny_patch16_224", input_size=32, num_classes=2)
    assert network.get_parameter("pos_embed").shape[1] == 5
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 2)


def test_torchvision_takes_three_channels_alone() -> None:
    spec = resolve("torchvision/resnet18", {"in_channels": 1})
    sentence = r"torchvision/resnet18 takes images of 3 channels, not 1; networks of timm take any number"
    with pytest.raises(ModelError, match=sentence):
        count(spec)
    with pytest.raises(ModelError, match=sentence):
        build("torchvision/resnet18", in_channels=1)


@pytest.mark.parametrize(
    ("preset", "size"),
    [
        ("torchvision/inception_v3", 32),
        ("torchvision/vgg16", 16),
        ("torchvision/vit_b_16", 32),  # it refuses the size with an assertion of its own
        ("timm/inception_v4", 32),
        ("timm/legacy_xception", 4),
    ],
)
def test_images_too_small_for_a_network_name_the_field(preset: str, size: int) -> None:
    sentence = rf"model\.input_size: {preset} fails on images of {size} x {size} \(.+\); state a larger input_size"
    with pytest.raises(ModelError, match=sentence):
        count(resolve(preset, {"input_size": size}))


def test_dropout_is_set_where_a_network_has_one() -> None:
    rates = {
        module.p
        for preset in ("torchvision/mobilenet_v2", "torchvision/googlenet")
        for module in build(preset, dropout=0.3, num_classes=2).modules()
        if isinstance(module, torch.nn.Dropout)
    }
    assert rates == {0.3}
    assert build("timm/mobilenetv1_100", dropout=0.3, num_classes=2).drop_rate == 0.3


def test_dropout_is_refused_where_a_network_has_none() -> None:
    with pytest.raises(
        UnknownName, match=r"^torchvision/resnet18 has no dropout; choices: in_channels, input_size, num"
    ):
        build("torchvision/resnet18", dropout=0.3)


@pytest.mark.parametrize("family", ["resnet18", "densenet121", "convnext_tiny", "regnet_y_400mf", "shufflenet_v2_x0_5"])
def test_families_of_torchvision_without_dropout(family: str) -> None:
    # ConvNeXt takes any keyword, and forgets it.
    assert not takes_dropout(f"torchvision/{family}")


@pytest.mark.parametrize(
    "preset",
    [
        *("torchvision/vgg11", "torchvision/inception_v3", "torchvision/efficientnet_b0", "torchvision/vit_b_16"),
        *("torchvision/mobilenet_v3_small", "torchvision/squeezenet1_1", "torchvision/mnasnet0_5"),
        *("timm/resnet18", "timm/inception_v4", "timm/deit_tiny_distilled_patch16_224"),
    ],
)
def test_families_with_dropout(preset: str) -> None:
    assert takes_dropout(preset)


@pytest.mark.slow
def test_every_network_can_be_asked_for_dropout() -> None:
    names = [f"torchvision/{name}" for name in torchvision.models.list_models(torchvision.models)]
    names += [f"timm/{name}" for name in timm.list_models()]
    assert 0 < sum(not takes_dropout(name) for name in names) < len(names) / 10


def test_fields_of_presets_are_none_of_theirs() -> None:
    with pytest.raises(UnknownName, match=r"torchvision/resnet18 has no width; choices: in_channels, input_size, num_"):
        resolve("torchvision/resnet18", {"width": 0.5})
    with pytest.raises(UnknownName, match=r"torchvision/resnet18 has no aux_heads"):
        resolve("torchvision/resnet18", WITH_HEADS)


def test_a_network_s_json_names_the_version_of_its_package() -> None:
    spec = resolve("torchvision/googlenet", {"num_classes": 10})
    assert spec.as_json() == {
        "preset": "torchvision/googlenet",
        "version": torchvision.__version__.partition("+")[0],
        "aux_heads": "none",
        "num_classes": 10,
        "input_size": 224,
        "in_channels": 3,
    }
    assert spec_from_json(spec.as_json()) == spec
    assert resolve("timm/resnet18", {}).as_json()["version"] == timm.__version__


# --- Auxiliary heads -----------------------------------------------------------------------------------------------


# How many heads there are, and the weight of one: Szegedy et al. 2014, section 5, for GoogLeNet; TensorFlow's reference
# training for Inception-v3.
@pytest.mark.parametrize(("name", "heads", "weight"), [("googlenet", 2, 0.3), ("inception_v3", 1, 0.4)])
def test_trained_heads_give_outputs_in_training_and_logits_in_evaluation(name: str, heads: int, weight: float) -> None:
    network, images = countable(resolve(f"torchvision/{name}", {**WITH_HEADS, "num_classes": 5}), images=2)
    given = network.train()(images)
    assert isinstance(given, Outputs)
    assert (tuple(given.logits.shape), given.weight) == ((2, 5), weight)
    assert [tuple(logits.shape) for logits in given.auxiliary] == [(2, 5)] * heads
    logits = network.eval()(images)
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (2, 5)


@pytest.mark.slow
def test_the_logits_are_those_that_no_auxiliary_head_has_a_part_in() -> None:
    network = build("torchvision/googlenet", **WITH_HEADS, num_classes=5, input_size=64).train()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    given = network(images)
    gradients = torch.autograd.grad(given.logits.sum(), list(network.parameters()), allow_unused=True)
    named = zip(network.named_parameters(), gradients, strict=True)
    assert {path.partition(".")[0] for (path, _), gradient in named if gradient is None} == {"aux1", "aux2"}


def test_untrained_heads_are_not_built() -> None:
    network = build("torchvision/googlenet", num_classes=5)
    assert not [path for path, _ in network.named_parameters() if path.startswith("aux")]
    assert network.train()(torch.randn(2, 3, 32, 32)).shape == (2, 5)


def test_images_that_the_heads_cannot_take_are_refused_before_training() -> None:
    """At 96 the feature map before Inception-v3's head is 4x4, and its pooling is 5x5."""
    spec = resolve("torchvision/inception_v3", {**WITH_HEADS, "input_size": 96})
    with pytest.raises(ModelError, match=r"model\.input_size: torchvision/inception_v3 fails on images of 96 x 96"):
        survey(spec)
    without = resolve("torchvision/inception_v3", {"input_size": 96})
    assert survey(without) == {"params": 23_834_568, "macs": count(without).macs}


# --- Names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("torchvision/xception", r"torchvision [\d.]+ has no model 'xception'; use xception .*timm/legacy_xception"),
        ("timm/xception", r"timm [\d.]+ has no model 'xception'; use xception .* or timm/legacy_xception"),
        ("torchvision/mobilenet_v1", r"use mobilenet_v1 \(built here\) or timm/mobilenetv1_100"),
        ("torchvision/inception_v4", r"has no model 'inception_v4'; use timm/inception_v4"),
        ("torchvision/resnt18", r"has no model 'resnt18'; did you mean 'resnet18'\? \(choices: .*resnet152"),
        ("timm/lagacy_xception", r"did you mean 'legacy_xception'\?"),
        ("timm/xeption41", r"did you mean 'xception41'\?"),
        # A segmentation network of torchvision does not classify.
        ("torchvision/fcn_resnet50", r"torchvision [\d.]+ has no model 'fcn_resnet50'"),
    ],
)
def test_an_unknown_network_says_which_to_use(preset: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        resolve(preset, {})


def test_what_is_recommended_exists() -> None:
    for name in ("legacy_xception", "xception41", "xception65", "xception71", "mobilenetv1_100", "inception_v4"):
        check_name(f"timm/{name}")
    for name in ("mobilenet_v2", "googlenet"):
        check_name(f"torchvision/{name}")


def test_what_a_package_lists() -> None:
    assert lists("timm", "legacy_xception")
    assert not lists("torchvision", "xception")


def test_without_timm_its_networks_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"timm is not installed; pip install timm"):
        resolve("timm/legacy_xception", {})


def test_an_unknown_package_is_an_unknown_preset() -> None:
    with pytest.raises(UnknownName, match=r"unknown preset 'keras/xception'"):
        resolve("keras/xception", {})


def test_a_spec_is_compared_by_its_version_too() -> None:
    fields: dict[str, Any] = {"preset": "timm/resnet18", "num_classes": 2, "input_size": 32}
    assert ExternalSpec(**fields, version="1") != ExternalSpec(**fields, version="2")
