"""A tiny study: a die that is loaded more or less, thrown by two hands. It computes in no time, from its seed."""

import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from ablations.floor.condition import Condition
from ablations.floor.figure import Direction, Figure
from ablations.floor.options import SeededOptions, split_list
from ablations.floor.questions import Contrast, Question, Slope
from ablations.floor.study import MeasureContext, Study
from search.setup.scope import Scope, option


class ToyOptions(SeededOptions):
    """Options of the toy.

    Attributes:
        loads: Levels of the factor `load`.
        throws: A term: the figures depend on it.
        fail: The load at which a measurement fails.
        hang: The load at which a measurement waits for a signal.
        kill: The load at which the measuring process kills itself, once if `kill_once` names a file.
    """

    loads: Annotated[tuple[int, ...], BeforeValidator(split_list)] = option(
        "Toy", "how the die is loaded", (0, 1, 2), scope=Scope.ARM
    )
    throws: int = option("Toy", "throws", 20, ge=1)
    fail: int | None = option("Toy", "the load at which it fails", scope=Scope.RECORD)
    hang: int | None = option("Toy", "the load at which it waits for a signal", scope=Scope.RECORD)
    kill: int | None = option("Toy", "the load at which its process dies", scope=Scope.RECORD)
    kill_once: str | None = option("Toy", "a file that says that it died before", scope=Scope.RECORD)


class Toy(Study[ToyOptions]):
    """The study."""

    name = "toy"
    question = "Which hand throws more?"
    options = ToyOptions

    def figures(self, options: ToyOptions) -> tuple[Figure, ...]:
        return (
            Figure(key="mean", title="Mean of the throws", better=Direction.HIGHER, unit="dots", digits=2),
            Figure(key="sixes", title="Sixes", better=Direction.HIGHER, unit="%", scale=100, digits=1),
        )

    def conditions(self, options: ToyOptions) -> tuple[Condition, ...]:
        return tuple(
            Condition(factors={"hand": hand, "load": load}, seed=seed)
            for hand in ("left", "right")
            for load in options.loads
            for seed in options.all_seeds
        )

    def measure(self, options: ToyOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        load = int(condition.factors["load"])
        if load == options.fail:
            raise ValueError(f"the die with load {load} rolled under the table")
        if load == options.hang:
            signal.pause()
        if load == options.kill:
            _die(options.kill_once)
        rng = random.Random(f"{condition.seed}-{condition.factors['hand']}")
        extra = load + (condition.factors["hand"] == "right") * 2
        throws = [min(6, rng.randint(1, 6) + (rng.random() < 0.2 * extra)) for _ in range(options.throws)]
        (context.artifacts / "throws.txt").write_text(" ".join(map(str, throws)))
        return {"mean": sum(throws) / len(throws), "sixes": throws.count(6) / len(throws)}

    def questions(self, options: ToyOptions) -> tuple[Question, ...]:
        return (
            Contrast(
                key="hand", text="Does the right hand throw more?", figure="mean", better=Direction.HIGHER,
                first={"hand": "left"}, second={"hand": "right"},
            ),
            Slope(
                key="load", text="Does a load help?", figure="mean", better=Direction.HIGHER, along="load",
            ),
        )  # fmt: skip


def _die(once: str | None) -> None:
    if once is not None:
        if Path(once).exists():
            return
        Path(once).touch()
    os.kill(os.getpid(), signal.SIGKILL)
