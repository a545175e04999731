"""Several actors of Tune's in one process, where this machine has no memory for a process for each.

A process that imports Tune takes 115 MiB of its own, so 200 of them do not fit into 24 GiB. What Tune holds is then a
handle on one slot of a process: it makes each trial's calls and waits for each answer as ever, over the same wire, and
each slot has a placement group of its own. What is not there any more is the actors' registration at the head, and
whatever a process costs it while it lives.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import ray
from ray.actor import ActorClass
from ray.tune.execution import tune_controller


class Process:
    """A process with several actors in it, each called by its number."""

    def __init__(self, kind: Callable[..., Any]) -> None:
        self._kind = kind
        self._actors: dict[int, Any] = {}
        self._changed = threading.Condition()

    def make(self, slot: int, given: dict[str, Any]) -> None:
        """Make the actor of a slot."""
        actor = self._kind(**given)
        with self._changed:
            self._actors[slot] = actor
            self._changed.notify_all()

    def call(self, slot: int, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a method of it; whether it is ready, and that it is to end, needs no more than an answer."""
        with self._changed:  # threads keep no order
            self._changed.wait_for(lambda: slot in self._actors)
        if name in ("__ray_ready__", "__ray_terminate__"):
            return True
        return getattr(self._actors[slot], name)(*given, **named)


class Slot:
    """What Tune takes for the handle of an actor."""

    def __init__(self, process: Any, number: int) -> None:
        self._process, self._number = process, number

    def __getattr__(self, name: str) -> "Method":
        return Method(self._process, self._number, name)


class Method:
    """A method of an actor's handle."""

    def __init__(self, process: Any, number: int, name: str) -> None:
        self._process, self._number, self._name = process, number, name

    def options(self, **_: Any) -> "Method":
        """Take none of them."""
        return self

    def remote(self, *given: Any, **named: Any) -> Any:
        """Call it."""
        return self._process.call.remote(self._number, self._name, given, named)


class SharingClass:
    """What Tune takes for the class of an actor: so many of its actors share a process."""

    def __init__(self, kind: Callable[..., Any], each: int) -> None:
        self._kind, self._each = kind, each
        self._made, self._processes = itertools.count(), list[Any]()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Tune makes an actor's class of whatever is none by this."""
        return ActorClass

    def options(self, **_: Any) -> "SharingClass":
        """Take none of them: the placement group is held, and the process is outside of it."""
        return self

    def remote(self, **given: Any) -> Slot:
        """Make an actor in the newest process, or in a new one."""
        number = next(self._made)
        if number % self._each == 0:
            # A thread for each slot: the first trials wait for one another.
            threads = ray.remote(num_cpus=0, max_concurrency=2 * self._each)(Process)
            self._processes.append(threads.remote(self._kind))
        process = self._processes[-1]
        process.make.remote(number, given)
        return Slot(process, number)


def share(each: int) -> None:
    """Let so many actors of Tune's share a process from now on, in this process."""
    made: dict[Any, SharingClass] = {}
    kill = ray.kill

    def get(_: Any, kind: Any) -> SharingClass:
        return made.setdefault(kind, SharingClass(kind, each))

    def kill_none_that_others_use(actor: Any, **how: Any) -> None:
        if not isinstance(actor, Slot):
            kill(actor, **how)

    tune_controller._ActorClassCache.get = get
    ray.kill = kill_none_that_others_use
