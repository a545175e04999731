"""Several trainings in threads: how many at once, who does what they post, and how they end."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from search.steps.side_by_side import Action, Post, Work, side_by_side

PATIENCE_S = 60.0
"""Until a thread that waits for another one gives up, which fails the test."""


def nothing() -> None:
    """Nobody interrupts."""


def asking(begun: threading.Event) -> Work:
    """A training that says what it does, and then goes on for as long as it is wanted."""

    def work(post: Post, check: Action) -> None:
        post(begun.set)
        pause = threading.Event()
        while not pause.wait(0.01):
            check()

    return work


def test_as_many_run_at_once_as_there_is_room_for_and_the_rest_wait() -> None:
    both, running, most = threading.Barrier(2), set[int](), [0]
    done: list[tuple[int, str, bool]] = []

    def work(number: int) -> Work:
        def train(post: Post, check: Action) -> None:
            running.add(number)
            most[0] = max(most[0], len(running))
            if number < 2:
                both.wait(PATIENCE_S)
            check()
            for what in ("epoch", "end"):
                post(partial(note, number, what))
            running.remove(number)

        return train

    def note(number: int, what: str) -> None:
        done.append((number, what, threading.current_thread() is caller))

    caller = threading.current_thread()
    side_by_side([work(number) for number in range(5)], 2, nothing)
    assert most == [2]
    assert sorted(done) == sorted((number, what, True) for number in range(5) for what in ("epoch", "end"))
    for number in range(5):
        assert [what for each, what, _ in done if each == number] == ["epoch", "end"]


def test_the_first_that_fails_ends_the_others_and_what_was_said_is_done() -> None:
    begun, said = threading.Event(), list[str]()

    def fails(post: Post, check: Action) -> None:
        assert begun.wait(PATIENCE_S)
        post(lambda: said.append("one epoch"))
        raise ValueError("diverged")

    def never(post: Post, check: Action) -> None:
        post(lambda: said.append("begun too late"))

    with pytest.raises(ValueError, match="diverged"):
        side_by_side([asking(begun), fails, asking(begun), never], 2, nothing)
    assert "one epoch" in said


@pytest.mark.parametrize("where", ["check", "what is posted"])
def test_an_interrupt_ends_all(where: str) -> None:
    begun = threading.Event()

    def interrupt() -> None:
        if begun.is_set():
            raise KeyboardInterrupt

    def posts(post: Post, check: Action) -> None:
        assert begun.wait(PATIENCE_S)
        post(interrupt)

    check: Callable[[], None] = interrupt if where == "check" else nothing
    with pytest.raises(KeyboardInterrupt):
        side_by_side([asking(begun), asking(threading.Event()), posts], 3, check)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("side-by-side")]
