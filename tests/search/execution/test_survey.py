"""A run's workers follow from what is found where it is to run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from search.execution import nodes
from search.execution.survey import awaited_machines, surveyed_needs
from search.setup.config import make_config
from search.setup.preparation import Prepared, prepare
from search.setup.resources import Machines, Needs, Node, cluster_machines
from trainers.measured import MeasuredStep
from trainers.workers import Workers

EIGHT_GPUS = Machines((Node(64, 8),))
HALF_IDLE = MeasuredStep(2**30, 80 * 2**30, 0.010, 0.005)


@pytest.fixture(scope="module")
def checked() -> Prepared:
    return prepare(make_config({}), {})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A machine with eight GPUs, on which a step was measured; what was measured is noted."""
    asked: list[tuple[Any, ...]] = []

    def measure(*arguments: Any) -> MeasuredStep:
        asked.append(arguments[:2])
        return HALF_IDLE

    monkeypatch.setattr("search.execution.survey.this_machine", lambda: EIGHT_GPUS)
    monkeypatch.setattr("search.execution.survey.measure_step", measure)
    return asked


def placed(checked: Prepared, **options: Any) -> Needs:
    return surveyed_needs(replace(checked, config=make_config(options)))


def test_trials_share_gpus_by_one_measured_step(checked: Prepared, measured: list[tuple[Any, ...]]) -> None:
    needs = placed(checked)
    assert needs == Needs(16, 1.0, 0.5, Workers(8, 8), finetune_gpu=True)
    assert measured == [(checked.spec, checked.proxy_recipe)]


@pytest.mark.parametrize(
    ("asked", "gpus", "workers"), [({"gpus_per_trial": 0}, 0.0, 64), ({"gpus_per_trial": 0.25}, 0.25, 32)]
)
def test_who_names_a_share_has_nothing_measured(
    asked: dict[str, Any], gpus: float, workers: int, checked: Prepared, measured: list[tuple[Any, ...]]
) -> None:
    needs = placed(checked, **asked)
    assert (needs.gpus_per_trial, needs.trial_workers) == (gpus, workers)
    assert measured == []


def test_a_number_of_workers_is_not_refused_before_the_share_is_known(
    checked: Prepared, measured: list[tuple[Any, ...]]
) -> None:
    needs = placed(checked, workers=24)
    assert (needs.trial_workers, needs.gpus_per_trial) == (24, 0.3333)
    assert len(measured) == 1


def test_a_model_that_does_not_fit_has_a_gpu_for_itself_and_a_bug_is_no_such_model(
    checked: Prepared,
    measured: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> MeasuredStep:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("search.execution.survey.measure_step", fail)
    assert placed(checked).gpus_per_trial == 1.0
    assert "does not fit on a GPU; each trial has one for itself: CUDA out of memory" in caplog.text

    def break_down(*_: Any) -> MeasuredStep:
        raise RuntimeError("a kernel failed")

    monkeypatch.setattr("search.execution.survey.measure_step", break_down)
    with pytest.raises(RuntimeError, match="a kernel failed"):
        placed(checked)


@pytest.mark.parametrize(
    ("asked", "words", "bundles"),
    [
        (
            {"workers": 2, "gpus_per_trial": 0.5, "finetune_workers": "1-4", "finetune_gpu": True},
            "waiting for 2 workers and 1 workers: 2 CPUs, 0 GPUs so far, 9 s left",
            [{"CPU": 1.0, "GPU": 0.5}] * 2 + [{"CPU": 1.0, "GPU": 1.0}],
        ),
        ({"workers": 3}, "waiting for 3 workers: 2 CPUs, 0 GPUs so far", [{"CPU": 1.0}] * 3),
    ],
)
def test_nodes_are_asked_for_and_waited_for(
    asked: dict[str, Any],
    words: str,
    bundles: list[dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the second look the node is there; the request to an autoscaler is taken back."""
    looks = iter([[(2.0, 0.0)], [(2.0, 0.0), (4.0, 2.0)]])
    requests: list[Sequence[dict[str, float]]] = []

    def request(*, bundles: Sequence[dict[str, float]]) -> None:
        requests.append(bundles)

    monkeypatch.setattr(nodes, "request_resources", request)
    monkeypatch.setattr(nodes.awaited, "__kwdefaults__", dict(nodes.awaited.__kwdefaults__ or {}) | {
        "look": lambda: cluster_machines(next(looks)), "pause": lambda seconds: None,
    })  # fmt: skip
    config = make_config({"ray_address": "10.0.0.1:6379", "wait_for_nodes": 9, **asked})
    assert awaited_machines(config) == cluster_machines([(2.0, 0.0), (4.0, 2.0)])
    assert requests == [bundles, []]
    assert words in caplog.text
