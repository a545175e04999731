"""The ablation as a user launches it: two arms, then the same command again."""

from pathlib import Path

import pytest

from llm_clients.scripted.script import Script
from tests.cli.launched import Launched, launch
from tracking.reading import read_runs

QUICK = (
    *("--seeds", "1", "--trials", "3", "--workers", "1", "--epochs", "1", "--finetune-workers", "1"),
    *("--arms", "tpe", "--out", "study"),
)
IDEAS = tuple({"keep": [keep] * 9, "importance": "l2", "ranking": "local", "rationale": "alike"} for keep in (0.4, 0.6))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Launched, Launched]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "script.json").write_text(Script(answers=({"strategies": IDEAS},)).model_dump_json())
    command = ("ablate", "llm", "--llms", "scripted:script.json", *QUICK)
    return launch(folder, *command), launch(folder, *command)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestAblation:
    def test_every_arm_was_run_on_equal_terms_and_told(self, study: tuple[Launched, Launched]) -> None:
        first, _ = study
        assert first.code == 0, first.output
        runs = read_runs(f"sqlite:///{first.folder / 'mlflow.db'}")
        assert {(run.proposer, run.llm, run.seed, run.trials_proposed) for run in runs} == {
            ("llm", "scripted:script.json", 42, 3),
            ("tpe", None, 42, 3),
        }
        for word in ("LLM selection", "Second is", "inconclusive", "Published, not measured here"):
            assert word in first.output

    def test_its_files_name_the_runs(self, study: tuple[Launched, Launched]) -> None:
        folder = study[0].folder
        table = (folder / "study" / "llm_selection.csv").read_text()
        for run in read_runs(f"sqlite:///{folder / 'mlflow.db'}"):
            assert run.run_id in table
        assert (folder / "study" / "report.html").is_file()

    def test_the_same_command_again_runs_nothing(self, study: tuple[Launched, Launched]) -> None:
        _, again = study
        assert again.code == 0, again.output
        assert again.output.count("done before:") == 2
        assert len([path for path in Path(again.folder, "runs").iterdir() if not path.is_symlink()]) == 2
