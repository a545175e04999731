"""`resume` of a finished run: what it lacks of its outputs is made again from its ledger, and nothing is run."""

from pathlib import Path

import pytest

from cli.main import main
from search.setup.config import RunConfig
from tests.ablations.test_schedule import left
from tracking.kinds import RunStatus
from tracking.runs import RunDir

OUTPUTS = ("report.html", "summary.json")


@pytest.fixture
def finished(tmp_path: Path) -> RunDir:
    """A run whose process died before it wrote any output."""
    return left(RunConfig(runs=tmp_path / "runs", mlflow=False), RunStatus.FINISHED)


def made(folder: RunDir) -> list[str]:
    return [name for name in OUTPUTS if (folder.path / name).is_file() and (folder.path / name).stat().st_size > 100]


def test_missing_ones_are_made_again_and_then_there_is_nothing_to_do(
    finished: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = finished.ledger.read_bytes()
    assert main(["resume", str(finished.path)]) == 0
    assert made(finished) == [*OUTPUTS]
    assert "were made again from its ledger" in capsys.readouterr().out
    assert main(["resume", str(finished.path)]) == 2
    assert "is finished, there is nothing to resume" in " ".join(capsys.readouterr().err.split())
    finished.report.unlink()
    assert main(["resume", str(finished.path)]) == 0
    assert made(finished) == [*OUTPUTS]
    assert finished.ledger.read_bytes() == ledger


def test_on_request_all_are_made_again(finished: RunDir) -> None:
    assert main(["resume", str(finished.path)]) == 0
    report = finished.report.read_bytes()
    finished.report.write_text("an old one" * 100)
    assert main(["resume", str(finished.path), "--outputs"]) == 0
    assert finished.report.read_bytes() == report
