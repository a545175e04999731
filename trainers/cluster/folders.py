"""Checks that all nodes of a Ray cluster see the same folders, before a worker on one of them needs them."""

import contextlib
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainers.errors import ResourcesError

_ANSWERS_S = 120.0
_PATIENCE_S = 5.0
"""A network file system may show a new file some seconds late."""


def check_shared(written: Path, read: Sequence[Path] = (), *, gpu: bool = False) -> None:
    """Check that every node on which a worker may run sees the folders of this process.

    Args:
        written: a folder that workers write to.
        read: files and folders that they read.
        gpu: whether workers run on nodes with a GPU only.

    Raises:
        ResourcesError: a node does not see one of them, or cannot write; it is named.
    """
    others = _other_nodes(gpu=gpu)
    if not others:
        return
    probe = written / f".espalier-probe-{secrets.token_hex(8)}"
    probe.write_text(probe.name, encoding="utf-8")
    try:
        asked = {
            node: _ask.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
                str(probe), [str(path) for path in read], _PATIENCE_S
            )
            for node in others
        }
        found = answers_of(asked, others, written)
    finally:
        probe.unlink(missing_ok=True)
    if text := describe_unseen(found, str(written)):
        raise ResourcesError(text)


def answers_of(asked: Mapping[str, Any], others: Mapping[str, str], written: Path) -> dict[str, list[str]]:
    """Wait for what each node says. One that is lost meanwhile is left out: no worker will run there.

    Args:
        asked: the answers to come, by node.
        others: the addresses of the nodes.
        written: the folder that they are asked about.

    Raises:
        ResourcesError: a node that is there says nothing in time.
    """
    found, deadline = {}, time.monotonic() + _ANSWERS_S
    for node, answer in asked.items():
        try:
            found[others[node]] = ray.get(answer, timeout=max(0.0, deadline - time.monotonic()))
        except ray.exceptions.RayError as error:
            if node not in _living():
                continue
            raise ResourcesError(
                f"the node {others[node]} does not say within {_ANSWERS_S:g} s whether it sees {written} "
                f"({type(error).__name__}): check it with `ray status`, and run the same command again"
            ) from error
    return found


def _living() -> set[str]:
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def describe_unseen(answers: Mapping[str, Sequence[str]], written: str) -> str | None:
    """Say which nodes do not see what; None if all see everything.

    Args:
        answers: what each node does not see, by its address.
        written: the folder that has to be written.
    """
    blind = {address: paths for address, paths in answers.items() if paths}
    if not blind:
        return None
    address, paths = next(iter(blind.items()))
    more = f" and {len(blind) - 1} more nodes" if len(blind) > 1 else ""
    why = "write what this process writes there" if written in paths else "read what this process reads there"
    return (
        f"{paths[0]} is not shared: the node {address}{more} of the Ray cluster cannot {why}, and a worker there would "
        "fail. Name a folder on storage that all nodes see under the same path, or keep to one node."
    )


def _other_nodes(*, gpu: bool) -> dict[str, str]:
    """The addresses of the nodes beside this one on which a worker may run, by their ids."""
    own, kind = ray.get_runtime_context().get_node_id(), "GPU" if gpu else "CPU"
    return {
        node["NodeID"]: f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] != own and node["Resources"].get(kind, 0) > 0
    }


@ray.remote(num_cpus=0)  # type: ignore[untyped-decorator]
def _ask(probe: str, read: list[str], patience_s: float) -> list[str]:
    return unseen_here(Path(probe), [Path(path) for path in read], patience_s)


def unseen_here(probe: Path, read: Sequence[Path], patience_s: float) -> list[str]:
    """Return which of the paths this process does not see; the probe stands for its folder.

    Args:
        probe: a file that holds its own name, written elsewhere.
        read: files and folders.
        patience_s: seconds until a file that is not there counts as not there.
    """
    deadline = time.monotonic() + patience_s
    while not (ours := _is_ours(probe)) and time.monotonic() < deadline:
        time.sleep(0.1)
    writable = ours and _is_writable(probe.with_name(f"{probe.name}-answer"))
    return [*([] if writable else [str(probe.parent)]), *(str(path) for path in read if not path.exists())]


def _is_ours(probe: Path) -> bool:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return probe.read_text(encoding="utf-8") == probe.name
    return False


def _is_writable(answer: Path) -> bool:
    with contextlib.suppress(OSError):
        answer.touch()
        answer.unlink()
        return True
    return False
