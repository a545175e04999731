"""Training states and reports on disk."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ground.cache import content_key
from tests.full_disk import full_after
from tests.synced import needs_names, note_syncs
from tests.trainers.small import small_net, small_split
from trainers.choices import OptimizerName
from trainers.errors import StateError
from trainers.evaluate import Evaluation
from trainers.history import EpochReport, EpochTail, append_epoch, keep_epochs, read_epochs
from trainers.identity import check_identity
from trainers.loop import Training
from trainers.place import Place
from trainers.progress import Standing
from trainers.recipe import Recipe
from trainers.state import KEPT, Around, read_state, restore_state, save_state, state_paths

RECIPE = Recipe(lr=0.1, epochs=5, batch_size=20, warmup_epochs=0.5)
SCORE = Evaluation(0.5, 1.0, 1, 2)
OURS = {"weights": "a", "dataset": "digits", "recipe": {"lr": 0.1, "epochs": 5}, "seed": 0, "train": "b"}


def training(recipe: Recipe = RECIPE) -> Training:
    return Training(small_net(dropout=0.2), small_split(), recipe, seed=0, place=Place(torch.device("cpu")))


def saved(path: Path, training: Training, history: tuple[EpochReport, ...] = ()) -> None:
    save_state(path, training, Around(history, OURS))


def epochs_of(path: Path) -> int | None:
    found = read_state(path, OURS)
    return None if found is None else len(found.history)


def reports(count: int) -> tuple[EpochReport, ...]:
    return tuple(EpochReport(n + 1, 1.0 / (n + 1), 0.5, 1.0, 0.1, 0.01) for n in range(count))


def restored(path: Path, training: Training) -> tuple[EpochReport, ...]:
    found = read_state(path, OURS)
    assert found is not None
    return restore_state(found, training, 0)


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
    saved(tmp_path / "state", interrupted, history)
    continued = training(recipe)
    assert restored(tmp_path / "state", continued) == history
    rest = list(continued.epochs())

    assert [e.train_loss for e in rest] == [e.train_loss for e in expected[2:]]
    ours, theirs = continued.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 9])
def test_within_an_epoch_too(tmp_path: Path, step: int) -> None:
    """Weights, dropout, pixels and the loss that is reported are those of a training that was never interrupted."""
    recipe = RECIPE.override(batch_size=6)
    whole = training(recipe)
    expected = list(whole.epochs())
    interrupted = training(recipe)

    def save_and_stop(standing: Standing) -> int:
        if standing.step == step:
            within = interrupted.within
            around = Around(reports(1), OURS, [interrupted.chance()], [within.loss], standing.wall_s)
            save_state(tmp_path / "state", interrupted, around)
            raise KeyboardInterrupt
        return 1

    next(interrupted.epochs())
    with pytest.raises(KeyboardInterrupt):
        next(interrupted.epochs(save_and_stop))
    torch.manual_seed(99)
    continued = training(recipe)
    restored(tmp_path / "state", continued)
    rest = list(continued.epochs())
    assert [e.train_loss for e in rest] == [e.train_loss for e in expected[1:]]
    ours, theirs = continued.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_nothing_there_is_a_start(tmp_path: Path) -> None:
    assert read_state(tmp_path / "state", OURS) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"train": "other"}, "the training images or their labels differ"),
        ({"seed": 4}, r"the seed differs \(0, here 4\)"),
        ({"recipe": {"lr": 0.2, "epochs": 5}}, r"the recipe differs \(lr 0.1, here 0.2\)"),
        ({"weights": "x", "dataset": "shapes"}, "the data set differs.*the pruned weights differ"),
        ({"classes": "new"}, "the classes differ"),
        ({"classes": "new", "content": ["a", "b"]}, r"the classes differ\. Delete .*/state\* to train"),
    ],
)
def test_another_trainings_state_is_refused_and_what_differs_is_said(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    saved(tmp_path / "state", training())
    with pytest.raises(StateError, match=f"is the state of another training: {told}"):
        read_state(tmp_path / "state", OURS | change)


@pytest.mark.parametrize(
    ("theirs", "ours", "told"),
    [
        ({"content": "a"}, {"content": "a", "contained": "x"}, None),  # from before all files were looked at
        ({"content": "a", "contained": "x"}, {"content": "a", "contained": "y"}, "training: the contents of one image"),
        ({"content": "a", "contained": "x"}, {"content": "b", "contained": "y"}, "training: the contents of one image"),
        ({"contained": "x", "train": "a"}, {"contained": "y", "train": "b"}, "training: the training images or their"),
    ],
)
def test_what_files_hold_counts_where_it_was_noted(
    tmp_path: Path, theirs: dict[str, str], ours: dict[str, str], told: str | None
) -> None:
    with nullcontext() if told is None else pytest.raises(StateError, match=f"{told}.* differ. Delete .*state"):
        check_identity(tmp_path / "state", json.dumps(OURS | theirs), OURS | ours)


@pytest.mark.parametrize(
    ("data", "changed", "told"),
    [
        ("imagefolder", {}, "an earlier version wrote it, which did not note the images"),
        ("imagefolder", {"seed": 9}, "an earlier version wrote it, of other weights"),
        ("digits", {"seed": 9}, "an earlier version wrote it, of other weights"),
        ("digits", {}, None),
    ],
)
def test_a_state_of_an_earlier_version_is_read_where_its_images_are_certain(
    tmp_path: Path, data: str, changed: dict[str, object], told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Its identity was one hash, without the images; built-in data are always the same."""
    old = content_key({name: (OURS | {"dataset": data})[name] for name in ("weights", "dataset", "recipe", "seed")})
    expected = nullcontext() if told is None else pytest.raises(StateError, match=told)
    with expected:
        check_identity(tmp_path / "state", old, OURS | {"dataset": data} | changed)
    assert ("is of an earlier version" in caplog.text) == (told is None)


class Tied(nn.Module):
    """One layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_net()
        self.again = self.body[6]  # type: ignore[index]

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images)
        return logits


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    model = Tied()
    tied = Training(model, small_split(), RECIPE, seed=0, place=Place(torch.device("cpu")))
    next(tied.epochs())
    saved(tmp_path / "state", tied)
    before = model.again.weight.clone()
    model.again.weight.data.zero_()
    restored(tmp_path / "state", tied)
    assert torch.equal(model.again.weight, before)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:50],
        lambda content: content[:-100],
        lambda content: b"\0" * len(content),
        lambda content: content[:-64] + b"\0" * 64,  # a block that never reached the disk: the length is right
        lambda content: b"\xff" * 8 + content[8:],  # a header of 16 exabytes
    ],
)
def test_every_damage_is_seen_and_the_state_before_it_is_used(
    tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path, whole = tmp_path / "state.safetensors", training()
    for count in (1, 2):
        saved(path, whole, reports(count))
    path.write_bytes(damage(path.read_bytes()))
    assert epochs_of(path) == 1
    assert f"{path} cannot be read" in caplog.text
    assert "state.1.safetensors, an older state: what came after it is trained again" in caplog.text
    assert not path.exists(), "or it would become the older one that the next is saved beside"


def test_a_state_that_the_disk_refuses_is_kept(tmp_path: Path) -> None:
    """It may be whole, and the disk or the network well again."""
    path = tmp_path / "state"
    path.mkdir()
    with pytest.raises(StateError, match=r"state cannot be read \(.*\): the training can go on once it can be"):
        read_state(path, OURS)
    assert path.exists()


def test_the_last_states_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    for count in range(KEPT + 2):
        saved(path, training(), reports(count))
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        *(f"state.{age}.safetensors" for age in range(1, KEPT)),
        "state.safetensors",
    ]
    for count in range(KEPT + 1, 1, -1):
        assert epochs_of(path) == count
        newest = next(one for one in state_paths(path) if one.exists())
        newest.write_bytes(b"")
    assert epochs_of(path) is None


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
    saved(tmp_path / "state", training())
    synced = note_syncs(monkeypatch)
    saved(tmp_path / "state", training())
    keep_epochs(tmp_path / "epochs", reports(1))
    drafts = [name for name in synced if name.endswith(".draft")]
    aged = "-> state.1"
    assert synced == [aged, drafts[0], "-> state", tmp_path.name, drafts[1], "-> epochs", tmp_path.name]
    synced.clear()
    append_epoch(tmp_path / "epochs", reports(2)[1])
    assert synced == ["epochs"]


def test_a_full_disk_leaves_the_old_state(tmp_path: Path) -> None:
    saved(tmp_path / "state", training(), reports(1))
    with full_after(2**10), pytest.raises(OSError, match="File too large"):
        saved(tmp_path / "state", training(), reports(2))
    assert epochs_of(tmp_path / "state") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
