"""An explanation in sentences: short, and true of every run."""

from collections.abc import Sequence

from search.outcome.explanation import Explanation, Final, Rival, StageShare
from search.outcome.formats import macs_text, share_text
from search.outcome.summary import WinnerSummary
from tracking.kinds import TrialState

LEAST_SHIFT = 0.001
"""Shares of the budget below this are not mentioned."""
NAMED = 3
"""Stages named as gaining, and as many as losing."""
WITHIN_CHANCE = 1.96
"""Standard errors: 95 % of the differences between two equally good models are smaller."""


def sentences(why: Explanation, winner: WinnerSummary) -> list[str]:
    """Say how the winner differs, what it scored beside the uniform start and the runner-up, and what that is worth.

    Args:
        why: the explanation.
        winner: of the same run.
    """
    if winner.trial == why.start_trial:
        beaten = "" if why.runner_up is None else ": no other completed trial scored higher"
        first = [f"The winner is the uniform start itself (trial {winner.trial}){beaten}."]
    else:
        first = [*_budget(why, winner), _start(why, winner)]
    flattered = f"It is the best of {why.completed} completed trials on the same images, which flatters its score."
    last = [_final(why.finalists, winner)] if why.finalists else [flattered] if why.completed > 1 else []
    return [*first, _runner_up(why, winner), *last]


def _final(finalists: Sequence[Final], winner: WinnerSummary) -> str:
    """How the winner was chosen among the finalists, and what its score there is worth."""
    own = next(final for final in finalists if final.trial == winner.trial)
    others = ", ".join(f"trial {final.trial} {share_text(final.accuracy)}" for final in finalists if final != own)
    epochs = f"{own.epochs} epoch{'s' * (own.epochs > 1)}"
    return (
        f"It was chosen from the {len(finalists)} best trials after {epochs} of fine-tuning each: "
        f"{share_text(own.accuracy)} of the holdout, and {others}. The best of several on the same images is flattered "
        "by its holdout scores; the test set was read for it alone."
    )


def _budget(why: Explanation, winner: WinnerSummary) -> list[str]:
    start = f"the uniform start (trial {why.start_trial})"
    if why.same_units:
        choice = f"{winner.strategy['importance']}, {winner.strategy['ranking']} ranking"
        return [f"It keeps as many units in every group as {start}; only which ones differs ({choice})."]
    shifts = [(stage, stage.shift) for stage in why.stages if stage.shift is not None]
    if not shifts:
        return []
    more = sorted((pair for pair in shifts if pair[1] >= LEAST_SHIFT), key=lambda pair: -pair[1])
    less = sorted((pair for pair in shifts if pair[1] <= -LEAST_SHIFT), key=lambda pair: pair[1])
    if not more and not less:
        return [f"By stage it spends the budget as {start} does, to within {LEAST_SHIFT:.1%} of it each."]
    parts = [_listed(more, "points more of the budget")] if more else []
    parts += [_listed(less, "less" if more else "points less of the budget")] if less else []
    return [f"It spends {', but '.join(parts)} than {start}."]


def _listed(found: Sequence[tuple[StageShare, float]], unit: str) -> str:
    first, *others = [(f"{100 * abs(shift):.1f}", stage.stage) for stage, shift in found[:NAMED]]
    return ", ".join([f"{first[0]} {unit} on {first[1]}", *(f"{size} on {stage}" for size, stage in others)])


def _start(why: Explanation, winner: WinnerSummary) -> str:
    rival = why.start
    if rival is None:
        return "The uniform start has no score to compare with."
    place = f"rung {rival.rung + 1} of {why.rungs}, {_training(rival)},"
    if rival.state is TrialState.COMPLETED:
        where = f"At {place}"
    else:
        how = "failed" if rival.state is TrialState.FAILED else "was stopped early"
        where = f"The uniform start {how}, so they are compared where both were scored last: at {place}"
    own, theirs = macs_text(winner.macs), macs_text(rival.macs)
    macs = f"both at {own}" if own == theirs else f"{own} against {theirs}"
    scores = f"{share_text(rival.winner_accuracy)} and the uniform start {share_text(rival.accuracy)} ({macs})"
    return f"{where} it scores {scores}: {_gap(rival, why)}."


def _training(rival: Rival) -> str:
    return "before any training" if rival.epochs == 0 else f"after {rival.epochs} epoch{'s' * (rival.epochs > 1)}"


def _runner_up(why: Explanation, winner: WinnerSummary) -> str:
    rival = why.runner_up
    if rival is None:
        return "No other trial was completed."
    if rival.trial == why.start_trial:
        return "The uniform start is also the runner-up."
    text = share_text(rival.accuracy)
    if rival.accuracy == rival.winner_accuracy:
        text += " too, with more MACs" if rival.macs > winner.macs else " too, and came later"
    else:
        text += f": the winner has {_gap(rival, why)}"
    return f"The runner-up, trial {rival.trial} by {rival.proposer}, scores {text}."


def _gap(rival: Rival, why: Explanation) -> str:
    gap = rival.winner_accuracy - rival.accuracy
    if gap == 0:
        return "the same"
    text = f"{100 * abs(gap):.2f} points {'more' if gap > 0 else 'less'}"
    if not rival.standard_error:
        return text
    images, spread = f"{why.holdout_images:,} holdout images", f"{100 * rival.standard_error:.2f}"
    if abs(gap) <= WITHIN_CHANCE * rival.standard_error:
        return f"{text}, no more than chance may give on {images} (standard error {spread})"
    return f"{text}, {abs(gap) / rival.standard_error:.1f} standard errors ({spread}) on {images}"
