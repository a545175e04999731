"""The arms by name, without importing them: `search.proposers.registry` holds the classes."""

from enum import StrEnum


class ArmName(StrEnum):
    """Who may propose."""

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
        """Whether it asks a language model."""
        return self in (ArmName.LLM, ArmName.HYBRID)


CLASSICAL_ARMS = tuple(arm for arm in ArmName if not arm.asks)
ASKING_ARMS = tuple(arm for arm in ArmName if arm.asks)
