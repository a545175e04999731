"""What is measured, and that measuring changes nothing."""

import pytest
import torch
from torch import Tensor, nn

from tests.trainers.small import small_net
from trainers.errors import TrainerError
from trainers.latency import compare_latency, measure_latency

SIZE = (1, 9, 9)


class Repeated(nn.Module):
    def __init__(self, times: int) -> None:
        super().__init__()
        self.layer, self.times = nn.Linear(200, 200), times

    def forward(self, images: Tensor) -> Tensor:
        values = images.flatten(1)
        for _ in range(self.times):
            values = self.layer(values)
        return values


def test_figures_are_ordered_and_labelled() -> None:
    latency = measure_latency(small_net(), SIZE, batch_size=3, repeats=20, warmup=1, threads=1)
    assert 0 < latency.min_ms <= latency.median_ms <= latency.p95_ms
    assert (latency.batch_size, latency.threads, latency.repeats) == (3, 1, 20)
    assert latency.device == "cpu"


def test_more_work_takes_longer() -> None:
    comparison = compare_latency(Repeated(40), Repeated(1), (1, 10, 20), batch_size=16, threads=1)
    assert comparison.speedup > 3
    assert comparison.first.median_ms > comparison.second.median_ms


def test_model_and_threads_are_left_as_they_were() -> None:
    model, threads = small_net().train(), torch.get_num_threads()
    before = model[1].running_mean.clone()  # type: ignore[index]
    measure_latency(model, SIZE, repeats=2, warmup=1, threads=threads + 1, channels_last=True)
    assert model.training
    assert torch.equal(model[1].running_mean, before)  # type: ignore[index]
    assert torch.get_num_threads() == threads


def test_no_repeats_is_refused() -> None:
    with pytest.raises(TrainerError, match=r"at least 1.*received 1, 0"):
        measure_latency(small_net(), SIZE, repeats=0)
