"""The verb `finetune` takes GPUs, nodes and ranges of workers as a search does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from cli.pasted import evaluate_line
from search.execution.survey import finetune_session
from search.setup.config import RunConfig, make_config
from search.setup.resources import Machines, Needs, Node
from tests.trainers.pruned import pruned_checkpoint
from trainers.job import FinetuneResult
from trainers.workers import Workers


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("pruned"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configuration that a session is opened for, and what is trained in it; nothing is."""
    asked: list[Any] = []

    @contextmanager
    def session(config: RunConfig) -> Iterator[tuple[Workers, bool]]:
        asked.append(config)
        yield Workers(2, 8), True

    def train(*given: Any, **options: Any) -> FinetuneResult:
        asked.append({"recipe": given[3], **options})
        return FinetuneResult(options["out_dir"] / "model", (), 1.0, 3, completed=True)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("search.execution.survey.finetune_session", session)
    monkeypatch.setattr("trainers.finetune.finetune", train)
    return asked


def test_it_has_the_gpu_options_of_a_search(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--workers", "2-8", "--finetune-gpu", "--wait-for-nodes", "30", "--epochs", "1")
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *more]) == 0
    config, options = asked
    assert (config.finetune_workers, config.finetune_gpu, config.wait_for_nodes) == (Workers(2, 8), True, 30.0)
    assert config.cluster is None
    assert (options["workers"], options["use_gpu"], options["recipe"].epochs) == (Workers(2, 8), True, 1)
    said = capsys.readouterr().out
    assert "training on 2 to 8 workers, each with a GPU" in said
    assert "on 3 workers in 1.0 s" in said
    model = tmp_path / "out" / "model"
    assert f"test it: python launch.py evaluate --checkpoint {model} --dataset digits\n" in said
    assert evaluate_line(model, "imagefolder", Path("my data")).endswith("imagefolder --data-path 'my data'")


def test_what_is_no_number_of_workers_is_refused(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "--workers", "8-2"]) == 2
    assert "--workers '8-2' cannot be used" in " ".join(capsys.readouterr().err.split())
    assert asked == []


@pytest.mark.parametrize(
    ("options", "workers", "gpu"),
    [({}, Workers(4, 4), True), ({"finetune_gpu": False}, Workers(2, 2), False)],
)
def test_without_a_word_it_takes_the_gpus_of_the_machine(
    options: dict[str, Any], workers: Workers, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Needs] = []

    @contextmanager
    def session(address: str | None, needs: Needs) -> Iterator[None]:
        assert address is None
        started.append(needs)
        yield

    monkeypatch.setattr("search.execution.survey.this_machine", lambda: Machines((Node(16, 4),)))
    monkeypatch.setattr("search.execution.survey.ray_session", session)
    with finetune_session(make_config(options)) as found:
        assert found == (workers, gpu)
    assert started == [Needs(0, 1.0, 0.0, workers, gpu)]
