"""A GPU's memory that runs out in the midst of a training: named, written down, and gone on from with smaller passes.

Workers do not agree step by step on how it went: a step would then wait for all of them once more. The one whose memory
ran out writes down how many images its passes had and ends, and with it the group, whatever the others wait for. The
training goes on from its last state with passes of half as many, as one that had them from that state on, to the bit.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from ground.cache import content_key
from ground.files import write_whole
from trainers.errors import DoesNotFitError, RanOutError
from trainers.failure import FAILED
from trainers.memory import gpu_out_of_memory, halved, let_go
from trainers.place import Place

_log = logging.getLogger(__name__)

PASSES = "passes.json"
"""In the output folder: how many images a pass may have since memory ran out, and in which training."""
_HALVINGS = 20
"""Of the largest batch that a recipe may have: then a pass has one image."""

_STAYS = "the batch and the learning rate stay"

_T = TypeVar("_T")


@contextmanager
def named(images: Callable[[], int]) -> Iterator[None]:
    """Name memory that runs out in the block.

    Args:
        images: how many the passes have; asked once it has run out.

    Raises:
        RanOutError: it ran out, and smaller passes may fit.
        DoesNotFitError: it ran out in a pass of one image.
    """
    try:
        yield
    except RuntimeError as error:
        if not gpu_out_of_memory(error):
            raise
        count = images()
        why = (str(error).splitlines() or ["out of memory"])[0][:200]
        if count < 2:
            raise DoesNotFitError(
                f"a worker's memory ran out in a step, with a single image at once ({why}): end what else uses the "
                "GPU, choose checkpointing or a smaller --input-size, or train on another GPU. The same command then "
                "goes on from the last state, if there is one"
            ) from error
        found = RanOutError(f"a worker's memory ran out in a step, with {count:,} images at once ({why})")
        found.images = count
        raise found from error


@contextmanager
def noted(out_dir: Path, identity: Mapping[str, Any]) -> Iterator[None]:
    """Write down how many images a pass may have from now on, if memory runs out in the block.

    Raises:
        RanOutError: it did.
    """
    try:
        yield
    except RanOutError as error:
        write_whole(out_dir / PASSES, json.dumps({"images": halved(error.images), "of": content_key(identity)}) + "\n")
        raise


def most_images(place: Place, out_dir: Path, identity: Mapping[str, Any]) -> int | None:
    """How many images a pass of this training may have, as was written down; None where nothing was.

    Rank 0 reads it for all workers. What was written down of another training does not count.
    """
    found = torch.tensor(_read(out_dir / PASSES, identity) if place.is_main else 0, device=place.device)
    return int(place.broadcast(found)) or None


def going_on(out_dir: Path, train: Callable[[], _T]) -> _T:
    """Train, and wherever memory runs out go on with smaller passes: no lost worker, so none of the attempts.

    Args:
        out_dir: of the training.
        train: begins the training, or goes on from its last state; it heeds `most_images`.
    """
    for _ in range(_HALVINGS):
        try:
            return train()
        except RanOutError as error:
            words = str(error)
        # Not in the handler: until it ends, the error's frames keep the tensors alive.
        let_go()
        (out_dir / FAILED).unlink(missing_ok=True)
        _log.warning("%s: the training goes on from its last state with %d; %s", words, _images(out_dir), _STAYS)
    return train()


def begun_again(train: Callable[[int | None], Iterator[_T]]) -> Iterator[_T]:
    """Yield what a training without a state on disk yields, which begins again with smaller passes if memory runs out.

    Args:
        train: begins it, from its first step, with at most so many images in a pass.
    """
    most = None
    while True:
        try:
            yield from train(most)
        except RanOutError as error:
            words, most = str(error), halved(error.images)
        else:
            return
        let_go()
        _log.warning("%s: the training begins again with %d; %s", words, most, _STAYS)


def _images(out_dir: Path) -> int:
    return int(json.loads((out_dir / PASSES).read_text(encoding="utf-8"))["images"])


def _read(path: Path, identity: Mapping[str, Any]) -> int:
    if not path.exists():
        return 0
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return int(found["images"]) if found["of"] == content_key(identity) else 0
    except (ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be read (%s): how many images fit is found by trial again", path, error)
        return 0
