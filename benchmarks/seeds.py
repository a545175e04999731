"""Prune the four models of the published system to its targets.

`python -m benchmarks.seeds`

Each model is created by name, planned, projected onto the target, sliced by l2 importance, run forward and backward,
saved, read back by a separate process with equal outputs, exported to ONNX and compared. Weights are random, because
accuracy is not measured here. Prints a table; the last line is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from pruning.allocation import allocate
from pruning.checkpoint import save_pruned
from pruning.counter import count_macs
from pruning.export import ExportFormat, export
from pruning.importance.registry import importance
from pruning.models import create_model, published_spec
from pruning.planning import build_plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model

SEEDS = {"resnet50": 2.06, "resnet101": 4.48, "convnext_small": 8.48, "deit_tiny_patch16_224": 0.62}
"""Model and its published target in GMACs."""

_READ_BACK = """
import sys, torch
from pruning.checkpoint import load_pruned
image, expected = torch.load(sys.argv[2], weights_only=True)
with torch.inference_mode():
    print((load_pruned(sys.argv[1]).module(image) - expected).abs().max().item())
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        model: its name.
        target: in MACs.
        baseline_macs: of the unpruned model.
        macs: of the pruned model by the plan.
        counted: of the pruned module by fvcore.
        baseline_params: of the unpruned model.
        params: of the pruned model.
        plan_s: seconds from the name to a proved plan.
        slice_s: seconds from the plan to the pruned module.
        train_ms: one forward and backward pass at batch 2.
        reloaded_difference: largest absolute difference of the outputs in a new process.
        onnx_error: largest difference of ONNX Runtime's output, relative to the largest output.
    """

    model: str
    target: int
    baseline_macs: int
    macs: int
    counted: int
    baseline_params: int
    params: int
    plan_s: float
    slice_s: float
    train_ms: float
    reloaded_difference: float
    onnx_error: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", help="comma-separated names; all four by default")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # on a busy machine, several threads would measure how long they wait for each other
    rows = [_progress(_row(name)) for name in (options.models.split(",") if options.models else SEEDS)]
    print(f"\n{'model':24}{'target':>15}{'base MACs':>16}{'pruned MACs':>15}{'used':>10}{'params':>13}{'pruned':>13}")
    for row in rows:
        print(
            f"{row.model:24}{row.target:15,}{row.baseline_macs:16,}{row.macs:15,}{row.macs / row.target:10.4%}"
            f"{row.baseline_params:13,}{row.params:13,}"
        )
    exact = all(row.counted == row.macs <= row.target for row in rows)
    print(json.dumps({"models": [asdict(row) for row in rows], "exact_and_under": exact}))


def _row(name: str) -> Row:
    spec, target = published_spec(name), round(SEEDS[name] * 1e9)
    start = time.perf_counter()
    base = create_model(spec)
    plan = build_plan(base, spec)
    planned = time.perf_counter()
    scores = importance("l2").scores(base, plan)
    found = project(plan, allocate(plan, [0.7] * len(plan.sets), scores=scores), target)
    selection = select(scores, found.allocation)
    pruned = slice_model(base, plan, selection)
    sliced = time.perf_counter()
    image = torch.randn(2, *spec.input_size)
    start_pass = time.perf_counter()
    pruned.train()(image).square().mean().backward()
    train_ms = (time.perf_counter() - start_pass) * 1e3
    assert all(weight.grad is not None for weight in pruned.parameters()), "a weight has no gradient"
    with tempfile.TemporaryDirectory() as folder:
        save_pruned(pruned.eval(), plan, selection, Path(folder, "checkpoint"))
        difference = _difference_when_read_back(pruned, image, Path(folder))
        exported = export(pruned, spec.input_size, Path(folder, "model.onnx"), ExportFormat.ONNX)
    return Row(
        model=name,
        target=target,
        baseline_macs=plan.baseline_macs,
        macs=found.macs,
        counted=count_macs(pruned, spec.input_size),
        baseline_params=plan.baseline_params,
        params=plan.params(found.allocation),
        plan_s=round(planned - start, 2),
        slice_s=round(sliced - planned, 2),
        train_ms=round(train_ms),
        reloaded_difference=difference,
        onnx_error=exported.error,
    )


def _difference_when_read_back(pruned: torch.nn.Module, image: torch.Tensor, folder: Path) -> float:
    with torch.inference_mode():
        torch.save((image, pruned(image)), folder / "output.pt")
    command = [sys.executable, "-c", _READ_BACK, str(folder / "checkpoint"), str(folder / "output.pt")]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _progress(row: Row) -> Row:
    print(
        f"{row.model}: planned in {row.plan_s} s, pruned in {row.slice_s} s, counted {row.counted:,}, "
        f"read back {row.reloaded_difference:.1e} away, ONNX {row.onnx_error:.1e} away",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()
