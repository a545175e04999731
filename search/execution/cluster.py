"""Ray: one private, quiet session on this machine, or the cluster that is already there."""

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil

from search.errors import ResourceError
from search.execution.finding import job_that_finds_our_rooms
from search.execution.handing import only_handed_on
from search.execution.scratch import private_folder
from search.execution.spared import without_spared
from search.setup.address import PRIVATE, located
from search.setup.resources import Needs, check_resources, this_machine

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune: our ledger is the log, our signal handler decides, and our rungs are too short for a save each.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # A crash must be seen before the checkpoint reported just ahead of it is thrown away.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
}
_PRIVATE = {
    "RAY_AUTH_MODE": "token",
    # Off, it makes Ray use the loopback address instead of the machine's own, on Linux too.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Ray starts workers with a niceness of 15: beside one busy process of another program they get a thirtieth of a
    # core, and a trial that needs ten seconds to start needs minutes.
    "RAY_worker_niceness": "0",
    # Ray starts a process for each CPU ahead of its first task. Tune's actors and Train's have variables of their own
    # and take none of them.
    "RAY_prestart_worker_first_driver": "0",
    # A cloud's notice that it takes a node away does not come here, and a process less starts a fine-tune sooner.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
OBJECT_STORE_BYTES = 512 * 2**20
"""Base weights, scores and proxy data of one search; a local run of a large model raises it by its own size."""
_START_S = 150.0
"""Seconds within which Ray is started again where its processes did not come up, on a machine that is busy."""
_END_S = 30.0
"""Seconds that processes which were killed have to be gone."""
_log = logging.getLogger(__name__)


def prepare_environment(*, local: bool) -> None:
    """Set what Ray reads when it is imported. To be called before that.

    A private session listens on loopback and asks for a token that only its own processes know: Ray runs whatever
    reaches it (CVE-2023-48022), and other users of the machine reach loopback too. On a cluster its own setting stands.

    Args:
        local: whether the session is to be a private one on this machine.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if local:
        for name, value in _PRIVATE.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def ray_session(address: str | None, needs: Needs) -> Iterator[None]:
    """Connect to `address`, or start a private session whose files are removed when it ends.

    Inside another such session it is that one: a study keeps one for all of its runs.

    Args:
        address: of a running cluster; None or `local` for a private session.
        needs: of the run, held against what is there.

    Raises:
        ResourceError: the cluster cannot be reached, the session cannot be started, or either is smaller than the run
            needs.
    """
    private = address in (None, PRIVATE)
    prepare_environment(local=private)
    import ray

    if ray.is_initialized():
        yield
        return
    with _private_session(needs) if private else connected(str(address)):
        from search.execution.nodes import cluster_now

        check_resources(needs, cluster_now())
        yield


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to the cluster at `address`; inside another connection it is that one.

    Raises:
        ResourceError: it cannot be reached.
    """
    prepare_environment(local=False)
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        with _handlers_kept():
            ray.init(
                address=located(address),
                job_config=job_that_finds_our_rooms(),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except ConnectionError as error:
        raise ResourceError(
            f"{error}: no cluster answers at --ray-address {address}, or it asks for another token. Start it, set "
            "RAY_AUTH_MODE and its token as it has them, and resume the run."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _private_session(needs: Needs) -> Iterator[None]:
    import ray

    there = this_machine()
    check_resources(needs, there)
    with private_folder() as scratch:
        try:
            with _handlers_kept():
                start_ray(scratch, int(there.cpus), int(there.gpus))
            yield
        finally:
            ray.shutdown()


def start_ray(scratch: Path, cpus: int, gpus: int) -> None:
    """Start a Ray of this process's own, again and again for a while where its processes do not come up.

    Its raylet gives the agents beside it 15 seconds, which no setting moves, and ends if they need more: on a busy
    machine they can, and mostly no longer do at the next try.

    Args:
        scratch: a private folder, for its files.
        cpus: that it gives out.
        gpus: likewise.

    Raises:
        ResourceError: it could not be started.
    """
    began = time.monotonic()
    for attempt in count():
        folder = scratch / f"r{attempt}"
        try:
            _start_in(folder, cpus, gpus)
            break
        except _NotStartedError as error:
            _end_processes_of(folder)
            if time.monotonic() - began > _START_S:
                raise ResourceError(
                    f"Ray could not start a private session, tried {attempt + 1} times ({error}). Go on when this "
                    "machine has more processor time or memory to spare; --executor local needs no Ray."
                ) from error
            if attempt == 0:
                _log.warning("Ray did not start (%s), on a busy machine perhaps: starting it again", error)


class _NotStartedError(Exception):
    """Ray's processes did not come up, or came to an end."""


def _end_processes_of(folder: Path) -> None:
    """End what a start that failed has left of Ray: the next one needs its memory."""
    # Those whose raylet has ended are no longer this process's children. No other program names this private folder.
    left = [process for process in psutil.process_iter() if _names(process, folder)]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=_END_S)


def _names(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error):
        return any(str(folder) in word for word in process.cmdline())
    return False


def _start_in(folder: Path, cpus: int, gpus: int) -> None:
    import ray

    try:
        # The raylet starts workers from its own environment: what is held back here is held back from them, too.
        with only_handed_on(), without_spared():
            ray.init(
                address=PRIVATE,  # also where RAY_ADDRESS names a cluster
                job_config=job_that_finds_our_rooms(),
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=str(folder),  # Ray opens its own folder to everybody: it lies in one that is closed
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(
            f"Ray could not start a private session ({type(error).__name__}: {' '.join(str(error).split())}). Check "
            f"memory, and the free space at {folder.parents[1]}; --executor local needs no Ray."
        ) from error
    except Exception as error:
        # That its time is over Ray says by a bare Exception. Whatever is of another kind is no matter of time.
        if type(error) is not Exception:
            raise
        raise _NotStartedError(" ".join(str(error).split())) from error


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Keep this process's handler of SIGTERM: `ray.init` replaces it, in C, by one that aborts the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(handler):
            signal.signal(signal.SIGTERM, handler)
