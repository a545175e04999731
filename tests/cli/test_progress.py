"""The view of a run, fed with events: the rows below the lines on a terminal, and what a log says."""

import io
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from cli.progress import ProgressView
from tests.tracking.samples import (
    llm_call,
    numbered,
    on_holdout,
    preparation,
    proposed,
    trial_ended,
    trial_started,
    whole_run,
)
from tracking.events import Event
from tracking.kinds import DecisionKind, TrialState
from tracking.payloads import (
    Decision,
    Extended,
    FinalistEpoch,
    Finalists,
    FinetuneStarted,
    LlmCall,
    Payload,
    Proposed,
    Resumed,
    Rung,
    Winner,
)
from tracking.totals import COMMON_START
from trainers.progress import Progress, Standing

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
START = proposed(0).model_copy(update={"proposer": COMMON_START})


def rung(trial: int, number: int, accuracy: float = 0.5) -> Rung:
    return Rung(trial=trial, rung=number, epochs=number, accuracy=accuracy, loss=1.0)


def call(number: int, strategies: int, **changes: object) -> LlmCall:
    made = llm_call(number)
    assert made.quality is not None
    quality = made.quality.model_copy(update={"strategies": strategies})
    return made.model_copy(update={"quality": quality, **changes})


def by_llm(trial: int, rationale: str = "keep what is early") -> Proposed:
    return proposed(trial).model_copy(update={"proposer": "llm:scripted", "rationale": rationale})


def winner() -> Winner:
    spec = proposed(0)
    return Winner(trial=0, strategy=spec.strategy, allocation=spec.allocation, macs=998, params=50, proxy_accuracy=0.9)


SEARCHING: tuple[Payload, ...] = (
    *preparation(),
    call(0, 4),
    START,
    trial_started(0),
    by_llm(1),
    trial_started(1),
    rung(0, 0),
    rung(1, 0),
    rung(1, 1),
    trial_ended(0, accuracy=0.8),
    by_llm(2),
)


class Seen:
    """A view on a console whose text can be read back."""

    def __init__(self, *, terminal: bool, width: int = 80, trials: int = 8, on_ray: bool = True) -> None:
        self._file = io.StringIO()
        self._console = Console(file=self._file, force_terminal=terminal, width=width, color_system=None)
        self.view = ProgressView(trials, self._console, on_ray=on_ray)

    def feed(self, payloads: Sequence[Payload]) -> "Seen":
        with self.view:
            for event in numbered(payloads):
                self.view.event(event)
        return self

    @property
    def written(self) -> str:
        return self._file.getvalue()

    @property
    def lines(self) -> list[str]:
        return CONTROL.sub("", self._file.getvalue()).splitlines()

    def board(self) -> dict[str, str]:
        """The current rows below the bar, by name."""
        self._file.truncate(0)
        self._file.seek(0)
        self._console.print(self.view._render())
        assert all(len(line) <= self._console.width for line in self.lines)
        rows = [line.strip().split(None, 1) for line in self.lines]
        return {row[0]: row[1] for row in rows if len(row) > 1}


@pytest.fixture
def terminal() -> Seen:
    return Seen(terminal=True)


def test_how_the_search_stands(terminal: Seen) -> None:
    board = terminal.feed(SEARCHING).board()
    assert board["best"] == "80.00 % on the holdout, trial 0 · uniform start 80.00 % · by start"
    assert board["running"] == "2 trials: 1 at rung 2 · 2 not scored yet"
    assert board["waiting"] == "2 proposals of the LLM"
    assert board["spent"] == "1 of 8 trials · 1 LLM call · 120 tokens · $0.0100"
    assert board["elapsed"] == "0:00:00"
    assert "1/8" in board["search"]


def test_before_anything_was_tried(terminal: Seen) -> None:
    board = terminal.feed(preparation()).board()
    assert (board["best"], board["running"], board["waiting"]) == ("no trial completed yet", "none", "none")
    assert board["spent"] == "0 of 8 trials"
    assert "starting Ray" in board["search"]


def test_without_ray_nobody_waits_for_it() -> None:
    here = Seen(terminal=True, on_ray=False)
    assert "Ray" not in here.feed(preparation()).board()["search"]


def test_the_best_is_chosen_as_the_winner_is(terminal: Seen) -> None:
    """A trial that was stopped early is not; among equals it is the one with fewer MACs, then the earlier."""
    cheap = by_llm(2).model_copy(update={"macs": 900})
    ends = (
        trial_ended(3, TrialState.STOPPED_EARLY, 0.95),
        trial_ended(1, accuracy=0.9),
        trial_ended(0, accuracy=0.9),
        trial_ended(2, accuracy=0.9),
    )
    board = terminal.feed((*preparation(), START, by_llm(1), cheap, by_llm(3), *ends)).board()
    assert board["best"].startswith("90.00 % on the holdout, trial 2 ")
    assert "4/8" in board["search"]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"cost_usd": None}, "2 LLM calls · 240 tokens · at least $0.0100"),
        ({"usage": None}, "2 LLM calls · at least 120 tokens · $0.0200"),
        ({"quality": None}, "2 LLM calls · 240 tokens · $0.0200"),
    ],
)
def test_what_a_vendor_did_not_report_is_not_made_up(terminal: Seen, second: dict[str, object], words: str) -> None:
    board = terminal.feed((*preparation(), call(0, 2), call(1, 2, **second))).board()
    assert board["spent"] == f"0 of 8 trials · {words}"
    unknown = "proposals of the LLM are not counted in this ledger"
    assert board["waiting"] == (unknown if "quality" in second else "4 proposals of the LLM")


def test_an_arm_that_takes_over_leaves_no_proposal_waiting(terminal: Seen) -> None:
    switch = Decision(decision=DecisionKind.SWITCH_ARM, reason="stalled; tpe proposes from here on")
    assert terminal.feed((*SEARCHING, switch)).board()["waiting"] == "none"


def test_a_resumed_search_stands_where_it_stood(terminal: Seen) -> None:
    earlier = numbered(SEARCHING)
    terminal.view.remember(earlier)
    assert terminal.lines == [], "what is known is not shown again"
    seq = earlier[-1].seq
    with terminal.view:
        terminal.view.event(Event(seq + 1, earlier[-1].time, Resumed(from_seq=seq)))
    board = terminal.board()
    assert board["best"].startswith("80.00 % on the holdout, trial 0")
    assert "1/8" in board["search"]
    assert board["running"] == "none", "no process of the earlier session lives"
    assert board["waiting"] == "2 trials to begin again · 2 proposals of the LLM"
    assert board["spent"] == "1 of 8 trials · 1 LLM call · 120 tokens · $0.0100"
    again = terminal.feed((trial_started(2),)).board()
    assert (again["running"], again["waiting"]) == (
        "1 trial: 2 not scored yet",
        "1 trial to begin again · 2 proposals of the LLM",
    )


def test_the_time_of_earlier_sessions_is_spent_too(terminal: Seen) -> None:
    first, second = numbered(preparation())
    terminal.view.remember((first, Event(2, first.time.replace(hour=11, minute=0, second=0), second.payload)))
    assert terminal.feed(()).view._elapsed() >= 17 * 60


def test_it_is_gone_when_the_search_is_over_and_back_when_it_is_extended(terminal: Seen) -> None:
    ended = (*SEARCHING, winner())
    assert "running" not in terminal.feed(ended).board()
    again = Seen(terminal=True, trials=10).feed((*ended, Resumed(from_seq=1), Extended(added=2)))
    assert again.board()["spent"].startswith("1 of 10 trials")


def test_nothing_is_wider_than_the_terminal() -> None:
    trials = range(1, 25)
    wide = Seen(terminal=True, width=80, trials=32)
    crowd = [payload for trial in trials for payload in (by_llm(trial, "why not " * 40), trial_started(trial))]
    board = wide.feed((*preparation(), START, *crowd, trial_ended(1), rung(3, 1))).board()
    assert board["running"].startswith("24 trials: 3 at rung 2 · 0, 2, 4, 5, 6,")
    assert board["running"].endswith("…")
    shown = Seen(terminal=True, width=80).feed((*preparation(), START, *crowd, trial_ended(1)))
    (line,) = [line for line in shown.lines if "trial   1 · " in line]
    assert len(line) == 80
    assert "completed at 90.00 %, the best so far · why not why" in line


def test_an_error_is_shown_whole() -> None:
    failed = trial_ended(0, TrialState.FAILED, None, "out of memory " * 20)
    lines = Seen(terminal=True).feed((*preparation(), START, failed)).lines
    assert " ".join(" ".join(lines).split()).count("out of memory") == 20


def test_a_log_has_plain_lines_and_no_board() -> None:
    log = Seen(terminal=False, width=120).feed((*SEARCHING, trial_ended(1, accuracy=0.9)))
    lines = log.lines
    assert [line.partition(" s  ")[2] for line in lines if "plan:" not in line and "base model" not in line] == [
        "llm call 0: answered by scripted in 0.5 s, 4 strategies",
        "trial   0 · completed at 80.00 %, the best so far · keep what is early · start · 998 MACs",
        "trial   1 · completed at 90.00 %, the best so far · keep what is early · llm:scripted · 998 MACs",
    ]
    assert len(lines) == 5
    assert "\x1b" not in log.written


FINETUNING = (Progress("starting the workers"), Progress("training", Standing(2, 4, 5, 20, 1.25, 10.0, 32.0)))


def test_of_finalists_side_by_side_each_is_heard_by_its_name() -> None:
    """In a log none silences the others; on a terminal each has a bar until the winner's training takes their place."""
    log, terminal = Seen(terminal=False, width=160), Seen(terminal=True, width=160)
    for seen in (log, terminal):
        seen.feed((Finalists(trials=(3, 5), epochs=4, recipe={}),))
        with seen.view:
            seen.view.finetune_progress(Progress("2 are trained side by side", who="finalists"))
            for progress in FINETUNING:
                for who in ("finalist 3", "finalist 5"):
                    seen.view.finetune_progress(replace(progress, who=who))
    for who in ("finalist 3", "finalist 5"):
        assert log.written.count(f"{who}: training: epoch 2/4, step 5/20") == 1
    for seen in (log, terminal):
        assert "finalists: 2 are trained side by side" in seen.written
    assert [task.description for task in terminal.view._bar.tasks] == ["finalist 3", "finalist 5"]
    epoch = FinalistEpoch(trial=5, epoch=4, train_loss=0.5, holdout_accuracy=0.75, holdout_loss=1.0, lr=0.1, wall_s=1.0)
    log.feed((epoch,))
    assert "finalist 5: epoch 4/4, loss 0.5000, holdout 75.00 %" in log.written
    terminal.feed((FinetuneStarted(workers=2, recipe={"epochs": 4}),))
    assert [task.description for task in terminal.view._bar.tasks] == ["fine-tune"]


def test_what_is_trained_on_is_not_called_a_holdout_score() -> None:
    log = Seen(terminal=False, width=200).feed(on_holdout(whole_run()))
    assert "fine-tune: epoch 2/2, loss 0.2000, 96.00 % of the holdout, which is trained on" in log.written
    assert "s: 96.00 % of the holdout, which is trained on" in log.written
    assert "images of the holdout an epoch has +" in log.written


def test_a_fine_tune_is_seen_before_its_first_epoch_has_ended() -> None:
    """In a log as lines, on a terminal beside the bar."""
    begun = FinetuneStarted(workers=2, recipe={"epochs": 4})
    log, terminal = Seen(terminal=False), Seen(terminal=True, width=160)
    for seen in (log, terminal):
        seen.feed((begun,))
        with seen.view:
            for progress in (*FINETUNING, FINETUNING[1]):
                seen.view.finetune_progress(progress)
    stated = "training: epoch 2/4, step 5/20, loss 1.2500, 32 images/s, 0:01:50 left"
    assert "fine-tune: starting the workers" in log.written
    assert log.written.count(f"fine-tune: {stated}") == 1, "the next line follows a minute later"
    assert stated in terminal.written


def test_lines_are_broken_between_words_on_a_terminal_alone() -> None:
    for terminal in (True, False):
        seen = Seen(terminal=terminal)
        seen.view._line("a word " * 20)
        assert any(len(line) > 80 for line in seen.lines) != terminal
        assert all(line.split()[-1] == "word" for line in seen.lines)
