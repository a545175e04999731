"""The payload class of each kind of event."""

from collections.abc import Mapping

from tracking import payloads, study_payloads
from tracking.kinds import EventKind

PAYLOADS: Mapping[EventKind, type[payloads.Payload]] = {
    payload.kind: payload
    for payload in payloads.Payload.__subclasses__()
    if payload.__module__ in (payloads.__name__, study_payloads.__name__)
}
