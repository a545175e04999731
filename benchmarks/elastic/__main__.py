"""Fine-tune on a cluster whose nodes come and go: `python -m benchmarks.elastic`.

A fine-tune on 2-4 workers loses a node in the middle of its training and gains one later; its weights are held against
those of the same training on one fixed worker, at the same global batch. Two fine-tunes on one node that has room for
one both end. All on Ray's own test cluster, on this machine's CPUs. The last line is one JSON object; exit code 1 where
the number of workers did not follow the nodes, weights differ by more than 1e-4, or a fine-tune failed.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from search.execution.cluster import prepare_environment

prepare_environment(local=True)

from benchmarks.elastic.queueing import queued  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run both parts."""
    with tempfile.TemporaryDirectory(prefix="esp-", ignore_cleanup_errors=True) as scratch:
        nodes = follow_nodes(Path(scratch) / "nodes")
        print(f"nodes that come and go: {nodes}", flush=True)
        queue = queued(Path(scratch))
        print(f"two on one node: {queue}", flush=True)
    is_well = (
        nodes.get("worlds", [])[:1] == [4]
        and 3 in nodes["worlds"]
        and nodes["worlds"][-1] == 4
        and nodes["largest_difference"] <= 1e-4
        and queue["codes"] == [0, 0]
    )
    print(json.dumps({"elastic": nodes, "two_on_one_node": queue, "ok": is_well}))
    return int(not is_well)


def follow_nodes(folder: Path) -> dict[str, Any]:
    """Run the part with nodes in a process of its own: Ray starts once in each."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.elastic.nodes", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-5:]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
