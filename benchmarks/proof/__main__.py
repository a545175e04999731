"""Measure whether the proof catches a planner's faults.

`python -m benchmarks.proof`

Random small networks are planned. A referee that follows the names of channels through the sliced network
(`benchmarks.proof.blocks`) decides whether a plan is sound; independently the proof accepts or refuses the plan. Each
network's own plan is tried, and the same plan with a planted fault (`benchmarks.proof.faults`); a fault that the
referee finds harmless is not counted. Prints progress and a table; the last line is one JSON object:

* `planted`, `accepted_unsound`: unsound plans, and how many of them the proof accepted. `by_kind` has both per kind.
* `sound`, `accepted_sound`: the planner's own plans, and how many the proof accepted.
* `planner_unsound`: plans of the planner that the referee finds unsound. `refused_by_planner`: networks without a
  channel that can be cut, which were replaced.
* `proof_ms` on ResNet-50, and `former_proof_ms` of the proof that it replaced: the permutation of the whole model and
  two counts.
"""

import argparse
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.proof.faults import FAULTS
from benchmarks.proof.networks import Network, fault_of, random_network, spec
from pruning.counter import count_macs
from pruning.errors import UnsupportedModelError
from pruning.models import create_model, published_spec
from pruning.oracles import Oracles
from pruning.planning import build_plan
from pruning.proof import prove, random_selection
from pruning.settling import probes
from pruning.slicing import slice_model

_TRIES = 20  # of one kind of fault on one network
_REFEREED = 4  # random cuts that the referee checks, besides the probes


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=1100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-times", action="store_true", help="skip the timing on ResNet-50")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tally = Tally()
    for number in range(options.networks):
        tally.attack(random.Random(f"{options.seed}.{number}"), list(FAULTS)[number % len(FAULTS)])
        if (number + 1) % 100 == 0:
            print(f"{number + 1} networks: {tally.describe()}", flush=True)
    tally.print_table()
    print(json.dumps(tally.figures() | ({} if options.no_times else _times())))


class Tally:
    """Counts of the plans tried and of the proof's decisions."""

    def __init__(self) -> None:
        self.planted: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.sound = self.accepted_sound = self.planner_unsound = self.refused_by_planner = 0

    def attack(self, rng: random.Random, kind: str) -> None:
        """Try one network: its own plan, and one with a fault of this kind."""
        planter, must = FAULTS[kind]
        for _ in range(_TRIES):
            network = random_network(rng, must=must)
            try:
                plan = build_plan(network, spec(), verify=False)
            except UnsupportedModelError:  # nothing in it can be cut: the positions of all its channels matter
                self.refused_by_planner += 1
                continue
            broken = planter(network, plan, rng)
            if broken is not None and _fault(network, broken, rng) is not None:
                break
        else:
            return
        fault = _fault(network, plan, rng)
        if fault is not None:
            self.planner_unsound += 1
            self._report(f"the planner's own plan is unsound ({fault})", network, "")
        else:
            self.sound += 1
            self.accepted_sound += self._accepts(network, plan, "a sound plan was refused")
        self.planted[kind] += 1
        if _refusal(network, broken) is None:
            self.accepted[kind] += 1
            self._report(f"{kind} was accepted ({_fault(network, broken, rng)})", network, "")

    def describe(self) -> str:
        """The counts so far on one line."""
        return (
            f"{sum(self.accepted.values())} of {sum(self.planted.values())} unsound plans accepted, "
            f"{self.accepted_sound} of {self.sound} sound ones"
        )

    def figures(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "planted": sum(self.planted.values()),
            "accepted_unsound": sum(self.accepted.values()),
            "sound": self.sound,
            "accepted_sound": self.accepted_sound,
            "accepted_sound_share": round(self.accepted_sound / max(1, self.sound), 4),
            "planner_unsound": self.planner_unsound,
            "refused_by_planner": self.refused_by_planner,
            "by_kind": {
                kind: {"planted": count, "accepted_unsound": self.accepted[kind]}
                for kind, count in self.planted.items()
            },
        }

    def print_table(self) -> None:
        """Print how many faults of each kind were planted and accepted."""
        print(f"\n{'fault':20}{'planted':>9}{'accepted':>10}")
        for kind, count in self.planted.items():
            print(f"{kind:20}{count:9}{self.accepted[kind]:10}")
        print(self.describe(), flush=True)

    def _accepts(self, network: Network, plan: Any, complaint: str) -> bool:
        refusal = _refusal(network, plan)
        if refusal is not None:
            self._report(complaint, network, refusal)
        return refusal is None

    def _report(self, what: str, network: Network, why: object) -> None:
        blocks = ", ".join(type(block).__name__ for block in network.blocks)
        print(f"{what}: {blocks}; returns {network.returns} {why}", flush=True)


def _refusal(network: Network, plan: Any) -> UnsupportedModelError | None:
    try:
        prove(plan, network)
    except UnsupportedModelError as error:
        return error
    return None


def _fault(network: Network, plan: Any, rng: random.Random) -> str | None:
    cuts = (*probes(plan), *(random_selection(plan, rng) for _ in range(_REFEREED)))
    return fault_of(network, plan, cuts)


def _times() -> dict[str, float]:
    resnet = published_spec("resnet50")
    model = create_model(resnet)
    plan = build_plan(model, resnet, verify=False)

    def former() -> None:
        Oracles(plan, model, probes(plan)[1]).permutation_error()
        rng = random.Random(0)
        for _ in range(2):
            count_macs(slice_model(model, plan, random_selection(plan, rng)), resnet.input_size)

    pairs = [(_ms(lambda: prove(plan, model)), _ms(former)) for _ in range(3)]
    proof, before = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"proof_ms": round(proof), "former_proof_ms": round(before), "proof_ratio": round(proof / before, 2)}


def _ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
