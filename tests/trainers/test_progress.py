"""How a fine-tune stands, in words and on the way to whoever shows it."""

from pathlib import Path

import pytest

from trainers.progress import Paced, Progress, ProgressTail, Standing, write_progress

STANDING = Standing(epoch=2, epochs=4, step=5, steps=20, loss=1.25, wall_s=10.0, images_per_s=32.0)


def test_in_words() -> None:
    """Five steps took 10 s: 15 and 40 are left, at 2 s each."""
    told = str(Progress("training", STANDING))
    assert told == "training: epoch 2/4, step 5/20, loss 1.2500, 32 images/s, 0:01:50 left"
    assert str(Progress("starting the workers")) == "starting the workers"


def test_the_file_gives_each_change_once(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    tail = ProgressTail(path)
    assert tail.new() is None
    for progress in (Progress("reading"), Progress("training", STANDING)):
        write_progress(path, progress)
        assert tail.new() == progress
        assert tail.new() is None


def test_what_is_new_in_kind_is_told_at_once_and_the_rest_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("trainers.progress.time.monotonic", lambda: now[0])
    told: list[Progress] = []
    paced = Paced(told.append, 10.0)
    reading, training = Progress("reading"), Progress("training", STANDING)
    for progress, seconds in ((reading, 0), (training, 0), (training, 4), (training, 5), (training, 2), (reading, 0)):
        now[0] += seconds
        paced(progress)
    assert told == [reading, training, training, reading]
