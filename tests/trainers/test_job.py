"""One worker's part of a fine-tune, without Ray."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from pruning.checkpoint import load_pruned, save_pruned
from pruning.planning import build_plan
from pruning.preprocessing import DEFAULT
from tests.trainers.pruned import pruned_checkpoint, same_bits, weights
from trainers import torchrun
from trainers.alone import finetune_alone
from trainers.datasets.digits import Digits
from trainers.defaults import finetune_recipe
from trainers.errors import DataPathError, DoesNotFitError, RecipeError, StateError
from trainers.evaluate import evaluate
from trainers.history import EpochReport, History, read_epochs
from trainers.holding import held
from trainers.job import EPOCHS, MODEL, STATE, STOP, FinetuneJob, _teacher, identity_of, run_job
from trainers.mixing import Mixed
from trainers.place import Place
from trainers.recipe import Recipe
from trainers.running_out import most_images
from trainers.state import state_paths
from trainers.stepping import Stepper

ALONE = Place(torch.device("cpu"))
RECIPE = Recipe(lr=0.05, epochs=3, batch_size=128, warmup_epochs=0.5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("pruned"))


def a_job(checkpoint: Path, out_dir: Path, *, recipe: Recipe = RECIPE, dataset: str = "digits") -> FinetuneJob:
    out_dir.mkdir(exist_ok=True)
    return FinetuneJob(checkpoint_dir=checkpoint, dataset=dataset, recipe=recipe, seed=2, out_dir=out_dir)


def timeless(history: History) -> list[EpochReport]:
    return [replace(report, wall_s=0.0) for report in history]


def test_the_model_written_is_the_last_epochs(checkpoint: Path, tmp_path: Path) -> None:
    heard: list[EpochReport] = []
    outcome = run_job(a_job(checkpoint, tmp_path), ALONE, on_epoch=heard.append)
    assert outcome.completed
    assert tuple(heard) == outcome.history == read_epochs(tmp_path / EPOCHS)
    trained = load_pruned(tmp_path / MODEL)
    assert evaluate(trained.module, Digits().splits(seed=2).holdout).accuracy == heard[-1].holdout_accuracy
    assert trained.macs == load_pruned(checkpoint).macs
    assert trained.metadata["recipe"]["finetune"] == RECIPE.resolved(gpu=False).model_dump(mode="json")


def test_stopped_and_continued_equals_undisturbed(checkpoint: Path, tmp_path: Path) -> None:
    whole = run_job(a_job(checkpoint, tmp_path / "whole"), ALONE)
    job = a_job(checkpoint, tmp_path / "parts")
    (job.out_dir / STOP).touch()
    first = run_job(job, ALONE)
    assert (first.completed, len(first.history)) == (False, 1)
    assert not (job.out_dir / MODEL).exists()
    # As `python -m trainers.torchrun` does, which begins with no word of the request.
    torchrun._train(job, ALONE)
    assert timeless(read_epochs(job.out_dir / EPOCHS)) == timeless(whole.history)
    assert same_bits(weights(job.out_dir / MODEL), weights(tmp_path / "whole" / MODEL))


def test_without_ray_a_models_family_decides_its_recipe_too(monkeypatch: pytest.MonkeyPatch) -> None:
    deit = SimpleNamespace(spec=SimpleNamespace(name="deit_tiny_patch16_224"), module=torch.nn.LayerNorm(3))
    monkeypatch.setattr(torchrun, "load_pruned", lambda *_, **__: deit)
    monkeypatch.setattr(torchrun, "dataset", lambda _: SimpleNamespace(check=lambda _: None))
    given = torchrun._parser().parse_args(["--checkpoint", "c", "--dataset", "imagenet", "--out", "o"])
    assert torchrun._recipe(given, ()) == finetune_recipe("imagenet", model="deit_tiny_patch16_224")


def test_a_folder_is_trained_in_by_one_at_a_time(checkpoint: Path, tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(StateError, match=f"{tmp_path} is in use: another training writes there"):
        finetune_alone(a_job(checkpoint, tmp_path), lambda _: None)


def passes_from(monkeypatch: pytest.MonkeyPatch, step: int, take: Callable[..., Tensor]) -> None:
    """Let steps from a number on, counted over all that are taken, be taken by something else."""
    original, taken = Stepper.take, itertools.count()

    def counted(stepper: Stepper, batch: Mixed, lr: float, micro_batch: int) -> Tensor:
        return (take if next(taken) >= step else original)(stepper, batch, lr, micro_batch)

    monkeypatch.setattr(Stepper, "take", counted)


def test_memory_that_runs_out_late_halves_the_passes_from_the_last_state_on_to_the_bit(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the second epoch 128 images fit no longer, and 64 do not either: 32 do."""
    recipe, take, at = RECIPE.override(epochs=2), Stepper.take, 14
    with monkeypatch.context() as patched:
        passes_from(patched, at, lambda stepper, batch, lr, _: take(stepper, batch, lr, 32))
        run_job(a_job(checkpoint, tmp_path / "given", recipe=recipe), ALONE)

    def scarce(stepper: Stepper, batch: Mixed, lr: float, micro_batch: int) -> Tensor:
        if micro_batch > 48:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return take(stepper, batch, lr, micro_batch)

    passes_from(monkeypatch, at, scarce)
    job = a_job(checkpoint, tmp_path / "scarce", recipe=recipe).model_copy(update={"state_every_s": 0})
    heard: list[EpochReport] = []
    finetune_alone(job, heard.append, device=ALONE.device)
    assert [report.epoch for report in heard] == [1, 2]
    assert "ran out in a step, with 128 images at once (CUDA out of memory. Tried" in caplog.text
    assert "goes on from its last state with 32; the batch and the learning rate stay" in caplog.text
    assert same_bits(weights(tmp_path / "given" / MODEL), weights(job.out_dir / MODEL))
    other = a_job(checkpoint, tmp_path / "scarce", recipe=RECIPE)
    splits = Digits().splits(seed=2)
    assert most_images(ALONE, job.out_dir, identity_of(job.resolved(gpu=False), splits)) == 32
    assert most_images(ALONE, job.out_dir, identity_of(other, splits)) is None, "another training's memory"


def test_memory_that_runs_out_at_one_image_ends_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(Stepper, "take", full)
    with pytest.raises(DoesNotFitError, match=r"with a single image at once \(CUDA error: out of memory\): end what"):
        finetune_alone(a_job(checkpoint, tmp_path, recipe=RECIPE.override(micro_batch=3)), lambda _: None)


def test_a_finished_job_run_again_trains_nothing(checkpoint: Path, tmp_path: Path) -> None:
    job = a_job(checkpoint, tmp_path)
    first = run_job(job, ALONE)
    heard: list[EpochReport] = []
    assert run_job(job, ALONE, on_epoch=heard.append) == first
    assert heard == []


@pytest.mark.parametrize("lost", ["epochs", "half epochs", "rubbish", "model", "states", "newest state"])
def test_what_a_power_cut_takes_is_made_again(checkpoint: Path, tmp_path: Path, lost: str) -> None:
    job = a_job(checkpoint, tmp_path)
    whole = run_job(job, ALONE)
    expected = weights(job.out_dir / MODEL)
    epochs, state = job.out_dir / EPOCHS, job.out_dir / STATE
    if lost == "epochs":
        epochs.unlink()
    elif lost == "half epochs":
        epochs.write_bytes(epochs.read_bytes()[:100])
    elif lost == "rubbish":
        epochs.write_bytes(b"\0" * 300 + b"\n")
    elif lost == "model":
        shutil.rmtree(job.out_dir / MODEL)
    elif lost == "states":
        for path in state_paths(state):
            path.unlink()
        (job.out_dir / f".{STATE}-7-0123abcd.draft").write_bytes(b"of a process that was killed as it wrote")
    else:
        state.write_bytes(state.read_bytes()[:-9])
    heard: list[int] = []
    result = finetune_alone(job, lambda report: heard.append(report.epoch))
    assert heard == [1, 2, 3], "each epoch is told once, whether it was trained again or read"
    assert timeless(result.history) == timeless(whole.history)
    assert same_bits(weights(job.out_dir / MODEL), expected)
    assert not list(job.out_dir.glob("*.draft"))


def test_another_recipe_does_not_continue_this_state(checkpoint: Path, tmp_path: Path) -> None:
    run_job(a_job(checkpoint, tmp_path, recipe=RECIPE.override(epochs=1)), ALONE)
    with pytest.raises(StateError, match=f"{STATE} is the state of another training"):
        run_job(a_job(checkpoint, tmp_path), ALONE)


def test_a_dataset_with_other_classes_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    job = a_job(checkpoint, tmp_path, dataset="shapes")
    with pytest.raises(DataPathError, match="has 10 classes"):
        run_job(job, ALONE)


def test_training_another_output_is_another_training(checkpoint: Path, tmp_path: Path) -> None:
    pruned = load_pruned(checkpoint)
    plan = build_plan(pruned.module, replace(pruned.spec, output="second"), verify=False)
    full = tuple(tuple(range(group.units)) for group in plan.groups)
    other = save_pruned(pruned.module, plan, full, tmp_path / "other")
    splits = Digits().splits(seed=2)
    ours, same, others = (identity_of(a_job(one, tmp_path / "out"), splits) for one in (checkpoint, checkpoint, other))
    assert ours == same
    assert ours != others


def test_the_holdout_is_trained_on_and_its_score_is_no_holdout_score_then(checkpoint: Path, tmp_path: Path) -> None:
    recipe = RECIPE.override(epochs=1, train_on_holdout=True, ema=0.9)
    told: list[str] = []
    outcome = run_job(a_job(checkpoint, tmp_path, recipe=recipe), ALONE, on_progress=lambda p: told.append(p.doing))
    splits = Digits().splits(seed=2)
    assert f"training on {len(splits.train) + len(splits.holdout):,} images, from epoch 1 on" in told
    (report,) = outcome.history
    assert (report.holdout_accuracy, report.holdout_loss, report.ema_accuracy) == (None, None, None)
    trained = load_pruned(tmp_path / MODEL)
    assert report.trained_holdout_accuracy == evaluate(trained.module, splits.holdout).accuracy


def test_the_average_is_scored_beside_the_weights_and_exported_in_their_stead(checkpoint: Path, tmp_path: Path) -> None:
    recipe = RECIPE.override(epochs=4, lr=0.2, ema=0.99)
    both = run_job(a_job(checkpoint, tmp_path / "both", recipe=recipe), ALONE).history[-1]
    job = a_job(checkpoint, tmp_path / "average", recipe=recipe.override(export_ema=True))
    average = run_job(job, ALONE).history[-1]
    assert both.ema_accuracy == average.ema_accuracy == average.holdout_accuracy
    assert both.ema_accuracy != both.holdout_accuracy, "the average lags behind"
    exported = load_pruned(job.out_dir / MODEL).module
    assert evaluate(exported, Digits().splits(seed=2).holdout).accuracy == average.ema_accuracy


def test_a_teacher_is_a_part_of_what_makes_it_one_training(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(checkpoint, tmp_path, recipe=RECIPE.override(epochs=1, distill="soft"))
    with pytest.raises(RecipeError, match="name its checkpoint, as in --teacher FOLDER"):
        run_job(job, ALONE)
    taught = job.model_copy(update={"teacher_dir": checkpoint})
    pruned = load_pruned(checkpoint)
    ours, theirs = (replace(pruned, preprocessing=DEFAULT.override(mean=(mean,), std=(1.0,))) for mean in (0.5, 0.4))
    with monkeypatch.context() as patched:
        patched.setattr("trainers.job.load_pruned", lambda *_, **__: theirs)
        with pytest.raises(RecipeError, match=r"with mean \(0.4,\) and deviation \(1.0,\), the pruned"):
            _teacher(taught, ours)
    plain = run_job(a_job(checkpoint, tmp_path / "plain", recipe=RECIPE.override(epochs=1)), ALONE)
    assert run_job(taught, ALONE).history[0].train_loss != plain.history[0].train_loss
    assert "teacher" in identity_of(taught, Digits().splits(seed=2))
    assert "teacher" not in identity_of(a_job(checkpoint, tmp_path / "plain"), Digits().splits(seed=2))
