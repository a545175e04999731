"""How well a model keeps to what it was asked for."""

from __future__ import annotations

import pytest

from llm_clients.quality import Quality, Tally, quality_of
from llm_clients.scripted.script import FaultName, Script, WireName
from tests.llm_clients.support import ANSWER, REQUEST, failing, rehearsal

F = FaultName


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ((), Quality(calls=1, answers=1, valid=1)),
        ((F.CUT_JSON, F.WRONG_SCHEMA), Quality(calls=1, answers=3, valid=1, parse_errors=1, schema_errors=1)),
        ((F.OUT_OF_RANGE,) * 3, Quality(calls=1, answers=3, out_of_range=3)),
        ((F.PROSE,), Quality(calls=1, answers=1, valid=1, prose=1)),
        ((F.TRUNCATED,), Quality(calls=1, answers=1, truncated=1)),
        ((F.REFUSAL,), Quality(calls=1, answers=1, refused=1)),
        ((F.SERVER_ERROR, F.HTML), Quality(calls=1, answers=1, valid=1, faults=2)),
    ],
)
def test_the_counts_of_a_call(faults: tuple[FaultName, ...], expected: Quality) -> None:
    with rehearsal(failing(*faults), WireName.OPENAI) as (client, _):
        assert quality_of(client.complete(REQUEST)) == expected


def test_a_tally_knows_what_was_said_before() -> None:
    answers = (ANSWER, {"importance": "magnitude", "ratios": [0.5, 0.25]}, {**ANSWER, "ratios": [0.1, 0.2]})
    tally = Tally()
    with rehearsal(Script(answers=answers), WireName.OPENAI) as (client, _):
        duplicates = [tally.count(client.complete(REQUEST)).duplicates for _ in range(3)]
    assert duplicates == [0, 1, 0]
    assert tally.total() == Quality(calls=3, answers=3, valid=3, duplicates=1)
    assert tally.total().to_json()["duplicates"] == 1
