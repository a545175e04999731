"""Plan and check networks from a folder of other people's code.

`python -m benchmarks.field FOLDER`

Every Python file of the folder is imported, and every function in it that can be called without arguments and returns
a module is a network. Each network is planned and proved. If it is accepted, prunings that the proof has not seen are
counted by fvcore, compared with the plan operation by operation, and trained for one step if the whole network can be.
The outcome of a network is

* `exact`: all checks agree;
* `refused`: with an error message, before anything was cut;
* `wrong`: accepted, but one of the checks fails;
* `crashed`: an error that is none of this project's.

Prints a table; the last line is one JSON object with the counts and each network's outcome.
"""

import argparse
import importlib.util
import inspect
import json
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from benchmarks.field_page import page
from benchmarks.outcome import Outcome
from pruning.cloning import clone_structure
from pruning.counter import count_macs
from pruning.errors import PruningError
from pruning.inputs import InputSize, made_inputs, named_shapes
from pruning.masks import without_masks
from pruning.models import ModelSpec
from pruning.outputs import tensors_of
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.proof import oracle_error, random_selection
from pruning.settling import probes
from pruning.slicing import slice_model
from pruning.trace import RETURNED

CLASSES = 10
SIZES: tuple[InputSize, ...] = (
    (3, 32, 32), (3, 64, 64), (1, 32, 32), (1, 28, 28), (1, 64, 101), (1, 64, 64),
    (1, 256), (3, 8, 32, 32), (("a", (3, 32, 32)), ("b", (3, 32, 32))),
)  # fmt: skip
_CHECKS = 3
_INSTANCES = 4
_SEED = 7  # differs from the seeds of plans and proofs


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=Path, help="write the outcomes as a table into this Markdown file")
    parser.add_argument("--only", help="only networks whose names begin with this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    ends = []
    for name, make in networks(options.folder):
        if options.only is None or name.startswith(options.only):
            ends.append(try_network(name, partial(_make_network, make)))
            print(f"{ends[-1].network:28}{ends[-1].status:9}{ends[-1].text}", flush=True)
    if options.page is not None:
        options.page.write_text(page(ends), encoding="utf-8")
    counts = Counter(end.status for end in ends)
    print(json.dumps({"networks": len(ends), **counts, "ends": {end.network: end.status for end in ends}}))


def networks(folder: Path) -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    """Every network of the folder, by file and function."""
    for path in sorted(folder.glob("*.py")):
        module = _import_file(path)
        for name, value in list(vars(module).items()):
            if (
                inspect.isfunction(value)
                and name[0] != "_"
                and value.__module__ == module.__name__
                and _callable(value)
            ):
                yield f"{path.stem}:{name}", value


def try_network(
    name: str, make: Callable[[], tuple[nn.Module, InputSize]], checks: int = _CHECKS, *, modes: int = 2
) -> Outcome:
    """Plan, prove and check one network, which `make` makes with its input size.

    `checks` is the number of random cuts; the oracles run in eval mode, and with two modes in training mode as well.
    """
    torch.manual_seed(0)
    try:
        model, size = make()
        spec = ModelSpec(name, CLASSES, size)
        plan = build_plan(model, spec)
    except PruningError as error:
        return Outcome(name, "refused", str(error).removeprefix("This model cannot be pruned exactly: "))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything, and the table shows it
        return Outcome(name, "crashed", f"{type(error).__name__}: {error}"[:300])
    try:
        wrong = find_mismatch(without_masks(model), plan, checks, (False, True)[:modes])
    except Exception as error:  # noqa: BLE001 - as above
        wrong = f"{type(error).__name__}: {error}"
    if wrong is not None:
        return Outcome(name, "wrong", wrong)
    fixed = tuple(f"{one.name} ({one.units}): {one.reason}" for one in plan.fixed if one.reason != RETURNED)
    share = plan.macs_out_of_reach / plan.baseline_macs
    text = f"{len(plan.groups)} groups of {_units(plan)}, {plan.baseline_macs:,} MACs"
    if fixed:
        more = "; …" if len(fixed) > 3 else ""
        text += f"; fixed: {len(fixed)}, {share:.1%} of the MACs out of reach: {'; '.join(fixed[:3])}{more}"
    return Outcome(name, "exact", text, len(plan.groups), share, fixed)


def find_mismatch(model: nn.Module, plan: Plan, checks: int, modes: Sequence[bool]) -> str | None:
    """A description of the first check that fails, None if all agree.

    Raises:
        UnsupportedModelError: an oracle of the proof refuses the plan on random instances that the proof has not seen.
    """
    rng = random.Random(_SEED)
    trainable = _trains(model, plan.spec.input_size) is None
    for _ in range(checks):
        selection = random_selection(plan, rng)
        kept = [len(units) for units in selection]
        pruned = slice_model(model, plan, selection)
        if plan.macs(kept) != count_macs(pruned, plan.spec.input_size):
            return f"fvcore counts {count_macs(pruned, plan.spec.input_size):,} where the plan says {plan.macs(kept):,}"
        if plan.params(kept) != sum(p.numel() for p in pruned.parameters()):
            return "the number of parameters is not the planned one"
        if trainable and (failure := _trains(pruned, plan.spec.input_size)) is not None:
            return f"it no longer trains: {failure}"
    for training in modes:
        oracle_error(plan, model, probes(plan, _SEED)[0], training=training, seeds=range(_SEED, _SEED + _INSTANCES))
    return None


def _trains(model: nn.Module, size: InputSize) -> str | None:
    """A description of why one step in training mode fails, None if it does not."""
    subject = clone_structure(model, {}).train()
    first = next(subject.parameters())
    try:
        inputs = made_inputs(subject, size, lambda shape: torch.randn(2, *shape, dtype=first.dtype))
        outputs = tensors_of(subject(*inputs))
        torch.stack([out.float().sum() for out in outputs if out.requires_grad]).sum().backward()
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _make_network(make: Callable[..., nn.Module]) -> tuple[nn.Module, InputSize]:
    """The network, and the first of the usual input sizes at which it runs (or the very first if there is none)."""
    for size in SIZES:
        model = make(**{n: v for n, v in _factory_arguments(size).items() if n in inspect.signature(make).parameters})
        if _runs(model, size):
            return make(
                **{n: v for n, v in _factory_arguments(size).items() if n in inspect.signature(make).parameters}
            ), size
    return make(), SIZES[0]


def _factory_arguments(size: InputSize) -> dict[str, int]:
    channels = next(iter(named_shapes(size).values()))[0]
    return {"num_classes": CLASSES, "in_chans": channels}


def _runs(model: nn.Module, size: InputSize) -> bool:
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    try:
        with torch.no_grad():
            model.eval()(*made_inputs(model, size, lambda shape: torch.zeros(1, *shape, dtype=dtype)))
    except Exception:  # noqa: BLE001 - any exception means that it does not run at this size
        return False
    return True


def _callable(function: Callable[..., object]) -> bool:
    """Whether it can be called without arguments and returns a module."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.default is inspect.Parameter.empty and p.kind is not p.VAR_KEYWORD for p in parameters):
        return False
    try:
        return isinstance(function(), nn.Module)
    except Exception:  # noqa: BLE001 - as above
        return True  # a factory that fails is a network that fails: it shows in the table


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _units(plan: Plan) -> str:
    text = ", ".join(str(group.units) for group in plan.groups)
    return text if len(text) <= 40 else f"{text[:37]}…"


if __name__ == "__main__":
    main()
