"""What a search needs from its environment, checked one by one. A check never raises: it reports what it found."""

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from sandbox.errors import SandboxUnavailableError
from sandbox.registry import open_sandbox, surveyed
from search.errors import ResourceError
from search.execution.cluster import ray_session
from search.execution.scratch import scratch_root
from search.setup.resources import Needs, machine_resources
from tracking.errors import TrackingError
from tracking.mirror.mlflow_store import connect, unreachable
from tracking.stores import destination_of_new
from tracking.uris import absolute_uri, sqlite_path

GIB = 2**30
LITTLE_MEMORY, LITTLE_DISK, NO_DISK = 2 * GIB, 5 * GIB, GIB // 2
RAY_ANSWERS_S = 60.0


class State(StrEnum):
    """How a check ended; a later state is worse."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table.

    Attributes:
        name: what was checked.
        state: how it ended.
        found: what is there.
        advice: what to do about it; empty if there is nothing to do.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def check_machine() -> tuple[Check, ...]:
    """Check cores, memory and GPUs. They decide how much runs at once; only too little memory is a warning."""
    cpus, gpus = machine_resources()
    memory = psutil.virtual_memory()
    little = memory.available < LITTLE_MEMORY
    found = f"{memory.available / GIB:.1f} GiB free of {memory.total / GIB:.1f} GiB"
    return (
        Check("processor", State.OK, f"{cpus} cores for this process, {platform.machine()}"),
        Check(
            "memory",
            State.WARNING if little else State.OK,
            found,
            "each trial and each fine-tune worker takes about half a GiB: lower --workers" if little else "",
        ),
        Check("GPU", State.OK, _describe_gpus(gpus)),
    )


def check_disk(runs: Path) -> tuple[Check, ...]:
    """Check the free space where runs are kept, and where Ray keeps its session."""
    of_runs = _check_space("disk for runs", _nearest_folder(runs.absolute()))
    try:
        return of_runs, _check_space("disk for Ray", scratch_root())
    except ResourceError as error:
        return of_runs, Check("disk for Ray", State.FAILED, str(error), "set TMPDIR")


def check_ray(address: str | None) -> Check:
    """Start a private session, or connect to the cluster at `address`, and run one task."""
    try:
        with ray_session(address, Needs(1, 1.0, 0.0, None, finetune_gpu=False)):
            import ray

            total = ray.cluster_resources()
            task = ray.remote(lambda: os.getpid())  # noqa: PLW0108 - Ray takes no built-in function
            pid = ray.get(task.remote(), timeout=RAY_ANSWERS_S)
            assert pid != os.getpid(), "a task has a process of its own"
            where = f"the cluster at {address}" if address else "a private session"
            return Check(
                "Ray",
                State.OK,
                f"{ray.__version__}: a task ran in {where}, {total.get('CPU', 0):g} CPUs, {total.get('GPU', 0):g} GPUs",
            )
    except ResourceError as error:
        return Check("Ray", State.FAILED, str(error), "wait for nodes to join, or run without --ray-address")
    except Exception as error:  # noqa: BLE001 - the boundary to Ray, which raises anything; the table shows it
        advice = (
            "check that the address is right and its cluster up" if address else "check that nothing blocks loopback"
        )
        return Check("Ray", State.FAILED, f"{type(error).__name__}: {first_line(error)}", advice)


def check_mlflow(uri: str | None, runs: Path = Path("runs")) -> Check:
    """Connect to the store that a search would use. A SQLite file that is not there yet is created by the first run."""
    try:
        destination = destination_of_new(uri, None, runs)
        file = sqlite_path(destination.uri if destination.is_default else absolute_uri(destination.uri))
        if file is not None and not file.exists():
            return _check_new_file(file)
        store = connect(destination.uri, create=False)
        with unreachable(store.uri):
            experiments = store.client.search_experiments()
    except TrackingError as error:
        return Check("MLflow", State.FAILED, str(error), "a search runs with --no-mlflow too, and `sync` catches up")
    return Check("MLflow", State.OK, f"{destination.shown_uri}: {len(experiments)} experiments")


def check_sandbox() -> Check:
    """Find a sandbox, and run its self-check. No search needs one: only the studies that run code of a model."""
    try:
        box = open_sandbox()
    except SandboxUnavailableError as error:
        missing = [about.advice for about in surveyed().values() if not about.usable]
        return Check("sandbox", State.WARNING, str(error), " or ".join(missing))
    return Check("sandbox", State.OK, f"{surveyed()[box.name].found}; its self-check passed")


def worst(checks: Sequence[Check]) -> State:
    """The worst state of all checks; ok if there are none."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.OK)


def _describe_gpus(count: int) -> str:
    if not count:
        return "none: trials and fine-tune run on the CPU"
    import torch

    each = [torch.cuda.get_device_properties(index) for index in range(count)]
    return ", ".join(f"{device.name} ({device.total_memory / GIB:.0f} GiB)" for device in each)


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _check_space(name: str, place: Path) -> Check:
    if not os.access(place, os.W_OK):
        return Check(name, State.FAILED, f"{place} cannot be written", "choose a folder with --runs, or TMPDIR for Ray")
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:.1f} GiB free at {place}"
    if free < NO_DISK:
        return Check(name, State.FAILED, found, "free some space: a run needs at least half a GiB")
    if free < LITTLE_DISK:
        return Check(name, State.WARNING, found, "large models and Ray's session may fill it")
    return Check(name, State.OK, found)


def _check_new_file(file: Path) -> Check:
    folder = _nearest_folder(file.parent)
    if not os.access(folder, os.W_OK):
        return Check("MLflow", State.FAILED, f"{folder} cannot be written", "name another store: --tracking-uri")
    return Check("MLflow", State.OK, f"{file} is not there yet; the first run makes it")


def first_line(error: BaseException) -> str:
    """The beginning of an error's message, for a cell of the table."""
    return (str(error).strip().splitlines() or [""])[0][:300]
