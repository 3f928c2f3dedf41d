"""The parts of plan.json that are of every study: its factors, what it stated before, and its variants."""

from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from ablate.schema.columns import is_reserved
from ablate.schema.mistakes import shown
from ablate.schema.record import Hash
from ablate.schema.section import Stored, WhereStated
from ablate.schema.settled import TunedValues

LARGEST_SEED = 2**63 - 1
MOST_COUNTED = 10**18


def _seed(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and str(int(text)) == text):
        raise ValueError(f"expected a seed, a whole number from 0 on, not {shown(text)}")
    if int(text) > LARGEST_SEED:
        raise ValueError(f"the seed {text} is beyond {LARGEST_SEED}")
    return text


def _column(name: str) -> str:
    if is_reserved(name):
        raise ValueError(f"{shown(name)} is a column of the tables already, so that no factor can be called so")
    return name


SeedText = Annotated[str, AfterValidator(_seed)]
Name = Annotated[str, Field(min_length=1)]
Column = Annotated[str, Field(min_length=1), AfterValidator(_column)]
Counted = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Margin = dict[str, Annotated[float, Field(gt=0)]]


class PlannedFactor(Stored):
    """`path` is its key in the study file."""

    path: Name
    column: Column


class StatedClaim(Stored):
    """A claim as it was stated before."""

    id: str


class StatedBefore(Stored):
    """What the study stated once; by then `trials_finished` had a record, and `rehearsals_finished` of tuning and
    search, which older versions did not count."""

    digest: str
    question: str
    claims: list[StatedClaim]
    margin: Margin
    primary: str
    trials_finished: int = Field(ge=0)
    rehearsals_finished: int = Field(0, ge=0)


class PlannedModel(Stored):
    """A network as resolved."""

    preset: str | None = None
    builder: str | None = None
    input_size: int | None = None


class PlannedData(Stored):
    """Data as resolved."""

    name: str
    train_images: int = Field(ge=0)
    test_images: int = Field(ge=0)
    digest: str


class NoData(Stored):
    """Of a variant that is not trained."""


class PlannedTraining(Stored):
    """A recipe as resolved, which is empty where nothing is trained."""

    epochs: WhereStated[int] = None
    batch_size: WhereStated[Annotated[int, Field(ge=1)]] = None
    seed_offset: int = Field(0, ge=0)


def _kind_of_data(stated: Any) -> str:
    return "<nothing>" if stated == {} else "<data>"


DataOrNone = Annotated[
    Annotated[PlannedData, Tag("<data>")] | Annotated[NoData, Tag("<nothing>")], Discriminator(_kind_of_data)
]
Shape = Annotated[tuple[Counted, Counted, Counted], Field(strict=False)]
Stage = Annotated[tuple[str, Shape], Field(strict=False)]
"""Name of a part of the network, and the depth, height and width of what it gives."""


class PlannedVariant(Stored):
    """A variant, what was counted of it, and the keys of its trials by their seeds."""

    variant: Name
    levels: dict[str, str]
    also: list[dict[str, str]] = Field(default_factory=list)
    model: PlannedModel
    data: DataOrNone
    train: PlannedTraining
    steps: Counted
    params: Counted
    macs: Counted
    keys: dict[SeedText, Hash]
    awaits: WhereStated[Hash] = None
    tuned: WhereStated[TunedValues] = None
    quantities: dict[str, float | None] = Field(default_factory=dict)
    stages: list[Stage] = Field(default_factory=list)
