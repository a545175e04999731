"""Scores of models and units are computed where a GPU is, once, and leave the models where they were."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch

from pruning.models import create_model
from search.setup.base_model import accuracy_of, obtain_base
from search.setup.base_source import BaseSource, SourceKind
from search.setup.config import make_config
from search.setup.preparation import Prepared, prepare
from search.setup.search_ground import make_ground, scores_on
from search.setup.sensitivity import measure
from trainers.base import BaseModel, train_base
from trainers.datasets.base import Splits
from trainers.datasets.memory import TensorSplit
from trainers.devices import CPU, computed, streamed
from trainers.history import EpochReport

_T = TypeVar("_T")


class Elsewhere:
    """Computes here, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Callable[..., Any]] = []

    def __call__(self, work: Callable[..., _T], *arguments: Any) -> _T:
        self.asked.append(work)
        return work(*arguments, CPU)


class Streaming(Elsewhere):
    """The same of what is yielded."""

    def __call__(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        self.asked.append(work)
        yield from work(*arguments, CPU)


@pytest.fixture(scope="module")
def ready() -> Prepared:
    return prepare(make_config({"target_macs": "50%", "criteria": "l1,taylor"}), {})


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "cache"))


def few(splits: Splits) -> Splits:
    train, holdout = splits.train, splits.holdout
    assert isinstance(train, TensorSplit)
    assert isinstance(holdout, TensorSplit)
    return Splits(splits.info, train.take(torch.arange(160)), holdout.take(torch.arange(40)), splits.test)


def test_a_base_that_was_read_is_scored_once(ready: Prepared, tmp_path: Path) -> None:
    """50,000 images on one thread are an hour and a half: a resume takes the figure from its ledger."""
    splits = few(ready.splits())
    torch.save(create_model(ready.spec).state_dict(), tmp_path / "base.pth")

    def obtained(compute: Elsewhere, accuracy: float | None) -> BaseModel:
        source = BaseSource(SourceKind.FILE, tmp_path / "base.pth")
        return obtain_base(
            source, ready.spec, ready.dataset, splits, ready.base_recipe, seed=0, data_path=None,
            progress=lambda _: None, accuracy=accuracy, compute=compute,
        )  # fmt: skip

    first, resumed = Elsewhere(), Elsewhere()
    base = obtained(first, None)
    assert first.asked == [accuracy_of]
    again = obtained(resumed, base.accuracy_holdout)
    assert resumed.asked == []
    assert again.accuracy_holdout == base.accuracy_holdout
    assert not again.module.training


@pytest.mark.usefixtures("own_cache")
def test_a_base_is_trained_there_and_kept_here(ready: Prepared, tmp_path: Path) -> None:
    """With a cluster, the driver may have no GPU, and too little of everything else."""
    splits, recipe = few(ready.splits()), ready.base_recipe.override(epochs=2)
    heard: list[EpochReport] = []

    def obtained(stream: Streaming) -> BaseModel:
        return obtain_base(
            BaseSource(SourceKind.TRAIN), ready.spec, ready.dataset, splits, recipe, seed=0, data_path=None,
            progress=heard.append, stream=stream,
        )  # fmt: skip

    first, again = Streaming(), Streaming()
    base = obtained(first)
    assert [work.__name__ for work in first.asked] == ["_abilities", "_train"]
    assert [report.epoch for report in heard] == [1, 2]
    assert base.accuracy_holdout == heard[-1].holdout_accuracy
    assert obtained(again).cached
    assert [work.__name__ for work in again.asked] == ["_abilities"]
    here = train_base(ready.spec, ready.dataset, recipe, seed=0, splits=splits, cache_dir=tmp_path / "other")
    assert all(map(torch.equal, base.module.state_dict().values(), here.module.state_dict().values()))


@pytest.mark.usefixtures("own_cache")
def test_importance_and_sensitivity_are_computed_there_once_and_kept_here(ready: Prepared) -> None:
    splits, base = few(ready.splits()), BaseModel(create_model(ready.spec).eval(), 0.1, Path("base"), cached=True)
    compute = Elsewhere()
    ground = make_ground(ready, splits, base, compute)
    found = ground.measure_sensitivity(compute)
    assert compute.asked == [scores_on, scores_on, measure]
    again = make_ground(ready, splits, base, compute)
    assert again.measure_sensitivity(compute).accuracies == found.accuracies
    assert len(compute.asked) == 3, "the cache had all of it"
    for name, scores in ground.space.scores.items():
        assert all(map(torch.equal, scores, again.space.scores[name]))


def test_a_gpu_s_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials will need it: torch keeps what it has had."""
    emptied: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append("yes"))
    assert computed(CPU, lambda number, device: (number, device), 7) == (7, CPU)
    assert emptied == []
    gpu = torch.device("cuda", 0)
    assert computed(gpu, lambda device: device) == gpu
    with pytest.raises(ZeroDivisionError):
        computed(gpu, lambda device: 1 / 0)
    assert emptied == ["yes", "yes"]
    assert list(streamed(gpu, lambda number, device: iter((number, device)), 7)) == [7, gpu]
    assert len(emptied) == 3
