"""Evaluate all 4,096 subsets of the embedded model's 12 heads, and judge every criterion and agency by them.

`python -m benchmarks.heads [--levels 30,50,70] [--seeds 5] [--windows 16]`

Every subset's perplexity is measured on one fixed sample of held-out files. A criterion's *regret* at a level is the
perplexity of the heads that it keeps − that of the best subset of the same size, its *rank* the place of its choice
among all of that size; both are means over seeds, which decide the calibration text and the random order. What agency
gains is measured apart, on each seed's own held-out text (`benchmarks.heads.gain.MEASURED`).

What was measured is kept in the cache folder: an interrupted benchmark goes on. Prints a table; the last line is one
JSON object.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from ablations.heads.bench import Bench, prepare
from ablations.heads.corpus import standard_library
from ablations.heads.importance.registry import IMPORTANCES
from ablations.heads.options import HeadsOptions
from ablations.heads.samples import windows
from benchmarks.heads.gain import agency_gain
from benchmarks.heads.regret import choices, summary
from benchmarks.heads.subsets import all_losses, check_losses, perplexity
from ground.cache import cache_folder

_SAMPLE = "benchmark of subsets"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", default="30,50,70", help="percent of heads removed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=16, help="held-out windows of 256 tokens")
    parser.add_argument("--cache-dir", type=Path, default=None)
    given = parser.parse_args()
    levels = [float(level) for level in given.levels.split(",")]
    began = time.monotonic()
    torch.set_num_threads(1)  # a second thread gains nothing on a model of this size
    options = HeadsOptions(device="cpu", max_prompts=1, num_tokens=1)
    benches = [prepare(options, seed, given.cache_dir) for seed in range(given.seeds)]
    found = run(benches, levels, given.windows, cache_folder(given.cache_dir) / "heads")
    print(json.dumps({**found, "minutes": round((time.monotonic() - began) / 60, 2)}))


def run(benches: list[Bench], levels: list[float], count: int, folder: Path) -> dict[str, object]:
    """Measure everything, and print the table on the way."""
    model = benches[0].model
    tokens = windows(model, standard_library().held_out, count, min(256, model.window), _SAMPLE)
    losses = all_losses(model, tokens, folder, _told)
    difference = check_losses(model, tokens, losses, seed=0)
    every = frozenset(model.all_heads)
    judged = summary(choices(losses, benches, levels), len(every))
    _print_table(judged)
    return {
        "subsets": len(losses),
        "tokens": tokens.numel(),
        "dense_perplexity": perplexity(losses[every]),
        "no_heads_perplexity": perplexity(losses[frozenset()]),
        "largest_difference_from_masking": difference,
        **judged,
        "agency_gain": agency_gain(benches, tuple(IMPORTANCES), levels),
    }


def _told(done: int, of: int) -> None:
    print(f"first-layer masks: {done} of {of}", flush=True)


def _print_table(judged: dict[str, object]) -> None:
    regret, rank = judged["regret"], judged["rank"]
    assert isinstance(regret, dict)
    assert isinstance(rank, dict)
    for name, levels in regret.items():
        cells = "  ".join(
            f"{level:>3} %: {value:8.3f} (rank {rank[name][level]:6.1f})" for level, value in levels.items()
        )
        print(f"{name:10} {cells}", flush=True)


if __name__ == "__main__":
    main()
