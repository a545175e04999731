"""What a ledger claims and the disk has lost is made again, equal to the bit, and no event is written twice."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pruning.checkpoint import is_whole
from search.launching import reopen
from search.steps.evaluation import EvaluationStep
from search.steps.finetune import FinetuneStep
from tests.cli.alone import run_alone
from tests.cli.launched import Launched
from tests.trainers.pruned import same_bits, weights
from tracking.events import payloads_of
from tracking.payloads import Evaluated, Exported, FinetuneEnded, FinetuneEpoch, FinetuneStarted, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDir

LINE = ("search", "--trials", "2", "--epochs", "2", "--no-mlflow", "--proposer", "random", "--criteria", "l2")


def cut_off(folder: Path, step: type[FinetuneStep] | type[EvaluationStep]) -> Launched:
    """A run that was interrupted as this step began."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "run", interrupt)
        done = run_alone(folder, *LINE)
    assert done.code == 130
    return done


@pytest.fixture(scope="module")
def before_the_finetune(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return cut_off(tmp_path_factory.mktemp("before"), FinetuneStep).run


@pytest.fixture(scope="module")
def before_the_test(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return cut_off(tmp_path_factory.mktemp("test"), EvaluationStep).run


def go_on(run: RunDir, tmp_path: Path, damage: Callable[[Path], None]) -> RunDir:
    """A copy of the run that is damaged and resumed."""
    copy = RunDir(shutil.copytree(run.path, tmp_path / run.run_id))
    damage(copy.path)
    reopen(copy).execute()
    assert is_whole(copy.model)
    return copy


def once(run: RunDir) -> list[int]:
    """How often each result of a step is in the ledger; the base and the winner are both evaluated."""
    events = read_ledger(run.ledger)
    return [len(payloads_of(events, kind)) for kind in (Winner, FinetuneStarted, FinetuneEnded, Exported, Evaluated)]


def lose(*names: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        for name in names:
            shutil.rmtree(path / name)

    return damage


def cut(*names: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        for name in names:
            content = (path / name).read_bytes()
            (path / name).write_bytes(content[: len(content) // 2])

    return damage


def zero(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        (path / name).write_bytes(b"\0" * (path / name).stat().st_size)

    return damage


@pytest.mark.slow
@pytest.mark.parametrize("damage", [lose("pruned"), zero("pruned/architecture.json")])
def test_the_winner_is_cut_again(before_the_finetune: RunDir, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    run = go_on(before_the_finetune, tmp_path, damage)
    assert same_bits(weights(run.path / "pruned"), weights(before_the_finetune.path / "pruned"))
    assert once(run) == [1, 1, 1, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lose("model"),
        lose("model", "finetune", "pruned"),
        cut("model/model.safetensors", "finetune/model/model.safetensors", "finetune/state.safetensors"),
        cut("model/architecture.json", "finetune/epochs.jsonl"),
        zero("model/model.safetensors"),
    ],
)
def test_the_fine_tuned_model_is_made_again(
    before_the_test: RunDir, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    run = go_on(before_the_test, tmp_path, damage)
    assert same_bits(weights(run.model), weights(before_the_test.model))
    assert once(run) == [1, 1, 1, 1, 2]
    assert len(payloads_of(read_ledger(run.ledger), FinetuneEpoch)) == 2
