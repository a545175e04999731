"""What a recipe may choose beside the plain loop: averages, passes, distillation, mixing, schedules, layers."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import trainers.loop
from tests.trainers.small import small_net, small_split
from trainers.choices import Distillation, LrRule, OptimizerName, Precision, Schedule
from trainers.ema import Average
from trainers.errors import DoesNotFitError, RecipeError
from trainers.loop import Training
from trainers.mixing import Mixed
from trainers.place import Place
from trainers.recipe import ProxyRecipe, Recipe
from trainers.recipe_words import in_words, price_in_words
from trainers.schedule import Rates, epoch_batches
from trainers.state import Around, read_state, restore_state, save_state
from trainers.stepping import Stepper, even_parts

CPU = Place(torch.device("cpu"))
RECIPE = Recipe(lr=0.1, epochs=2, batch_size=20, warmup_epochs=0.5)
STEPS = 3  # an epoch


def plain_net() -> nn.Module:
    """Nothing in it depends on which images share a batch."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(81, 8), nn.ReLU(), nn.Linear(8, 3))


def trained(model: nn.Module, recipe: Recipe, **more: Any) -> Training:
    training = Training(model, small_split(), recipe, seed=0, place=CPU, **more)
    for _ in training.epochs():
        pass
    return training


def same(first: nn.Module, second: nn.Module, *, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.allclose(one, other, rtol=rtol, atol=atol) for one, other in pairs)


# averages


def test_an_average_by_hand_and_the_training_beside_it_stays_to_the_bit() -> None:
    plain, averaged = small_net(), small_net()
    trained(plain, RECIPE)
    seen: list[Tensor] = []
    training = Training(averaged, small_split(), RECIPE.override(ema=0.5), seed=0, place=CPU)
    step = training._stepper.take

    def noted(batch: Mixed, lr: float, micro_batch: int) -> Tensor:
        loss = step(batch, lr, micro_batch)
        seen.append(averaged[0].weight.detach().clone())  # type: ignore[index]
        return loss

    training._stepper.take = noted  # type: ignore[method-assign]
    list(training.epochs())
    assert same(plain, averaged, rtol=0, atol=0)
    expected = small_net()[0].weight.detach()  # type: ignore[index]
    for number, weight in enumerate(seen):
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * weight
    assert training.average is not None
    torch.testing.assert_close(training.average.state()["0.weight"], expected)


@pytest.mark.parametrize("tied", [False, True])
def test_an_average_stands_in_for_a_while(tied: bool) -> None:
    """Also of a layer that has two names."""
    model = small_net()
    if tied:
        model.append(nn.Identity()).append(model[6])  # type: ignore[operator, index]
    average, before = Average(model, 0.9), copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    changed = copy.deepcopy(model)
    for _ in range(2):
        with average.in_place():
            assert same(model, before)
        assert same(model, changed)


@pytest.mark.parametrize("exports", [True, False])
def test_the_average_is_exported_only_where_the_recipe_says_so(exports: bool) -> None:
    model = small_net()
    training = trained(model, RECIPE.override(ema=0.9, export_ema=exports))
    last = copy.deepcopy(model)
    with training.exported():
        assert same(model, last) is not exports


# passes


def test_several_passes_add_up_to_the_batch() -> None:
    whole, parts = plain_net(), plain_net()
    losses = [list(Training(m, small_split(), r, seed=0, place=CPU).epochs())[-1].train_loss for m, r in (
        (whole, RECIPE), (parts, RECIPE.override(micro_batch=7)),
    )]  # fmt: skip
    assert same(whole, parts, rtol=0, atol=1e-6)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_passes_are_as_equal_as_can_be_and_one_image_is_none_for_batch_norm() -> None:
    assert list(even_parts(9, 4)) == [(0, 3), (3, 6), (6, 9)], "not 4, 4 and a single one"
    assert list(even_parts(20, 7)) == [(0, 7), (7, 14), (14, 20)]
    norm = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 3))
    with pytest.raises(RecipeError, match="a pass has 1 image, and BatchNorm trains on no single one: choose a batch"):
        trained(norm, RECIPE.override(micro_batch=1))


def test_memory_that_runs_out_halves_the_passes_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempt, tried = Stepper.attempt, list[int]()

    def scarce(stepper: Stepper, batch: Any) -> None:
        tried.append(len(batch.images))
        if len(batch.images) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        attempt(stepper, batch)

    monkeypatch.setattr(trainers.loop, "may_run_out", lambda device: True)
    monkeypatch.setattr(Stepper, "attempt", scarce)
    model, given = small_net(dropout=0.3), small_net(dropout=0.3)
    assert trained(model, RECIPE).micro_batch == 5
    assert tried == [20, 10, 5], "once, before the first step"
    assert "20 images of a step do not fit into its memory at once, so they are taken in 4 passes of 5" in caplog.text
    assert "BatchNorm takes its statistics of 5 images" in caplog.text
    trained(given, RECIPE.override(micro_batch=5))
    assert same(model, given, rtol=0, atol=0), "the attempts drew nothing and changed no buffer"


def test_not_even_one_image_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(stepper: Stepper, batch: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(trainers.loop, "may_run_out", lambda device: True)
    monkeypatch.setattr(Stepper, "attempt", full)
    with pytest.raises(DoesNotFitError, match="not even a single training image fits"):
        trained(small_net(), RECIPE)


# a state within an epoch


@pytest.mark.parametrize("compiles", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_averages_and_passes_go_on_from_a_state_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiles: bool
) -> None:
    """Also where the model is compiled; by torch's own wrapper, and without the minutes that code for a CPU takes."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    recipe = RECIPE.override(ema=0.9, micro_batch=7, mixup=0.4, distill=Distillation.SOFT, schedule=Schedule.LINEAR)
    recipe = recipe.override(compile=compiles)
    teacher = small_net(seed=5)

    def begun(model: nn.Module) -> Training:
        return Training(model, small_split(), recipe, seed=0, place=CPU, teacher=copy.deepcopy(teacher))

    whole, broken, resumed = (small_net(dropout=0.3) for _ in range(3))
    undisturbed = begun(whole)
    list(undisturbed.epochs())
    training, path = begun(broken), tmp_path / "state.safetensors"

    class StopError(Exception):
        pass

    def save(standing: Any) -> int:
        if standing.step == 2:
            save_state(path, training, Around((), {}, [training.chance()], [training.within.loss]))
            raise StopError
        return 1

    with pytest.raises(StopError):
        list(training.epochs(save))
    again, found = begun(resumed), read_state(path, {})
    assert found is not None
    restore_state(found, again, 0)
    list(again.epochs())
    assert same(whole, resumed, rtol=0, atol=0)
    names = {name.partition(".")[2] for name in found.tensors if name.startswith(("model.", "average."))}
    assert names == whole.state_dict().keys(), "no wrapper's name is in them"
    assert undisturbed.average is not None
    assert again.average is not None
    pairs = zip(undisturbed.average.state().values(), again.average.state().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


# distillation


@pytest.mark.parametrize("kind", Distillation)
def test_one_step_of_distillation_by_hand(kind: Distillation) -> None:
    recipe = Recipe(
        lr=0.2, momentum=0, weight_decay=0, epochs=1, warmup_epochs=0, batch_size=60, augment=False, distill=kind,
        distill_weight=0.3, distill_temperature=3.0,
    )  # fmt: skip
    model, teacher, split = plain_net(), small_net(seed=7), small_split()
    expected = copy.deepcopy(model)
    logits, answers = expected(split.pixels), teacher.eval()(split.pixels).detach()
    own = F.cross_entropy(logits, split.targets)
    if kind is Distillation.HARD:
        taught = F.cross_entropy(logits, answers.argmax(1))
    else:
        theirs = (answers / 3).softmax(1)
        taught = 9 * (theirs * (theirs.log() - (logits / 3).log_softmax(1))).sum(1).mean()
    (0.7 * own + 0.3 * taught).backward()
    before = copy.deepcopy(teacher)
    trained(model, recipe, teacher=teacher)
    for ours, by_hand in zip(model.parameters(), expected.parameters(), strict=True):
        assert by_hand.grad is not None
        torch.testing.assert_close(ours, by_hand - 0.2 * by_hand.grad)
    assert same(teacher, before), "it is in eval mode: no statistics change"


def test_distillation_needs_a_teacher_and_states_its_price() -> None:
    recipe = RECIPE.override(distill="soft")
    with pytest.raises(RecipeError, match="no unpruned model is given"):
        trained(small_net(), recipe)
    price = price_in_words(recipe, 2_060_000_000, 4_110_000_000)
    assert price is not None
    assert price.endswith("+67%")
    assert price_in_words(RECIPE, 1, 1) is None


# mixing and order


def test_mixed_batches_are_learned_by_both_labels() -> None:
    """By hand: one step on the whole split, with the partners and the weight that were drawn."""
    recipe = Recipe(
        lr=0.2, momentum=0, weight_decay=0, epochs=1, warmup_epochs=0, batch_size=60, augment=False, mixup=1.0
    )
    from trainers.mixing import Mixing, mix

    model, split = plain_net(), small_split()
    expected = copy.deepcopy(model)
    order = epoch_batches(60, 60, seed=0, epoch=0)[0]
    mixed = mix(split.pixels[order], split.targets[order], Mixing(1.0), seed=0, epoch=0, step=0)
    assert 0 < mixed.weight < 1
    logits = expected(mixed.images)
    own, other = F.cross_entropy(logits, mixed.labels), F.cross_entropy(logits, mixed.others)
    (mixed.weight * own + (1 - mixed.weight) * other).backward()
    trained(model, recipe)
    for ours, by_hand in zip(model.parameters(), expected.parameters(), strict=True):
        assert by_hand.grad is not None
        torch.testing.assert_close(ours, by_hand - 0.2 * by_hand.grad)


def test_copies_of_an_image_share_a_batch_and_an_epoch_has_as_many_steps() -> None:
    batches = epoch_batches(30, 6, seed=1, epoch=0, repeats=3)
    assert [len(batch) for batch in batches] == [6] * 5
    images = [sorted((batch % 30).tolist()) for batch in batches]
    assert all(one[0] == one[2] and one[3] == one[5] and one[2] != one[3] for one in images)
    assert {int(index) // 30 for batch in batches for index in batch} == {0, 1, 2}


# rates


def test_a_line_from_a_chosen_epoch_to_a_chosen_end() -> None:
    recipe = Recipe(
        lr=0.9, epochs=4, warmup_epochs=1, schedule=Schedule.LINEAR, start_lr=0.1, final_lr=0.1, decay_from=2
    )
    rates = Rates.of(recipe, 4)
    assert [round(rates.at(step), 6) for step in (0, 2, 4, 7, 8, 12, 15)] == [0.1, 0.5, 0.9, 0.9, 0.9, 0.5, 0.2]


@pytest.mark.parametrize(
    ("optimizer", "rule", "lr"),
    [("sgd", None, 0.4), ("adamw", None, 0.2), ("sgd", "sqrt", 0.2), ("adamw", "none", 0.1), ("adamw", "linear", 0.4)],
)
def test_the_rate_follows_a_batch_that_is_asked_for(optimizer: str, rule: str | None, lr: float) -> None:
    recipe = Recipe(optimizer=OptimizerName(optimizer), lr=0.1, batch_size=16)
    assert recipe.asked(batch_size=64, lr_rule=rule).lr == pytest.approx(lr)
    assert recipe.asked(batch_size=64, lr=0.05).lr == 0.05
    assert recipe.override(batch_size=64).lr == 0.1
    assert LrRule.NONE.factor(4) == 1


# what the device decides, and how a recipe is written


def test_the_device_decides_the_format_once() -> None:
    open_ = Recipe()
    assert open_.resolved(gpu=False) == Recipe(precision=Precision.FP32, channels_last=False)
    assert open_.resolved(gpu=True) == Recipe(precision=Precision.BF16, channels_last=True)
    assert open_.resolved(gpu=True, bf16=False).precision is Precision.FP32
    assert open_.resolved(gpu=False).resolved(gpu=True) == open_.resolved(gpu=False)


def test_a_plain_recipe_is_written_as_in_versions_without_these_fields() -> None:
    """States, caches and ledgers know a training by this."""
    assert list(Recipe().resolved(gpu=False).model_dump(mode="json")) == [
        *("optimizer", "lr", "momentum", "nesterov", "weight_decay", "batch_size", "label_smoothing", "grad_clip"),
        *("augment", "precision", "channels_last", "epochs", "warmup_epochs", "compile"),
    ]
    recipe = Recipe(ema=0.99, distill=Distillation.HARD, auto_augment="rand-m9-mstd0.5-inc1")
    assert Recipe.parse(recipe.model_dump(mode="json")) == recipe
    assert "precision" not in ProxyRecipe().model_dump()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"auto_augment": "randy"}, "rand-m9-mstd0.5-inc1"),
        ({"export_ema": True}, "set ema too"),
        ({"decay_from": 40, "epochs": 30}, "a decay from epoch 40 on"),
        ({"final_lr": 1.0}, "final_lr 1 is above the peak"),
        ({"ema": 1.0}, "received 1.0"),
    ],
)
def test_contradictions_are_told(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.parse(fields)


def test_words_tell_what_is_chosen() -> None:
    words = in_words(Recipe(ema=0.99, distill=Distillation.SOFT, train_on_holdout=True).resolved(gpu=True))
    for part in ("SGD (momentum 0.9", "30 epochs", "bf16", "channels-last", "decay 0.99, scored, not exported",
                 "soft distillation", "no holdout score"):  # fmt: skip
        assert part in words


# layers


def test_activations_are_computed_again_with_the_same_result() -> None:
    from timm import create_model

    def net() -> nn.Module:
        torch.manual_seed(0)
        return create_model("resnet18", num_classes=3, in_chans=1, channels=(8, 8, 8, 8), stem_width=8)

    kept, again = net(), net()
    trained(kept, RECIPE)
    trained(again, RECIPE.override(checkpointing=True))
    assert same(kept, again, rtol=0, atol=1e-5), "also BatchNorm's statistics, which a second pass would count twice"
    counts = [int(module.state_dict()["bn1.num_batches_tracked"]) for module in (kept, again)]
    assert counts == [2 * STEPS] * 2


def test_what_a_model_or_a_cpu_cannot_do_is_refused() -> None:
    with pytest.raises(RecipeError, match="a Sequential has no `set_grad_checkpointing`"):
        trained(small_net(), RECIPE.override(checkpointing=True))
    with pytest.raises(RecipeError, match="works on GPUs only"):
        trained(small_net(), RECIPE.override(sync_batch_norm=True))


# data


def test_the_holdout_is_trained_on_as_the_training_images_are() -> None:
    train, holdout = small_split(40), small_split(20, seed=1)
    both = train.joined(holdout)
    assert (len(both), both.shift) == (60, train.shift)
    assert torch.equal(both.images(torch.arange(40, 60)), holdout.pixels)


def test_the_time_spent_waiting_is_a_share() -> None:
    training = Training(small_net(), small_split(), RECIPE, seed=0, place=CPU)
    (first, second) = training.epochs()
    assert 0 <= first.waiting <= 1
    assert second.images_per_s > 0
