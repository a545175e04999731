"""How the heads' signals follow from what was observed: fixed rules, without chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

from ablations.heads.agency.states import Signals, State
from ablations.heads.language_model import Head


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds, which were set before any quality was measured, and are the same for all models.

    How much a head is used is judged among all heads of the model, in standard deviations from their mean, because
    which 1 − H / ln T is usual depends on the model and on the length of the text.

    Attributes:
        decay: the weight of the past in both moving averages.
        withdraw_below: a head whose utilisation stays so far below the mean withdraws: it has little to do.
        patience: batches in a row before consent changes, in either direction.
        overload_above: a head whose utilisation is so far above the mean is overloaded.
        misaligned_below: a head whose alignment, a cosine, is below works against the others of its layer.
    """

    decay: float = 0.9
    withdraw_below: float = -1.0
    patience: int = 2
    overload_above: float = 1.0
    misaligned_below: float = 0.0


@dataclass(frozen=True, slots=True)
class Observed:
    """One batch, seen from one head: concentration 1 − H / ln T, and alignment with the other heads."""

    concentration: float
    alignment: float


def step(
    signals: Mapping[Head, Signals], observed: Mapping[Head, Observed], rules: Rules, batch: int
) -> dict[Head, Signals]:
    """Return the signals of all heads after one more batch: first all averages move, then each head is judged."""
    moved = {head: _moved(said, observed[head], rules.decay) for head, said in signals.items()}
    utilisations = [said.utilisation or 0.0 for said in moved.values()]
    mean, spread = fmean(utilisations), pstdev(utilisations)
    return {
        head: judged(said, ((said.utilisation or 0.0) - mean) / spread if spread else 0.0, rules, batch)
        for head, said in moved.items()
    }


def judged(signals: Signals, standing: float, rules: Rules, batch: int) -> Signals:
    """Judge a head whose averages have moved.

    In this order: consent is withdrawn, or given again, once that has been due for `patience` batches in a row; a head
    without consent is withdrawn; else it is overloaded if it is used too much, misaligned if it works against the
    others, and active otherwise.

    Args:
        signals: of the head, so far.
        standing: its utilisation among all heads, in standard deviations from their mean.
        rules: the thresholds.
        batch: the number of the batch, from 1.
    """
    wants = standing >= rules.withdraw_below
    streak = signals.streak + 1 if wants != signals.consent else 0
    turned = streak >= rules.patience
    consent = wants if turned else signals.consent
    state = _state(consent, standing, signals.alignment or 0.0, rules)
    changed_at = batch if state is not signals.state else signals.changed_at
    return replace(signals, state=state, consent=consent, streak=0 if turned else streak, changed_at=changed_at)


def _moved(signals: Signals, observed: Observed, decay: float) -> Signals:
    return replace(
        signals,
        utilisation=_average(signals.utilisation, observed.concentration, decay),
        alignment=_average(signals.alignment, observed.alignment, decay),
    )


def _average(average: float | None, value: float, decay: float) -> float:
    return value if average is None else decay * average + (1 - decay) * value


def _state(consent: bool, standing: float, alignment: float, rules: Rules) -> State:
    if not consent:
        return State.WITHDRAWN
    if standing > rules.overload_above:
        return State.OVERLOADED
    if alignment < rules.misaligned_below:
        return State.MISALIGNED
    return State.ACTIVE
