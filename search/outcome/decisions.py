"""What a search decided on its way, in a sentence for whoever was not there."""

import re

from tracking.kinds import Condition, DecisionKind
from tracking.payloads import Decision

_COURSES = {
    DecisionKind.EXPLOIT: "The arm was told to refine the best trials",
    DecisionKind.EXPLORE: "The arm was told to try what is far from the best trials",
    DecisionKind.WIDEN: "The arm was told to leave what it has tried already",
    DecisionKind.SWITCH_ARM: "Another arm took over",
    DecisionKind.STOP: "The search was ended",
    DecisionKind.MISSED: "A proposal was turned back because its MACs missed the band",
}
_CONDITIONS = {
    Condition.OPENING: "the search had just begun",
    Condition.CONVERGING: "the search was making progress",
    Condition.STALLED: "the search was stalled",
    Condition.DIVERGING: "its proposals were moving away from the best trial",
    Condition.TRAPPED: "the search was trapped in a local optimum",
    Condition.DUPLICATES: "it was repeating itself",
    Condition.NEARLY_SPENT: "few trials were left",
}
_LAST_GAIN = re.compile(r"the last gain was (\d+) results ago")


def describe(decision: Decision) -> str:
    """Return what was decided, when it holds, and the figures that it rests on."""
    reason = _LAST_GAIN.sub(_when, decision.reason)
    match decision.decision:
        case DecisionKind.RETRIED:
            return f"Trial {decision.trial} ran again: {reason}."
        case DecisionKind.REPEATED:
            twin = "" if decision.trial is None else f" because it repeats trial {decision.trial}"
            return f"A proposal was turned back{twin}: {reason}."
        case kind:
            because = "" if decision.condition is None else f", because {_CONDITIONS[decision.condition]}"
            return f"{_COURSES[kind]}{because}: {reason}."


def _when(found: re.Match[str]) -> str:
    match int(found[1]):
        case 0:
            return "the newest result was the best so far"
        case 1:
            return "the result before the newest was the best so far"
        case results:
            return f"the best result was {results} results before the newest"
