"""A worker's error that no further attempt can heal: written down, so that Ray Train's next attempt ends at once."""

import contextlib
import json
import traceback
from pathlib import Path

import torch.distributed as dist

import trainers.errors
from trainers.errors import FinetuneError, TrainerError

FAILED = "failed.json"

_LOST = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)


def is_lost_worker(error: BaseException) -> bool:
    """Whether an error says that another worker has gone, rather than that this one cannot do its work.

    gloo reports it as a plain RuntimeError that names gloo's own source file.
    """
    return isinstance(error, _LOST) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())


def write_failure(out_dir: Path, error: Exception) -> None:
    """Write an error down; the first one counts, because others follow from it.

    On a full disk the file stays empty, which says that much.
    """
    text = json.dumps(
        {"kind": type(error).__name__, "text": str(error), "trace": "".join(traceback.format_exception(error))}
    )
    with contextlib.suppress(OSError), (out_dir / FAILED).open("x", encoding="utf-8") as stream:
        stream.write(text)


def read_failure(out_dir: Path) -> TrainerError | None:
    """The error that was written down, as one of this room; None if there is none."""
    path = out_dir / FAILED
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return FinetuneError(
            f"the fine-tune failed, and there was no room to write down why: {path} is empty or cut. Make room on its "
            "disk; the same command then goes on from the last state"
        )
    kind = getattr(trainers.errors, found["kind"], None)
    if isinstance(kind, type) and issubclass(kind, TrainerError):
        return kind(found["text"])
    last = (found["text"].strip().splitlines() or [""])[-1]
    return FinetuneError(f"the fine-tune failed: {found['kind']}: {last}. Its traceback is in {path}")
