"""The fine-tune on Ray, beside the same training under torchrun."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from ray.train import WorkerGroupError

from tests.full_disk import full_after
from tests.trainers.pruned import pruned_checkpoint, same_bits, weights
from trainers.cluster.group import Group
from trainers.errors import (
    DataPathError,
    DivergedError,
    FinetuneError,
    ResourcesError,
    StateError,
    WorkersDifferError,
)
from trainers.failure import read_failure, write_failure
from trainers.finetune import _as_ours, _run, _trainer, _work, finetune
from trainers.hearing import Heard
from trainers.history import EpochReport, append_epoch, read_epochs
from trainers.job import EPOCHS, MODEL, STARTED, STOP, FinetuneJob, FinetuneResult, run_job
from trainers.place import Place
from trainers.recipe import Recipe
from trainers.running_out import most_images, named, noted
from trainers.seen import mark
from trainers.workers import Workers

# Ray Train starts its workers in 10 s on free cores, and in minutes on crowded ones.
pytestmark = pytest.mark.ray

RECIPE = Recipe(lr=0.05, epochs=4, batch_size=128, warmup_epochs=0.5)

INTERRUPT = signal.getsignal(signal.SIGINT)
"""The handler as it was: ignored where the tests run in the background."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("pruned"))


def timeless(history: tuple[EpochReport, ...]) -> list[EpochReport]:
    return [replace(report, wall_s=0.0) for report in history]


@dataclass(frozen=True)
class Survived:
    """A fine-tune whose main worker was killed after its second epoch.

    Attributes:
        result: what it ended with.
        heard: each epoch reported, and the thread in which it was.
        killed: process ids of the workers that were killed.
        last: process id of the main worker at the end.
        listening: addresses at which this process and its children listened when an epoch was reported, and who did.
        running: titles of its children at these times.
    """

    result: FinetuneResult
    heard: list[tuple[int, str]]
    killed: list[int]
    last: int
    listening: set[tuple[int, str]]
    running: set[str]


def listeners() -> Iterator[tuple[int, str]]:
    """Process id and address of each listening socket of this process and of all its children."""
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    yield process.pid, connection.laddr.ip


def titles() -> Iterator[str]:
    """Of all children of this process; Ray's workers title themselves by what they do."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            yield " ".join(process.cmdline()).strip()


@pytest.fixture(scope="module")
def survived(ray_session: None, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Survived:
    out = tmp_path_factory.mktemp("survived")
    heard: list[tuple[int, str]] = []
    killed: list[int] = []
    listening: set[tuple[int, str]] = set()
    running: set[str] = set()

    def kill_rank_0_once(report: EpochReport) -> None:
        listening.update(listeners())
        running.update(titles())
        heard.append((report.epoch, threading.current_thread().name))
        if report.epoch == 2 and not killed:
            killed.append(int((out / STARTED).read_text()))
            os.kill(killed[0], signal.SIGKILL)

    result = finetune(
        checkpoint, "digits", None, RECIPE, seed=2, workers=2, out_dir=out, storage_dir=out / "ray",
        on_epoch=kill_rank_0_once,
    )  # fmt: skip
    return Survived(result, heard, killed, int((out / STARTED).read_text()), listening, running)


@pytest.mark.slow
def test_two_workers_train_and_report_each_epoch(survived: Survived) -> None:
    result = survived.result
    assert result.completed
    assert result.workers == 2
    assert [report.epoch for report in result.history] == [1, 2, 3, 4]
    assert survived.heard == [(epoch, "MainThread") for epoch in (1, 2, 3, 4)]
    assert result.history[-1].train_loss < result.history[0].train_loss
    assert signal.getsignal(signal.SIGINT) is INTERRUPT, "Ray Train gives the handler back"


@pytest.mark.slow
def test_killed_on_ray_it_has_the_bits_of_an_undisturbed_torchrun(
    survived: Survived, checkpoint: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(RECIPE.model_dump_json())
    root = Path(__file__).parents[2]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "trainers.torchrun", "--checkpoint", str(checkpoint), "--dataset", "digits",
        "--recipe", str(recipe), "--seed", "2", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "epoch 4: training loss" in done.stderr
    assert survived.last not in survived.killed, "a second worker group ran"
    assert len(survived.killed) == 1
    assert timeless(read_epochs(tmp_path / "out" / EPOCHS)) == timeless(survived.result.history)
    assert same_bits(weights(tmp_path / "out" / MODEL), weights(survived.result.checkpoint_dir))


@pytest.mark.slow
def test_in_a_private_session_nobody_listens_elsewhere_than_on_loopback(survived: Survived) -> None:
    assert set(survived.killed) <= {pid for pid, _ in survived.listening}, "the main worker was looked at"
    outside = {(pid, ip) for pid, ip in survived.listening if not ip_address(ip.removeprefix("::ffff:")).is_loopback}
    assert not outside


@pytest.mark.slow
def test_of_ray_train_s_own_processes_only_those_run_that_it_needs(survived: Survived) -> None:
    actors = [name for name in survived.running if name.startswith("ray::")]
    for wanted in ("TrainController", "RayTrainWorker"):
        assert any(wanted in name for name in actors)
    for spared in ("DatasetManager", "PlacementGroupCleaner", "AutoscalingCoordinator"):
        assert not any(spared in name for name in actors), actors


class FakeTrainer:
    """Stands in for Ray's trainer: fails as Ray does, or never starts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.ended = error, threading.Event()

    def fit(self) -> None:
        if self.error is not None:
            raise self.error
        self.ended.wait()


def run_with(fake: FakeTrainer, monkeypatch: pytest.MonkeyPatch, checkpoint: Path, out: Path, **options: Any) -> None:
    monkeypatch.setattr("trainers.finetune._trainer", lambda *arguments: fake)
    finetune(checkpoint, "digits", None, RECIPE, seed=2, workers=1, out_dir=out, storage_dir=out, **options)


def test_an_error_of_ours_comes_back_as_itself(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = WorkerGroupError("two failed", {0: RuntimeError("gone"), 1: DivergedError("the loss is nan")})
    with pytest.raises(DivergedError, match="the loss is nan"):
        run_with(FakeTrainer(failure), monkeypatch, checkpoint, tmp_path)


def test_any_other_error_becomes_one_of_ours(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FinetuneError, match="RuntimeError: the node is gone"):
        run_with(FakeTrainer(RuntimeError("a trace\nthe node is gone")), monkeypatch, checkpoint, tmp_path)


def test_a_node_without_memory_is_told_in_words() -> None:
    """Ray's own words end in an address."""
    said = "Task was killed.\nRefer to https://docs.ray.io/en/latest/ray-observability/user-guides/debug-apps/debug-memory.html."
    found = _as_ours(WorkerGroupError("one failed", {0: RuntimeError(said)}))
    assert "a node ran low on memory, so Ray ended processes there. End what else runs on it" in str(found)


def test_a_cluster_that_became_too_small_is_the_reason_reported(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = iter([{"CPU": 2.0}, {"CPU": 0.0}])
    monkeypatch.setattr("trainers.finetune.ray.cluster_resources", lambda: next(sizes))
    with pytest.raises(ResourcesError, match="the Ray cluster has 0: it has no CPU to give"):
        run_with(FakeTrainer(RuntimeError("no worker group started")), monkeypatch, checkpoint, tmp_path)


def test_workers_that_never_start_are_an_error(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTrainer()
    with pytest.raises(FinetuneError, match=r"no fine-tune worker started within 0.1 s.*free resources are \d"):
        run_with(fake, monkeypatch, checkpoint, tmp_path, start_timeout_s=0.1)
    assert (tmp_path / STOP).exists(), "should they start after all, they end at once"
    fake.ended.set()


def test_room_that_somebody_else_took_is_waited_for_again(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Train gives its workers a minute to find room. No epoch is reported twice, and none is lost."""
    from ray.train import ControllerError
    from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

    waits: list[int] = []
    heard: list[EpochReport] = []

    def fit() -> None:
        (tmp_path / STARTED).touch()
        append_epoch(tmp_path / EPOCHS, EpochReport(len(waits), 1.0, 0.5, 1.0, 0.1, 0.1))
        if len(waits) < RECIPE.epochs:
            raise ControllerError(WorkerGroupStartupTimeoutError(1))

    fake = FakeTrainer()
    monkeypatch.setattr(fake, "fit", fit)
    monkeypatch.setattr("trainers.finetune._trainer", lambda *arguments: fake)
    monkeypatch.setattr("trainers.cluster.room.await_room", lambda workers, each, say, check: waits.append(workers))
    result = finetune(
        checkpoint, "digits", None, RECIPE, seed=2, workers=1, out_dir=tmp_path, storage_dir=tmp_path,
        on_epoch=heard.append,
    )  # fmt: skip
    assert waits == [1] * RECIPE.epochs
    assert [report.epoch for report in heard] == [1, 2, 3, 4]
    assert result.completed
    assert not (tmp_path / STOP).exists()


def test_a_range_of_workers_is_ray_s_elastic_range(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same batch size: the recipe's is that of all workers together."""
    made: dict[str, Any] = {}
    monkeypatch.setattr("trainers.finetune.ray.nodes", list)
    monkeypatch.setattr("trainers.finetune._own_session", lambda: False)
    monkeypatch.setattr("trainers.finetune.ClusterTrainer", lambda _, **options: made.update(options))
    job = FinetuneJob(checkpoint_dir=checkpoint, dataset="digits", recipe=RECIPE, seed=2, out_dir=tmp_path)
    for given, number in ((Workers(2, 8), (2, 8)), (Workers(3, 3), 3)):
        _trainer(job, Group(given, gpu=True, cpus=1), 2, tmp_path, 7.0)
        assert made["scaling_config"].num_workers == number
        assert (made["scaling_config"].elastic_resize_monitor_interval_s == 7.0) is not given.is_fixed
        assert made["scaling_config"].use_gpu
        assert FinetuneJob.model_validate_json(made["train_loop_config"]["job"]).recipe.batch_size == 128


class Retrying:
    """Tries a worker's part again, as Ray Train does with whatever fails."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.attempts = config, 0

    def fit(self) -> None:
        for last in (False, False, True):
            self.attempts += 1
            try:
                _work(self.config)
            except Exception as error:
                if last:
                    raise WorkerGroupError("failed three times", {0: error}) from error
            else:
                return


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of a cluster but what it has."""
    monkeypatch.setattr("trainers.finetune.ray.is_initialized", lambda: True)
    for name in ("cluster_resources", "available_resources"):
        monkeypatch.setattr(f"trainers.finetune.ray.{name}", lambda: {"CPU": 2.0})
    monkeypatch.setattr("trainers.finetune.ray.get_gpu_ids", list)
    monkeypatch.setattr("trainers.finetune.all_compute_in_bf16", lambda: False)
    monkeypatch.setattr("trainers.finetune.check_shared", lambda *_, **__: None)
    monkeypatch.setattr("trainers.cluster.room.await_room", lambda *_: None)


@pytest.fixture
def attempts(no_ray: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Retrying]]:
    """The trainers that were made, each of which runs its one worker in this process."""
    made: list[Retrying] = []
    threads = torch.get_num_threads()

    def trainer(job: FinetuneJob, *arguments: Any) -> Retrying:
        config = {"job": job.model_dump_json(), "threads": 1, "loopback": None, "driver": mark(job.out_dir)}
        made.append(Retrying(config))
        return made[-1]

    monkeypatch.setattr("trainers.finetune._trainer", trainer)
    monkeypatch.setattr("trainers.finetune.ray.train.report", lambda figures: None)
    yield made
    torch.set_num_threads(threads)


def tuned(checkpoint: Path, out: Path, recipe: Recipe = RECIPE, **options: Any) -> FinetuneResult:
    return finetune(
        checkpoint, "digits", None, recipe, seed=2, workers=1, out_dir=out, storage_dir=out, **options
    )  # fmt: skip


def test_what_no_attempt_heals_is_tried_once(checkpoint: Path, tmp_path: Path, attempts: list[Retrying]) -> None:
    with pytest.raises(DivergedError, match=r"the training loss is nan in epoch 1 .*lower lr \(now 1e\+30\)"):
        tuned(checkpoint, tmp_path, RECIPE.override(lr=1e30))
    assert attempts[0].attempts == 1


@pytest.mark.parametrize(
    ("error", "calls", "told"),
    [
        (OSError(28, "No space left on device", "state"), 1, r"OSError: .*No space left on device"),
        (RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer"), 3, "Connection closed by peer"),
    ],
)
def test_only_a_lost_worker_is_worth_another_attempt(
    checkpoint: Path,
    tmp_path: Path,
    attempts: list[Retrying],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    calls: int,
    told: str,
) -> None:
    begun: list[int] = []

    def fail(*arguments: Any, **options: Any) -> None:
        begun.append(1)
        raise error

    monkeypatch.setattr("trainers.finetune.run_job", fail)
    with pytest.raises(FinetuneError, match=f"the fine-tune failed: .*{told}"):
        tuned(checkpoint, tmp_path)
    assert len(begun) == calls


def test_what_one_of_several_workers_cannot_do_is_not_tried_again(
    checkpoint: Path, tmp_path: Path, attempts: list[Retrying], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for it, so it must end with its error; the next attempt begins nothing."""
    begun: list[int] = []

    def fail(*arguments: Any, **options: Any) -> None:
        begun.append(1)
        raise DataPathError("the image 'a.jpg' cannot be read")

    monkeypatch.setattr("trainers.finetune.run_job", fail)
    monkeypatch.setattr("trainers.finetune.Place.here", lambda device: Place(device, rank=1, world=2))
    with pytest.raises(DataPathError, match=r"the image 'a\.jpg' cannot be read"):
        tuned(checkpoint, tmp_path)
    assert (len(begun), attempts[0].attempts) == (1, 2)


def test_memory_that_runs_out_on_one_of_several_workers_is_no_lost_attempt(
    checkpoint: Path,
    tmp_path: Path,
    attempts: list[Retrying],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ray Train ends the group, whatever the others wait for; another one goes on with smaller passes."""
    fits = iter([64, 32, 16])

    def scarce(job: FinetuneJob, *arguments: Any, **options: Any) -> None:
        images = next(fits)
        with noted(job.out_dir, {"weights": "a"}), named(lambda: images):
            if images > 16:
                raise torch.OutOfMemoryError("CUDA out of memory")
        raise DivergedError(f"{most_images(Place(torch.device('cpu')), job.out_dir, {'weights': 'a'})} fit")

    monkeypatch.setattr("trainers.finetune.run_job", scarce)
    monkeypatch.setattr("trainers.finetune.Place.here", lambda device: Place(device, rank=1, world=2))
    with pytest.raises(DivergedError, match="16 fit"):
        tuned(checkpoint, tmp_path)
    assert [one.attempts for one in attempts] == [2, 2, 1], "those that follow a failure begin nothing"
    assert caplog.text.count("the training goes on from its last state with") == 2
    assert (
        "with 64 images at once (CUDA out of memory): the training goes on from its last state with 32" in caplog.text
    )


def test_a_failure_that_is_written_down_ends_the_next_attempt_and_not_the_next_fine_tune(
    checkpoint: Path, tmp_path: Path, attempts: list[Retrying]
) -> None:
    write_failure(tmp_path, DataPathError("the image 'a.jpg' cannot be read"))
    write_failure(tmp_path, FinetuneError("what followed from it"))
    found = read_failure(tmp_path)
    assert isinstance(found, DataPathError)
    assert str(found) == "the image 'a.jpg' cannot be read"
    told: list[str] = []
    result = tuned(checkpoint, tmp_path, RECIPE.override(epochs=1), on_progress=lambda what: told.append(str(what)))
    assert result.completed
    assert told[0] == "starting the workers"


def test_on_a_full_disk_an_error_cannot_be_written_down_and_that_is_said(
    checkpoint: Path, tmp_path: Path, attempts: list[Retrying], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*arguments: Any, **options: Any) -> None:
        with full_after(0):
            write_failure(tmp_path, OSError(28, "No space left on device", "state"))
        raise OSError(28, "No space left on device", "state")

    monkeypatch.setattr("trainers.finetune.run_job", fill)
    with pytest.raises(FinetuneError, match=r"no room to write down why: .*failed\.json is empty or cut"):
        tuned(checkpoint, tmp_path)
    assert attempts[0].attempts == 1


def test_a_folder_that_a_node_does_not_see_is_refused(
    checkpoint: Path, tmp_path: Path, attempts: list[Retrying], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(tmp_path)
    monkeypatch.setattr("trainers.seen._AGAIN_S", 0)
    job = FinetuneJob(checkpoint_dir=checkpoint, dataset="digits", recipe=RECIPE, seed=2, out_dir=tmp_path)
    with pytest.raises(WorkersDifferError, match=r"does not see the folder .* choose one on storage that all nodes"):
        _work({"job": job.model_dump_json(), "threads": 1, "loopback": None, "driver": "a token"})


def test_waiting_is_said(no_ray: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.finetune._WAITING_S", 0)
    told: list[str] = []
    fake = FakeTrainer()
    with pytest.raises(FinetuneError, match="no fine-tune worker started"):
        run_with(
            fake, monkeypatch, checkpoint, tmp_path, start_timeout_s=0.5, on_progress=lambda one: told.append(str(one))
        )
    fake.ended.set()
    assert told[0] == "starting the workers"
    assert told[1].startswith("waiting for the workers to start, for 0 s; the cluster's free resources are ")


def test_what_is_no_longer_wanted_asks_its_workers_to_stop(
    no_ray: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of several side by side, when another has failed: it need not have trained an epoch."""
    fake = FakeTrainer()

    def check() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        run_with(fake, monkeypatch, checkpoint, tmp_path, check=check)
    assert (tmp_path / STOP).exists()
    fake.ended.set()


def test_ctrl_c_in_the_callback_asks_the_workers_to_stop(
    ray_session: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTrainer()

    def fit_one_epoch() -> None:
        (tmp_path / STARTED).touch()
        append_epoch(tmp_path / EPOCHS, EpochReport(1, 1.0, 0.5, 1.0, 0.1, 0.1))
        fake.ended.wait()

    def interrupt(report: EpochReport) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake, "fit", fit_one_epoch)
    monkeypatch.setattr("trainers.finetune._trainer", lambda *arguments: fake)
    with pytest.raises(KeyboardInterrupt):
        finetune(
            checkpoint, "digits", None, RECIPE, seed=2, workers=1, out_dir=tmp_path, storage_dir=tmp_path,
            on_epoch=interrupt,
        )  # fmt: skip
    assert (tmp_path / STOP).exists()
    fake.ended.set()


def test_a_folder_with_another_trainings_state_is_refused_at_once(
    ray_session: None, checkpoint: Path, tmp_path: Path
) -> None:
    job = FinetuneJob(
        checkpoint_dir=checkpoint, dataset="digits", recipe=RECIPE.override(epochs=1), seed=2, out_dir=tmp_path
    )
    run_job(job, Place(torch.device("cpu")))
    heard: list[EpochReport] = []
    with pytest.raises(StateError, match="another training"):
        finetune(
            checkpoint, "digits", None, RECIPE, seed=2, workers=1, out_dir=tmp_path, storage_dir=tmp_path,
            on_epoch=heard.append,
        )  # fmt: skip
    assert heard == []


def refused(checkpoint: Path, tmp_path: Path, **change: object) -> str:
    arguments: dict[str, object] = {
        "seed": 2, "workers": 2, "out_dir": tmp_path, "storage_dir": tmp_path / "ray",
    } | change  # fmt: skip
    with pytest.raises(ResourcesError) as caught:
        finetune(checkpoint, "digits", None, RECIPE, **arguments)  # type: ignore[arg-type]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    return str(caught.value)


def test_more_than_there_is_is_refused_at_once(ray_session: None, checkpoint: Path, tmp_path: Path) -> None:
    text = refused(checkpoint, tmp_path, workers=3)
    assert "3 fine-tune workers need 3 CPUs" in text
    assert "has 2: ask for at most 2 workers" in text
    assert "need 4 CPUs" in refused(checkpoint, tmp_path, cpus_per_worker=2)
    assert "need 2 GPUs and the Ray cluster has 0: it has no GPU" in refused(checkpoint, tmp_path, use_gpu=True)
    assert "at least one worker" in refused(checkpoint, tmp_path, workers=0)


def test_ray_must_be_running(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.finetune.ray.is_initialized", lambda: False)
    assert "call ray.init()" in refused(checkpoint, tmp_path)


def test_what_every_worker_would_fail_on_fails_in_the_driver(
    ray_session: None, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataPathError, match="has 10 classes"):
        finetune(checkpoint, "shapes", None, RECIPE, seed=2, workers=1, out_dir=tmp_path, storage_dir=tmp_path)


def test_a_thread_that_ray_ends_keeps_what_it_held(tmp_path: Path) -> None:
    """As where Ctrl-C ends Ray's session under it: a handle that is given up then ends this process, with code 1."""

    class Ended:
        def fit(self) -> None:
            raise SystemExit(0)

    with pytest.raises(FinetuneError, match="SystemExit"):
        _run(Ended(), SimpleNamespace(out_dir=tmp_path), Heard(tmp_path, print, print), 60.0, lambda: None)  # type: ignore[arg-type]
