"""The words that a recipe may hold."""

from enum import StrEnum


class OptimizerName(StrEnum):
    """The optimisers that a recipe may name."""

    SGD = "sgd"
    ADAMW = "adamw"


class Precision(StrEnum):
    """The number format of forward and backward passes; weights are float32 in both."""

    FP32 = "fp32"
    BF16 = "bf16"


class Schedule(StrEnum):
    """How the learning rate falls after its warm-up."""

    COSINE = "cosine"
    LINEAR = "linear"


class LrRule(StrEnum):
    """How the learning rate follows another batch."""

    LINEAR = "linear"
    """In proportion, for SGD: Goyal et al., 2017, "Accurate, Large Minibatch SGD", section 2.1."""
    SQRT = "sqrt"
    """By the square root, for Adam: Malladi et al., 2022, "On the SDEs and Scaling Rules for Adaptive Gradient
    Algorithms", section 5."""
    NONE = "none"

    def factor(self, ratio: float) -> float:
        """The factor of the learning rate where the batch changes by this one."""
        return {LrRule.LINEAR: ratio, LrRule.SQRT: ratio**0.5, LrRule.NONE: 1.0}[self]


class Distillation(StrEnum):
    """What is learned from the unpruned model."""

    SOFT = "soft"
    """Its probabilities at a temperature: Hinton et al., 2015, "Distilling the Knowledge in a Neural Network"."""
    HARD = "hard"
    """Its class: Touvron et al., 2021, "Training data-efficient image transformers", section 3."""
