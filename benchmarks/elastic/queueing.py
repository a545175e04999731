"""Two fine-tunes by the command line on a cluster of one node with two CPUs, begun at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.cli.cluster import SmallCluster, running_cluster
from tests.cli.launched import launch
from tests.trainers.pruned import pruned_checkpoint

_LOOK_S = 0.1
ARGUMENTS = ("--dataset", "digits", "--epochs", "2", "--workers", "2", "--no-finetune-gpu")


def queued(folder: Path) -> dict[str, Any]:
    """Run both; returns the exit codes, who waited, and how long the second took to begin once there was room."""
    checkpoint = pruned_checkpoint(folder / "pruned")
    with running_cluster(head_cpus=2, nodes=0) as cluster, ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda name: _tuned(cluster, checkpoint, folder / name), ("one", "two")))
    first, second = sorted(done, key=lambda each: each["ended"])
    return {
        "codes": [first["code"], second["code"]],
        "waited": [any("wait" in line for line in each["lines"]) for each in (first, second)],
        "first_began_after_s": round(first["began"] - first["given"], 1),
        "second_began_after_room_s": round(second["began"] - first["ended"], 1),
        "said": [first["lines"], second["lines"]],
    }


def _tuned(cluster: SmallCluster, checkpoint: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    given, lines = time.monotonic(), list[str]()

    def hear(line: str) -> bool:
        lines.append(f"{time.monotonic() - given:.1f} s: {line.rstrip()}")
        return False

    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(
            launch, folder, "finetune", "--checkpoint", str(checkpoint), "--out", "out", *ARGUMENTS,
            "--ray-address", cluster.address, variables=cluster.variables, interrupt_at=hear,
        )  # fmt: skip
        began = None
        while not command.done():
            if began is None and (folder / "out" / "started").exists():
                began = time.monotonic()
            time.sleep(_LOOK_S)
        done = command.result()
    return {
        "code": done.code,
        "lines": lines,
        "given": given,
        "began": began or given,
        "ended": time.monotonic(),
    }
