"""Columns of the tables in a results folder that are not factors, and so cannot be one."""

# Every column of the tables in a results folder that is not a factor.
RESERVED_COLUMNS = frozenset(
    [
        *(
            "study",
            "variant",
            "seed",
            "key",
            "state",
            "accuracy",
            "test_loss",
            "train_seconds",
            "train_images_per_second",
        ),
        *("attempts", "error", "environment", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low"),
        *("accuracy_ci_high", "params", "macs", "flops", "baseline", "metric", "difference", "ci_low", "ci_high"),
        *("p_value", "p_sign_flip", "p_adjusted", "effect_size", "verdict", "id", "source", "published", "measured"),
        *("epoch", "learning_rate", "train_loss", "train_accuracy", "badges", "macs_fvcore", "training_macs"),
        *("value", "value_ci_low", "value_ci_high", "ratio", "ratio_ci_low", "ratio_ci_high", "rounds", "samples"),
        *("spread", "images_ci_low", "images_ci_high", "probability_of_improvement", "optimizer steps"),
        *("params_ratio", "macs_ratio", "training_steps", "total_training_macs", "trial", "front", "latency_ratio"),
    ]
)
# Columns that come once a batch size or a percentile start with these.
RESERVED_PREFIXES = (
    "latency_ms",
    "inference_images_per_second",
    "training_images_per_second",
    "memory_",
    "energy_joules",
)


# What tuning chose.
TUNED_PREFIX = "tuned_"

# What the cost phase may add beside what starts with these.
COSTS = ("macs_fvcore",)
LONGEST_COST = 100  # signs of a column's name


def is_cost(column: str) -> bool:
    """Whether `column` can be one that the cost phase measured; no factor's column can."""
    return len(column) <= LONGEST_COST and (column in COSTS or column.startswith(RESERVED_PREFIXES))


def is_reserved(column: str) -> bool:
    return column in RESERVED_COLUMNS or column.startswith((*RESERVED_PREFIXES, TUNED_PREFIX))
