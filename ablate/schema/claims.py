"""`claims:`, what was published: a difference, an interaction, or a count."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from ablate.schema.section import Section

Phrase = Annotated[str, Field(min_length=1, max_length=200)]


class PublishedUnder(Section):
    """What a published number holds for, in the source's words or shorter; at least one field."""

    data: Phrase | None = None
    """Data set, and what was done to it."""
    input_size: Phrase | None = None
    """Side of the images that the network sees."""
    recipe: Phrase | None = None
    """Optimiser, schedule, augmentation."""
    budget: Phrase | None = None
    """Length of training, runs, hardware."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError(f"says nothing; give at least one of {', '.join(type(self).model_fields)}")
        return self


class PublishedClaim(Section):
    """What every claim has: what is said, and where."""

    younger: ClassVar[frozenset[str]] = frozenset({"published_under"})

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Its name in claims.csv."""
    source: str = Field(min_length=1)
    """Where it is published."""
    statement: str = Field(min_length=1)
    """What is said, in one sentence."""
    published_under: PublishedUnder | None = None
    """The conditions it was published under, to be read beside the study's own."""


class DifferenceClaim(PublishedClaim):
    """A published statement that one choice of levels scores higher than another."""

    metric: str | None = None
    """The metric it is about; the primary one unless stated."""
    better: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be better."""
    than: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be worse."""
    published_difference: float | None = None
    """Better minus worse as published, in the metric's unit (accuracy: a fraction, not per cent)."""


class Interaction(Section):
    """Two differences, better minus worse, at two choices of the other levels."""

    better: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be better."""
    than: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be worse."""
    more_at: dict[str, Any] = Field(min_length=1)
    """Other factor -> level at which `better` is said to lead by more."""
    than_at: dict[str, Any] = Field(min_length=1)
    """Other factor -> level at which it is said to lead by less, or to lose."""


class InteractionClaim(PublishedClaim):
    """A published statement that a difference depends on another choice."""

    metric: str | None = None
    """The metric it is about; the primary one unless stated."""
    interaction: Interaction
    """The two differences of which the first is said to be the larger."""
    published_difference: float | None = None
    """The first difference minus the second as published, in the metric's unit."""


class Count(Section):
    """A printed number about a network that can be counted."""

    system: str
    """The variant it is about."""
    quantity: str
    """What is counted: params, macs, flops, side:LAYER, ..."""
    over: str | None = None
    """Variant whose same quantity it is divided by, where the number is a ratio."""
    published: float
    """The number as printed, in whole units: 5.5e9, not 5.5B."""
    tolerance: float = Field(0.01, ge=0, lt=1)
    """Relative deviation up to which it still matches: half of the last printed digit, say."""


class Reading(Section):
    """Another meaning that a printed number may have: a count, or what another source prints."""

    system: str | None = None
    """The variant it is about; with `quantity`."""
    quantity: str | None = None
    """What is counted."""
    over: str | None = None
    """Variant whose same quantity it is divided by."""
    cited: float | None = None
    """A number that another source prints; with `source`."""
    source: str | None = Field(None, min_length=1)
    """That source."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        stated = {name for name in ("system", "quantity", "over", "cited", "source") if getattr(self, name) is not None}
        if stated - {"over"} != {"system", "quantity"} and stated != {"cited", "source"}:
            raise ValueError("needs either system and quantity, or cited and source")
        return self


class CountClaim(PublishedClaim):
    """A printed number, to be compared with a count."""

    count: Count
    """The number, and what it is most plainly about."""
    readings: tuple[Reading, ...] = Field((), strict=False)
    """What else it may mean. It matches if all meanings agree with it, differs if none does, else it is ambiguous."""
    note: str = ""
    """Why, where the numbers alone do not say it."""


def _kind_of_claim(stated: Any) -> str:
    for key in ("interaction", "count"):
        if key in stated if isinstance(stated, Mapping) else hasattr(stated, key):
            return f"<{key}>"
    return "<difference>"


ClaimSection = Annotated[
    Annotated[DifferenceClaim, Tag("<difference>")]
    | Annotated[InteractionClaim, Tag("<interaction>")]
    | Annotated[CountClaim, Tag("<count>")],
    Discriminator(_kind_of_claim),
]
_CLAIM: TypeAdapter[DifferenceClaim | InteractionClaim | CountClaim] = TypeAdapter(ClaimSection)


def claim_from_json(stored: Mapping[str, Any]) -> DifferenceClaim | InteractionClaim | CountClaim:
    """A claim as plan.json holds it; raises pydantic's `ValidationError` for what no claim has."""
    return _CLAIM.validate_python(stored)
