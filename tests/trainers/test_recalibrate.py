"""BatchNorm statistics after recalibration."""

import torch
from torch import nn

from tests.trainers.small import small_net, small_split
from trainers.recalibrate import recalibrate


def test_statistics_are_those_of_the_batches() -> None:
    model, images = small_net(), small_split().pixels
    assert recalibrate(model, [images]) == 1
    conv, norm = model[0], model[1]  # type: ignore[index]
    activations = conv(images)
    torch.testing.assert_close(norm.running_mean, activations.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, activations.var((0, 2, 3)))


def test_batches_count_equally() -> None:
    model, images = small_net(), small_split().pixels
    recalibrate(model, images.split(20))
    means = [model[0](part).mean((0, 2, 3)) for part in images.split(20)]  # type: ignore[index]
    torch.testing.assert_close(model[1].running_mean, torch.stack(means).mean(0))  # type: ignore[index]


def test_what_was_there_before_is_forgotten() -> None:
    fresh, stale = small_net(), small_net()
    stale[1].running_mean.fill_(100.0)  # type: ignore[index]
    for model in (fresh, stale):
        recalibrate(model, [small_split().pixels])
    assert torch.equal(fresh[1].running_mean, stale[1].running_mean)  # type: ignore[index]


def test_weights_mode_and_momentum_stay() -> None:
    model = small_net(dropout=0.5).eval()
    before = [parameter.clone() for parameter in model.parameters()]
    recalibrate(model, [small_split().pixels])
    assert not any(module.training for module in model.modules())
    assert model[1].momentum == 0.1  # type: ignore[index]
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_without_batch_norm_no_batch_is_read() -> None:
    def never() -> torch.Tensor:
        raise AssertionError("a batch was read")

    assert recalibrate(nn.Sequential(nn.LayerNorm(3)), (never() for _ in range(1))) == 0
