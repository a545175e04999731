"""How much of a training's time its device waits for images."""

import time
from collections.abc import Iterator

import torch

from trainers.datasets.base import Batch


class Waits:
    """Passes batches on, and adds up how long the device had nothing else to do until each was there.

    A process hands work to a GPU ahead of time, so its own waiting says nothing of the GPU's. There the time counts
    between two marks in the GPU's own queue: after a step, and before what comes next.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._idle: torch.cuda.Event | None = None
        self._marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._waited_s = 0.0

    def through(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches."""
        if self._device.type == "cuda":
            self._idle = _marked(self._device)
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            if self._device.type == "cuda":
                self._mark_batch()
            else:
                self._waited_s += time.perf_counter() - began
            yield batch
            if self._device.type == "cuda":
                self._idle = _marked(self._device)

    def seconds(self) -> float:
        """Seconds waited so far. To be asked where the process waits for the GPU anyhow: it does here."""
        for idle, fed in self._marks:
            fed.synchronize()
            self._waited_s += idle.elapsed_time(fed) / 1e3
        self._marks.clear()
        return self._waited_s

    def _mark_batch(self) -> None:
        if self._idle is not None:
            self._marks.append((self._idle, _marked(self._device)))


def _marked(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event
