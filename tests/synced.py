"""Notes what is fsynced and renamed, and in which order: what a power cut leaves follows from it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

needs_names = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names what was fsynced by /proc")


def note_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that receives the name of whatever is fsynced, and `-> name` for each rename, in their order."""
    order: list[str] = []
    fsync, replace, rename = os.fsync, Path.replace, Path.rename

    def noted_fsync(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def noted(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def moved(path: Path, target: Path) -> Path:
            found = move(path, target)
            order.append(f"-> {Path(target).name}")
            return found

        return moved

    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted(replace))
    monkeypatch.setattr(Path, "rename", noted(rename))
    return order
