"""What the cost phase samples: series of numbers, each of one column, batch size and mode. Free of torch."""

from dataclasses import dataclass

from ablate.schema import Mode

# MLPerf inference's early stopping: fewer samples say nothing firm about that percentile.
SAMPLES_FOR = {90: 64, 99: 662}
# Interquartile range over median of all samples: above it the number is called noisy, as in torch.utils.benchmark.
NOISE_GATE = 0.10


@dataclass(frozen=True)
class Setting:
    """What a study asks to measure under; `device` is cpu, or cuda:N."""

    batch_sizes: tuple[int, ...]
    modes: tuple[Mode, ...]
    device: str

    @property
    def largest(self) -> int:
        return max(self.batch_sizes)


@dataclass(frozen=True)
class Series:
    """One thing that is sampled of every variant, in the unit of the `column` that its median becomes."""

    metric: str
    column: str
    batch: int
    mode: Mode = "eager"


def suffix(batch: int, mode: Mode) -> str:
    """The end of a column's name: nothing for batch 1 and eager, else `_b64`, `_compiled`, `_b64_compiled`."""
    return ("" if batch == 1 else f"_b{batch}") + ("" if mode == "eager" else f"_{mode}")
