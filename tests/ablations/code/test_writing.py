"""The loop that writes patches: each step, its cost, its place in the ledger; killed anywhere, no call is repeated."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.code.asking.spending import restored_limit
from ablations.code.source.documents import Documents
from ablations.code.source.errors import CallError, CodeStudyError
from ablations.code.study.options import CodeOptions
from ablations.code.study.study import CodeStudy
from ablations.code.trials.bench import Bench
from ablations.code.trials.records import RunRecord
from ablations.code.writing.attempts import Attempt, NoPatchError, accepted_patch, attempts_at
from ablations.floor.journal import Facts, Journal, LedgerJournal
from ablations.floor.study import PrepareContext
from llm_clients.client import LLMClient
from llm_clients.options import ClientOptions
from llm_clients.prices import Price, PriceBook
from llm_clients.remote import RemoteClient
from llm_clients.scripted.client import scripted_vendor
from llm_clients.scripted.script import FaultName, Script, Step
from llm_clients.scripted.server import ScriptedServer
from tests.ablations.code.small import BEND, SCRIPT, SLOPE, broken, right, study_options, too_much
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.study_contract import Death, die_at
from tracking.ledger import Ledger

pytestmark = pytest.mark.usefixtures("sandboxed")
PRICE = Price(1.0, 2.0)
ONLY_SLOPE = {"source": {"line.py": SCRIPT.replace('"bend",  #ABLATABLE_COMPONENT', '"bend",')}}


@pytest.fixture(autouse=True)
def run_once(monkeypatch: pytest.MonkeyPatch, kept_runs: dict[tuple[str, int], RunRecord]) -> list[str]:
    """Run each variant in the sandbox once for all tests, and note what is asked for."""
    really, asked = Bench.run, list[str]()

    def run(self: Bench, documents: Documents, seed: int) -> RunRecord:
        text = documents.texts["line.py"]
        asked.append(text)
        if (text, seed) not in kept_runs or "random.seed()" in text:
            kept_runs[text, seed] = really(self, documents, seed)
        return kept_runs[text, seed]

    monkeypatch.setattr(Bench, "run", run)
    return asked


@pytest.fixture(scope="module")
def kept_runs() -> dict[tuple[str, int], RunRecord]:
    return {}


class Model:
    """A scripted model behind real HTTP that outlives the study, as a vendor's does."""

    def __init__(self, *steps: Any) -> None:
        calls = tuple(step if isinstance(step, Step) else Step(answer=step) for step in steps)
        self._script = Script(model="scripted-engineer", calls=calls, answers=("no patch",))
        self.server = ScriptedServer(self._script)

    def connect(self, name: str, *, options: ClientOptions, prices: PriceBook) -> LLMClient:
        vendor = scripted_vendor(self._script, self.server.url)
        return RemoteClient(name, vendor, replace(options, price=PRICE))

    @property
    def requests(self) -> int:
        return int(self.server.totals()["requests"])


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Model]]:
    """Make models, the last of which is the one that a study asks."""
    made: list[Model] = []

    def model(*steps: Any) -> Model:
        made.append(Model(*steps))
        monkeypatch.setattr("ablations.code.study.places.connect", made[-1].connect)
        return made[-1]

    yield model
    for each in made:
        each.server.close()


def options_of(**changes: Any) -> CodeOptions:
    """Return the options of a study of one component whose patch a model writes."""
    return study_options(**{"llm": "scripted:engineer", **ONLY_SLOPE, **changes})


def prepare(
    options: CodeOptions, folder: Path, journal: Journal | None = None
) -> tuple[Mapping[str, Facts], list[str]]:
    """Let the study prepare; return what its journal holds then, and what was said."""
    said: list[str] = []
    journal = MemoryJournal() if journal is None else journal
    CodeStudy().prepare(options, journal, PrepareContext(folder, folder, lambda: None, said.append))
    return journal.entries(), said


def test_a_broken_patch_one_that_changes_too_much_and_a_right_one(models: Callable[..., Model], tmp_path: Path) -> None:
    model = models(broken(SLOPE), too_much(SLOPE), right(SLOPE))
    prepared, said = prepare(options_of(), tmp_path)
    first, second, third = attempts_at(prepared, SLOPE)
    assert first.reason.startswith("line 9 of line.py is '    \"slope\",  #ABLATABLE_COMPONENT'")
    assert (first.accepted, first.gates, first.sandbox, first.patch) == (False, (), None, None)
    refused = {gate.gate: gate.reason for gate in second.gates if not gate.accepted}
    assert {"metric", "scope"} <= refused.keys()
    assert (second.accepted, second.sandbox) == (False, None), "what its source refuses is not run"
    assert third.accepted
    assert all(gate.accepted for gate in third.gates)
    assert third.sandbox is not None
    assert (third.sandbox.sandboxed, third.sandbox.outcome) == (True, "passed")
    assert accepted_patch(prepared, SLOPE).edits[0].new == ""
    # Its place in the ledger: what a request may use, then the answer, then the run, then the ruling.
    assert list(prepared) == [
        *("original/42", "null/42"),
        *(f"asked/{SLOPE}/1/1", f"answer/{SLOPE}/1", f"component/{SLOPE}/attempt/1"),
        *(f"asked/{SLOPE}/2/1", f"answer/{SLOPE}/2", f"component/{SLOPE}/attempt/2"),
        *(f"asked/{SLOPE}/3/1", f"answer/{SLOPE}/3", f"smoke/{SLOPE}/3", f"component/{SLOPE}/attempt/3"),
    ]
    # Its cost, as the server counted the tokens: 1 and 2 US dollars for a million.
    totals = model.server.totals()
    assert sum(each.tokens or 0 for each in (first, second, third)) == totals["input_tokens"] + totals["output_tokens"]
    paid = (totals["input_tokens"] + 2 * totals["output_tokens"]) / 1e6
    assert sum(each.cost_usd or 0.0 for each in (first, second, third)) == pytest.approx(paid)
    for number in (1, 2, 3):
        most = prepared[f"asked/{SLOPE}/{number}/1"]
        assert most["cost_usd"] >= (attempts_at(prepared, SLOPE)[number - 1].cost_usd or 0.0) > 0
    assert [line.split(" (")[0] for line in said[1:]] == [f"{SLOPE}, attempt {number}" for number in (1, 2, 3)]


def test_a_retry_shows_the_model_its_answer_and_the_stack_trace(models: Callable[..., Model], tmp_path: Path) -> None:
    raises = SCRIPT.replace(
        "weights = {name: 0.0 for name in TERMS}", 'weights = {name: 0.0 for name in TERMS}\n    weights["slope"]'
    )
    models(right(SLOPE), right(SLOPE))
    options = options_of(source={"line.py": raises.replace('"bend",  #ABLATABLE_COMPONENT', '"bend",')}, attempts=2)
    prepared, _ = prepare(options, tmp_path)
    first, second = attempts_at(prepared, SLOPE)
    assert "raised (KeyError: 'slope')" in first.reason
    assert "Traceback (most recent call last)" in first.trace
    request = prepared[f"answer/{SLOPE}/2"]
    assert not second.accepted
    assert request["trips"] == 1
    assert first.complaint.endswith("KeyError: 'slope'")
    with pytest.raises(NoPatchError, match=r"attempt 1: .*KeyError.*; attempt 2: "):
        accepted_patch(prepared, SLOPE)


@pytest.mark.parametrize("written", [False, True])
def test_killed_at_any_append_and_run_again_no_call_is_repeated(
    models: Callable[..., Model], tmp_path: Path, written: bool
) -> None:
    steps = (broken(SLOPE), right(SLOPE), right(SLOPE))
    models(*steps)
    undisturbed, _ = prepare(options_of(attempts=4), tmp_path)
    for append in range(1, len(undisturbed) + 1):
        model, path = models(*steps), tmp_path / f"{append}-{written}.jsonl"
        with pytest.MonkeyPatch.context() as patching, Ledger.create(path) as ledger:
            die_at(patching, append, written=written)
            with pytest.raises(Death):
                prepare(options_of(attempts=4), tmp_path, LedgerJournal(ledger))
        with Ledger.open(path) as ledger:
            prepared, _ = prepare(options_of(attempts=4), tmp_path, LedgerJournal(ledger))
        asked = [key for key in prepared if key.startswith("asked/")]
        assert Counter(key.rsplit("/", 1)[0] for key in asked).most_common(1)[0][1] == 1, "one request per attempt"
        last_key = list(undisturbed)[append - 1]
        lost = [attempt for attempt in attempts_at(prepared, SLOPE) if attempt.outcome == "lost"]
        may_be_lost = (last_key.startswith("answer/") and not written) or (last_key.startswith("asked/") and written)
        assert len(lost) == may_be_lost, last_key
        assert len(asked) == len(attempts_at(prepared, SLOPE))
        assert model.requests == len(asked) - (last_key.startswith("asked/") and written)
        assert accepted_patch(prepared, SLOPE).edits[0].new == ""


def test_a_lost_answer_counts_against_the_limit_in_full(models: Callable[..., Model], tmp_path: Path) -> None:
    models(right(SLOPE), right(SLOPE))
    done, _ = prepare(options_of(), tmp_path)
    asked = f"asked/{SLOPE}/1/1"
    before = {key: done[key] for key in list(done)[: list(done).index(asked) + 1]}
    assert restored_limit(before, 1.0).spent().unsettled_usd == done[asked]["cost_usd"]
    prepared, _ = prepare(options_of(), tmp_path, MemoryJournal(before))
    first, second = attempts_at(prepared, SLOPE)
    assert (first.outcome, first.cost_usd, first.accepted) == ("lost", None, False)
    assert "never arrived" in first.reason
    assert second.accepted
    spent = restored_limit(prepared, 1.0).spent()
    assert (spent.unsettled_usd, spent.cost_usd) == (done[asked]["cost_usd"], second.cost_usd)


def test_the_limit_holds_across_sessions_and_says_so(models: Callable[..., Model], tmp_path: Path) -> None:
    models(broken(SLOPE), right(SLOPE))
    free, _ = prepare(options_of(), tmp_path)
    paid, second = attempts_at(free, SLOPE)[0].cost_usd, free[f"asked/{SLOPE}/2/1"]["cost_usd"]
    assert paid is not None
    enough_for_one = second + paid / 2  # the second call would fit, were it not for what the first one has cost
    model = models(broken(SLOPE), right(SLOPE))
    prepared, said = prepare(options_of(max_cost=enough_for_one), tmp_path)
    assert model.requests == 1, "the second call could cost more than is left"
    assert "the model was not asked: the call could use up to $" in said[-1]
    with pytest.raises(NoPatchError, match=r"attempt 1: line 9 .*; the model was not asked"):
        accepted_patch(prepared, SLOPE)
    again, _ = prepare(options_of(max_cost=enough_for_one), tmp_path, MemoryJournal(prepared))
    assert (model.requests, again) == (1, prepared), "nothing has changed"
    more, _ = prepare(options_of(max_cost=enough_for_one * 10), tmp_path, MemoryJournal(prepared))
    assert model.requests == 2
    assert attempts_at(more, SLOPE)[-1].accepted


def test_what_is_no_answer_of_the_model_ends_the_study_and_uses_up_no_attempt(
    models: Callable[..., Model], tmp_path: Path
) -> None:
    models(Step(fault=FaultName.UNAUTHORISED), right(SLOPE))
    journal = MemoryJournal()
    with pytest.raises(CallError, match=r"gave no answer \(unauthorised\).*the same command goes on"):
        prepare(options_of(attempts=1), tmp_path, journal)
    prepared, _ = prepare(options_of(attempts=1), tmp_path, journal)
    assert attempts_at(prepared, SLOPE)[0].accepted
    assert f"fault/{SLOPE}/1/1" in prepared


@pytest.mark.parametrize(
    ("step", "outcome", "words"),
    [
        (Step(fault=FaultName.TRUNCATED), "truncated", "cut off at the limit of tokens"),
        (Step(fault=FaultName.REFUSAL), "refused", "the model refused"),
        ("I would rather not.", "invalid", "the answer is no patch"),
        (right(BEND), "answered", "the patch is for 'line:bend', and was asked for 'line:slope'"),
    ],
)
def test_an_answer_without_a_patch_is_an_attempt(
    models: Callable[..., Model], tmp_path: Path, step: Any, outcome: str, words: str
) -> None:
    models(step, right(SLOPE))
    prepared, _ = prepare(options_of(), tmp_path)
    first, second = attempts_at(prepared, SLOPE)
    assert (first.outcome, first.accepted) == (outcome, False)
    assert words in first.reason
    assert second.accepted


def test_by_rule_nobody_is_asked_and_the_patches_cost_nothing(tmp_path: Path, run_once: list[str]) -> None:
    prepared, _ = prepare(study_options(), tmp_path)
    for name in (SLOPE, BEND):
        (attempt,) = attempts_at(prepared, name)
        assert attempt == Attempt.model_validate(
            {**attempt.model_dump(), "model": "rule", "outcome": "rule", "cost_usd": 0.0, "tokens": 0, "accepted": True}
        )
    assert len(run_once) == 4, "the original, the null ablation, and each patch once"
    run_once.clear()
    assert prepare(study_options(), tmp_path, MemoryJournal(prepared))[0] == prepared
    assert run_once == []


def test_a_script_that_does_not_reproduce_itself_is_refused_before_anybody_is_asked(
    models: Callable[..., Model], tmp_path: Path
) -> None:
    model, text = models(right(SLOPE)), str(ONLY_SLOPE["source"]["line.py"])
    fickle = text.replace("random.seed(options.seed)", "random.seed()")
    with pytest.raises(CodeStudyError, match=r"line\.py cannot be studied: with seed 42, .*null: error is "):
        prepare(options_of(source={"line.py": fickle}), tmp_path)
    crashing = text.replace("    result = ", "    raise RuntimeError('no data')\n    result = ")
    with pytest.raises(CodeStudyError, match=r"did not run to its end: raised \(RuntimeError: no data\)"):
        prepare(options_of(source={"line.py": crashing}), tmp_path)
    assert model.requests == 0
