"""The ablation as a user types it: one arm is run before, the other by it; then the same command again."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.ablate import llm
from cli.main import main
from llm_clients.scripted.script import Script
from search.execution.local import LocalExecutor
from search.setup.config import make_config
from tests.ablations.test_schedule import left
from tests.cli.alone import run_alone
from tests.cli.launched import Launched
from tracking.kinds import RunStatus
from tracking.mirror.query import read_runs
from tracking.reader import read_ledger
from tracking.runs import RunDir

QUICK = ("--trials", "3", "--workers", "1", "--epochs", "1")
IDEAS = tuple({"keep": [keep] * 9, "importance": "l2", "ranking": "local", "rationale": "alike"} for keep in (0.4, 0.6))


COMMAND = (
    *("ablate", "llm", "--llms", "scripted:script.json", "--arms", "tpe", "--seeds", "1", "--out", "study"),
    *(*QUICK, "--finetune-workers", "1", "--executor", "local"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    folder = tmp_path_factory.mktemp("study")
    (folder / "script.json").write_text(Script(answers=({"strategies": IDEAS},)).model_dump_json())
    assert run_alone(folder, *QUICK, "--proposer", "tpe").code == 0
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", said)
        return Launched(main([*COMMAND]), said.getvalue(), folder)


@pytest.mark.slow
class TestAblation:
    def test_every_arm_was_run_on_equal_terms_and_shown(self, study: Launched) -> None:
        assert study.code == 0, study.output
        runs = read_runs(f"sqlite:///{study.folder / 'mlflow.db'}")
        assert {(run.proposer, run.llm, run.seed, run.trials_proposed) for run in runs} == {
            ("llm", "scripted:script.json", 42, 3),
            ("tpe", None, 42, 3),
        }
        for word in ("LLM selection", "Second is", "inconclusive", "Published, not measured here"):
            assert word in study.output
        assert study.output.count("done before:") == 1

    def test_its_files_name_the_runs(self, study: Launched) -> None:
        folder = study.folder
        table = (folder / "study" / "llm_selection.csv").read_text()
        for run in read_runs(f"sqlite:///{folder / 'mlflow.db'}"):
            assert run.run_id in table
        assert (folder / "study" / "report.html").is_file()

    def test_the_same_command_again_runs_nothing(
        self, study: Launched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(study.folder)
        monkeypatch.setattr(LocalExecutor, "ready", lambda *_: pytest.fail("there is nothing to get ready for"))
        assert main([*COMMAND]) == 0
        shown = capsys.readouterr().out
        assert shown.count("done before:") == 2
        assert "inconclusive" in shown
        assert len([path for path in Path("runs").iterdir() if not path.is_symlink()]) == 2


@pytest.mark.parametrize("status", [None, RunStatus.INTERRUPTED, RunStatus.FAILED])
@pytest.mark.parametrize("torn", [b"", b'{"seq":'], ids=["whole", "torn"])
def test_a_run_that_was_cut_short_is_repaired_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: RunStatus | None, torn: bytes
) -> None:
    """Begun anew, its calls would be paid for twice."""
    config = make_config({"runs": tmp_path / "runs", "trials": 4})
    cut = left(config, status)
    with cut.ledger.open("ab") as stream:
        stream.write(torn)
    resumed: list[RunDir] = []

    def resume_run(folder: RunDir, **_: Any) -> SimpleNamespace:
        assert read_ledger(folder.ledger)
        resumed.append(folder)
        return SimpleNamespace(folder=folder, summary=SimpleNamespace(status=RunStatus.FINISHED))

    monkeypatch.setattr("cli.running.resume_run", resume_run)
    monkeypatch.setattr("cli.running.start_run", lambda _: pytest.fail("it was begun anew"))
    assert llm._run_all([config]) == (cut.run_id,)
    assert resumed == [cut]
