"""What makes two fine-tunes the same training: a state of one is never continued by another."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ground.cache import content_key
from trainers.datasets.base import Splits
from trainers.datasets.registry import dataset
from trainers.errors import StateError, WorkersDifferError
from trainers.place import Place

_log = logging.getLogger(__name__)

Identity = Mapping[str, Any]
"""JSON values by the name of a part, see `_WORDS`."""

_WORDS = {
    "weights": "the pruned weights",
    "output": "the output that is trained",
    "teacher": "the weights of the unpruned model",
    "dataset": "the data set",
    "recipe": "the recipe",
    "seed": "the seed",
    "train": "the training images or their labels",
    "holdout": "the holdout images or their labels",
    "content": "the contents of image files",
    "contained": "the contents of one image file or more",
    "classes": "the classes",
    "preprocessing": "the preprocessing of images",
}
_CONTENTS = {"content": {"contained", "train", "holdout"}, "contained": {"train", "holdout"}}
"""What says what image files hold, and what needs no saying where it differs."""
_OLD_PARTS = ("weights", "dataset", "recipe", "seed", "output")
"""What the identity held in states of earlier versions, which was one hash."""


def data_identity(splits: Splits) -> Identity:
    """The parts of an identity that data decide: images by name, size and label, classes, preprocessing.

    Of image files also what a few of them hold, and all of a small data set: uncompressed ones of other pictures have
    the same size.
    """
    content = [splits.train.content(), splits.holdout.content()]
    contained = [splits.train.contained(), splits.holdout.contained()]
    return {
        **({"content": content} if any(content) else {}),
        **({"contained": contained} if any(contained) else {}),
        "train": splits.train.fingerprint(),
        "holdout": splits.holdout.fingerprint(),
        "classes": hashlib.sha256("\0".join(splits.info.classes).encode()).hexdigest(),
        "preprocessing": splits.info.preprocessing_words,
    }


def check_identity(path: Path, saved: str, identity: Identity) -> None:
    """Check that a state is of the training that wants to continue from it.

    Args:
        path: of the state.
        saved: the identity in it, as text.
        identity: of the training.

    Raises:
        StateError: it is another training's; the message says which parts differ.
    """
    differing = _differences(saved, identity) if saved.startswith("{") else _old_differences(path, saved, identity)
    if differing:
        # The states before it are of the same training, so it would not do to delete this one.
        states = path.with_name(f"{path.name.partition('.')[0]}*{path.suffix}")
        raise StateError(
            f"{path} is the state of another training: {', '.join(differing)}. Delete {states} to train from the "
            "start, or choose another output folder"
        )


def _old_differences(path: Path, saved: str, identity: Identity) -> list[str]:
    """What is wrong with a state of an earlier version, which noted no images: only those of a folder may be others."""
    if saved != content_key({name: identity[name] for name in _OLD_PARTS if name in identity}):
        return ["an earlier version wrote it, of other weights, data set, recipe or seed"]
    if dataset(identity["dataset"]).needs_path:
        return ["an earlier version wrote it, which did not note the images that it had trained on"]
    _log.warning("%s is of an earlier version; on several workers its images were drawn otherwise than now", path)
    return []


def _differences(saved: str, identity: Identity) -> list[str]:
    theirs = json.loads(saved)
    ours_too = json.loads(json.dumps(identity))
    # States from before contents were looked at do without.
    names = (theirs.keys() | ours_too.keys()) - (_CONTENTS.keys() - theirs.keys())
    differing = {name for name in names if theirs.get(name) != ours_too.get(name)}
    implied = {name for name in differing & _CONTENTS.keys() if differing & _CONTENTS[name]}
    return [_difference(name, theirs.get(name), ours_too.get(name)) for name in sorted(differing - implied)]


def _difference(name: str, theirs: Any, ours: Any) -> str:
    what = f"{_WORDS.get(name, name)} differ" + ("" if name in _PLURAL else "s")
    if isinstance(theirs, dict) and isinstance(ours, dict):
        fields = sorted(field for field in theirs.keys() | ours.keys() if theirs.get(field) != ours.get(field))
        return f"{what} ({', '.join(f'{field} {theirs.get(field)!r}, here {ours.get(field)!r}' for field in fields)})"
    if name in {"dataset", "seed", "output", "preprocessing"}:
        return f"{what} ({theirs!r}, here {ours!r})"
    return what


_PLURAL = frozenset({"weights", "teacher", "train", "holdout", "content", "contained", "classes"})


def check_same(place: Place, identity: Identity) -> None:
    """Check that all workers see the same weights and the same data.

    Raises:
        WorkersDifferError: they do not; all workers raise it.
    """
    if place.world == 1:
        return
    parts = sorted(identity)
    keys = torch.tensor([int(content_key({name: identity[name]})[:12], 16) for name in parts])
    first, *others = place.gathered(keys)
    for rank, theirs in enumerate(others, start=1):
        odd = [_WORDS[name] for name, same in zip(parts, (theirs == first).tolist(), strict=True) if not same]
        if odd:
            raise WorkersDifferError(
                f"worker {rank} of {place.world} does not see what worker 0 sees: {', '.join(odd)} differ. All nodes "
                "must see the same checkpoint and the same data under the same paths"
            )
