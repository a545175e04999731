"""Measure how long a user waits for a profile, and its peak memory.

`python -m benchmarks.profile`

Times the whole command `launch.py profile --model resnet50` in a separate process, with an empty and with a filled
cache of proofs. A process that only imports torch, torchvision and timm gives the lower bound for any command. Then
times the plans of resnet50 and of densenet121, the largest graph of the list. The last line is one JSON object.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from pruning.models import create_model, published_spec
from pruning.planning import build_plan

_ROOT = Path(__file__).resolve().parent.parent
_REPEATS = 3
_PROFILE = [sys.executable, str(_ROOT / "launch.py"), "profile", "--model", "resnet50"]
_IMPORTS = [sys.executable, "-c", "import torch, torchvision, timm"]


def main() -> None:
    """Run the benchmark."""
    torch.set_num_threads(1)
    first, again = [], []
    for _ in range(_REPEATS):
        with tempfile.TemporaryDirectory() as cache:
            first.append(_seconds(_PROFILE, cache))
            again.append(_seconds(_PROFILE, cache))
    imports = [_seconds(_IMPORTS, "") for _ in range(_REPEATS)]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    found = {
        "profile_s": statistics.median(first),
        "profile_again_s": statistics.median(again),
        "imports_alone_s": statistics.median(imports),
        "resnet50_plan_s": _plan_seconds("resnet50"),
        "densenet121_plan_s": _plan_seconds("densenet121"),
        "profile_peak_mib": peak,
    }
    for name, value in found.items():
        print(f"{name:20} {value:8.2f}")
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


def _seconds(command: list[str], cache: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "ESPALIER_CACHE_DIR": cache})
    return time.perf_counter() - start


def _plan_seconds(name: str) -> float:
    """Seconds from the module to a proved plan, with an empty cache."""
    spec = published_spec(name)
    model = create_model(spec)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["ESPALIER_CACHE_DIR"] = cache
        start = time.perf_counter()
        build_plan(model, spec)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
