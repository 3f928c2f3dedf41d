"""Training: one recipe, one loop, the same for every variant."""

# Raised when equal inputs would train differently: it is part of every trial's key. A golden-loss test guards it.
TRAINING_VERSION = 2
