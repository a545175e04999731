"""How a head's signals follow from what was observed: fixed rules, without chance."""

from dataclasses import dataclass, replace

from ablations.heads.agency.states import Signals, State


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds; they were set before anything was measured, and are the same for all models.

    Attributes:
        decay: the weight of the past in both moving averages.
        withdraw_below: a head whose utilisation stays below withdraws. Causal attention that looks alike at all that it
            can see has about 1 / ln T, which is 0.18 for 256 tokens.
        patience: batches in a row before consent changes, in either direction.
        overload_above: a head whose utilisation is above is overloaded: it copies single tokens all the time.
        misaligned_below: a head whose alignment is below works against the others of its layer.
    """

    decay: float = 0.9
    withdraw_below: float = 0.25
    patience: int = 2
    overload_above: float = 0.9
    misaligned_below: float = 0.0


@dataclass(frozen=True, slots=True)
class Observed:
    """One batch, seen from one head: concentration 1 − H / ln T, and alignment with the other heads."""

    concentration: float
    alignment: float


def step(signals: Signals, observed: Observed, rules: Rules, batch: int) -> Signals:
    """Return the signals of a head after one more batch.

    In this order: the averages move; consent is withdrawn, or given again, once that has been due for `patience`
    batches in a row; a head without consent is withdrawn; else it is overloaded if it is used too much, misaligned if
    it works against the others, and active otherwise.
    """
    utilisation = _moved(signals.utilisation, observed.concentration, rules.decay)
    alignment = _moved(signals.alignment, observed.alignment, rules.decay)
    wants = utilisation >= rules.withdraw_below
    streak = signals.streak + 1 if wants != signals.consent else 0
    turned = streak >= rules.patience
    consent = wants if turned else signals.consent
    state = _state(consent, utilisation, alignment, rules)
    return replace(
        signals,
        state=state,
        consent=consent,
        utilisation=utilisation,
        alignment=alignment,
        streak=0 if turned else streak,
        changed_at=batch if state is not signals.state else signals.changed_at,
    )


def _moved(average: float | None, value: float, decay: float) -> float:
    return value if average is None else decay * average + (1 - decay) * value


def _state(consent: bool, utilisation: float, alignment: float, rules: Rules) -> State:
    if not consent:
        return State.WITHDRAWN
    if utilisation > rules.overload_above:
        return State.OVERLOADED
    if alignment < rules.misaligned_below:
        return State.MISALIGNED
    return State.ACTIVE
