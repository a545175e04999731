"""The models that the server offers, each loaded when it is first asked for, as Ollama does."""

import threading
from collections.abc import Mapping
from enum import StrEnum

from ablations.heads.corpus import standard_library
from ablations.heads.embedded import Design, embedded_model, untrained_model
from ablations.heads.language_model import LanguageModel

DESIGNS: Mapping[str, Design] = {
    "large": Design(layers=4, heads=8, head_width=16, steps=1500),
    "small": Design(),
}


class Weights(StrEnum):
    """Where the weights come from."""

    RANDOM = "random"
    TRAINED = "trained"


class Shelf:
    """Models by name; those with random weights say so in theirs. Safe to use from several threads."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        suffix = "-random" if weights is Weights.RANDOM else ""
        self._designs = {f"{name}{suffix}": design for name, design in DESIGNS.items()}
        self._lock = threading.Lock()
        self._loaded: dict[str, LanguageModel] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._designs)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The names of those that are in memory."""
        return tuple(self._loaded)

    def parameters(self, name: str) -> int:
        """The weights of a model's blocks, 12 · layers · width²; those of tokens and positions come besides."""
        design = self._designs[name]
        return 12 * design.layers * (design.heads * design.head_width) ** 2

    def load(self, name: str) -> LanguageModel:
        """The model, from memory if it was loaded before.

        Raises:
            KeyError: there is none of this name.
        """
        design = self._designs[name]
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._made(name, design)
            return self._loaded[name]

    def _made(self, name: str, design: Design) -> LanguageModel:
        if self.weights is Weights.RANDOM:
            return untrained_model(design, name)
        return embedded_model(standard_library(), design=design)
