"""What the mirror shows and cannot make itself, because it knows neither torch nor the summary: others make it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tracking.events import Event


class Program(Protocol):
    """A checkpoint as a program that torch alone opens, see `pruning.program`."""

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""

    @property
    def classes(self) -> int:
        """Number of logits for each image."""

    @property
    def batch(self) -> int | None:
        """Images at a time; None for any number."""

    @property
    def torch(self) -> str:
        """The version that wrote it."""


@dataclass(frozen=True, slots=True)
class Making:
    """Makes what follows from a run's folder and from its ledger.

    Attributes:
        program: Writes the program of a checkpoint folder to a file, and raises whatever prevents it.
        describe: What came of a run, in sentences; empty if nothing did yet.
    """

    program: Callable[[Path, Path], Program]
    describe: Callable[[Sequence[Event]], str]
