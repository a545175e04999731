"""Forked processes let go of locks: they share the locked file, and would hold the lock beyond its owner's death."""

import os
from collections.abc import Callable
from typing import IO, Any, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")
_held: "WeakKeyDictionary[Any, Callable[[Any], object]]" = WeakKeyDictionary()


def let_go_in_forks(held: _T, let_go: Callable[[_T], object]) -> None:
    """Have each process that is forked from now on let go of its copy of something, for as long as it exists.

    Args:
        held: holds a lock.
        let_go: closes it. Closing, unlike unlocking, concerns the copy alone.
    """
    _held[held] = let_go


def close_in_forks(stream: IO[str]) -> None:
    """The same for an open file that is locked."""
    let_go_in_forks(stream, lambda copy: copy.close())


def _let_go() -> None:
    for held, let_go in list(_held.items()):
        let_go(held)


os.register_at_fork(after_in_child=_let_go)
