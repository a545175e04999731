"""One size: a search of trivial trials on so many actors of Ray's test cluster.

`python -m benchmarks.scale.measure ACTORS TRIALS FOLDER EACH`; the last line is one JSON object. Each actor stands for
a node, and EACH of them share a process. All begin before the first trial ends, and what is measured begins with the
last of them: how they start is not. Actors are niced, because on a cluster they would not share the driver's cores.
"""

import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search.execution.cluster import prepare_environment

prepare_environment(local=True)
os.environ["RAY_worker_niceness"] = "15"  # noqa: SIM112

import psutil  # noqa: E402
from ray import tune  # noqa: E402  reads the environment on import
from ray.cluster_utils import Cluster  # noqa: E402

from benchmarks.scale.slots import share  # noqa: E402
from search.control.report import Report  # noqa: E402
from search.control.session import SearchSession  # noqa: E402
from search.execution.cluster import connected  # noqa: E402
from search.execution.served import REPORT, Turn  # noqa: E402
from search.execution.tuning import ServedSearch, run_actors  # noqa: E402
from search.proposers.random import RandomProposer  # noqa: E402
from tests.search import support  # noqa: E402
from tracking.payloads import Rung  # noqa: E402

NODES, ACTOR_CPUS = 4, 0.01
POLL_S = 0.2


class TrivialActor(tune.Trainable):
    """An actor whose trials compute nothing: one rung, and a score that follows from the trial's number."""

    def setup(self, config: dict[str, Any], context: tuple[str, int]) -> None:
        """Say that it is there."""
        self._config, self._served = config, 0
        self._folder, self._actors = Path(context[0]), context[1]
        self._name = uuid.uuid4().hex
        (self._folder / self._name).touch()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next trial."""
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Report, once all actors are there."""
        while not self._served and len(list(self._folder.iterdir())) < self._actors:
            time.sleep(POLL_S)
        self._served += 1
        now, trial = datetime.now(UTC), int(self._config["trial"])
        rung = Rung(trial=trial, rung=0, epochs=1, accuracy=(trial * 37 % 101) / 101, loss=1.0)
        return {REPORT: Report(trial, self._name, os.getpid(), now, now, 0.0, self._served, rung)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing."""

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Load nothing."""


class MeteredSearch(ServedSearch):
    """A search that counts CPU seconds of driver and head, from the moment at which all actors have reported."""

    def __init__(self, session: SearchSession, actors: int, head: list[psutil.Process]) -> None:
        super().__init__(session, lambda: actors)
        self._actors, self._head, self._trials = actors, head, 0
        self._begin()

    def take(self) -> Turn:
        """Decide what to run now."""
        began = time.thread_time()
        try:
            return super().take()
        finally:
            self._own_s += time.thread_time() - began

    def report(self, report: Report) -> bool:
        """Take a report, with which its trial ends; the first ones are one of each actor."""
        began = time.thread_time()
        stops = super().report(report)
        self._own_s += time.thread_time() - began
        self._trials += 1
        if self._trials <= self._actors:
            self._begin()
        return stops

    def found(self) -> dict[str, float]:
        """What a trial has cost."""
        trials = self._trials - self._actors
        wall_s, driver_s, head_s = (end - start for start, end in zip(self._begun, self._now(), strict=True))
        return {
            "actors": self._actors,
            "trials": trials,
            "trials_per_second": trials / wall_s,
            "driver_ms_per_trial": 1e3 * driver_s / trials,
            "session_ms_per_trial": 1e3 * self._own_s / trials,
            "head_ms_per_trial": 1e3 * head_s / trials,
        }

    def _begin(self) -> None:
        self._begun, self._own_s = self._now(), 0.0

    def _now(self) -> tuple[float, float, float]:
        spent = [process.cpu_times() for process in self._head]
        return time.perf_counter(), time.process_time(), sum(one.user + one.system for one in spent)


def main(actors: int, trials: int, folder: Path, each: int) -> None:
    """Run the search, and print what it cost."""
    if each > 1:
        share(each)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1)
        head = [psutil.Process(one.process.pid) for one in cluster.head_node.all_processes["gcs_server"]]
        space = support.space()
        (folder / "there").mkdir()
        with connected(cluster.address), support.ledger_at(folder) as ledger:
            session = support.session(
                ledger, RandomProposer(space), space, trials=trials + actors, window=actors, rungs=1, eta=1
            )
            search = MeteredSearch(session, actors, head)
            run_actors(
                search, TrivialActor, (str(folder / "there"), actors),
                workers=actors, cpus=ACTOR_CPUS, gpus=0.0, storage=folder / "ray",
            )  # fmt: skip
            print(json.dumps(search.found()))
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
