"""Where actors and workers land on a Ray cluster with GPUs that are none: a search's, and those of the verb `finetune`.

Run as a program (`FOLDER HEAD_GPUS [SECONDS]`): a process that is connected to one Ray session cannot easily start
another. The cluster is a head and, unless that has the GPUs, a node with eight of them, which joins while it is waited
for, after so many seconds. All that landed is written to `landed.jsonl` in the folder, and what was said to standard
output.

The GPUs exist for Ray alone: what computes on one computes on the CPU, and the workers' group is gloo's.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from search.execution.cluster import connected, prepare_environment

prepare_environment(local=True)

import ray  # noqa: E402  reads the environment on import
from ray.cluster_utils import Cluster  # noqa: E402

from cli.main import main as command_line  # noqa: E402
from pruning.models import ModelSpec  # noqa: E402
from search.control.session import SearchSession  # noqa: E402
from search.execution import remote, tuning  # noqa: E402
from search.execution.actor import TrialActor  # noqa: E402
from search.execution.on_ray import RayExecutor  # noqa: E402
from search.execution.survey import awaited_machines  # noqa: E402
from search.execution.trial import TrialContext, Trials  # noqa: E402
from search.proposers.random import RandomProposer  # noqa: E402
from search.setup.config import RunConfig, make_config  # noqa: E402
from search.setup.needs import resolve_needs  # noqa: E402
from search.setup.resources import Machines, Needs  # noqa: E402
from search.steps.side_by_side import Action, Post, side_by_side  # noqa: E402
from tests.search import support  # noqa: E402
from tests.trainers.pruned import pruned_checkpoint, same_bits, weights  # noqa: E402
from trainers import devices, finetune  # noqa: E402
from trainers.base import train_base  # noqa: E402
from trainers.choices import Precision  # noqa: E402
from trainers.cluster.folders import check_shared  # noqa: E402
from trainers.datasets.digits import Digits  # noqa: E402
from trainers.errors import ResourcesError  # noqa: E402
from trainers.job import MODEL, FinetuneJob  # noqa: E402
from trainers.progress import unheard  # noqa: E402
from trainers.proxy import ProxyData  # noqa: E402
from trainers.recipe import ProxyRecipe, Recipe  # noqa: E402
from trainers.workers import Workers  # noqa: E402

GPUS, SHARE, TRIALS = 8, 0.5, 2
TUNED = "tuned"
# Behind the GPUs there are CPUs, which train in other formats than GPUs do by default.
ON_CPUS = {"precision": Precision.FP32, "channels_last": False}
LANDED = "landed.jsonl"
_FOLDER = "ESPALIER_TEST_LANDED"
_POLL_S, _PATIENCE_S = 0.1, 1800.0


def main(folder: Path, head_gpus: int, joins_after_s: float = 0.0) -> None:
    os.environ[_FOLDER] = str(folder)
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    finetune._work = work
    finetune._backend = lambda use_gpu: "gloo"
    vars(tuning)["TrialActor"] = LandedActor
    with running(head_gpus) as cluster:
        asked = {"workers": TRIALS, "gpus_per_trial": SHARE, "finetune_workers": 2, "finetune_gpu": True}
        config = make_config({"ray_address": cluster.address, "wait_for_nodes": 1800, **asked})
        with connected(cluster.address):
            there = awaited_machines(config) if head_gpus else joined(config, cluster, joins_after_s)
            needs = resolve_needs(config, there, SHARE)
            executor = RayExecutor(config, needs, folder / "ray")
            share(folder)
            compute(executor)
            base(executor, folder)
            search(executor, folder)
            train(config, needs, folder)
            tune(cluster.address, folder)


@contextmanager
def running(head_gpus: int) -> Iterator[Cluster]:
    """A cluster of which the head is there."""
    head = {"num_cpus": 4, "num_gpus": head_gpus, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def joined(config: RunConfig, cluster: Cluster, after_s: float) -> Machines:
    """The nodes, after one with GPUs has joined while they are waited for. A cluster takes nodes in the main thread."""
    found: list[Machines] = []
    waits = threading.Thread(target=lambda: found.append(awaited_machines(config)))
    waits.start()
    time.sleep(after_s)
    cluster.add_node(num_cpus=4, num_gpus=GPUS)
    waits.join()
    return found[0]


def share(folder: Path) -> None:
    """Check a folder that no other node sees: its path leads to the working directory of whoever follows it."""
    (folder / "own").mkdir()
    os.chdir(folder)
    try:
        check_shared(Path("/proc/self/cwd/own"))
    except ResourcesError as error:
        sys.stdout.write(f"not shared: {error}\n")


def compute(executor: RayExecutor) -> None:
    """Compute something where a GPU is; torch sees none there, and that is not passed over."""
    try:
        executor.compute(lambda device: sys.stdout.write(f"computed on {device}\n"))
    except ResourcesError as error:
        sys.stdout.write(f"refused: {error}\n")


def base(executor: RayExecutor, folder: Path) -> None:
    """Train a base model, of a tiny network."""
    vars(remote)["_yielded"] = ray.remote(num_cpus=1, num_gpus=1)(yielded)
    spec, recipe = (
        ModelSpec("tests.trainers.small:plain_net", 10, (1, 32, 32)),
        Recipe(epochs=2, batch_size=512).override(**ON_CPUS),
    )
    heard: list[int] = []
    model = train_base(
        spec, Digits(), recipe, seed=0, cache_dir=folder / "cache", stream=executor.stream,
        progress=lambda report: heard.append(report.epoch),
    )  # fmt: skip
    sys.stdout.write(f"base trained: {heard}, kept {(model.path / 'base.json').exists()}\n")


def search(executor: RayExecutor, folder: Path) -> None:
    """Run a few trials."""
    pixels, labels = torch.randn(16, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10
    recipe = ProxyRecipe(rungs=(0, 1), batch_size=8, recalibration_batches=1)
    data = ProxyData(pixels, labels, pixels, labels, shift=0, flip=False)
    context = TrialContext(support.base(), support.plan(), support.scores(), data, recipe, seed=0, threads=1)
    (folder / "run").mkdir()
    with support.ledger_at(folder / "run") as ledger:
        space = support.space()
        session: SearchSession = support.session(ledger, RandomProposer(space), space, trials=TRIALS, eta=1)
        executor.run_trials(session, context)
        sys.stdout.write(f"best {session.history.best() is not None}\n")


def train(config: RunConfig, needs: Needs, folder: Path) -> None:
    """Fine-tune for one epoch, twice side by side, as finalists are."""
    executor = RayExecutor(config.model_copy(update={"finetune_workers": Workers(1, 1)}), needs, folder / "ray")
    job = FinetuneJob(
        checkpoint_dir=pruned_checkpoint(folder / "pruned"),
        dataset="digits",
        recipe=Recipe(lr=0.05, epochs=1, batch_size=512, warmup_epochs=0.5).override(**ON_CPUS),
        seed=config.seed,
        out_dir=folder,
    )
    room, heard = executor.finetunes_at_once(), list[tuple[str, int]]()

    def tuned(name: str, post: Post, check: Action) -> None:
        own = job.model_copy(update={"out_dir": folder / name / TUNED})
        executor.finetune(own, lambda report: post(lambda: heard.append((name, report.epoch))), unheard, check)

    side_by_side([partial(tuned, name) for name in ("first", "second")], room, lambda: None)
    models = [weights(folder / name / TUNED / MODEL) for name in ("first", "second")]
    sys.stdout.write(f"room for {room}, trained {sorted(heard)}, the same bits {same_bits(*models)}\n")


def tune(address: str, folder: Path) -> None:
    """Fine-tune by the command line; into a folder that no other node sees, too."""
    given = ["finetune", "--checkpoint", str(folder / "pruned"), "--ray-address", address, "--epochs", "1"]
    given += ["--workers", "2", "--batch-size", "512", "--precision", "fp32", "--no-channels-last"]
    os.chdir(folder)
    with contextlib.redirect_stderr(sys.stdout):
        for out in ("/proc/self/cwd/own", str(folder / "verb")):
            sys.stdout.write(f"the verb ends with {command_line([*given, '--out', out])}\n")


class LandedActor(TrialActor):
    """A trial actor that tells where it is, and begins once all have: otherwise the first might run every trial."""

    def setup(self, config: dict[str, Any], context: Trials) -> None:
        """Tell it, and take up the first trial."""
        pretend()
        super().setup(config, context)
        tell("trial")

    def step(self) -> dict[str, Any]:
        """Train to the next rung."""
        while (Path(os.environ[_FOLDER]) / LANDED).read_text(encoding="utf-8").count('"trial"') < TRIALS:
            time.sleep(_POLL_S)  # leaves the cores to the actor that is still to come; nothing depends on the duration
        return super().step()


def work(config: dict[str, Any]) -> None:
    """A fine-tune worker that tells where it is; of two side by side each begins once both are there."""
    pretend()
    kind = Path(json.loads(config["job"])["out_dir"]).name
    tell(kind)
    deadline = time.monotonic() + _PATIENCE_S
    while kind == TUNED and (Path(os.environ[_FOLDER]) / LANDED).read_text(encoding="utf-8").count(f'"{TUNED}"') < 2:
        assert time.monotonic() < deadline, "the other one does not run beside it"
        time.sleep(_POLL_S)  # as above
    _work(config)


_work = finetune._work


def yielded(work: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    """A task on a GPU that tells where it is."""
    pretend()
    tell("base")
    yield from work(*arguments, devices.CPU)


def pretend() -> None:
    """Compute on the CPU where a GPU was given."""
    devices.usable_gpu = lambda index: devices.CPU


def tell(kind: str) -> None:
    """Append where this process is."""
    own = devices.claim_device([str(gpu) for gpu in ray.get_gpu_ids()])
    told = {
        "kind": kind,
        "pid": os.getpid(),
        "node_gpus": _gpus_of(ray.get_runtime_context().get_node_id()),
        "given": [str(gpu) for gpu in ray.get_gpu_ids()],
        "sees": os.environ.get(devices.VISIBLE),
        "device": str(own),
    }
    with (Path(os.environ[_FOLDER]) / LANDED).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(told) + "\n")


def _gpus_of(node: str) -> float:
    return next(float(each["Resources"].get("GPU", 0)) for each in ray.nodes() if each["NodeID"] == node)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:]))
