"""A whole study file."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from ablate.schema.claims import ClaimSection
from ablate.schema.matching import AS_STATED, BudgetConfig, BudgetSection, MatchConfig, MatchSection
from ablate.schema.network import ModelConfig, ModelSection
from ablate.schema.section import Section, all_distinct
from ablate.schema.training import DataConfig, TrainConfig
from ablate.schema.tuning import SearchConfig, TuneConfig

MOST_SEEDS = 10_000

Seed = Annotated[int, Field(ge=0)]
Mode = Literal["eager", "compiled", "cuda_graph"]


class SeedBlocks(Section):
    """Seeds in blocks, until the intervals are narrow enough. Whether a difference is significant never stops it."""

    start: int = Field(ge=3)
    """Seeds of the first block, and of each further one."""
    at_most: int = Field(le=MOST_SEEDS)
    """Seeds that are never exceeded; the last block is cut there."""
    until: float = Field(gt=0)
    """Half the width of a 95 % interval, in the primary metric's own unit (accuracy: a fraction, so 0.005 is half a
    percentage point). No block is added once every primary contrast and claim is known this well."""

    @field_validator("at_most")
    @classmethod
    def _not_below_start(cls, at_most: int, others: ValidationInfo) -> int:
        if "start" in others.data and at_most < others.data["start"]:
            raise ValueError(f"{at_most} is below start, {others.data['start']}; give at least as many")
        return at_most


SeedCount = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
SeedList = Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]


def _kind_of_seeds(stated: Any) -> str:
    return "<blocks>" if isinstance(stated, Mapping | SeedBlocks) else "<seeds>"


class CostConfig(Section):
    """How the costs of a variant are measured."""

    seconds_per_variant: float = Field(8.0, gt=0)
    """Time that measuring one variant may take at most, in seconds; less where its numbers settle earlier."""
    batch_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 64), strict=False, min_length=1)
    """Images in a batch, one latency for each; batch 1 gives the columns without a suffix."""

    threads: int = Field(1, ge=1)
    """Threads that torch computes with on a CPU. One, as in torch.utils.benchmark, shows what a network takes rather
    than how well it is spread, and is hardly disturbed by whatever else runs."""
    modes: tuple[Mode, ...] = Field(("eager",), strict=False, min_length=1)
    """How a forward pass runs: operator by operator (`eager`), through torch.compile (`compiled`), or on CUDA as one
    recorded graph (`cuda_graph`). Columns of modes other than eager carry the mode in their name."""

    @field_validator("batch_sizes", "modes")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return all_distinct(values)


class StudyFile(Section):
    """A study: base configuration, factors, design, seeds, measurements, claims."""

    younger: ClassVar[frozenset[str]] = frozenset({"match", "budget", "tune", "search"})

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)
    """Letters, digits, `_` and `-`; names the results folder."""
    question: str = ""
    """What the study asks, in one sentence."""
    model: ModelSection
    data: DataConfig | None = None
    """Not needed where nothing is trained; a network then has the classes and the size of its own source."""
    train: TrainConfig | None = None
    """Not needed where nothing is trained."""
    factors: dict[str, list[Any] | dict[str, dict[str, Any]]] = Field(default_factory=dict)
    """Field path -> levels, or a name -> level name -> the fields it sets."""
    baseline: dict[str, Any] = Field(default_factory=dict)
    """Factor -> the level that the others are compared with; one of every factor."""
    design: Literal["grid", "one_at_a_time", "count", "search"] = "grid"
    """`grid`: every combination of levels; `one_at_a_time`: the baseline and each single change from it; `count`: every
    combination, counted and never trained; `search`: the best of those that `search` tries."""
    match: MatchSection = AS_STATED
    """Equal budgets: `params`, `macs`, or {on, tolerance} gives every variant the width at which it has as many as the
    baseline. A list, such as [none, params, macs], sets variants as stated and matched ones side by side."""
    budget: BudgetSection = BudgetConfig(on="epochs")
    """How long variants train: as stated, or as long as the baseline by steps or by multiply-adds."""
    tune: TuneConfig | None = None
    """Fields whose values every variant chooses for itself, on images held out of the training split; its final trials
    then train on all of them."""
    search: SearchConfig | None = None
    """With `design: search`: what is looked for, how long, and what makes it good."""
    seeds: Annotated[
        Annotated[SeedCount | SeedList, Tag("<seeds>")] | Annotated[SeedBlocks, Tag("<blocks>")],
        Discriminator(_kind_of_seeds),
    ] = Field((), validate_default=False)
    """A count n (seeds 0 to n-1), a list of distinct seeds, or blocks of them until the intervals are narrow enough."""
    primary: str = "accuracy"
    """The metric that verdicts are about."""
    margin: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Metric -> the difference that does not matter, in the metric's unit."""
    measure: tuple[str, ...] = Field(("accuracy", "test_loss", "params", "macs"), strict=False, min_length=1)
    """Metrics to measure."""
    cost: CostConfig = CostConfig()
    retries: int = Field(1, ge=0)
    """How often a failed trial is tried again within one run."""
    trial_timeout_minutes: float | None = Field(None, gt=0)
    """An attempt at a trial that takes longer than this many minutes has failed; no limit unless stated."""
    stall_timeout_minutes: float | None = Field(30.0, gt=0)
    """An attempt of which nothing is heard for this many minutes has failed: not a step of training or scoring done."""
    claims: tuple[ClaimSection, ...] = Field((), strict=False)
    """Published statements to check against what is measured."""

    @field_validator("seeds", "measure")
    @classmethod
    def _distinct(cls, values: Any) -> Any:
        return all_distinct(values) if isinstance(values, tuple) else values

    @property
    def matchings(self) -> tuple[MatchConfig, ...]:
        """The entries of `match`; several of them are the levels of a factor."""
        return self.match if isinstance(self.match, tuple) else (self.match,)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds that every variant begins with, in the order they run; none where nothing is trained."""
        if self.design == "count":
            return ()
        match self.seeds:
            case SeedBlocks(start=count) | int(count):
                return tuple(range(count))
            case listed:
                return listed


SECTIONS: Mapping[str, type[Section]] = {"model": ModelConfig, "data": DataConfig, "train": TrainConfig}
"""The sections whose fields a factor can vary."""

FIELD_PATHS: tuple[str, ...] = (
    *(f"{name}.{field}" for name, section in SECTIONS.items() for field in section.model_fields),
    "model.builder",
)
"""Every path that a factor or a level can name, like `model.width`; a builder's arguments come to these."""


def fields_under(section: str, paths: Mapping[str, Any]) -> dict[str, Any]:
    """What `paths` set of one section, by the names of its fields."""
    prefix = f"{section}."
    return {path.removeprefix(prefix): value for path, value in paths.items() if path.startswith(prefix)}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a study file, with every key's meaning, for editors."""
    return StudyFile.model_json_schema()
