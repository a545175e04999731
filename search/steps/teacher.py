"""The unpruned model as a checkpoint, where the fine-tune learns from it."""

from pathlib import Path

from pruning.checkpoint import is_whole, save_pruned
from search.steps.step import RunContext
from trainers.recipe import Recipe

TEACHER = "teacher"
"""In the run's folder."""


def teacher_of(context: RunContext, recipe: Recipe) -> Path | None:
    """The folder of the base model, saved if it is not there yet; None for a recipe that learns from labels alone."""
    if recipe.distill is None:
        return None
    folder = (context.folder.path / TEACHER).absolute()
    if not is_whole(folder):
        plan = context.prepared.plan
        everything = tuple(tuple(range(group.units)) for group in plan.groups)
        source = {"run": context.folder.run_id, "unpruned": True}
        info = context.splits.info
        save_pruned(context.base.module, plan, everything, folder, recipe=source, preprocessing=info.preprocessing)
    return folder
