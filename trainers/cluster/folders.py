"""Checks that all nodes of a Ray cluster see the same folders, before a worker on one of them needs them."""

import contextlib
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainers.errors import ResourcesError

_log = logging.getLogger(__name__)

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
        ResourcesError: a node does not see one of them, or cannot write, or does not answer; it is named. A node that
            is lost meanwhile is none of the cluster's, and does not count.
    """
    others = _other_nodes(gpu=gpu)
    if not others:
        return
    probe = written / f".espalier-probe-{secrets.token_hex(8)}"
    probe.write_text(probe.name, encoding="utf-8")
    try:
        answers = _ask_all(others, str(probe), [str(path) for path in read])
    finally:
        probe.unlink(missing_ok=True)
    found = {others[node]: answer for node, answer in answers.items() if not isinstance(answer, Exception)}
    if text := describe_unseen(found, str(written)):
        raise ResourcesError(text)
    silent = {node: answer for node, answer in answers.items() if isinstance(answer, Exception)}
    lost = silent.keys() - _other_nodes(gpu=gpu).keys()
    for node in sorted(lost):
        _log.warning("the node %s was lost while it was asked whether it sees %s", others[node], written)
    if left := sorted(silent.keys() - lost):
        error = silent[left[0]]
        text = describe_silent([others[node] for node in left], str(written), error)
        raise ResourcesError(text) from error


def _ask_all(others: Mapping[str, str], probe: str, read: list[str]) -> dict[str, list[str] | Exception]:
    """What each node does not see, or why it did not answer."""
    asked = {
        node: _ask.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            probe, read, _PATIENCE_S
        )
        for node in others
    }
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=_ANSWERS_S)
    answers: dict[str, list[str] | Exception] = {}
    for node, answer in asked.items():
        try:
            answers[node] = ray.get(answer, timeout=0)
        except ray.exceptions.RayError as error:
            answers[node] = error
    return answers


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


def describe_silent(nodes: Sequence[str], written: str, error: Exception) -> str:
    """Say which nodes did not answer, and where to look.

    Args:
        nodes: their addresses.
        written: the folder that they were asked for.
        error: what came in place of the first one's answer.
    """
    named = f"the node{'s' * (len(nodes) > 1)} {', '.join(nodes)}"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        # A process of Ray's that cannot write its log ends, before any of our code runs.
        return (
            f"Ray's processes on {named} end as they start ({type(error).__name__}), so that nothing can run there. A "
            f"full disk does that: look with `df -h /tmp` on {nodes[0].partition(' ')[0]}. Free it, or take the node "
            "out with `ray stop` there, and run the same command again"
        )
    return (
        f"{named} did not say within {_ANSWERS_S:g} s whether {written} is seen there ({type(error).__name__}): check "
        "with `ray status`, and run the same command again"
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
    # A name of its own for each node: the answers lie in one folder, and each is deleted by who wrote it.
    writable = ours and _is_writable(probe.with_name(f"{probe.name}-{secrets.token_hex(8)}"))
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
