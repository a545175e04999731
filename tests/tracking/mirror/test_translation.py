"""The operations that each event is translated to, without MLflow."""

import math
from collections.abc import Iterable

import pytest

from tests.tracking.samples import (
    START,
    ending,
    llm_call,
    numbered,
    on_holdout,
    proposed,
    run_started,
    trial_ended,
    trial_started,
    trials,
    whole_run,
)
from tracking.kinds import DecisionKind, RunStatus, TrialState
from tracking.mirror.operations import (
    FINETUNE,
    RUN,
    Attach,
    Begin,
    Dataset,
    Finish,
    Log,
    Operation,
    Status,
    Trace,
    trial_part,
)
from tracking.mirror.params import LONGEST, flatten
from tracking.mirror.translation import Translation
from tracking.payloads import Decision, Extended, Payload, Resumed, RunEnded, Rung, Winner


def operations(payloads: Iterable[Payload]) -> list[Operation]:
    translation = Translation()
    return [operation for event in numbered(payloads) for operation in translation.translate(event)]


def last_figures(payloads: Iterable[Payload], part: str = RUN) -> dict[str, float]:
    logs = [op for op in operations(payloads) if isinstance(op, Log) and op.part == part]
    return {point.key: point.value for log in logs for point in log.points}


def tags(payloads: Iterable[Payload], part: str = RUN) -> dict[str, str]:
    found: dict[str, str] = {}
    for op in operations(payloads):
        if isinstance(op, Begin | Log) and op.part == part:
            found |= op.tags
    return found


def finishes(payloads: Iterable[Payload]) -> dict[str, Status]:
    return {op.part: op.status for op in operations(payloads) if isinstance(op, Finish)}


def test_one_parent_one_child_per_trial_and_the_finetune() -> None:
    begun = [(op.part, op.name) for op in operations(whole_run("r7")) if isinstance(op, Begin)]
    assert begun == [
        (RUN, "tiny · rules · s0"),
        ("trial:0", "trial-000"),
        ("trial:1", "trial-001"),
        ("trial:2", "trial-002"),
        (FINETUNE, "fine-tune · tiny · rules · 1 kMACs · s0"),
    ]


def test_every_part_ends_as_it_ended() -> None:
    assert finishes(whole_run()) == {
        "trial:0": Status.FINISHED,
        "trial:1": Status.FINISHED,
        "trial:2": Status.FAILED,
        FINETUNE: Status.FINISHED,
        RUN: Status.FINISHED,
    }


@pytest.mark.parametrize(
    ("status", "shown"), [(RunStatus.INTERRUPTED, Status.KILLED), (RunStatus.FAILED, Status.FAILED)]
)
def test_an_interrupted_part_is_killed(status: RunStatus, shown: Status) -> None:
    end = RunEnded(status=status, error="lost its node", wall_s=1)
    assert finishes([run_started(), proposed(0), trial_started(0), end]) == {"trial:0": Status.KILLED, RUN: shown}


def test_nothing_is_logged_to_a_part_before_it_begins() -> None:
    begun: set[str] = set()
    for op in operations(whole_run()):
        if isinstance(op, Begin):
            begun.add(op.part)
        elif not isinstance(op, Attach | Trace | Dataset):
            assert op.part in begun


@pytest.mark.parametrize("first", [trial_ended(5), Rung(trial=5, rung=0, epochs=1, accuracy=0.5, loss=1)])
def test_a_trial_whose_start_was_not_recorded_begins_anyway(first: Payload) -> None:
    begun = [op.part for op in operations([run_started(), proposed(5), first]) if isinstance(op, Begin)]
    assert begun == [RUN, "trial:5"]


def test_the_totals_of_a_run() -> None:
    figures = last_figures(whole_run())
    assert {key: figures[key] for key in figures if key.startswith(("trials", "revisions", "best"))} == {
        "trials_proposed": 3,
        "trials_completed": 1,
        "trials_stopped_early": 1,
        "trials_failed": 1,
        "revisions": 1,
        "best_proxy_accuracy": 0.9,
    }


def test_counts_of_zero_are_logged() -> None:
    end = RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=1)
    figures = last_figures([run_started(), end])
    assert (figures["trials_proposed"], figures["trials_failed"], figures["revisions"]) == (0, 0, 0)


def test_the_best_is_the_best_completed_trial() -> None:
    early = trial_ended(1, TrialState.STOPPED_EARLY, 0.99)
    assert last_figures([run_started(), trial_ended(0), early, trial_ended(2)])["best_proxy_accuracy"] == 0.9


def test_rungs_are_steps() -> None:
    points = [
        (point.key, point.step, point.value)
        for op in operations(whole_run())
        if isinstance(op, Log) and op.part == "trial:0"
        for point in op.points
        if point.key in {"holdout_accuracy", "epochs"}
    ]
    assert points == [
        ("holdout_accuracy", 0, 0.5),
        ("epochs", 0, 1),
        ("holdout_accuracy", 1, 0.9),
        ("epochs", 1, 3),
    ]


def test_where_the_holdout_is_trained_on_there_is_no_holdout_score_and_all_is_training() -> None:
    """Of the fine-tune; the trials had theirs."""
    found = operations(on_holdout(whole_run()))
    assert last_figures(on_holdout(whole_run()), FINETUNE)["trained_holdout_accuracy"] == 0.96
    after = [op for op in found if isinstance(op, Log) and op.part in (RUN, FINETUNE)]
    assert not [point for op in after for point in op.points if point.key in ("holdout_accuracy", "holdout_loss")]
    contexts = {(op.part, op.context) for op in found if isinstance(op, Dataset)}
    assert {context for part, context in contexts if part == FINETUNE} == {"training"}
    assert {context for part, context in contexts if part == RUN} == {"training", "validation", "test"}


def test_an_infinite_loss_is_shown_as_nan() -> None:
    figures = last_figures([run_started(), Rung(trial=0, rung=0, epochs=1, accuracy=0.1, loss=math.inf)], "trial:0")
    assert math.isnan(figures["holdout_loss"])


def test_tokens_and_cost_add_up_and_say_what_they_lack() -> None:
    silent = llm_call(1, cost_usd=None).model_copy(update={"usage": None})
    figures = last_figures([run_started(), llm_call(0), silent, llm_call(2, cost_usd=0.02)])
    assert (figures["llm_calls"], figures["llm_input_tokens"], figures["llm_output_tokens"]) == (3, 200, 40)
    assert figures["cost_usd"] == pytest.approx(0.03)
    assert (figures["llm_calls_without_usage"], figures["llm_calls_without_cost"]) == (1, 1)
    assert "cost_usd" not in last_figures([run_started(), silent]), "an unknown cost is none, and not 0"


def test_long_texts_go_to_documents() -> None:
    answer = "x" * 20_000
    found = operations([run_started(), llm_call(3, text=answer)])
    assert [op.document["text"] for op in found if isinstance(op, Attach) and op.path == "llm/call-0003.json"] == [
        answer
    ]
    assert all(
        len(value) < 5000 for op in found if isinstance(op, Log) for value in [*op.params.values(), *op.tags.values()]
    )


def test_a_classical_run_has_no_llm() -> None:
    assert "espalier.llm" not in tags([run_started()])
    assert tags([run_started(llm="claude-x")])["espalier.llm"] == "claude-x"


def test_decisions_stay_in_the_ledger() -> None:
    assert operations([Decision(decision=DecisionKind.WIDEN, reason="no gain")]) == []


def test_revisions_are_the_proposers_own_misses() -> None:
    start = proposed(0, in_band=False).model_copy(update={"proposer": "start"})
    sent_back = Decision(decision=DecisionKind.MISSED, reason="2,000 MACs")
    repeated = Decision(decision=DecisionKind.REPEATED, reason="as trial 1")
    figures = last_figures([run_started(), start, proposed(1, in_band=False), sent_back, repeated, proposed(2)])
    assert (figures["trials_proposed"], figures["revisions"]) == (3, 2)


def test_a_resumed_run_runs_again() -> None:
    end = RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=1)
    begun = [op for op in operations([run_started(), end, Resumed(from_seq=2)]) if isinstance(op, Begin)]
    assert [op.part for op in begun] == [RUN, RUN]


def test_times_are_the_events_own() -> None:
    first, *_ = operations([run_started()])
    assert isinstance(first, Begin)
    assert first.time_ms == round(START.timestamp() * 1000)
    log = next(op for op in operations([run_started(), proposed(0)]) if isinstance(op, Log) and op.points)
    assert {point.time_ms for point in log.points} == {first.time_ms + 2}


def test_translating_twice_gives_the_same() -> None:
    assert repr(operations(whole_run())) == repr(operations(whole_run()))


def test_a_run_without_preparation_is_translated() -> None:
    assert last_figures([run_started(), *trials(), *ending()])["macs"] == 998


def test_only_the_current_winner_is_tagged() -> None:
    (first,) = (payload for payload in ending() if isinstance(payload, Winner))
    extended = [run_started(), *trials(), *ending(), Extended(added=2), first.model_copy(update={"trial": 1})]
    assert tags(extended, trial_part(0))["espalier.winner"] == "false"
    assert tags(extended, trial_part(1))["espalier.winner"] == "true"
    assert tags(extended)["espalier.winner_trial"] == "1"


def test_configuration_becomes_flat_short_params() -> None:
    config = {
        "a": {"b": {"c": 1}, "empty": {}},
        "list": [1, "x"],
        "none": None,
        "on": True,
        "odd:key": "v",
        "long": "y" * 900,
    }
    flat = flatten(config)
    assert flat.pop("long") == "y" * LONGEST + "… (900 characters in all)"
    assert flat == {"a.b.c": "1", "a.empty": "{}", "list": '[1, "x"]', "on": "true", "odd_key": "v"}
