"""The names of all arms; `search.proposers.registry` maps them to their classes."""

from enum import StrEnum


class ArmName(StrEnum):
    """The name of an arm, as in `--proposer`."""

    RULES = "rules"
    UNIFORM = "uniform"
    ISOMORPHIC = "isomorphic"
    KNAPSACK = "knapsack"
    RANDOM = "random"
    GRID = "grid"
    TPE = "tpe"
    CMAES = "cmaes"
    LLM = "llm"
    HYBRID = "hybrid"

    @property
    def asks(self) -> bool:
        """Whether the arm asks a language model."""
        return self in (ArmName.LLM, ArmName.HYBRID)


CLASSICAL_ARMS = tuple(arm for arm in ArmName if not arm.asks)
ASKING_ARMS = tuple(arm for arm in ArmName if arm.asks)
