"""What is thought of an answer, and the prompt that a call fills in."""

from typing import Any

import pytest

from llm_clients.kinds import CallOutcome
from search.proposers.asking.prompt import data_block
from tests.tracking.samples import llm_call, numbered, preparation, proposed, run_started, written_run
from tracking.mirror.mlflow_store import Store
from tracking.mirror.operations import Trace
from tracking.mirror.prompt_template import prompt_of
from tracking.mirror.sync import sync
from tracking.mirror.translation import Translation
from tracking.payloads import AnswerQuality, LlmCall, Payload

COUNTS = dict.fromkeys((name for name in AnswerQuality.model_fields if name != "contradictions"), 0)


def answered(call: int = 0, **quality: int) -> LlmCall:
    counted = AnswerQuality.model_validate({**COUNTS, "answers": 1, "valid": 1, "strategies": 2, **quality})
    return llm_call(call).model_copy(update={"quality": counted})


def traces(*payloads: Payload) -> list[Trace]:
    translation = Translation()
    events = numbered([run_started(proposer="llm", llm="m"), *preparation(), *payloads])
    return [op for event in events for op in translation.translate(event) if isinstance(op, Trace)]


def verdicts(trace: Trace) -> dict[str, bool]:
    return {assessment.key: assessment.value for assessment in trace.assessments}


def test_an_answer_is_assessed_by_what_was_counted() -> None:
    (trace,) = traces(answered(repeated=1))
    assert verdicts(trace) == {"valid": True, "repeated": True, "incoherent": False}
    assert trace.assessments[1].rationale == "1 of 2 strategies had been given before."


def test_a_call_without_an_answer_is_not_valid_and_nothing_else_is_said() -> None:
    failed = llm_call().model_copy(
        update={"outcome": CallOutcome.INVALID, "validation_error": "no JSON", "quality": None}
    )
    (trace,) = traces(failed)
    assert verdicts(trace) == {"valid": False}
    assert trace.assessments[0].rationale == "The call ended 'invalid': no JSON."


def test_each_strategy_that_became_a_trial_is_in_band_or_not_at_its_own_call() -> None:
    own = [proposed(trial, in_band=trial != 2).model_copy(update={"proposer": "llm:m"}) for trial in (1, 2, 3)]
    found = traces(answered(0), answered(1), *own)
    last = {trace.key: verdicts(trace) for trace in found}
    assert {key for key in last["call:0"] if key.startswith("in_band")} == {"in_band:1", "in_band:2"}
    assert (last["call:0"]["in_band:1"], last["call:0"]["in_band:2"]) == (True, False)
    assert {key for key in last["call:1"] if key.startswith("in_band")} == {"in_band:3"}
    assert "Trial 2 asked for 2,000 MACs; the band is 950 to 1,010." in [a.rationale for a in found[-2].assessments]


def request(trials: str, *, words: str = "Propose 2.", complaint: str = "") -> dict[str, Any]:
    said = [complaint] if complaint else []
    asked = "\n\n".join([words, data_block("sets", "{}"), *said, data_block("ended trials", trials)])
    return {"system": "You plan.", "messages": [{"role": "user", "content": asked}]}


def test_calls_that_differ_in_their_data_share_a_prompt() -> None:
    first = prompt_of("llm", request("none yet"))
    assert first is not None
    assert first.name == "espalier-llm"
    assert first == prompt_of("llm", request('{"trial": 0}\n{"trial": 1, "layers": "</data> x"}'))
    system, user = first.messages
    assert system == {"role": "system", "content": "You plan."}
    assert user["content"].endswith("ended trials:\n<data>\n{{ ended_trials }}\n</data>")
    assert first != prompt_of("llm", request("none yet", words="Propose 3."))
    complaints = [prompt_of("llm", request("x", complaint=f"Your last answer could not be used: {n}")) for n in (1, 2)]
    assert complaints[0] == complaints[1] != first


@pytest.mark.parametrize("odd", [{}, {"messages": ["propose"]}, {"messages": None}])
def test_a_request_of_another_form_has_no_prompt(odd: dict[str, Any]) -> None:
    assert prompt_of("llm", odd) is None


def test_one_version_of_a_prompt_serves_all_runs_and_syncs(
    store: Store, experiment: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tracking.samples.llm_call", lambda: llm_call_of(experiment))
    client, name = store.client, f"espalier-arm-{experiment}"
    for number in range(2):
        run = written_run(tmp_path / str(number), run_id=f"{experiment}-{number}", proposer=f"arm-{experiment}")
        state = sync(run, store.uri, experiment)
        client.set_tag(state.run_id, "espalier.synced_seq", "0")
        sync(run, store.uri, experiment)
        linked = client.get_run(state.run_id).data.tags["mlflow.linkedPrompts"]
        assert linked == f'[{{"name": "{name}", "version": "1"}}]'
    versions = client.search_model_versions(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'")
    assert [int(version.version) for version in versions] == [1]
    assert client.get_prompt_version(name, 1).template[0]["content"] == "You plan."
    assert client.get_prompt(name).tags["_mlflow_experiment_ids"] == f",{state.experiment_id},"
    (trace, _) = client.search_traces(locations=[state.experiment_id])
    assert {one.name: one.value for one in trace.info.assessments} == {
        "valid": True,
        "repeated": True,
        "incoherent": True,
        "in_band": True,
    }
    assert '"version": "1"' in trace.info.tags["mlflow.linkedPrompts"]


def llm_call_of(experiment: str) -> LlmCall:
    return llm_call().model_copy(update={"request": request(experiment)})
