"""Trains a checkpoint on Ray's workers, shown on the screen: what `finetune` and `train` have in common."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import say
from cli.errors import Interrupted
from cli.placing import ray_address_of
from ground.counting import counted
from search.errors import ConfigError
from search.execution.scratch import private_folder
from search.outcome.formats import holdout_text, share_text
from search.setup.config import PREPARING, RunConfig, make_config
from search.setup.scope import Scope, names_where
from trainers.workers import Workers

if TYPE_CHECKING:
    from trainers.history import EpochReport
    from trainers.job import FinetuneResult
    from trainers.recipe import Recipe

WorkersOption = Annotated[
    str | None, typer.Option(metavar="N or N-M", help="As --finetune-workers of a search: DDP workers, or a range.")
]
TRAINING = (*names_where(RunConfig, lambda scope: scope is Scope.RECIPE), "finetune_gpu", "wait_for_nodes", *PREPARING)
"""The fields of a search's configuration that a training alone has, too."""
START = "start"
"""In the output folder: the checkpoint that a training begins with, where it had to be made."""
_RAY = ".ray"
"""In the output folder: what Ray Train writes of its own, on a cluster."""
LINE_S = 30.0
"""Seconds between two lines about how an epoch stands."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """The unpruned model that a training learns from, if it does.

    Attributes:
        folder: its checkpoint; None where labels alone are learned.
        teacher_macs: its MACs.
        macs: those of the model that is trained.
    """

    folder: Path | None = None
    teacher_macs: int = 0
    macs: int = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A training that was shown: how it went, and the recipe as it was carried out."""

    result: "FinetuneResult"
    recipe: "Recipe"


def training_config(given: dict[str, Any], workers: str | None, ray_address: str | None) -> RunConfig:
    """The configuration of a training alone, from the options of its verb.

    Raises:
        ConfigError: an option cannot be used.
        SearchError: no cluster answers at the address.
    """
    config = make_config({name: value for name, value in given.items() if value is not None})
    update = {"finetune_workers": _workers(workers), "ray_address": ray_address_of(ray_address)}
    return config.model_copy(update=update)


def train_shown(
    config: RunConfig,
    start: Path,
    dataset: str,
    data_path: Path | None,
    recipe: "Recipe",
    *,
    seed: int,
    out: Path,
    trusted: tuple[str, ...],
    taught: Teaching = Teaching(),
) -> Shown:
    """Train a checkpoint folder to the end of a recipe, or go on where the same training was interrupted.

    Args:
        config: from `training_config`.
        start: the checkpoint folder.
        dataset: the name of the dataset.
        data_path: its folder, where it reads one.
        recipe: how to train.
        seed: decides the holdout, the order and the augmentation.
        out: the folder for model, epochs and state.
        trusted: factories that the checkpoint may name as its model.
        taught: by which model, beside the labels.

    Returns:
        The trained model, and how its training went.
    """
    from search.execution.interrupts import Interrupts
    from search.execution.survey import finetune_session
    from trainers.place import here_in_bf16
    from trainers.progress import Paced
    from trainers.recipe_words import in_words, price_in_words

    interrupts, ended = Interrupts(), _Ended(recipe.epochs)
    with (
        ended.told(out),
        interrupts.installed(),
        private_folder() as scratch,
        finetune_session(config) as (count, gpu),
    ):
        interrupts.reinstall()
        # After the session has set what Ray reads on import.
        from trainers.finetune import finetune

        say(f"training on {count.named()}, {'each with a GPU' if gpu else 'on CPUs'}")
        used = recipe.resolved(gpu=gpu, bf16=config.cluster is not None or here_in_bf16())
        say(f"recipe   {in_words(used)}")
        price = price_in_words(used, taught.macs, taught.teacher_macs)
        if price is not None:
            say(f"price    {price}")
        result = finetune(
            start,
            dataset,
            data_path,
            used,
            seed=seed,
            workers=count,
            use_gpu=gpu,
            out_dir=out,
            # Ray Train wants to write where all nodes see it.
            storage_dir=scratch if config.cluster is None else out / _RAY,
            teacher_dir=taught.folder,
            trusted=trusted,
            on_epoch=ended.epoch,
            on_progress=Paced(lambda progress: say(f"{progress}"), LINE_S),
            check=interrupts.check,
        )
    shutil.rmtree(out / _RAY, ignore_errors=True)
    return Shown(result, used)


def show_result(result: "FinetuneResult") -> None:
    """Show how a training went, and where its model is."""
    say(f"{counted(len(result.history), 'epoch')} on {counted(result.workers, 'worker')} in {result.wall_s:.1f} s")
    for path, reason in result.unreadable.items():
        say(f"left out {path}: {reason}")
    say(f"model    {result.checkpoint_dir}")


def _workers(given: str | None) -> Workers | None:
    try:
        return None if given is None else Workers.of(given)
    except ValueError as error:
        raise ConfigError(f"--workers {given!r} cannot be used: {error}.") from error


class _Ended:
    """Shows the epochs that have ended, and where the training is interrupted says that they are kept."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._last = 0

    def epoch(self, report: "EpochReport") -> None:
        """Show one."""
        self._last = report.epoch
        _show_epoch(report, self._epochs)

    @contextmanager
    def told(self, out: Path) -> Iterator[None]:
        """Say what is kept in the folder where Ctrl-C or SIGTERM ends what is inside.

        Raises:
            Interrupted: it was ended.
        """
        try:
            yield
        except KeyboardInterrupt:
            if not self._last:
                raise Interrupted("No epoch had ended: the same command begins again.") from None
            raise Interrupted(
                f"{counted(self._last, 'epoch')} of {self._epochs} had ended and can be gone on from in {out}: give "
                "the same command again."
            ) from None


def _show_epoch(report: "EpochReport", epochs: int) -> None:
    score = holdout_text(report.holdout_accuracy, report.trained_holdout_accuracy)
    average = "" if report.ema_accuracy is None else f"  averaged {share_text(report.ema_accuracy)}"
    speed = "" if report.images_per_s is None else f"  {report.images_per_s:.4g} images/s"
    say(f"epoch {report.epoch:>3}/{epochs}  loss {report.train_loss:.4f}  {score}{average}  lr {report.lr:.2e}{speed}")
