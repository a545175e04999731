"""A recipe in words, for whoever starts a training or reads what came of it."""

from collections.abc import Iterator

from ground.counting import counted
from trainers.choices import Distillation, OptimizerName
from trainers.recipe import Recipe

_FORWARD_AND_BACKWARD = 3
"""A step costs about three forward passes: one forward, and twice as much backward."""


def in_words(recipe: Recipe) -> str:
    """All that makes it another training than the plainest, in one line."""
    return ", ".join(_parts(recipe))


def price_in_words(recipe: Recipe, macs: int, teacher_macs: int) -> str | None:
    """What the unpruned model's answers add to a step; None where none are asked for.

    Args:
        recipe: of the training.
        macs: of the model that is trained, at batch 1.
        teacher_macs: of the unpruned model.
    """
    if recipe.distill is None:
        return None
    added = teacher_macs / (_FORWARD_AND_BACKWARD * macs)
    return (
        f"the unpruned model answers each batch: {teacher_macs:,} MACs an image, beside about "
        f"{_FORWARD_AND_BACKWARD} × {macs:,} of a step: {added:+.0%}"
    )


def holdout_price(train: int, holdout: int) -> str:
    """What training on the holdout, too, adds to an epoch.

    Args:
        train: images that are no holdout.
        holdout: images of the holdout.
    """
    return (
        f"with the {holdout:,} images of the holdout an epoch has {holdout / train:+.0%} images; "
        "--no-train-on-holdout keeps them apart"
    )


def _parts(recipe: Recipe) -> Iterator[str]:
    yield f"{counted(recipe.epochs, 'epoch')} in batches of {recipe.batch_size:,}"
    if recipe.micro_batch is not None:
        yield f"at most {recipe.micro_batch:,} images of a worker at once"
    yield _optimizer(recipe)
    yield _rates(recipe)
    if recipe.label_smoothing:
        yield f"label smoothing {recipe.label_smoothing:g}"
    if recipe.grad_clip is not None:
        yield f"gradients up to a norm of {recipe.grad_clip:g}"
    yield from _images(recipe)
    yield from _computing(recipe)
    if recipe.ema is not None:
        exported = "exported" if recipe.export_ema else "scored, not exported"
        yield f"average of the weights with decay {recipe.ema:g}, {exported}"
    if recipe.distill is not None:
        soft = f" at temperature {recipe.distill_temperature:g}" if recipe.distill is Distillation.SOFT else ""
        share = f"{recipe.distill_weight:.0%} of the loss"
        yield f"{recipe.distill.value} distillation from the unpruned model{soft}, {share}"
    if recipe.train_on_holdout:
        yield "the holdout is trained on, so that there is no holdout score"


def _optimizer(recipe: Recipe) -> str:
    if recipe.optimizer is OptimizerName.ADAMW:
        return f"AdamW (first beta {recipe.momentum:g}, weight decay {recipe.weight_decay:g})"
    nesterov = "Nesterov " if recipe.nesterov else ""
    return f"SGD ({nesterov}momentum {recipe.momentum:g}, weight decay {recipe.weight_decay:g})"


def _rates(recipe: Recipe) -> str:
    start = "" if recipe.start_lr is None else f" from {recipe.start_lr:g}"
    begin = "" if recipe.decay_from is None else f" from epoch {recipe.decay_from:g} on"
    rise = f" after {recipe.warmup_epochs:g} epochs of rise{start}" if recipe.warmup_epochs else ""
    return f"learning rate {recipe.lr:g}{rise}, {recipe.schedule.value} decay to {recipe.final_lr:g}{begin}"


def _images(recipe: Recipe) -> Iterator[str]:
    if not recipe.augment:
        yield "no augmentation"
    if recipe.auto_augment is not None:
        yield f"augmentation {recipe.auto_augment}"
    for name, value in (("erasing", recipe.erasing), ("mixup", recipe.mixup), ("cutmix", recipe.cutmix)):
        if value:
            yield f"{name} {value:g}"
    if recipe.repeated_augmentation > 1:
        yield f"{recipe.repeated_augmentation} transformations of each image in a batch"


def _computing(recipe: Recipe) -> Iterator[str]:
    if recipe.precision is not None:
        yield recipe.precision.value
    for name, used in (
        ("channels-last", recipe.channels_last),
        ("compiled", recipe.compile),
        ("activations computed again", recipe.checkpointing),
        ("BatchNorm over all workers", recipe.sync_batch_norm),
    ):
        if used:
            yield name
