"""What is searched: a module, its plan, its units' scores, and the user's function that scores a smaller module."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pruning.cloning import clone_structure
from pruning.importance.base import Scores
from pruning.plan import Plan
from pruning.selection import select
from pruning.slicing import Selection, slice_model
from search.errors import ConfigError
from trainers.rung_score import RungScore

Score = Callable[[nn.Module], float]
"""The user's function: a number from 0 to 1, and more is better."""


@dataclass(frozen=True, slots=True)
class ScoredTrials:
    """What every trial shares that is scored by the user.

    Attributes:
        base: the unpruned module, as it was planned.
        plan: its plan.
        scores: importance of each unit of each group, by criterion.
        score: the user's function.
        handed: makes of a module, as it was planned, the one that the user's function takes.
        seed: of torch, before each call: trials differ in what was cut, and in nothing else.
        threads: torch threads of one trial.
    """

    base: nn.Module
    plan: Plan
    scores: Mapping[str, Scores]
    score: Score
    handed: Callable[[nn.Module], nn.Module]
    seed: int
    threads: int

    @property
    def batch_size(self) -> int:
        """One: the user's function knows its own."""
        return 1

    def rungs(self, model: nn.Module, batch_size: int, device: torch.device) -> Iterator[RungScore]:
        """Score a sliced module once; whatever its function trains is its own concern."""
        value = self.scored(model.to(device))
        yield RungScore(rung=0, epochs=0, accuracy=value, loss=1 - value)

    def scored(self, model: nn.Module) -> float:
        """The score of a module that was planned, or sliced.

        Raises:
            ConfigError: it is no number from 0 to 1.
        """
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self.seed)
            return checked_score(self.score(self.handed(model.eval())))

    def base_score(self) -> float:
        """The score of the unpruned module, of which the user's function gets a copy.

        Raises:
            ConfigError: it is no number from 0 to 1.
        """
        return self.scored(clone_structure(self.base, {}))

    def cut(self, criterion: str, allocation: tuple[int, ...]) -> tuple[nn.Module, Selection]:
        """Slice the base, and say which units stayed."""
        selection = select(self.scores[criterion], allocation)
        return slice_model(self.base, self.plan, selection), selection

    def identity(self) -> str:
        """Names the base in a ledger: a digest of its weights."""
        digest = hashlib.sha256()
        for name, tensor in self.base.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return f"in memory, sha256 {digest.hexdigest()[:32]}"


def checked_score(value: object) -> float:
    """The score as a number.

    Raises:
        ConfigError: it is no number from 0 to 1.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"score returned {value!r:.80}, which is no number: return a float from 0 to 1") from error
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ConfigError(
            f"score returned {number:g}: it has to be from 0 to 1, and more is better, as an accuracy, an IoU or a mAP "
            "is; of a loss return math.exp(-loss)"
        )
    return number
