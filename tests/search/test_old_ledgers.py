"""Ledgers of the first format, as the code of their time wrote them: read, resumed, replayed, synced and compared.

What they hold and how they were made is described in `tests/ledgers/format_1/README.md`. What is decided is held to
them on every machine, with the scores that they hold. A score itself depends on the processor in its last digits:
trials are really trained, and winners fine-tuned, only on such a one as the ledgers were made on.
"""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.floor.export import to_json
from ablations.registry import study
from search.control.report import Report
from search.execution.trial import TrialContext
from search.launching import resume, start
from search.outcome.formats import count_text, share_text
from search.outcome.report import write_report
from search.outcome.summary import summarise
from search.setup.config import load_config
from search.setup.factories import remember_factory
from tracking.events import Event, payloads_of
from tracking.mirror.query import read_runs
from tracking.mirror.sync import sync
from tracking.payloads import (
    Decision,
    Evaluated,
    FinetuneEpoch,
    LlmCall,
    Payload,
    Profiled,
    Proposed,
    RunStarted,
    TrialEnded,
    Winner,
)
from tracking.phases import asked_trials, rungs_by_trial
from tracking.reader import read_ledger
from tracking.runs import RunDir

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).resolve().parents[1] / "ledgers" / "format_1"
NAMES = tuple(sorted(path.parent.name for path in RECORDED.glob("*/ledger.jsonl")))
CUT_SHORT = {"interrupted-finetune": "rules", "interrupted-tpe": "tpe", "killed-hybrid": "hybrid"}
"""Beside each, the run of the same configuration that nothing disturbed."""
ASKING = ("hybrid", "llm", "llm-faults")
EXTENDED = "extended", "random", 3
"""A run that went on beyond its end: the run that it was before, and how many trials were added."""
CLASSICAL = tuple(name for name in NAMES if name not in (*CUT_SHORT, *ASKING, EXTENDED[0]))
ELSEWHERE = {"executor": "local", "mlflow": False}


def recorded(name: str) -> tuple[Event, ...]:
    return read_ledger(RECORDED / name / "ledger.jsonl")


def copied(name: str, runs: Path) -> RunDir:
    """A copy of a recorded run, in a folder of its own name, as if its user had begun it there."""
    started = payloads_of(recorded(name), RunStarted)[0]
    folder = runs / started.run_id
    shutil.copytree(RECORDED / name, folder)
    remember_factory(folder, started.config["model"])
    return RunDir(folder)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for runs, beside what the configurations of the recorded ones name: base, network and scripts."""
    for file in (*RECORDED.glob("*.safetensors"), *(RECORDED / "scripts").iterdir()):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(RECORDED))
    return tmp_path / "runs"


def same_processor() -> bool:
    """Whether numbers come out here as on the machine of the ledgers, to the last digit."""
    return bool(processor() == json.loads((RECORDED / "processor.json").read_text())) and not torch.cuda.is_available()


def processor() -> dict[str, str]:
    text = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    kinds = {line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(("cpu family", "model"))}
    return {
        "kind": ", ".join(sorted(kinds)),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


real = pytest.mark.skipif(not same_processor(), reason="the last digits of a score depend on the processor")


def dictate(monkeypatch: pytest.MonkeyPatch, events: Sequence[Event]) -> None:
    """From here on trials get the scores that these events hold, and a run is interrupted when its winner is known."""
    rungs = rungs_by_trial(events)

    class Played:
        """Stands for the worker that would train."""

        def __init__(self, context: TrialContext, name: str, device: object) -> None:
            pass

        def begin(self, config: Mapping[str, Any]) -> None:
            self.scores = iter(rungs[config["trial"]])

        def step(self) -> Report:
            rung, now = next(self.scores), datetime.now(UTC)
            return Report(rung.trial, "played", 1, now, now, compute_s=0.0, served=1, rung=rung)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    profiles = payloads_of(events, Profiled)
    monkeypatch.setattr("search.setup.search_ground.SearchGround.measure_sensitivity", lambda *_: profiles[0])
    monkeypatch.setattr("search.execution.local.TrialWorker", Played)
    monkeypatch.setattr("search.execution.local.LocalExecutor.finetune", interrupt)


def again(name: str, runs: Path, **changes: Any) -> Sequence[Event]:
    """A new run in this process, of a recorded one's configuration."""
    events = recorded(name)
    config = payloads_of(events, RunStarted)[0].config
    fields = {**config, **ELSEWHERE, "workers": None, "runs": runs, "trials": asked_trials(events), **changes}
    return start(load_config(None, fields)).events


def replayed(name: str, runs: Path) -> Sequence[Event]:
    """A new run in this process, whose answers are the recorded ones; all else it takes over by itself."""
    source = copied(name, runs.with_name("recorded"))
    return start(load_config(None, {"llm": f"replay:{source.path}", "runs": runs, **ELSEWHERE})).events


def values(payloads: Sequence[Payload], *without: str) -> list[dict[str, Any]]:
    return [payload.model_dump(exclude=set(without)) for payload in payloads]


@dataclass(frozen=True)
class Search:
    """What a search came to: nothing of it may depend on when it ran, where, and how often it was interrupted."""

    proposals: list[dict[str, Any]]
    scores: dict[int, list[dict[str, Any]]]
    ends: list[tuple[int, str, float | None, int]]
    decisions: Counter[str]
    winner: list[dict[str, Any]]


def searched(events: Sequence[Event]) -> Search:
    """Who proposed is left out: a replay has a name of its own."""
    winners = payloads_of(events, Winner)
    model = payloads_of(events, RunStarted)[0].llm or "no model"
    return Search(
        proposals=[
            made | {"rationale": made["rationale"].replace(" a MAC", " per MAC")}  # as it is put today
            for made in values(payloads_of(events, Proposed), "proposer")
        ],
        scores={trial: values(rungs) for trial, rungs in sorted(rungs_by_trial(events).items())},
        ends=sorted((end.trial, end.state, end.accuracy, end.rungs) for end in payloads_of(events, TrialEnded)),
        decisions=Counter(made.model_dump_json().replace(model, "the model") for made in payloads_of(events, Decision)),
        winner=values(winners[-1:]),
    )


def finished(events: Sequence[Event]) -> list[list[dict[str, Any]]]:
    """What became of the winner, without the times that it took."""
    return [
        values(payloads_of(events, FinetuneEpoch), "wall_s", "images_per_s", "holdout_loss"),
        values(payloads_of(events, Evaluated), "latency_ms", "weights_bytes"),
    ]


def asked(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What the model was asked and what was made of its answers, without who it was and how long it took.

    An optimiser's points are left out: format 1 holds them in the text of the request only, and by its fingerprint
    they are the same.
    """
    calls = sorted(payloads_of(events, LlmCall), key=lambda call: call.call)
    return values(calls, "model", "latency_s", "durations_s", "resources", "trail", "request", "points")


def as_far_as(former: Any, new: Any) -> Any:
    """The new value without the fields that the former does not have: a summary may get more of them."""
    if isinstance(former, dict) and isinstance(new, dict):
        return {name: as_far_as(value, new[name]) for name, value in former.items()}
    if isinstance(former, list) and isinstance(new, list) and len(former) == len(new):
        return [as_far_as(one, other) for one, other in zip(former, new, strict=True)]
    return new


def numbers(value: Any) -> Iterator[float]:
    """All numbers in a JSON value, true and false among them."""
    match value:
        case dict():
            for entry in value.values():
                yield from numbers(entry)
        case list() | tuple():
            for entry in value:
                yield from numbers(entry)
        case int() | float():
            yield value


@pytest.mark.parametrize("name", NAMES)
class TestRead:
    def test_every_event_with_all_its_numbers(self, name: str) -> None:
        lines = [json.loads(line) for line in (RECORDED / name / "ledger.jsonl").read_text().splitlines()]
        events = recorded(name)
        assert [event.seq for event in events] == [line["seq"] for line in lines]
        for event, line in zip(events, lines, strict=True):
            envelope = {"seq", "kind", "schema"}
            recorded_numbers = Counter(
                numbers({field: entry for field, entry in line.items() if field not in envelope})
            )
            assert not recorded_numbers - Counter(numbers(event.payload.model_dump(mode="json"))), line

    def test_summary_and_report_made_again_hold_the_same_figures(self, name: str, tmp_path: Path) -> None:
        events = recorded(name)
        made = summarise(events)
        path = RECORDED / name / "summary.json"
        if path.exists():  # whoever is killed writes none
            former = json.loads(path.read_text())
            new = made.model_dump(mode="json", by_alias=True)
            fields = former.keys() - {"schema", "mlflow"}
            assert {field: as_far_as(former[field], new[field]) for field in fields} == {
                field: former[field] for field in fields
            }
        write_report(events, made, tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        figures = [share_text(end.accuracy) for end in payloads_of(events, TrialEnded)]
        if made.winner is not None:
            winner = made.winner
            figures += [f"{winner.macs:,}", count_text(winner.params), share_text(winner.accuracy)]
        assert [figure for figure in figures if figure not in page] == []


class TestDecided:
    """On any machine, with the recorded scores: the same proposals, endings, decisions and winner."""

    @pytest.mark.parametrize("name", CLASSICAL)
    def test_by_a_new_run_of_the_same_configuration(
        self, name: str, runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dictate(monkeypatch, recorded(name))
        assert searched(again(name, runs)) == searched(recorded(name))

    @pytest.mark.parametrize("name", ASKING)
    def test_by_a_replay(self, name: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        dictate(monkeypatch, recorded(name))
        events = replayed(name, runs)
        assert searched(events) == searched(recorded(name))
        assert asked(events) == asked(recorded(name))

    @pytest.mark.parametrize(("name", "undisturbed"), CUT_SHORT.items())
    def test_by_a_resumed_run(self, name: str, undisturbed: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        dictate(monkeypatch, recorded(undisturbed))
        events = resume(str(copied(name, runs).path), runs, elsewhere=ELSEWHERE).events
        assert searched(events) == searched(recorded(undisturbed))

    def test_by_an_extended_run(self, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        name, before, added = EXTENDED
        dictate(monkeypatch, recorded(name))
        events = resume(str(copied(before, runs).path), runs, add_trials=added, elsewhere=ELSEWHERE).events
        assert searched(events) == searched(recorded(name))


@real
class TestTrained:
    """The same with real training, to the last digit of every score."""

    @pytest.mark.parametrize(("name", "undisturbed"), CUT_SHORT.items())
    def test_a_resumed_run_ends_as_the_undisturbed_one(self, name: str, undisturbed: str, runs: Path) -> None:
        events = resume(str(copied(name, runs).path), runs, elsewhere=ELSEWHERE).events
        assert searched(events) == searched(recorded(undisturbed))
        assert finished(events) == finished(recorded(undisturbed))

    @pytest.mark.parametrize("name", ASKING)
    def test_a_replay_asks_the_same_and_ends_the_same(self, name: str, runs: Path) -> None:
        events = replayed(name, runs)
        assert asked(events) == asked(recorded(name))
        assert searched(events) == searched(recorded(name))
        assert finished(events) == finished(recorded(name))


class TestCompared:
    def test_all_are_synced_and_give_the_table_of_their_time(self, runs: Path, tmp_path: Path) -> None:
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        for name in sorted(NAMES, key=lambda name: len(recorded(name))):  # a run, then the same one extended
            state = sync(copied(name, runs / name), uri, "old")
            assert (state.in_sync, state.synced_seq) == (True, len(recorded(name))), name
        tables = study("comparison").tables(read_runs(uri))
        assert json.loads(to_json(tables)) == json.loads((RECORDED / "comparison.json").read_text())
