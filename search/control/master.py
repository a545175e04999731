"""The master: decides what the search does next. It decides only; the session carries it out."""

from dataclasses import dataclass
from enum import StrEnum

from search.space.history import History


class Move(StrEnum):
    """What to do when a worker is free."""

    RERUN = "rerun"
    PROPOSE = "propose"
    WAIT = "wait"
    SWITCH = "switch"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class NextMove:
    """A move and its reason, as the ledger records it."""

    move: Move
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search is over.

    Attributes:
        trials: how many trials it may propose.
        revisions: how many proposals may miss the band before it gives up; counts only without projection.
        duplicates: how many proposals in a row may repeat an earlier trial.
    """

    trials: int
    revisions: int = 100
    duplicates: int = 24


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision depends on.

    Attributes:
        unfinished: trials that are to run again: those of an interrupted run, and those whose process died.
        missed: proposals turned back because they missed the band.
        repeated: proposals in a row that repeated an earlier trial.
        problem: why the proposer cannot go on, if so.
        can_switch: whether another arm stands ready to take over.
    """

    history: History
    unfinished: int
    missed: int
    repeated: int
    interrupted: bool
    problem: str | None
    can_switch: bool = False


def decide(situation: Situation, limits: Limits) -> NextMove:
    """Decide the next move. Trials already proposed are finished before anything new is asked for."""
    trial = len(situation.history)
    at_its_end = Move.SWITCH if situation.can_switch else Move.STOP
    if situation.interrupted:
        return NextMove(Move.STOP, "interrupted by the user")
    if situation.unfinished:
        return NextMove(Move.RERUN, f"{situation.unfinished} trials are to run again")
    if trial >= limits.trials:
        return NextMove(Move.STOP, f"the budget of {limits.trials} trials is spent")
    if situation.missed >= limits.revisions:
        return NextMove(Move.STOP, f"{situation.missed} proposals missed the band, as many revisions as allowed")
    if situation.repeated >= limits.duplicates:
        return NextMove(at_its_end, f"the last {situation.repeated} proposals repeated earlier trials")
    if situation.problem:
        return NextMove(at_its_end, situation.problem)
    if not situation.history.ready_for(trial):
        return NextMove(Move.WAIT, f"trial {trial} reads the results up to trial {trial - situation.history.window}")
    return NextMove(Move.PROPOSE, f"trial {trial} of {limits.trials}")
