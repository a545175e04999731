"""Steps at once: all are done, a failure is raised, and an interrupt lets those that run end in order."""

import threading
from collections.abc import Callable

import pytest

from ablations.code.trials.at_once import all_done


def test_all_steps_are_done_some_at_once() -> None:
    together = threading.Barrier(2)
    done: list[int] = []

    def step(_: Callable[[], bool]) -> None:
        together.wait(60)
        done.append(1)

    all_done([step] * 4, 2, lambda: None)
    assert len(done) == 4


def test_a_step_that_fails_fails_all_and_no_further_one_begins() -> None:
    begun: list[str] = []

    def fails(_: Callable[[], bool]) -> None:
        begun.append("fails")
        raise ValueError("planted")

    def waits(stopping: Callable[[], bool]) -> None:
        while not stopping():
            threading.Event().wait(0.001)
        begun.append("stopped")

    with pytest.raises(ValueError, match="planted"):
        all_done([fails, waits, fails, fails], 1, lambda: None)
    assert begun in (["fails"], ["fails", "stopped"])


def test_an_interrupt_is_raised_once_the_steps_that_run_have_stopped() -> None:
    running, ended = threading.Event(), threading.Event()

    def step(stopping: Callable[[], bool]) -> None:
        running.set()
        while not stopping():
            threading.Event().wait(0.001)
        ended.set()

    def check() -> None:
        if running.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        all_done([step], 1, check)
    assert ended.is_set()
