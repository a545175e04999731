"""A Ray cluster on this machine: a head with some CPUs, and nodes with one CPU each.

Run as a program (`HEAD_CPUS NODES`): a process that is connected to one Ray cluster cannot easily start another.
It writes one line of JSON, `{"address", "nodes"}` with the process id of each node's raylet, and stays until its
standard input ends. Each line there is the number of a node to kill, answered by a line once the node is dead.
"""

import contextlib
import json
import sys

import psutil

from search.execution.cluster import prepare_environment

prepare_environment(local=True)

from ray.cluster_utils import Cluster  # noqa: E402  reads the environment on import

from search.execution.spared import without_spared  # noqa: E402

# So that a lost node is reported within a second or two, not after fifteen.
WATCHFUL = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}


@without_spared()
def main(head_cpus: int, nodes: int) -> None:
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": head_cpus, "include_dashboard": False, "_system_config": WATCHFUL},
    )
    try:
        added = [cluster.add_node(num_cpus=1) for _ in range(nodes)]
        raylets = [node.all_processes["raylet"][0].process.pid for node in added]
        _say(json.dumps({"address": cluster.address, "nodes": raylets}))
        for line in sys.stdin:
            _kill(raylets[int(line)])
            cluster.remove_node(added[int(line)], allow_graceful=False)
            _say("dead")
    finally:
        cluster.shutdown()


def _kill(raylet: int) -> None:
    """End all processes of a node, as a machine that fails does.

    Its workers would outlive their raylet by a moment, in which one of them could still end its trial.
    """
    node = psutil.Process(raylet)
    processes = [*node.children(recursive=True), node]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes[:-1])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
