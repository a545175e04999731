"""A process group whose sockets listen on loopback alone, for workers of one machine.

torch's own rendezvous (`env://`, `tcp://`) starts a store that listens on all interfaces and asks for no password.
"""

import os
import socket
from collections.abc import Callable
from datetime import timedelta

import psutil
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

LOOPBACK = "127.0.0.1"
_TIMEOUT = timedelta(minutes=30)
_WAITING_CONNECTIONS = 128


def join_on_loopback(backend: str, rank: int, world: int, share: Callable[[int | None], int]) -> None:
    """Join the process group of `world` workers on this machine; a lone worker needs none.

    Args:
        backend: `gloo` or `nccl`.
        rank: this worker's number, from 0.
        world: how many workers there are.
        share: gives every worker what rank 0 passes to it: the port of the store.
    """
    if world == 1:
        return
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[variable] = _loopback_interface()
    listener = _listener() if rank == 0 else None
    port = share(listener.getsockname()[1] if listener else None)
    store = TCPStore(
        LOOPBACK,
        port,
        world,
        is_master=listener is not None,
        timeout=_TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=listener.detach() if listener else None,
    )
    dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=_TIMEOUT)


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    listener.listen(_WAITING_CONNECTIONS)
    return listener


def _loopback_interface() -> str:
    """`lo` on Linux, `lo0` on macOS."""
    return next(
        name for name, addresses in psutil.net_if_addrs().items() if any(one.address == LOOPBACK for one in addresses)
    )
