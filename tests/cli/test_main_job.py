"""The main job for real: Ray, Tune, Train, MLflow and a database, from the command line to the exported model."""

import itertools
import json
import signal
import sqlite3
from collections import Counter

import pytest

from cli.main import main
from cli.search import go_on
from pruning.card import CARD
from pruning.checkpoint import load_pruned
from pruning.counter import count_macs
from search.config import RunConfig
from tests.cli.launched import QUICK, Launched, launch
from tracking.events import RunStatus
from tracking.payloads import Proposed, Rung, RunStarted, TrialEnded, payloads_of
from tracking.reading import read_runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory, whole: Launched) -> tuple[Launched, Launched]:
    """The same run on one worker, interrupted after its third trial, and what its resume came to."""
    folder = tmp_path_factory.mktemp("broken")
    first = launch(
        folder,
        *QUICK,
        "--workers",
        "1",
        "--no-mlflow",
        interrupt_at=lambda line: "trial   2" in line,
        by=signal.SIGTERM,
    )
    again = launch(folder, "resume", first.run.run_id, "--runs", "runs")
    return first, again


class TestUndisturbed:
    def test_the_budget_is_met_and_counted_again(self, whole: Launched) -> None:
        winner, target = whole.summary.winner, whole.summary.target_macs
        assert winner is not None
        assert target is not None
        assert 0.995 * target <= winner.macs <= target
        reloaded = load_pruned(whole.run.model)
        assert count_macs(reloaded.module, reloaded.spec.input_size) == winner.macs
        assert sum(parameter.numel() for parameter in reloaded.module.parameters()) == winner.params

    def test_the_summary_is_whole(self, whole: Launched) -> None:
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

    def test_trials_overlapped_and_actors_served_several(self, whole: Launched) -> None:
        ended = payloads_of(whole.events, TrialEnded)
        spans = [(record.started, record.ended, record.actor) for record in ended if record.started and record.ended]
        assert any(a[2] != b[2] and a[0] < b[1] and b[0] < a[1] for a, b in itertools.combinations(spans, 2)), (
            "no two trials ran at the same time"
        )
        assert max(record.served for record in ended) > 1

    def test_each_step_was_written_in_order(self, whole: Launched) -> None:
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

    def test_mlflow_holds_parent_trials_and_finetune(self, whole: Launched) -> None:
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

    def test_what_is_left_for_people(self, whole: Launched) -> None:
        page = whole.run.report.read_text()
        assert "data:image/png;base64," in page
        assert "http" not in page.replace("http-equiv", "").split("<body>")[0]
        assert whole.run.plot.stat().st_size > 10_000
        assert (whole.folder / "runs" / "latest").resolve() == whole.run.path.resolve()
        assert "mlflow ui --backend-store-uri sqlite:///" in whole.output
        assert "rules (classical, no LLM)" in whole.output

    def test_the_card_states_the_result(self, whole: Launched) -> None:
        winner, base = whole.summary.winner, whole.summary.baseline
        assert winner is not None
        assert base is not None
        card = (whole.run.model / CARD).read_text()
        assert f"| MACs | {base.macs:,} | {winner.macs:,} |" in card
        assert f"| accuracy (digits) | {base.accuracy:.2%} | {winner.accuracy:.2%} |" in card

    def test_compare_prints_a_table_from_it(self, whole: Launched, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", "--json", "--tracking-uri", f"sqlite:///{whole.folder / 'mlflow.db'}"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["tables"][0]["rows"]
        assert row["arm"] == "rules"


class TestInterrupted:
    def test_sigterm_is_an_interrupt_like_ctrl_c(self, resumed: tuple[Launched, Launched]) -> None:
        first, _ = resumed
        assert first.code == 130, first.output
        assert f"resume {first.run.run_id}" in first.output

    def test_resume_repeats_and_loses_nothing(self, resumed: tuple[Launched, Launched]) -> None:
        _, again = resumed
        assert again.code == 0, again.output
        counts = Counter(record.trial for record in payloads_of(again.events, TrialEnded))
        assert counts == Counter(range(6))

    @pytest.mark.parametrize("address", [None, "10.0.0.1:6379"])
    def test_it_can_go_on_with_another_cluster(
        self, resumed: tuple[Launched, Launched], monkeypatch: pytest.MonkeyPatch, address: str | None
    ) -> None:
        seen: list[RunConfig] = []
        monkeypatch.setattr("cli.search._execute", lambda prepared, *_: seen.append(prepared.config))
        _, again = resumed
        go_on("latest", again.folder / "runs", repair=False, add_trials=1, ray_address=address)
        before = payloads_of(again.events, RunStarted)[0].config
        assert seen[0].model_dump(mode="json") == {**before, "trials": before["trials"] + 1, "ray_address": address}

    def test_the_result_is_that_of_an_undisturbed_run(
        self, whole: Launched, resumed: tuple[Launched, Launched]
    ) -> None:
        """Another number of workers, an interrupt and a resume: the same proposals, scores, winner and accuracy."""
        _, again = resumed
        assert payloads_of(again.events, Proposed) == payloads_of(whole.events, Proposed)
        assert _scores(again) == _scores(whole)
        assert again.summary.winner is not None
        assert whole.summary.winner is not None
        assert again.summary.winner.strategy == whole.summary.winner.strategy
        assert again.summary.winner.accuracy == whole.summary.winner.accuracy

    def test_a_finished_run_is_not_resumed(
        self, resumed: tuple[Launched, Launched], capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, again = resumed
        assert main(["resume", "latest", "--runs", str(again.folder / "runs")]) == 2
        assert "is finished" in capsys.readouterr().err


def _scores(run: Launched) -> dict[int, tuple[str, float | None]]:
    return {record.trial: (record.state.value, record.accuracy) for record in payloads_of(run.events, TrialEnded)}
