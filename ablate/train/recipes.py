"""The training recipes of the sources by name. Free of torch.

A recipe is what its source states, no more: whatever it leaves open keeps this program's default, and `departures` says
where training here is not what the source did. Any field can be overridden in a study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.lookup import lookup
from ablate.schema import fields_under
from ablate.train.check import READERS

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A published recipe: a line of 80 characters on it, where it stands, the paths it sets, and what differs here."""

    summary: str
    source: str
    sets: Fields
    departures: tuple[str, ...]


# Fields of `train:` of which one gives way where the study states the other.
ALTERNATIVES = (("epochs", "steps"), ("decay_epochs", "decay_images"))

EVERYWHERE = (
    "pixels are normalised by the mean and deviation of the training subset",
    "weight decay falls on convolution and linear weights only, not on BN and biases",
    "the last short batch of an epoch is dropped",
)

PAPER_LEAVES_OPEN = (
    "the paper gives no length of training: the study must state epochs or steps",
    "the paper gives no batch size: it is 128 unless stated",
    "the paper gives no augmentation: it is the data set's own unless stated",
    "the paper averages the weights (Polyak) without a decay: 0.9999, as in TensorFlow's training of Inception V3",
)

RECIPES: dict[str, Recipe] = {
    "xception_imagenet": Recipe(
        summary="the Xception paper on ImageNet: SGD 0.045, x0.94 every 2 epochs, dropout 0.5",
        source="Chollet 2017, arXiv 1610.02357v3, sections 4.2 and 4.3",
        sets={
            "train.optimizer": "sgd",
            "train.lr": 0.045,
            "train.momentum": 0.9,
            "train.weight_decay": 1e-5,
            "train.schedule": "staircase",
            "train.decay_factor": 0.94,
            "train.decay_epochs": 2.0,
            "train.average_decay": 0.9999,
            "model.dropout": 0.5,
        },
        departures=(
            *PAPER_LEAVES_OPEN,
            "the paper trains on images of 299x299 with 60 GPUs at once: here on the data set's size unless stated, on "
            "one device",
            *EVERYWHERE,
        ),
    ),
    "xception_jft": Recipe(
        summary="the Xception paper on JFT: RMSprop 0.001, x0.9 every 3,000,000 images",
        source="Chollet 2017, arXiv 1610.02357v3, sections 4.2 and 4.3",
        sets={
            "train.optimizer": "rmsprop",
            "train.lr": 0.001,
            "train.momentum": 0.9,
            "train.weight_decay": 1e-5,
            "train.schedule": "staircase",
            "train.decay_factor": 0.9,
            "train.decay_images": 3_000_000,
            "train.average_decay": 0.9999,
            "model.dropout": 0.0,
        },
        departures=(
            *PAPER_LEAVES_OPEN,
            "the paper gives neither RMSprop's smoothing nor its epsilon: 0.9 and 1e-8, as in Keras 1",
            "JFT has several labels an image and is trained asynchronously on 60 GPUs: here one label and softmax "
            "cross-entropy, on one device",
            "a training of less than 3,000,000 images never lowers its learning rate",
            *EVERYWHERE,
        ),
    ),
    "guide_cifar10": Recipe(
        summary="a guide's script for CIFAR-10 at 299x299: SGD 0.045, cosine, 100 epochs",
        source="the Xception guide's section 5, 'Full PyTorch Code'; it cannot run as printed, since torchvision has "
        "no xception",
        sets={
            "train.epochs": 100,
            "train.batch_size": 64,
            "train.optimizer": "sgd",
            "train.lr": 0.045,
            "train.momentum": 0.9,
            "train.weight_decay": 1e-4,
            "train.schedule": "cosine",
            "train.augment": "resized_crop_flip",
            "train.test_crop": 299 / 320,
            "model.input_size": 299,
        },
        departures=(
            "the cosine falls with every step to 0 at the last; the script lowers the rate once an epoch",
            "the script normalises by mean 0.5 and deviation 0.5",
            *EVERYWHERE,
        ),
    ),
    "mini_xception": Recipe(
        summary="MiniXception's own: Adam 0.01, up to 500 epochs, x0.1 on a plateau, early stop",
        source="github.com/BFCmath/MushroomClassification_OAI_HUTECH at cf194fa, scripts/main",
        sets={
            "train.epochs": 500,
            "train.batch_size": 256,
            "train.optimizer": "adam",
            "train.lr": 0.01,
            "train.weight_decay": 1e-5,
            "train.schedule": "plateau",
            "train.decay_factor": 0.1,
            "train.patience_epochs": 15,
            "train.stop_patience_epochs": 35,
            "data.validation": 1 / 6,
            "model.init": "fan_out",
            "model.dropout": 0.0,
        },
        departures=(
            "one stratified sixth is held out, where the source trains on each of six folds in turn",
            "training ends, and keeps the weights, by validation loss; the source counts epochs without a higher "
            "validation accuracy and has a warm-up before it counts",
            "any lower validation loss counts; torch's plateau scheduler asks for one lower by 0.01 %",
            "gradients are not clipped (source: norm 1)",
            "no distortions and no class of mixed images: augmentation is the data set's own unless stated",
            "the classifier is drawn normal by fan in (source: Xavier)",
            *EVERYWHERE,
        ),
    ),
    "spd_conv_cifar10": Recipe(
        summary="SPD-Conv on CIFAR-10: SGD 0.1, 200 epochs, x0.2 after 60, 120 and 160",
        source="Sunkara & Luo 2022, arXiv 2208.03641; github.com/LabSAINT/SPD-Conv at c09f792, ResNet50-SPD/train.py",
        sets={
            "train.epochs": 200,
            "train.batch_size": 128,
            "train.optimizer": "sgd",
            "train.lr": 0.1,
            "train.momentum": 0.9,
            "train.weight_decay": 5e-4,
            "train.schedule": "milestones",
            "train.decay_factor": 0.2,
            "train.milestones": (60, 120, 160),
            "train.warmup_epochs": 1.0,
            "train.augment": "crop_flip",
            "train.rotation_degrees": 15.0,
        },
        departures=(
            "200 epochs, which the milestones are made for; the released settings say 500",
            "the network of the last epoch is scored; the released code keeps the best checkpoint on the test set",
            "the rate falls after 60, 120 and 160 epochs; the released code counts from one and falls an epoch earlier",
            "warm-up begins one step above zero; the released code's first step has a rate of zero",
            "crops are padded by reflection; the released code pads with zeros",
            "the released code normalises CIFAR-10 by CIFAR-100's mean and deviation",
            *EVERYWHERE,
        ),
    ),
}


def expanded(sections: Mapping[str, Fields]) -> dict[str, dict[str, Any]]:
    """The stated fields of each section with those of `train.recipe`, which is gone, beneath them.

    `sections` holds what is stated of `model`, `data` and `train` and nothing else; a field stated as None counts, and
    means its default. Fields that only the recipe's own schedule reads give way to another schedule, and so does one
    of two fields that exclude each other. Raises `UnknownName` for a recipe that does not exist.
    """
    whole = {name: dict(fields) for name, fields in sections.items()}
    name = whole["train"].pop("recipe", None) if "train" in whole else None
    if name is None:
        return whole
    if not isinstance(name, str):  # whoever checks the types says so
        return {**whole, "train": {**whole["train"], "recipe": name}}
    sets = lookup(RECIPES, name, "recipe").sets
    beneath = {section: fields_under(section, sets) for section in whole}
    beneath["train"] = _compatible(beneath["train"], whole["train"])
    return {section: {**beneath[section], **fields} for section, fields in whole.items()}


def _compatible(recipe: dict[str, Any], stated: Fields) -> dict[str, Any]:
    """The fields of `recipe` that make sense beside those stated of `train`."""
    gone = {field for pair in ALTERNATIVES for field, other in (pair, pair[::-1]) if _given(stated, other)}
    if "schedule" in stated and stated["schedule"] != recipe["schedule"]:
        gone |= READERS.keys()
    return {field: value for field, value in recipe.items() if field not in gone}


def _given(stated: Fields, field: str) -> bool:
    return field in stated and stated[field] is not None
