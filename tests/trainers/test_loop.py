"""The training loop against steps derived by hand, and continued after an interruption."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from tests.trainers.small import small_net, small_split
from trainers.choices import OptimizerName, Precision
from trainers.errors import DivergedError, RecipeError
from trainers.evaluate import evaluate
from trainers.loop import CHECK_STEPS, EpochTrained, Training
from trainers.optimizer import exempt_names, make_optimizer
from trainers.place import Place
from trainers.progress import Standing
from trainers.recipe import Recipe

CPU = Place(torch.device("cpu"))
RECIPE = Recipe(lr=0.1, epochs=4, batch_size=20, warmup_epochs=0.5)


def trained(recipe: Recipe = RECIPE, *, seed: int = 0, dropout: float = 0.0) -> tuple[nn.Module, list[float]]:
    model = small_net(dropout=dropout)
    training = Training(model, small_split(), recipe, seed=seed, place=CPU)
    return model, [epoch.train_loss for epoch in training.epochs()]


def test_it_learns() -> None:
    model, losses = trained(RECIPE.override(epochs=12))
    assert losses[-1] < losses[0] / 2
    assert evaluate(model, small_split(seed=9)).accuracy > 0.9


@pytest.mark.parametrize("optimizer", OptimizerName)
def test_the_same_seed_gives_the_same_weights(optimizer: OptimizerName) -> None:
    recipe = RECIPE.override(optimizer=optimizer)
    first, same, other = (trained(recipe, seed=s, dropout=0.3)[0].state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(dropout=0.3)
    assert torch.equal(torch.rand(3), expected)


def test_epochs_are_counted_and_the_rate_falls() -> None:
    training = Training(small_net(), small_split(), RECIPE, seed=0, place=CPU)
    epochs: list[EpochTrained] = list(training.epochs())
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert training.epochs_done == 4
    rates = [epoch.lr for epoch in epochs]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * RECIPE.lr
    assert list(training.epochs()) == []


def test_first_step_by_hand() -> None:
    """One step of SGD without momentum: weight −= lr · (gradient + decay · weight), bias without decay."""
    recipe = Recipe(lr=0.2, momentum=0, weight_decay=0.5, epochs=1, warmup_epochs=0, batch_size=60, augment=False)
    model, split = small_net(), small_split()
    expected = copy.deepcopy(model).train()
    loss = nn.functional.cross_entropy(expected(split.pixels), split.targets)
    loss.backward()
    training = Training(model, split, recipe, seed=0, place=CPU)
    (epoch,) = training.epochs()
    assert epoch.train_loss == pytest.approx(loss.item(), rel=1e-5)
    for ours, by_hand in zip(model.parameters(), expected.parameters(), strict=True):
        assert by_hand.grad is not None
        decay = 0.5 * by_hand if by_hand.ndim > 1 else 0.0
        torch.testing.assert_close(ours, by_hand - 0.2 * (by_hand.grad + decay))


def test_only_weight_matrices_decay() -> None:
    groups = make_optimizer(small_net(), Recipe(weight_decay=0.1)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [len(group["params"]) for group in groups] == [2, 3]


class Positioned(nn.Module):
    """Has a token, positions and a table, and names one more weight that must not decay."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.zeros(1, 3, 4))
        self.block = nn.Module()
        self.block.relative_position_bias_table = nn.Parameter(torch.zeros(9, 2))
        self.attention_biases, self.weight = nn.Parameter(torch.zeros(2, 9)), nn.Parameter(torch.zeros(4, 4))

    def no_weight_decay(self) -> set[str]:
        return {"attention_biases"}


def test_tokens_positions_and_what_a_model_names_do_not_decay() -> None:
    model = Positioned()
    decayed, others = make_optimizer(model, Recipe(weight_decay=0.1)).param_groups
    assert [id(one) for one in decayed["params"]] == [id(model.weight)]
    assert (len(others["params"]), others["weight_decay"]) == (4, 0.0)


def test_timms_names_are_heard() -> None:
    from timm import create_model

    model = create_model("vit_tiny_patch16_224", depth=1, num_classes=2, embed_dim=12, num_heads=1)
    assert exempt_names(model) == {"cls_token", "pos_embed"}


def test_label_smoothing_and_clipping_are_used() -> None:
    plain, smoothed, clipped = (
        trained(recipe)[1] for recipe in (RECIPE, RECIPE.override(label_smoothing=0.3), RECIPE.override(grad_clip=1e-4))
    )
    assert smoothed[-1] > plain[-1]
    assert clipped[-1] > plain[-1]


def test_divergence_is_an_error_that_names_the_knob() -> None:
    with pytest.raises(DivergedError, match=r"loss is nan in epoch \d.*lower lr \(now 1e\+30\)"):
        trained(Recipe(lr=1e30, epochs=3, warmup_epochs=0, batch_size=20))


def test_divergence_is_seen_long_before_the_epoch_ends() -> None:
    """An image that is not a number is met in the third of 200 steps, and no more than the limit are taken."""
    split = small_split(200)
    split.pixels[:] = float("nan")
    steps: list[int] = []
    model = small_net()
    model.register_forward_hook(lambda *_: steps.append(1))
    training = Training(model, split, RECIPE.override(batch_size=1), seed=0, place=CPU)
    with pytest.raises(DivergedError, match=f"nan in epoch 1 after step {CHECK_STEPS} of 200"):
        next(training.epochs())
    assert len(steps) == CHECK_STEPS


def test_who_is_told_decides_when_it_is_told_again() -> None:
    told: list[int] = []

    def on_check(standing: Standing) -> int:
        told.append(standing.step)
        assert standing.images_per_s > 0
        assert standing.seconds_left > 0
        return 4

    next(Training(small_net(), small_split(), RECIPE.override(batch_size=6), seed=0, place=CPU).epochs(on_check))
    assert told == [1, 5, 9], "never after the last step: the epoch's own report follows"


def test_bf16_trains_nearly_the_same() -> None:
    plain = trained()[1]
    other = trained(RECIPE.override(precision=Precision.BF16))[1]
    assert other != plain
    assert other == pytest.approx(plain, rel=0.05)


def test_channels_last_is_refused_on_cpus() -> None:
    with pytest.raises(RecipeError, match="channels_last = True cannot train on a CPU"):
        trained(RECIPE.override(channels_last=True))


def test_one_channel_images_do_not_turn_the_network_channels_last() -> None:
    """Strides of one-channel images are ambiguous; the CPU's channels-last gradients corrupt memory."""
    layouts: list[bool] = []
    model = small_net()
    model[0].register_forward_hook(  # type: ignore[index]
        lambda module, args, output: layouts.append(output.is_contiguous())
    )
    list(Training(model, small_split(), RECIPE, seed=0, place=CPU).epochs())
    assert all(layouts)


def test_compile_runs_the_compiled_network_and_trains_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def compile_(module: nn.Module) -> nn.Module:
        compiled.append(module)
        return nn.Sequential(module)  # like torch's, a wrapper that renames parameters

    monkeypatch.setattr(torch, "compile", compile_)
    model, losses = trained(RECIPE.override(compile=True))
    assert compiled == [model]
    assert losses == trained()[1]
    assert model.state_dict().keys() == small_net().state_dict().keys()


def test_several_heads_share_the_loss() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small_net()

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.body(images), self.body(images)

    training = Training(TwoHeads(), small_split(), RECIPE, seed=0, place=CPU)
    assert [e.train_loss for e in training.epochs()] == pytest.approx(trained()[1], rel=0.2)


class Wrapped(nn.Module):
    """A network that returns features beside its logits, and has a second head with its own weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.second = small_net(), nn.Linear(3, 3)

    def forward(self, images: Tensor) -> dict[str, Any]:
        logits = self.body(images)
        return {"features": [images, {"pooled": images.mean((2, 3))}], "out": logits, "second": self.second(logits)}


def losses_of(output: str | None, place: Place = CPU) -> tuple[Wrapped, list[float]]:
    torch.manual_seed(0)
    model = Wrapped()
    training = Training(model, small_split(), RECIPE, seed=0, place=place, output=output)
    return model, [epoch.train_loss for epoch in training.epochs()]


def test_the_head_that_is_named_is_the_only_one_trained() -> None:
    before = losses_of("out")[0].second.weight  # no gradient ever reached it
    torch.manual_seed(0)
    assert torch.equal(before, Wrapped().second.weight)
    assert losses_of("out")[1] == trained()[1]
    assert not torch.equal(losses_of("second")[0].second.weight, before)
    named, both = losses_of("second")[1], losses_of(None)[1]
    assert both[0] == pytest.approx((losses_of("out")[1][0] + named[0]) / 2, rel=0.2)
    assert both != named


@pytest.fixture
def group_of_one(tmp_path: Path) -> Iterator[None]:
    """DDP as with several workers, in this process alone."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("output", ["out", "second", None])
def test_several_workers_wait_for_no_weight_that_is_not_trained(group_of_one: None, output: str | None) -> None:
    model, losses = losses_of(output, Place(torch.device("cpu"), rank=0, world=2))
    assert len(losses) == RECIPE.epochs
    assert (model.second.weight.grad is None) == (output == "out")


class Moody(nn.Module):
    """One of its layers takes part in training only, another in evaluation only, a third never."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.never = small_net(), nn.Linear(3, 3)
        self.taught, self.scored = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images)
        return self.taught(features) if self.training else self.scored(features)


def test_weights_that_take_no_part_do_not_stop_several_workers(group_of_one: None) -> None:
    model = Moody()
    training = Training(model, small_split(), RECIPE, seed=0, place=Place(torch.device("cpu"), rank=0, world=2))
    assert len(list(training.epochs())) == RECIPE.epochs
    assert model.taught.weight.grad is not None
    assert model.scored.weight.grad is None


def test_looking_for_idle_weights_changes_no_buffer(group_of_one: None) -> None:
    model = small_net()
    before = {name: value.clone() for name, value in model.named_buffers()}
    Training(model, small_split(), RECIPE, seed=0, place=Place(torch.device("cpu"), rank=0, world=2))
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())


class Skips(nn.Module):
    """A layer takes part from the second step on; another holds complex numbers if that is asked for."""

    def __init__(self, *, turns: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.late, self.head = nn.Linear(81, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.turn = nn.Parameter(torch.ones(8, dtype=torch.complex64)) if turns else None
        self.seen = 0

    def forward(self, images: Tensor) -> Tensor:
        features = self.first(images.flatten(1)).relu()
        if self.training:
            self.seen += 1
        if self.seen > 1:
            features = self.late(features)
        if self.turn is not None:
            features = (features * self.turn).real
        return self.head(features)


def test_a_layer_that_takes_part_later_begins_without_momentum() -> None:
    """As in a plain step by hand: torch's fused one fails."""
    ours, by_hand = Skips(), Skips()
    recipe = RECIPE.override(epochs=1, batch_size=20, momentum=0.9, weight_decay=0)
    training = Training(ours, small_split(), recipe, seed=0, place=CPU)
    plain = Training(by_hand, small_split(), recipe, seed=0, place=CPU)
    plain._stepper._optimizer = torch.optim.SGD(by_hand.parameters(), lr=recipe.lr, momentum=0.9, fused=False)
    for one in (training, plain):
        list(one.epochs())
    for name, weight in ours.state_dict().items():
        torch.testing.assert_close(weight, by_hand.state_dict()[name], rtol=1e-6, atol=1e-7)
    assert not torch.equal(ours.late.weight, Skips().late.weight)


def test_complex_weights_are_trained_and_a_model_without_weights_to_train_is_refused() -> None:
    model = Skips(turns=True)
    list(Training(model, small_split(), RECIPE.override(epochs=1), seed=0, place=CPU).epochs())
    assert model.turn is not None
    assert not torch.equal(model.turn, torch.ones(8, dtype=torch.complex64))
    with pytest.raises(RecipeError, match="this Skips has nothing to train: none of its parameters has requires_grad"):
        Training(Skips().requires_grad_(False), small_split(), RECIPE, seed=0, place=CPU)
