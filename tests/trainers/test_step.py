"""A step of the proxy is measured as a trial would take it."""

import pytest
import torch

from pruning.models import ModelSpec
from trainers.devices import CPU
from trainers.recipe import ProxyRecipe
from trainers.step import measure_step

SPEC = ModelSpec("resnet18_quarter", 10, (1, 8, 8))
FREE, PEAK = 80 * 2**30, 2**20


@pytest.fixture(autouse=True)
def memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch says of a GPU's memory; the steps themselves are taken on this CPU."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (FREE, 2 * FREE))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: PEAK)


def test_memory_is_that_of_the_step_and_of_the_proxy_s_images() -> None:
    recipe = ProxyRecipe(batch_size=8, train_limit=1000, holdout_limit=200)
    step = measure_step(SPEC, recipe, CPU)
    assert step.free_bytes == FREE
    assert step.taken_bytes == PEAK + 1200 * 64 * 4
    assert step.launch_s > 0
    assert step.step_s > 0


def test_the_step_has_the_proxy_s_batch_and_the_shortest_has_two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def timed(spec: ModelSpec, recipe: ProxyRecipe, batch_size: int, device: torch.device) -> float:
        sizes.append(batch_size)
        return 0.1 * batch_size

    monkeypatch.setattr("trainers.step._timed", timed)
    step = measure_step(SPEC, ProxyRecipe(batch_size=40), CPU)
    assert sizes == [40, 2]
    assert (step.step_s, step.launch_s) == (4.0, 0.2)
