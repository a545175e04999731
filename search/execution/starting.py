"""Finds the nodes on which Ray starts no process any more. A full disk does that, and Ray gives them trial after trial.

A process that cannot write its log ends as it starts. Its node then looks free again, and takes the next trial.
"""

import uuid
from collections.abc import Sequence

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_ANSWERS_S = 60.0
_TRIES = 2


def nodes_that_start_nothing() -> list[str]:
    """Return the addresses of living nodes on which each of several new processes has ended as it started.

    A node that does not answer in time is none of them: it is busy, or about to be found dead.
    """
    # With an environment that no process has yet: one that waits for work since better times would answer.
    fresh = {"env_vars": {"ESPALIER_FRESH": uuid.uuid4().hex}}
    asked = {
        node: _answer.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False), runtime_env=fresh
        ).remote()
        for node in _living()
    }
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=_ANSWERS_S)
    # A node that was lost meanwhile takes no trial.
    return sorted(address for node, address in _living().items() if node in asked and _has_crashed(asked[node]))


def _living() -> dict[str, str]:
    """The addresses of the nodes that may run trials, by their ids."""
    return {
        str(node["NodeID"]): str(node["NodeManagerAddress"])
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) > 0
    }


def describe_unfit(nodes: Sequence[str]) -> str:
    """Say which nodes start nothing, where to look, and that nothing is lost."""
    return (
        f"a trial was lost, and on the node{'s' * (len(nodes) > 1)} {', '.join(nodes)} Ray's processes now end as they "
        "start, so that each further trial there would be lost, too. A full disk does that: look with `df -h /tmp` "
        "there, free it or take the node out with `ray stop`, and resume. The trials that were running start again"
    )


def _has_crashed(reference: "ray.ObjectRef[None]") -> bool:
    try:
        ray.get(reference, timeout=0)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.RuntimeEnvSetupError):
        return True
    except ray.exceptions.RayError:
        return False
    return False


@ray.remote(num_cpus=0, max_retries=_TRIES - 1)  # type: ignore[untyped-decorator]
def _answer() -> None:
    return None
