"""The whole job: Ray, Tune, Train, MLflow and a database, from the command line to the exported model."""

import json
import sqlite3
from collections import Counter

import pytest

from cli.main import main
from pruning.card import CARD
from pruning.checkpoint import load_pruned
from pruning.counter import count_macs
from search.setup.resources import machine_resources
from tests.cli.launched import Launched
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.mirror.query import read_runs
from tracking.payloads import Proposed, Rung, TrialEnded

pytestmark = pytest.mark.slow


def test_the_budget_is_met_and_counted_again(whole: Launched) -> None:
    winner, target = whole.summary.winner, whole.summary.target_macs
    assert winner is not None
    assert target is not None
    assert 0.995 * target <= winner.macs <= target
    reloaded = load_pruned(whole.run.model)
    assert count_macs(reloaded.module, reloaded.spec.input_size) == winner.macs
    assert sum(parameter.numel() for parameter in reloaded.module.parameters()) == winner.params


def test_the_summary_is_whole(whole: Launched) -> None:
    summary = whole.summary
    assert summary.status is RunStatus.FINISHED
    assert summary.proposer == "rules"
    assert summary.llm is None
    assert summary.trials.proposed == 6
    assert summary.trials.completed + summary.trials.stopped_early == 6
    assert summary.winner is not None
    assert summary.winner.accuracy is not None
    assert summary.winner.latency_ms is not None
    assert summary.mlflow is not None


def test_trials_were_out_at_once_and_actors_served_several(whole: Launched) -> None:
    """Counted in the order of the ledger: on a busy machine an actor may begin when another has done all the work."""
    out, most = set[int](), 0
    for event in whole.events:
        match event.payload:
            case Proposed(trial=int(trial)):
                out.add(trial)
            case TrialEnded(trial=trial):
                out.discard(trial)
        most = max(most, len(out))
    assert (most > 1) == (machine_resources()[0] > 1), "with one CPU there is one worker, with more there are more"
    assert max(record.served for record in payloads_of(whole.events, TrialEnded)) > 1


def test_each_step_was_written_in_order(whole: Launched) -> None:
    kinds = [event.kind.value for event in whole.events]
    order = ["run_started", "plan_ready", "base_ready", "proposed", "trial_started", "rung", "trial_ended"]
    order += [
        "winner",
        "finetune_started",
        "finetune_epoch",
        "finetune_ended",
        "exported",
        "evaluated",
        "run_ended",
    ]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert Counter(kinds)["evaluated"] == 2, "the test set is read once for each model"


def test_mlflow_holds_parent_trials_and_finetune(whole: Launched) -> None:
    (record,) = read_runs(f"sqlite:///{whole.folder / 'mlflow.db'}")
    assert record.run_id == whole.run.run_id
    assert len(record.trials) == 6
    assert whole.summary.winner is not None
    assert record.winner_macs == whole.summary.winner.macs
    with sqlite3.connect(whole.folder / "mlflow.db") as database:
        (runs,) = database.execute("SELECT count(*) FROM runs").fetchone()
        (steps,) = database.execute("SELECT count(*) FROM metrics WHERE step > 0").fetchone()
    assert runs == 1 + 6 + 1
    assert steps > len(payloads_of(whole.events, Rung)) / 2


def test_what_is_left_for_people(whole: Launched) -> None:
    page = whole.run.report.read_text()
    assert page.count("<svg") > 4
    assert "<title>" in page, "values without a server"
    assert "http" not in page.replace("http-equiv", "").split("<body>")[0]
    assert whole.run.plot.stat().st_size > 10_000
    assert (whole.folder / "runs" / "latest").resolve() == whole.run.path.resolve()
    assert " ui --tracking-uri sqlite:///" in whole.output
    assert "rules (classical, no LLM)" in whole.output


def test_the_card_states_the_result(whole: Launched) -> None:
    winner, base = whole.summary.winner, whole.summary.baseline
    assert winner is not None
    assert base is not None
    card = (whole.run.model / CARD).read_text()
    assert f"| MACs | {base.macs:,} | {winner.macs:,} |" in card
    assert f"| accuracy (digits) | {base.accuracy:.2%} | {winner.accuracy:.2%} |" in card


def test_compare_prints_a_table_from_it(whole: Launched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--json", "--tracking-uri", f"sqlite:///{whole.folder / 'mlflow.db'}"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["tables"][0]["rows"]
    assert row["arm"] == "rules"
