"""Accuracy and loss over a split."""

import math

import pytest
import torch
from torch import Tensor, nn

from pruning.errors import OutputError
from tests.trainers.small import small_net, small_split
from trainers.datasets.memory import TensorSplit
from trainers.evaluate import evaluate


class Echo(nn.Module):
    """Returns the image's own pixels as logits."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def test_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    split = TensorSplit(logits.reshape(3, 1, 1, 2), torch.tensor([0, 1, 1]))
    score = evaluate(Echo(), split, batch_size=2)
    assert (score.correct, score.total) == (2, 3)
    assert score.accuracy == 2 / 3
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 3
    assert math.isclose(score.loss, expected, rel_tol=1e-6)


def test_the_best_five_by_hand() -> None:
    """Six images whose label has rank 1 to 6 among six logits: all but the last are among the best five."""
    pixels = torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]).repeat(6, 1).reshape(6, 1, 1, 6)
    score = evaluate(Echo(), TensorSplit(pixels, torch.arange(6)), batch_size=4)
    assert (score.correct, score.correct_top5, score.total) == (1, 5, 6)
    assert score.accuracy_top5 == 5 / 6
    of_five = evaluate(Echo(), TensorSplit(pixels[:5, ..., :5], torch.arange(5)))
    assert (of_five.correct_top5, of_five.accuracy_top5) == (None, None)


def test_batch_size_changes_nothing() -> None:
    model, split = small_net(), small_split()
    first, second = evaluate(model, split, batch_size=7), evaluate(model, split, batch_size=60)
    assert first.correct == second.correct
    assert math.isclose(first.loss, second.loss, rel_tol=1e-6)


class Scarce(nn.Module):
    """Whose memory does not suffice for more than three images at once."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.seen = small_net(), list[int]()

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.net(images)


def test_memory_that_runs_out_scores_all_images_again_in_smaller_batches(caplog: pytest.LogCaptureFixture) -> None:
    model = Scarce()
    score = evaluate(model, small_split(10), batch_size=10)
    assert score == evaluate(model.net, small_split(10), batch_size=3)
    assert model.seen == [10, 5, 3, 3, 3, 1]
    assert "they are scored again, 3 at once" in caplog.text


def test_the_model_is_scored_in_eval_mode_and_left_as_it_was() -> None:
    model, split = small_net(dropout=0.9).train(), small_split()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert evaluate(model, split) == evaluate(model, split)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not (evaluate(model.eval(), split) and model.training)


def test_the_logits_are_found_by_convention_or_by_name() -> None:
    class Inside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.echo = Echo()

        def forward(self, images: Tensor) -> dict[str, object]:
            pixels = self.echo(images)
            return {"heads": [pixels, -pixels], "out": pixels}

    split = TensorSplit(torch.eye(3).reshape(3, 1, 1, 3), torch.tensor([0, 1, 2]))
    assert evaluate(Inside(), split) == evaluate(Inside(), split, output="heads.0") == evaluate(Echo(), split)
    assert evaluate(Inside(), split, output="heads.1").correct == 0
    with pytest.raises(OutputError, match=r"heads\.1 \[3, 3\]"):
        evaluate(Inside(), split, output="heads.2")
