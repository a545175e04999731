"""Stories: a run that dies at a point, is resumed to its end, and is held against the run that nothing disturbed."""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.crash_points.points import FILLING, TEARABLE, Points, Strike, told
from benchmarks.crash_points.stage import Stage, play
from ground.files import file_hash
from llm_clients.kinds import CallOutcome
from llm_clients.request import Request
from llm_clients.scripted.director import Scene
from llm_clients.scripted.script import Script
from llm_clients.scripted.server import ScriptedServer
from search.outcome.outputs import lacking_outputs
from tracking.events import Event, payloads_of
from tracking.payloads import (
    Evaluated,
    Exported,
    FinetuneEnded,
    FinetuneEpoch,
    LlmCall,
    Proposed,
    RunEnded,
    TrialEnded,
    Winner,
)
from tracking.phases import rungs_by_trial, unsettled_trips
from tracking.reader import read_ledger
from tracking.runs import RunDirs

ROOMY, TIGHT = 100_000, 9_000
"""Caps on tokens: one that no story reaches, and one that ends the search early."""
LONGEST_S = 120.0
"""After which a session of a story counts as hung."""
MOST_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class Story:
    """Where a run dies, and of what.

    Attributes:
        point: number of the point.
        kind: what is done at that point.
        how: what strikes.
        cap: the run's cap on tokens.
    """

    point: int
    kind: str
    how: Strike
    cap: int = ROOMY


@dataclass
class Verdict:
    """What is wrong with how a story ended; each is a sentence, and a good story has none."""

    story: Story
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    without_report: list[str] = field(default_factory=list)
    over_cap: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, list[str]]:
        """The faults by kind, without the kinds that there are none of."""
        named = {name: getattr(self, name) for name in KINDS}
        return {name: found for name, found in named.items() if found}


KINDS = ("lost", "repeated", "different", "without_report", "over_cap")


class Books(ScriptedServer):
    """The server of a worker's stories: answers the same to the same question, and keeps books of what it was asked."""

    def __init__(self) -> None:
        super().__init__(Script(improvise=2))
        self.heard: list[str] = []
        next_scene = self.director.next_scene

        def noted(prompt: str, schema: Mapping[str, Any] | None) -> Scene:
            self.heard.append(prompt)
            return next_scene(prompt, schema)

        self.director.next_scene = noted  # type: ignore[method-assign]

    def charged(self) -> int:
        """The tokens charged so far."""
        usage = self.director.totals.usage
        return usage.input_tokens + usage.output_tokens


class Theatre:
    """Plays stories one after another, in forked processes of its own."""

    def __init__(self, folder: Path, server: Books) -> None:
        self._folder, self._server = folder, server
        self._undisturbed: dict[int, dict[str, Any]] = {}

    def points(self, cap: int = ROOMY) -> list[dict[str, Any]]:
        """Play the run that nothing disturbs, and return its points."""
        with self._place() as place:
            code, book = self._session(place, cap, None, Strike.BEFORE)
            events = _read(place)
            assert code == 0, f"the undisturbed run failed with {code}"
            self._undisturbed[cap] = _essence(events, place)
            return [line for line in book if "point" in line]

    def play(self, story: Story) -> Verdict:
        """Play a story to its end."""
        verdict = Verdict(story)
        if story.cap not in self._undisturbed:
            self.points(story.cap)
        with self._place() as place:
            heard, charged = len(self._server.heard), self._server.charged()
            _, book = self._session(place, story.cap, story.point, story.how)
            acknowledged = max([0, *(line["acknowledged"] for line in book if "acknowledged" in line)])
            crashed = _ledger_bytes(place)
            if len(crashed) < acknowledged:
                verdict.lost.append(
                    f"{acknowledged} bytes of the ledger were acknowledged, and {len(crashed)} are there"
                )
            codes = (self._session(place, story.cap, None, Strike.BEFORE)[0] for _ in range(MOST_SESSIONS))
            # Under a cap that is spent a run may rightly fail: no arm is left that could propose.
            if 0 not in codes and story.cap == ROOMY:
                verdict.lost.append(f"the run did not end: {self._said(place)}")
                return verdict
            events = _read(place)
            if not _ledger_bytes(place).startswith(crashed[:acknowledged]):
                verdict.lost.append("lines that were acknowledged have changed")
            _judge(verdict, events, self._server.heard[heard:], self._server.charged() - charged)
            if story.cap == ROOMY:
                _compare(verdict, _essence(events, place), self._undisturbed[story.cap])
            verdict.without_report.extend(lacking_outputs(_run(place), events))
        return verdict

    @contextmanager
    def _place(self) -> Iterator[Path]:
        place = Path(tempfile.mkdtemp(prefix="story-", dir=self._folder))
        (place / "root").mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _session(self, place: Path, cap: int, at: int | None, how: Strike) -> tuple[int, list[dict[str, Any]]]:
        """Run one process to its end or death: its exit code, and what it told."""
        book = place / "book"
        book.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            _be_child(place, book, Stage(self._server.url, cap), at, how)
        deadline = time.monotonic() + LONGEST_S
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.002)
        return os.waitstatus_to_exitcode(ended[1]), told(book) if book.exists() else []

    def _said(self, place: Path) -> str:
        said = (place / "said").read_text().strip() if (place / "said").exists() else ""
        return said[-600:]


def _be_child(place: Path, book: Path, stage: Stage, at: int | None, how: Strike) -> None:
    """Be the process of a session; never return."""
    code = 1
    try:
        said = os.open(place / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        with Points(place / "root", book, at, how).watched():
            code = play(stage, place / "root")
    except BaseException:  # noqa: BLE001  the process's boundary: what failed is told by `said`
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stories_of(points: Sequence[Mapping[str, Any]], cap: int = ROOMY) -> list[Story]:
    """Every story of a run with these points."""
    return [
        Story(int(point["point"]), str(point["kind"]), how, cap)
        for point in points
        for how in Strike
        if (how is not Strike.TORN or point["kind"] in TEARABLE)
        and (how is not Strike.FULL or point["kind"] in FILLING)
    ]


# what a run came to -----------------------------------------------------------------------------------------------


def _run(place: Path) -> Any:
    runs = [run for run in RunDirs(place / "root" / "runs").all() if run.ledger.stat().st_size]
    return runs[-1] if runs else None


def _ledger_bytes(place: Path) -> bytes:
    run = _run(place)
    return b"" if run is None else bytes(run.ledger.read_bytes())


def _read(place: Path) -> tuple[Event, ...]:
    return read_ledger(_run(place).ledger)


def _essence(events: Sequence[Event], place: Path) -> dict[str, Any]:
    """What may not depend on when and how often a run died."""
    folder = _run(place)
    winner = payloads_of(events, Winner)[-1]
    return {
        "proposals": [made.model_dump(mode="json") for made in payloads_of(events, Proposed)],
        "rungs": {
            trial: [(rung.rung, rung.accuracy, rung.loss) for rung in rungs]
            for trial, rungs in sorted(rungs_by_trial(events).items())
        },
        "ends": sorted((end.trial, end.state, end.accuracy, end.rungs) for end in payloads_of(events, TrialEnded)),
        "winner": winner.model_dump(mode="json"),
        "epochs": [
            (epoch.epoch, epoch.train_loss, epoch.holdout_accuracy, epoch.lr)
            for epoch in payloads_of(events, FinetuneEpoch)
        ],
        "evaluated": sorted(
            (score.subject, score.split, score.correct, score.loss) for score in payloads_of(events, Evaluated)
        ),
        "weights": file_hash(weights) if (weights := folder.model / "model.safetensors").is_file() else None,
        "answers": sorted(
            (call.fingerprint or "", call.text or "") for call in payloads_of(events, LlmCall) if call.value is not None
        ),
        "status": payloads_of(events, RunEnded)[-1].status,
    }


def _compare(verdict: Verdict, came: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    verdict.different.extend(name for name in wanted if came[name] != wanted[name])


def _judge(verdict: Verdict, events: Sequence[Event], heard: Sequence[str], charged: int) -> None:
    """What is written twice, and what the server's books and the ledger disagree on."""
    once: dict[str, list[Any]] = {
        "trial": [made.trial for made in payloads_of(events, Proposed)],
        "end of trial": [end.trial for end in payloads_of(events, TrialEnded)],
        "epoch": [epoch.epoch for epoch in payloads_of(events, FinetuneEpoch)],
        "evaluation": [score.subject.value for score in payloads_of(events, Evaluated)],
        "call": [call.call for call in payloads_of(events, LlmCall)],
        "export": [made.path for made in payloads_of(events, Exported)],
        "end of fine-tune": [made.checkpoint for made in payloads_of(events, FinetuneEnded)],
    }
    for what, names in once.items():
        verdict.repeated.extend(f"{what} {name}" for name, times in Counter(names).items() if times > 1)
    answered = Counter(_prompt(call.request) for call in _answered(events))
    for prompt, times in answered.items():
        if times > 1:
            verdict.repeated.append(f"the answer to {prompt[:60]!r} was paid for {times} times")
    unheard = answered - Counter(heard)
    if unheard:
        verdict.different.append(f"{unheard.total()} answers are in the ledger that the server never gave")
    unbooked, in_flight = Counter(heard) - answered, len(unsettled_trips(events)) + _cancelled(events)
    if unbooked.total() > in_flight:
        verdict.different.append(
            f"{unbooked.total()} calls without an answer are in the server's books, and {in_flight} in the ledger's"
        )
    if charged > verdict.story.cap:
        verdict.over_cap.append(f"{charged} tokens were charged, and the cap is {verdict.story.cap}")


def _cancelled(events: Sequence[Event]) -> int:
    """The calls that an interrupt ended: the server may have heard them."""
    return sum(call.outcome is CallOutcome.CANCELLED for call in payloads_of(events, LlmCall))


def _answered(events: Sequence[Event]) -> list[LlmCall]:
    """The calls that a server ended, and not an interrupt or the cap."""
    unheard = (CallOutcome.CANCELLED, CallOutcome.OVER_BUDGET)
    return [call for call in payloads_of(events, LlmCall) if call.outcome not in unheard]


def _prompt(request: Mapping[str, Any]) -> str:
    return Request.from_json(request).messages[0].content
