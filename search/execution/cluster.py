"""Ray: one private, quiet session on this machine, or the cluster that is already there."""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_clients.registry import KEY_VARIABLES
from search.errors import ResourceError
from search.setup.resources import Needs, check_resources, machine_resources

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
    # A cloud's notice that it takes a node away does not come here, and a process less starts a fine-tune sooner.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
OBJECT_STORE_BYTES = 512 * 2**20
"""Base weights, scores and proxy data of one search; a local run of a large model raises it by its own size."""


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
        address: of a running cluster; None for a private session.
        needs: of the run, held against what is there.

    Raises:
        ResourceError: the cluster cannot be reached, or is smaller than the run needs.
    """
    prepare_environment(local=address is None)
    import ray

    if ray.is_initialized():
        yield
        return
    if address is not None:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            raise ResourceError(
                f"{error}: no cluster answers at --ray-address {address}, or it asks for another token. Start it, set "
                "RAY_AUTH_MODE and its token as it has them, and resume the run."
            ) from None
        scratch = None
    else:
        cpus, gpus = machine_resources()
        check_resources(needs, cpus, gpus)
        # Unix socket paths may have 107 characters: the folder must be short.
        scratch = Path(tempfile.mkdtemp(prefix="espalier-", dir=tempfile.gettempdir()))
        with _keys_put_away():
            ray.init(
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=str(scratch),
            )
    try:
        total = ray.cluster_resources()
        check_resources(needs, total.get("CPU", 0), total.get("GPU", 0), "the Ray cluster")
        yield
    finally:
        ray.shutdown()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _keys_put_away() -> Iterator[None]:
    """Keep the keys of LLMs from Ray's processes: they inherit this one's environment, and none of them needs a key."""
    keys = {name: os.environ.pop(name) for name in KEY_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(keys)
