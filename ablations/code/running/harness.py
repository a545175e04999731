"""Runs a script and writes down what it did. A program of its own that needs only Python's library.

`python harness.py FACTS SCRIPT [ARGUMENT …]`

The script runs as `__main__` in this process. torch and scikit-learn are watched where a document beside the script
imports them. FACTS becomes the JSON of a `RunFacts`. What cannot be watched is not in it: nothing is guessed.
"""

import ast
import contextlib
import hashlib
import importlib
import json
import math
import runpy
import sys
import traceback
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SHOWN = 4000


class Watch:
    """Collects the facts of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder) + "/"
        self.reports: list[dict[str, Any]] = []
        self.seeds: list[str] = []
        self.steps = 0
        self.columns = 0
        self.trained: dict[int, set[bytes]] = {}
        self.evaluated: set[bytes] = set()
        self.executed: dict[str, set[int]] = {}
        self.roots: dict[int, Any] = {}
        self._kept: list[Any] = []
        self.calls: Counter[int] = Counter()
        self._depth = 0

    def report(self, name: str, value: float, step: int | None = None) -> None:
        """Stand in for `espalier_report.report`."""
        number = float(value)
        if not isinstance(name, str) or not math.isfinite(number):
            raise ValueError(f"report() takes a name and a finite number, and received {name!r} and {value!r}")
        if step is not None and type(step) is not int:
            raise ValueError(f"report() takes a whole number as step, and received {step!r}")
        self.reports.append({"name": str(name), "value": number, "step": step})

    def facts(self) -> dict[str, Any]:
        """Return what was collected, as JSON values."""
        return {
            "reports": self.reports,
            "seeds": self.seeds,
            "modules": self._modules(),
            "steps": self.steps,
            "columns": self.columns,
            "trained": max(map(len, self.trained.values()), default=0),
            "evaluated": len(self.evaluated),
            "shared": len(set().union(*self.trained.values()) & self.evaluated),
            "executed": {file: sorted(lines) for file, lines in sorted(self.executed.items())},
        }

    def trace(self, frame: types.FrameType, *_: object) -> Callable[..., Any] | None:
        """A trace function for `sys.settrace` that follows the documents only."""
        file = frame.f_code.co_filename
        if not file.startswith(self.folder):
            return None
        lines = self.executed.setdefault(file.removeprefix(self.folder), set())

        def follow(frame: types.FrameType, event: str, _: object) -> Callable[..., Any]:
            if event == "line":
                lines.add(frame.f_lineno)
            return follow

        return follow

    def rows(self, owner: Any, data: Any, *, trains: bool) -> None:
        """Take note of the rows of an array or a tensor that a model is given."""
        array = data.detach().cpu().numpy() if hasattr(data, "detach") else data
        if getattr(array, "ndim", 0) < 1 or not hasattr(array, "tobytes"):
            return
        if trains and not self.columns:
            self.columns = int(array.shape[1]) if array.ndim > 1 else 1
        found = {hashlib.blake2b(row.tobytes(), digest_size=12).digest() for row in array}
        if trains:
            self._kept.append(owner)  # or its id would be another one's later
            self.trained.setdefault(id(owner), set()).update(found)
        else:
            self.evaluated.update(found)

    def watch_seeds(self, owner: Any, name: str, label: str) -> None:
        """Write down each call of a function by a document."""
        original = getattr(owner, name)

        def seeding(*given: Any, **named: Any) -> Any:
            if sys._getframe(1).f_code.co_filename.startswith(self.folder):
                told = [*map(repr, given), *(f"{key}={value!r}" for key, value in named.items())]
                self.seeds.append(f"{label}({', '.join(told)})")
            return original(*given, **named)

        setattr(owner, name, seeding)

    def watch_torch(self) -> None:
        """Count calls of modules and steps of optimisers, and take note of what is put into models."""
        import torch
        from torch.nn.modules import module
        from torch.optim import optimizer

        self.watch_seeds(torch, "manual_seed", "torch.manual_seed")

        def before(called: Any, given: tuple[Any, ...]) -> None:
            self._depth += 1
            self.calls[id(called)] += 1
            if self._depth == 1 and any(True for _ in called.parameters()):
                self.roots.setdefault(id(called), called)
                if given and isinstance(given[0], torch.Tensor):
                    self.rows(called, given[0], trains=called.training and torch.is_grad_enabled())

        def after(*_: Any) -> None:
            self._depth -= 1

        def stepped(*_: Any) -> None:
            self.steps += 1

        module.register_module_forward_pre_hook(before)
        module.register_module_forward_hook(after, always_call=True)
        optimizer.register_optimizer_step_post_hook(stepped)

    def watch_sklearn(self) -> None:
        """Take note of what estimators are given: all check it by one function. Transformers evaluate nothing."""
        from sklearn.utils import validation

        original = validation._check_feature_names

        def checked(estimator: Any, x: Any, *, reset: bool) -> None:
            self.steps += reset
            if reset or hasattr(estimator, "predict"):
                self.rows(estimator, x.to_numpy() if hasattr(x, "to_numpy") else x, trains=reset)
            original(estimator, x, reset=reset)

        validation._check_feature_names = checked

    def watch_numpy(self) -> None:
        """Write down the seeds of numpy."""
        import numpy

        self.watch_seeds(numpy.random, "seed", "numpy.random.seed")
        self.watch_seeds(numpy.random, "default_rng", "numpy.random.default_rng")

    def _modules(self) -> list[dict[str, Any]]:
        inner = {id(module) for root in self.roots.values() for module in root.modules() if module is not root}
        return [
            {
                "path": path,
                "kind": type(module).__name__,
                "parameters": sum(parameter.numel() for parameter in module.parameters(recurse=False)),
                "calls": self.calls[id(module)],
            }
            for identity, root in self.roots.items()
            if identity not in inner
            for path, module in root.named_modules()
        ]


def main(facts: Path, script: str, arguments: list[str]) -> None:
    """Run a script that lies in the current folder, and write down what it did."""
    folder = Path.cwd()
    watch = Watch(folder)
    reporting = types.ModuleType("espalier_report")
    reporting.report = watch.report  # type: ignore[attr-defined]
    sys.modules["espalier_report"] = reporting
    sys.argv = [script, *arguments]
    sys.path.insert(0, str((folder / script).parent))
    _watch_libraries(watch, folder)
    ended = _run(watch, folder / script)
    facts.write_text(json.dumps({**ended, **watch.facts()}), encoding="utf-8")


def _watch_libraries(watch: Watch, folder: Path) -> None:
    import random

    watch.watch_seeds(random, "seed", "random.seed")
    imported = {name for file in folder.rglob("*.py") if file.name != Path(__file__).name for name in _imports(file)}
    for name in imported & {"numpy", "torch", "sklearn", "pandas", "scipy"}:
        with contextlib.suppress(ImportError):  # the script will say so itself
            importlib.import_module(name)  # before the trace begins, which makes imports several times slower
    for name, begin in (
        ("numpy", watch.watch_numpy),
        ("torch", watch.watch_torch),
        ("sklearn", watch.watch_sklearn),
    ):
        if name in imported and name in sys.modules:
            begin()
    if "torch" in sys.modules:
        sys.modules["torch"].optim.SGD([sys.modules["torch"].zeros(1)], lr=1.0)  # imports its compiler, untraced too


def _imports(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError:
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _run(watch: Watch, script: Path) -> dict[str, str]:
    sys.settrace(watch.trace)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as leaving:
        return {"ended": "exited", "detail": "" if leaving.code in (None, 0) else f"exit code {leaving.code}"}
    except BaseException as error:  # noqa: BLE001  the process's boundary: the failure is the result
        detail = f"{type(error).__name__}: {error}"
        return {"ended": "raised", "detail": detail[:_SHOWN], "trace": traceback.format_exc()[-_SHOWN:]}
    finally:
        sys.settrace(None)
    return {"ended": "returned"}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
