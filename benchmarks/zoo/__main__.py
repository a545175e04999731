"""Plan, prove and check one small model of each stem of every timm family, beside torch-pruning.

`nice python -m benchmarks.zoo --log FILE.jsonl`

Each model runs in a process of its own. Espalier plans and proves it; what it accepts is then checked on cuts that the
proof has not seen, as in `benchmarks.field`. torch-pruning prunes half of it, and works if the result runs forward and
has fewer MACs. Every outcome is a line of the log: the same command goes on where it was stopped.

Prints a line for each model; the last line is one JSON object: `models` of the `sampled` that were tried, `exact` (of
them `whole`: nothing is fixed but what the model returns), `refused` (each with its reason in `reasons`), `wrong`,
`failed` (foreign errors, time or memory), and `peer_works`.

With many cores, `--part 1/16` to `--part 16/16` share one log; the summary of the last one has the models of all.
`--peer-limit 0` leaves torch-pruning, which takes most of the time on some models, to a later run over the same log.
"""

import argparse
import json
import multiprocessing
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import nn

from benchmarks.field import CLASSES, try_network
from benchmarks.outcome import Outcome
from benchmarks.peers import deepcopy_and_prune
from benchmarks.zoo.sample import sample, small_models
from ground.files import write_whole
from pruning.counter import count_macs
from pruning.inputs import InputSize

_FORK = multiprocessing.get_context("fork")
_LATER = "left to a later run"


@dataclass(frozen=True, slots=True)
class Line:
    """One model's outcome.

    Attributes:
        model: timm's name.
        family: the module of timm that it is from.
        side: of the square image, in pixels; 0 if the model could not be made.
        status: `exact`, `refused`, `wrong` or `failed`.
        text: groups and MACs, or the reason.
        peer: "works", why torch-pruning does not, or that it has yet to be tried.
    """

    model: str
    family: str
    side: int
    status: str
    text: str
    peer: str


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="JSONL of outcomes: read first, then appended to")
    parser.add_argument("--models", help="comma-separated names instead of the sample")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one model")
    parser.add_argument("--peer-limit", type=float, default=600, help="seconds for torch-pruning on one model")
    parser.add_argument("--part", default="1/1", help="3/16: the third of sixteen shares, for as many processes")
    parser.add_argument("--again", help="comma-separated statuses that are tried again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    names = dict.fromkeys(options.models.split(","), "named") if options.models else _sample_of(options.log)
    lines = _read(options.log)
    again = set((options.again or "").split(","))
    part, parts = map(int, options.part.split("/"))
    for name, family in list(names.items())[part - 1 :: parts]:
        before = lines.get(name)
        kept = None if before is None or before.status in again else before
        if kept is None or (options.peer_limit and kept.peer == _LATER):
            peer = _LATER if before is None else before.peer
            lines[name] = _try_model(name, family, kept, peer, (options.limit, options.peer_limit))
            with options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(lines[name])) + "\n")
            print(f"{name:40}{lines[name].status:9}{lines[name].text[:110]} | peer {lines[name].peer[:40]}", flush=True)
    lines = _read(options.log)  # with those of the other parts
    print(json.dumps(summary([lines[name] for name in names if name in lines], sampled=len(names))))


def summary(lines: list[Line], sampled: int) -> dict[str, object]:
    """The counts, and the reason of each model that is not exact."""
    counts = Counter(line.status for line in lines)
    return {
        "models": len(lines),
        "sampled": sampled,
        **{status: counts[status] for status in ("exact", "refused", "wrong", "failed")},
        "whole": sum(line.status == "exact" and "fixed:" not in line.text for line in lines),
        "exact_share": round(counts["exact"] / max(1, len(lines)), 4),
        "peer_works": sum(line.peer == "works" for line in lines),
        "reasons": {line.model: f"{line.status}: {line.text}" for line in lines if line.status != "exact"},
    }


def _sample_of(log: Path) -> dict[str, str]:
    """The sample, which is kept beside the log, because to find it takes minutes."""
    kept = log.with_suffix(".sample.json")
    if not kept.exists():
        write_whole(kept, json.dumps(sample(), indent=1))
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _read(log: Path) -> dict[str, Line]:
    """The last line of each model; a line that was torn is no line."""
    lines = {}
    for text in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            line = Line(**json.loads(text))
        except (ValueError, TypeError):
            continue
        lines[line.model] = line
    return lines


def _try_model(name: str, family: str, kept: Line | None, peer: str, limits: tuple[float, float]) -> Line:
    """Try what has yet to be tried: this project's plan unless a line is kept, and torch-pruning if its turn is now."""
    if kept is None:
        side, ours = _in_process(lambda: _ours(name), limits[0])
        kept = Line(name, family, side, ours.status, ours.text, peer)
    if kept.peer == _LATER and limits[1]:
        return replace(kept, peer=_in_process(lambda: (0, _peer(name)), limits[1])[1].status)
    return kept


def _in_process(work: Callable[[], tuple[int, Outcome]], limit: float) -> tuple[int, Outcome]:
    """Run `work` in a forked process, which may run out of time or memory."""
    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_send, args=(theirs, work))
    process.start()
    theirs.close()
    try:
        if ours.poll(limit):
            result: tuple[int, Outcome] = ours.recv()
            return result
        return 0, Outcome("", "failed", f"no result within {limit:g} s")
    except EOFError:
        process.join()
        return 0, Outcome("", "failed", f"the process died with exit code {process.exitcode}")
    finally:
        process.kill()
        process.join()
        ours.close()


def _send(pipe: Connection, work: Callable[[], tuple[int, Outcome]]) -> None:
    try:
        pipe.send(work())
    except Exception as error:  # noqa: BLE001 - the border of a process: recorded as a failure
        pipe.send((0, Outcome("", "failed", f"{type(error).__name__}: {error}"[:300])))


def _ours(name: str) -> tuple[int, Outcome]:
    """The outcome at the smallest input size; if that is not exact, also at the next ones."""
    side, outcome = 0, Outcome(name, "failed", "it takes none of the tried input sizes")
    for model, size in small_models(name, CLASSES):
        tried = try_network(name, partial(_made, model, size), checks=1, modes=1)
        if outcome.status == "failed" or tried.status in ("exact", "wrong"):
            side, outcome = size[-1], tried
        if outcome.status in ("exact", "wrong"):
            break
    return side, outcome


def _made(model: nn.Module, size: InputSize) -> tuple[nn.Module, InputSize]:
    return model, size


def _peer(name: str) -> Outcome:
    """Whether torch-pruning prunes the model so that it runs and costs less; the status says so."""
    for model, size in islice(small_models(name, CLASSES), 1):
        try:
            whole = count_macs(model, size)
            pruned = deepcopy_and_prune(model, size, classes=CLASSES)
            pruned.eval()(torch.zeros(1, *size))
            less = count_macs(pruned, size)
        except Exception as error:  # noqa: BLE001 - the peer may raise anything, and the table shows it
            return Outcome(name, f"{type(error).__name__}: {error}"[:200], "")
        return Outcome(name, "works" if less < whole else "nothing was cut", "")
    return Outcome(name, "not made", "")


if __name__ == "__main__":
    main()
