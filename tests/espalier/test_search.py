"""A search by a score of one's own: killed anywhere, it goes on, and finds what it would have found."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import espalier
from search.errors import ConfigError, SearchFailedError
from search.launching import reopen
from tests.espalier.nets import SIZE, UNet, unet
from tracking.events import payloads_of
from tracking.payloads import TrialEnded
from tracking.reader import read_ledger
from tracking.runs import RunDir

IMAGES = torch.randn(8, *SIZE, generator=torch.Generator().manual_seed(1))
MASKS = (IMAGES[:, 0] > 0).long()
TRIALS = 5
ROOT = Path(__file__).parents[2]
KILLED = """
import pathlib, sys, torch
from tests.espalier import test_search as here
torch.set_num_threads(1)
here.searched(pathlib.Path(sys.argv[1]), here.Counted(deadly=3))  # the base, two trials, and then
"""


def score(module: nn.Module) -> float:
    """Accuracy of the mask after a step of training."""
    optimizer = torch.optim.SGD(module.train().parameters(), lr=0.1)
    nn.functional.cross_entropy(module(IMAGES), MASKS).backward()
    optimizer.step()
    with torch.no_grad():
        return (module.eval()(IMAGES).argmax(1) == MASKS).float().mean().item()


class Counted:
    """A score that counts its calls, and kills the process at one of them."""

    def __init__(self, deadly: int | None = None) -> None:
        self.calls, self._deadly = 0, deadly

    def __call__(self, module: nn.Module) -> float:
        if self.calls == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls += 1
        return score(module)


def searched(folder: Path, of: Callable[[nn.Module], float] = score, **options: object) -> espalier.SearchResult:
    given: dict[str, object] = {"macs": "50%", "trials": TRIALS, "folder": folder, **options}
    return espalier.search(unet(), SIZE, score=of, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> espalier.SearchResult:
    return searched(tmp_path_factory.mktemp("search") / "run")


def ends(folder: Path) -> dict[int, float | None]:
    return {end.trial: end.accuracy for end in payloads_of(read_ledger(RunDir(folder).ledger), TrialEnded)}


def test_a_search_leaves_a_run_and_its_winner(undisturbed: espalier.SearchResult) -> None:
    folder = undisturbed.folder
    for name in ("ledger.jsonl", "summary.json", "report.html", "model/model.safetensors"):
        assert (folder / name).stat().st_size
    assert "own score" in undisturbed.report.read_text()
    again = espalier.load(folder / "model", into=UNet())
    assert torch.equal(again(IMAGES), undisturbed.module(IMAGES))
    assert undisturbed.macs == espalier.macs(again)
    assert len(ends(folder)) == TRIALS
    assert undisturbed.score == max(value for value in ends(folder).values() if value is not None)


def test_killed_and_resumed_it_scores_nothing_twice_and_finds_the_same(
    undisturbed: espalier.SearchResult, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    # A process of its own, not a fork: torch refuses gradients in a fork once the parent has computed some.
    line = [sys.executable, "-c", KILLED, str(folder)]
    killed = subprocess.run(line, check=False, cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(ends(folder)) == 2
    counted = Counted()
    result = searched(folder, counted)
    assert counted.calls == TRIALS - 2
    assert ends(folder) == ends(undisturbed.folder)
    assert (result.score, result.allocation) == (undisturbed.score, undisturbed.allocation)
    assert torch.equal(result.module(IMAGES), undisturbed.module(IMAGES))
    finished = Counted()
    assert searched(folder, finished).allocation == result.allocation
    assert finished.calls == 0
    more = Counted()
    searched(folder, more, trials=TRIALS + 1)
    assert more.calls == 1


def test_another_search_is_refused_in_its_folder(undisturbed: espalier.SearchResult, tmp_path: Path) -> None:
    folder = undisturbed.folder
    for changed, words in (
        ({"macs": "40%"}, "target_macs = '50%'"),
        ({"arm": "random"}, "proposer = 'rules'"),
        ({"trials": 2}, "5 trials"),
    ):
        with pytest.raises(ConfigError, match=words):
            searched(folder, **changed)
    other = unet()
    with torch.no_grad():
        other.head.weight.add_(1)
    with pytest.raises(ConfigError, match="another module"):
        espalier.search(other, SIZE, macs="50%", score=score, trials=TRIALS, folder=folder)
    with pytest.raises(ConfigError, match=r"espalier\.search"):
        reopen(RunDir(folder))
    (tmp_path / "something").touch()
    with pytest.raises(ConfigError, match="holds no run"):
        searched(tmp_path)


@pytest.mark.parametrize(
    ("value", "words"),
    [(1.5, "from 0 to 1"), (float("nan"), "from 0 to 1"), ("good", "no number"), (None, "no number")],
)
def test_a_score_that_is_none_is_refused_before_any_trial(tmp_path: Path, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        searched(tmp_path / "run", lambda _: value)  # type: ignore[arg-type, return-value]
    assert ends(tmp_path / "run") == {}


def test_a_trial_whose_score_fails_fails_alone(tmp_path: Path) -> None:
    calls: list[int] = []

    def sometimes(module: nn.Module) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError("no foreground")
        return 0.5

    searched(tmp_path / "run", sometimes, trials=3)
    assert sorted(ends(tmp_path / "run").values(), key=str) == [0.5, 0.5, None]

    def never(module: nn.Module) -> float:
        calls.append(1)
        if len(calls) > 5:
            raise ZeroDivisionError("no foreground")
        return 0.5

    with pytest.raises(SearchFailedError, match="no foreground"):
        searched(tmp_path / "other", never, trials=2)


def test_the_shape_is_the_one_that_the_score_uses(tmp_path: Path) -> None:
    result = espalier.search(unet(), macs="50%", score=score, trials=1, folder=tmp_path / "run", arm="uniform")
    assert result.macs <= espalier.plan(unet(), SIZE).macs // 2
    with pytest.raises(espalier.PruningError, match="shape of its input is not known"):
        espalier.search(unet(), macs="50%", score=lambda _: 0.5, trials=1, folder=tmp_path / "other")


@pytest.mark.parametrize("option", [{"finalists": 3}, {"lr": 0.1}, {"proxy_epochs": 2}])
def test_options_of_trainings_are_refused_and_not_passed_over(tmp_path: Path, option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(option))}: .* trains nothing"):
        searched(tmp_path / "run", score, **option)
    assert not (tmp_path / "run").exists()
