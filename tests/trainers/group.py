"""Several workers in processes of their own, which stay for many jobs: they start once and import nothing again."""

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist

from trainers.place import Place

_PRELOADED = ["trainers.job", "tests.trainers.witnessed"]


class Group:
    """So many workers that train together, over gloo on loopback."""

    def __init__(self, world: int, folder: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._workers, self._ends = list[Any](), list[Any]()
        for rank in range(world):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(rank, world, str(folder / f"group-{world}"), theirs))
            worker.start()
            theirs.close()
            self._workers.append(worker)
            self._ends.append(ours)

    def run(self, work: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What each worker returns, or the exception that it raised, by rank."""
        for end in self._ends:
            end.send((work, arguments))
        answers: dict[int, Any] = {}
        while len(answers) < len(self._ends):
            ready = wait([end for rank, end in enumerate(self._ends) if rank not in answers])
            for rank, end in enumerate(self._ends):
                if end in ready:
                    answers[rank] = end.recv()
        return [answers[rank] for rank in range(len(self._ends))]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in self._ends:
            end.close()
        for worker in self._workers:
            if kind is not None:
                worker.terminate()
            worker.join()


def _serve(rank: int, world: int, store: str, end: Connection) -> None:
    torch.set_num_threads(1)
    # Readers are forked, as they are by default: the server's other method, which is inherited, imports all again.
    multiprocessing.set_start_method("fork", force=True)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=world, timeout=timedelta(minutes=10)
    )
    place = Place(torch.device("cpu"), rank, world)
    while True:
        try:
            work, arguments = end.recv()
        except EOFError:
            break
        try:
            answer = work(place, *arguments)
        except Exception as error:  # noqa: BLE001  a process's boundary: the test looks at it
            answer = error
        end.send(answer)
    dist.destroy_process_group()
