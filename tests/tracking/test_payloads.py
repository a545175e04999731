"""An invalid event fails where it is created; the message quotes the field and what was received."""

from pathlib import Path

import numpy as np
import pytest

from tests.tracking.samples import evaluated, run_started, trial_ended
from tracking.errors import PayloadError
from tracking.kinds import EventKind, Subject, TrialState
from tracking.ledger import Ledger
from tracking.payload_classes import PAYLOADS
from tracking.payloads import SCHEMA


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "ledger.jsonl")


RUNG = {"trial": 0, "rung": 0, "epochs": 1, "accuracy": 0.5, "loss": 1.0}


def test_every_kind_has_one_payload() -> None:
    assert list(PAYLOADS) == list(EventKind)


def test_the_envelope_and_the_payload_share_no_name() -> None:
    for payload in PAYLOADS.values():
        names = {field.alias or name for name, field in payload.model_fields.items()}
        assert not names & {"seq", "time", "kind"}, payload


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trial": "0"}, r"trial: .*integer.*received '0'"),
        ({"trial": True}, "trial: "),
        ({"trial": -1}, "trial: .*received -1"),
        ({"trial": np.int64(3)}, "trial: "),
        ({"accuracy": 97.5}, r"accuracy: .*less than or equal to 1 .*received 97\.5"),
        ({"accuracy": float("nan")}, "accuracy: "),
        ({"loss": None}, "loss: "),
        ({"extra": 1}, "extra: Extra inputs"),
    ],
)
def test_a_wrong_field_is_quoted_and_nothing_is_written(
    ledger: Ledger, change: dict[str, object], message: str
) -> None:
    with pytest.raises(PayloadError, match=message):
        ledger.append(EventKind.RUNG, **{**RUNG, **change})
    assert ledger.path.read_bytes() == b""
    ledger.append(EventKind.RUNG, **RUNG)


def test_a_missing_field_is_named(ledger: Ledger) -> None:
    with pytest.raises(PayloadError, match="loss: Field required"):
        ledger.append(EventKind.RUNG, **{key: value for key, value in RUNG.items() if key != "loss"})


def test_what_json_cannot_hold_is_named_by_its_place(ledger: Ledger) -> None:
    with pytest.raises(PayloadError, match=r"recipe\.\[0\]\.path|path.*PosixPath"):
        ledger.append(EventKind.FINETUNE_STARTED, workers=1, recipe={"steps": [{"path": Path("x")}]})


def test_numbers_of_numpy_are_floats_when_they_are_floats(ledger: Ledger) -> None:
    event = ledger.append(EventKind.RUNG, **{**RUNG, "accuracy": np.float32(0.5), "loss": np.float64(1.5)})
    assert (event.payload.accuracy, event.payload.loss) == (0.5, 1.5)  # type: ignore[attr-defined]


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    with pytest.raises(PayloadError, match=r"started: .*timezone"):
        ledger.append(EventKind.TRIAL_STARTED, trial=0, actor="a", pid=1, started="2026-11-21T10:00:00")


def test_a_failed_trial_says_why() -> None:
    with pytest.raises(ValueError, match="must have an error"):
        trial_ended(0, TrialState.FAILED, None)


@pytest.mark.parametrize("state", [TrialState.COMPLETED, TrialState.STOPPED_EARLY])
def test_a_scored_trial_has_its_score(state: TrialState) -> None:
    with pytest.raises(ValueError, match="must have an accuracy"):
        trial_ended(0, state, None)


def test_an_accuracy_is_what_was_counted() -> None:
    good = evaluated(Subject.BASE, 980)
    with pytest.raises(ValueError, match="is not 981 correct of 1000"):
        type(good).model_validate({**good.model_dump(), "correct": 981})


def test_a_run_says_its_schema_and_refuses_a_later_one() -> None:
    started = run_started()
    assert started.model_dump(by_alias=True)["schema"] == SCHEMA
    with pytest.raises(ValueError, match="schema"):
        type(started).model_validate({**started.model_dump(by_alias=True), "schema": SCHEMA + 1})
