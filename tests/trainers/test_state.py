"""Training states and reports on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.full_disk import full_after
from tests.synced import needs_names, note_syncs
from tests.trainers.small import small_net, small_split
from trainers.errors import DamagedStateError, StateError
from trainers.evaluate import Evaluation
from trainers.history import EpochReport, EpochTail, append_epoch, keep_epochs, read_epochs
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import OptimizerName, Recipe
from trainers.state import load_state, save_state, saved_history

RECIPE = Recipe(lr=0.1, epochs=5, batch_size=20, warmup_epochs=0.5)
SCORE = Evaluation(0.5, 1.0, 1, 2)


def training(recipe: Recipe = RECIPE) -> Training:
    return Training(small_net(dropout=0.2), small_split(), recipe, seed=0, place=Place(torch.device("cpu")))


def reports(count: int) -> tuple[EpochReport, ...]:
    return tuple(EpochReport(n + 1, 1.0 / (n + 1), 0.5, 1.0, 0.1, 0.01) for n in range(count))


@pytest.mark.parametrize("optimizer", OptimizerName)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_continued_training_equals_an_undisturbed_one(
    tmp_path: Path, optimizer: OptimizerName, momentum: float
) -> None:
    recipe = RECIPE.override(optimizer=optimizer, momentum=momentum)
    whole = training(recipe)
    expected = list(whole.epochs())

    interrupted = training(recipe)
    history: tuple[EpochReport, ...] = ()
    epochs = interrupted.epochs()
    for _ in range(2):
        history = (*history, EpochReport.of(next(epochs), SCORE))
    save_state(tmp_path / "state", interrupted, history, "run")
    continued = training(recipe)
    assert load_state(tmp_path / "state", continued, "run") == history
    rest = list(continued.epochs())

    assert [e.train_loss for e in rest] == [e.train_loss for e in expected[2:]]
    ours, theirs = continued.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_nothing_there_is_a_start(tmp_path: Path) -> None:
    assert load_state(tmp_path / "state", training(), "run") == ()


def test_another_runs_state_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "state", training(), (), "one")
    with pytest.raises(StateError, match="another training"):
        load_state(tmp_path / "state", training(), "two")


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_state(path, training(), (), "run")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StateError, match=r"cannot be read.*delete it"):
        load_state(path, training(), "run")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:50],
        lambda content: b"\0" * len(content),
        lambda content: content[:-64] + b"\0" * 64,  # a block that never reached the disk: the length is right
        lambda content: b"\xff" * 8 + content[8:],  # a header of 16 exabytes
    ],
)
def test_every_damage_is_seen(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path, whole = tmp_path / "state", training()
    next(whole.epochs())
    save_state(path, whole, (), "run")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedStateError, match="cannot be read"):
        saved_history(path, "run")
    with pytest.raises(DamagedStateError, match="cannot be read"):
        load_state(path, training(), "run")


def test_only_the_state_is_left_on_disk(tmp_path: Path) -> None:
    for _ in range(2):
        save_state(tmp_path / "state", training(), (), "run")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_tail_gives_each_epoch_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "epochs.jsonl"
    tail, (first, second, third) = EpochTail(path), reports(3)
    assert tail.new() == ()
    append_epoch(path, first)
    assert tail.new() == (first,)
    append_epoch(path, second)
    with path.open("a") as stream:
        stream.write('{"epoch": 3')
    assert tail.new() == (second,)
    keep_epochs(path, (first, second))
    assert tail.new() == ()
    append_epoch(path, third)
    assert tail.new() == (third,)
    assert read_epochs(path) == (first, second, third)


@needs_names
def test_a_power_cut_leaves_the_state_and_the_epochs_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is fsynced before it has its name, and the name after that; a line that is added, when it is added."""
    synced = note_syncs(monkeypatch)
    save_state(tmp_path / "state", training(), (), "run")
    keep_epochs(tmp_path / "epochs", reports(1))
    drafts = [name for name in synced if name.endswith(".draft")]
    assert synced == [drafts[0], "-> state", tmp_path.name, drafts[1], "-> epochs", tmp_path.name]
    synced.clear()
    append_epoch(tmp_path / "epochs", reports(2)[1])
    assert synced == ["epochs"]


def test_a_full_disk_leaves_the_old_state(tmp_path: Path) -> None:
    save_state(tmp_path / "state", training(), reports(1), "run")
    with full_after(2**10), pytest.raises(OSError, match="File too large"):
        save_state(tmp_path / "state", training(), reports(2), "run")
    assert saved_history(tmp_path / "state", "run") == reports(1)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
