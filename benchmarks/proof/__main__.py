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

With `--log FILE.jsonl` every attack is a line of the log, and the same command goes on where it was stopped;
`--part 1/4` to `--part 4/4` share one log, and the summary has what is in it.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Attack:
    """What became of one network.

    Attributes:
        number: of the network.
        kind: of the fault.
        planted: an unsound plan was made by planting one; otherwise the other attributes but the last are empty.
        accepted: the proof accepted that plan.
        sound: the planner's own plan is sound.
        accepted_sound: and the proof accepted it.
        refused_by_planner: networks that were replaced, because no channel of them can be cut.
        complaints: what should not have happened.
    """

    number: int
    kind: str
    planted: bool = False
    accepted: bool = False
    sound: bool = False
    accepted_sound: bool = False
    refused_by_planner: int = 0
    complaints: tuple[str, ...] = ()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=1100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="JSONL of attacks: read first, then appended to")
    parser.add_argument("--part", default="1/1", help="2/4: the second of four shares, for as many processes")
    parser.add_argument("--no-times", action="store_true", help="skip the timing on ResNet-50")
    options = parser.parse_args()
    torch.set_num_threads(1)
    attacks = _read(options.log)
    part, parts = map(int, options.part.split("/"))
    for number in range(part - 1, options.networks, parts):
        if number in attacks:
            continue
        rng = random.Random(f"{options.seed}.{number}")
        attacks[number] = attack(rng, list(FAULTS)[number % len(FAULTS)], number)
        for complaint in attacks[number].complaints:
            print(complaint, flush=True)
        if options.log is not None:
            with options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(attacks[number])) + "\n")
        if len(attacks) % 100 == 0:
            print(f"{len(attacks)} networks: {describe(figures(attacks.values()))}", flush=True)
    total = figures((attacks | _read(options.log)).values())  # with those of the other parts
    _print_table(total)
    print(json.dumps(total | ({} if options.no_times else _times())))


def attack(rng: random.Random, kind: str, number: int = 0) -> Attack:
    """Try one network: its own plan, and one with a fault of this kind."""
    planter, must = FAULTS[kind]
    refused = 0
    for _ in range(_TRIES):
        network = random_network(rng, must=must)
        try:
            plan = build_plan(network, spec(), verify=False)
        except UnsupportedModelError:  # nothing in it can be cut: the positions of all its channels matter
            refused += 1
            continue
        broken = planter(network, plan, rng)
        if broken is not None and _fault(network, broken, rng) is not None:
            break
    else:
        return Attack(number, kind, refused_by_planner=refused)
    complaints = []
    fault = _fault(network, plan, rng)
    refusal = None if fault is not None else _refusal(network, plan)
    if fault is not None:
        complaints.append(_complaint(f"the planner's own plan is unsound ({fault})", network))
    elif refusal is not None:
        complaints.append(_complaint("a sound plan was refused", network, refusal))
    accepted = _refusal(network, broken) is None
    if accepted:
        complaints.append(_complaint(f"{kind} was accepted ({_fault(network, broken, rng)})", network))
    sound = fault is None
    return Attack(number, kind, True, accepted, sound, sound and refusal is None, refused, tuple(complaints))


def figures(attacks: Collection[Attack]) -> dict[str, Any]:
    """The result as JSON values."""
    tried = [one for one in attacks if one.planted]
    kinds = dict.fromkeys(one.kind for one in sorted(tried, key=lambda one: one.number))
    sound = sum(one.sound for one in tried)
    accepted_sound = sum(one.accepted_sound for one in tried)
    return {
        "networks": len(attacks),
        "planted": len(tried),
        "accepted_unsound": sum(one.accepted for one in tried),
        "sound": sound,
        "accepted_sound": accepted_sound,
        "accepted_sound_share": round(accepted_sound / max(1, sound), 4),
        "planner_unsound": len(tried) - sound,
        "refused_by_planner": sum(one.refused_by_planner for one in attacks),
        "by_kind": {
            kind: {
                "planted": sum(one.kind == kind for one in tried),
                "accepted_unsound": sum(one.kind == kind and one.accepted for one in tried),
            }
            for kind in kinds
        },
    }


def describe(total: dict[str, Any]) -> str:
    """The figures on one line."""
    return (
        f"{total['accepted_unsound']} of {total['planted']} unsound plans accepted, "
        f"{total['accepted_sound']} of {total['sound']} sound ones"
    )


def _print_table(total: dict[str, Any]) -> None:
    print(f"\n{'fault':20}{'planted':>9}{'accepted':>10}")
    for kind, counts in total["by_kind"].items():
        print(f"{kind:20}{counts['planted']:9}{counts['accepted_unsound']:10}")
    print(describe(total), flush=True)


def _read(log: Path | None) -> dict[int, Attack]:
    """The attacks of a log by number; a line that was torn is no line."""
    attacks = {}
    for text in log.read_text(encoding="utf-8").splitlines() if log is not None and log.exists() else ():
        try:
            one = Attack(**json.loads(text))
        except (ValueError, TypeError):
            continue
        attacks[one.number] = one
    return attacks


def _complaint(what: str, network: Network, why: object = "") -> str:
    blocks = ", ".join(type(block).__name__ for block in network.blocks)
    return f"{what}: {blocks}; returns {network.returns} {why}"


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
