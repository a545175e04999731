"""Summary, plots and report from ledgers that stop at any point."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from search.outcome import outputs as module
from search.outcome.outputs import lacking_outputs, write_outputs
from search.outcome.report import SHOWN, write_report
from search.outcome.summary import read_summary, summarise
from tests.search import support
from tests.search.explained import STOPPED, UNIFORM, Tried, searched
from tests.tracking.samples import numbered, on_holdout, whole_run
from tracking.clock import utc_now
from tracking.events import Event
from tracking.kinds import Ranking, RunStatus, TrialState
from tracking.ledger import Ledger
from tracking.payloads import (
    BaseReady,
    GroupShape,
    PlanReady,
    Proposed,
    Resumed,
    RunEnded,
    Rung,
    RunStarted,
    StrategyRecord,
    TrialEnded,
    Winner,
)
from tracking.phases import worked_seconds
from tracking.runs import RunDir

STRATEGY = StrategyRecord(ratios=(0.5,), importance="l2", round_to=1, ranking=Ranking.LOCAL)


def record_all(ledger: Ledger) -> None:
    """A small run: one trial that wins, one that fails, one still open."""
    group = GroupShape(name="conv1", units=8, set=0)
    ledger.record(
        RunStarted(
            run_id="r", model="m", dataset="d", proposer="llm", llm="x", seed=1, started_at=support.EPOCH, config={}
        )
    )
    ledger.record(
        PlanReady(
            counter="c", groups=(group,), sets=1, floor_macs=1, baseline_macs=1000, target_macs=500, band=(475, 505)
        )
    )
    ledger.record(
        BaseReady(macs=1000, params=90, holdout_accuracy=0.9, checkpoint="p", cached=True, made="a new head on <x>")
    )
    for trial, (proposer, in_band) in enumerate([("start", False), ("llm:x", False), ("llm:x", True)]):
        ledger.record(
            Proposed(
                trial=trial, proposer=proposer, strategy=STRATEGY, requested_macs=500, in_band=in_band, allocation=(4,),
                macs=499, params=40, rationale="<script>alert(1)</script>",
            )
        )  # fmt: skip
    ledger.record(Rung(trial=0, rung=0, epochs=1, accuracy=0.8, loss=0.5))
    common: dict[str, Any] = {
        "wall_s": 1.0,
        "actor": "a",
        "started": support.EPOCH,
        "ended": support.EPOCH,
        "served": 1,
    }
    ledger.record(TrialEnded(trial=0, state=TrialState.COMPLETED, accuracy=0.8, rungs=1, error=None, **common))
    ledger.record(TrialEnded(trial=1, state=TrialState.FAILED, accuracy=None, rungs=0, error="it broke", **common))
    ledger.record(Winner(trial=0, strategy=STRATEGY, allocation=(4,), macs=499, params=40, proxy_accuracy=0.8))
    ledger.record(RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=3.0))


@pytest.fixture
def written(tmp_path: Path) -> Ledger:
    ledger = support.ledger_at(tmp_path)
    record_all(ledger)
    ledger.close()
    return ledger


def test_the_summary_counts_what_happened_and_invents_nothing(written: Ledger) -> None:
    summary = summarise(written.events)
    assert summary.trials.model_dump() == {"proposed": 3, "completed": 1, "stopped_early": 0, "failed": 1}
    assert summary.revisions == 1, "the common start belongs to no proposer"
    assert summary.winner is not None
    assert (summary.winner.accuracy, summary.winner.latency_ms) == (None, None)
    assert summary.baseline is not None
    assert summary.baseline.accuracy is None


def test_a_summary_can_be_made_after_any_event(written: Ledger, tmp_path: Path) -> None:
    for count in range(1, len(written.events) + 1):
        assert summarise(written.events[:count]).run_id == "r"
    for count in (1, 2, len(written.events)):
        write_outputs(RunDir(tmp_path), written.events[:count], None)
        assert read_summary(tmp_path / "summary.json") == summarise(written.events[:count])


def test_the_report_is_self_contained_and_runs_nothing_of_a_proposer(written: Ledger, tmp_path: Path) -> None:
    write_outputs(RunDir(tmp_path), written.events, None)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 1, "the one that shows a mark's value"
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "it broke" in page
    assert "<svg" in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page), "it needs no other file"
    assert "unfinished" in page
    assert "A new head on &lt;x&gt;: it reached 90.00 % of the holdout." in " ".join(page.split())


def test_a_score_on_images_that_were_trained_on_is_nowhere_called_a_holdout_score(tmp_path: Path) -> None:
    events = numbered(on_holdout(whole_run()))
    write_report(events, summarise(events), tmp_path / "report.html")
    page = " ".join((tmp_path / "report.html").read_text().split())
    assert "scores on its images after that are no holdout scores, and only the test set says how good" in page
    assert "<th>train loss</th><th>holdout’s images, trained on</th>" in page
    assert "<td>96.00 %</td>" in page
    assert "Accuracy on the holdout after each epoch" not in page


def test_a_long_list_of_trials_is_folded_after_the_best(tmp_path: Path) -> None:
    tried = [Tried((0.5, 0.6 + 0.01 * number), kept=UNIFORM) for number in range(SHOWN + 3)]
    write_report(events := searched(*tried, winner=SHOWN + 2), summarise(events), tmp_path / "report.html")
    above, below = (tmp_path / "report.html").read_text().split("the 3 trials below these")
    assert [f'idea">idea {number}<' in above for number in (0, 2, 3, SHOWN + 2)] == [False, False, True, True]
    assert all(f'idea">idea {number}<' in below for number in range(3))


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("winner", [0, 1])
def test_the_report_says_why_the_winner_won(tmp_path: Path, winner: int, priced: bool) -> None:
    tried = (Tried((0.5, 0.8), kept=UNIFORM), Tried((0.6, 0.9)), Tried((0.2,), STOPPED))
    write_outputs(RunDir(tmp_path), searched(*tried, winner=winner, priced=priced), None)
    page = (tmp_path / "report.html").read_text()
    assert "Why the winner won" in page
    assert f"“idea {winner}”" in page
    assert ("uniform start itself" in page) == (winner == 0)
    assert ("winner&#39;s share" in page or "winner's share" in page) == priced
    assert (tmp_path / "stages.png").is_file() == priced
    assert ('aria-label="share of the budget by stage"' in page) == priced
    assert "by rules: stopped early, 20.00 % at rung 1" in page


def test_pauses_between_sessions_do_not_count_as_work(tmp_path: Path) -> None:
    begun = utc_now() - timedelta(seconds=100)
    payload = RunStarted(
        run_id="r", model="m", dataset="d", proposer="p", llm=None, seed=0, started_at=begun, config={}
    )
    ended = RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=10)
    events = (
        Event(1, begun, payload),
        Event(2, begun + timedelta(seconds=10), ended),
        Event(3, begun + timedelta(seconds=95), Resumed(from_seq=2)),
    )
    assert worked_seconds(events, events[-1].time + timedelta(seconds=5)) == pytest.approx(15)


def test_a_plot_that_fails_is_told_and_costs_nothing_else(
    written: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "plot_trade_off", broken)
    assert write_outputs(RunDir(tmp_path), written.events, None).failed == (
        "accuracy_vs_macs.png: OSError: [Errno 28] No space left on device",
    )
    assert "it broke" in (tmp_path / "report.html").read_text()
    assert lacking_outputs(RunDir(tmp_path), written.events) == ("accuracy_vs_macs.png",)


def test_what_is_missing_or_old_is_known(written: Ledger, tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    assert lacking_outputs(folder, written.events)[-2:] == ("report.html", "summary.json")
    write_outputs(folder, written.events[:-1], None)
    assert lacking_outputs(folder, written.events) == ("summary.json",), "it is from before the end"
    write_outputs(folder, written.events, None)
    assert lacking_outputs(folder, written.events) == ()
    folder.report.write_bytes(b"")
    folder.summary.write_bytes(b"{")
    assert lacking_outputs(folder, written.events) == ("report.html", "summary.json")


def test_a_failed_write_leaves_the_former_file_and_no_draft(
    written: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunDir(tmp_path)
    write_outputs(folder, written.events, None)
    former = folder.report.read_bytes()
    (tmp_path / ".report.html-1-0badcafe.draft").touch()

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert len(write_outputs(folder, written.events, None).failed) == 2
    assert folder.report.read_bytes() == former
    assert not list(tmp_path.glob(".*.draft"))
