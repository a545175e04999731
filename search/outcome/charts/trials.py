"""The trials of a run as charts draw them."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.outcome.formats import macs_text, share_text
from tracking.events import Event, payloads_of
from tracking.kinds import TrialState
from tracking.payloads import Proposed, TrialEnded, Winner
from tracking.phases import rungs_by_trial

_WORDS = 90


@dataclass(frozen=True, slots=True)
class Drawn:
    """One trial that has ended.

    Attributes:
        scores: on the holdout, by rung; empty for one that failed before its first.
        epochs: of training up to each rung.
    """

    spec: Proposed
    state: TrialState
    scores: tuple[float, ...]
    epochs: tuple[int, ...]
    is_winner: bool

    @property
    def css(self) -> str:
        """The class of its marks."""
        return "winner" if self.is_winner else self.state.value

    @property
    def title(self) -> str:
        """What its marks say when they are hovered."""
        idea = self.spec.rationale if len(self.spec.rationale) <= _WORDS else f"{self.spec.rationale[:_WORDS]}…"
        score = share_text(self.scores[-1] if self.scores else None)
        state = "winner" if self.is_winner else self.state.value.replace("_", " ")
        return (
            f"trial {self.spec.trial} by {self.spec.proposer}: {state}, {score} at rung {len(self.scores)}\n"
            f"{macs_text(self.spec.macs)}\n{idea}"
        )


def drawn_trials(events: Sequence[Event]) -> list[Drawn]:
    """Return the trials that have ended, in the order of their numbers."""
    specs = {record.trial: record for record in payloads_of(events, Proposed)}
    rungs = rungs_by_trial(events)
    winners = payloads_of(events, Winner)
    best = winners[-1].trial if winners else None
    ends = {record.trial: record for record in payloads_of(events, TrialEnded)}
    return [
        Drawn(
            spec=specs[trial],
            state=end.state,
            scores=tuple(rung.accuracy for rung in rungs.get(trial, ())),
            epochs=tuple(rung.epochs for rung in rungs.get(trial, ())),
            is_winner=trial == best,
        )
        for trial, end in sorted(ends.items())
    ]


def winner_last(trials: Sequence[Drawn]) -> list[Drawn]:
    """Return the trials with the winner at the end, so that it is drawn over the others."""
    return sorted(trials, key=lambda trial: trial.is_winner)
