"""Asks this process and its machine what figures made here depend on."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from ground.version import VERSION, commit
from tracking.provenance import Provenance

PACKAGES = (
    "torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "safetensors", "fvcore", "ray", "mlflow",
    "optuna", "cmaes", "anthropic", "openai", "transformers",
)  # fmt: skip
_WAIT_S = 10.0
_CPUINFO = Path("/proc/cpuinfo")


def provenance_here() -> Provenance:
    """Return what there is now; threads are torch's at this moment."""
    return Provenance(
        espalier=VERSION,
        commit=commit(),
        python=platform.python_version(),
        packages=_packages(),
        platform=platform.platform(),
        processor=_processor(),
        cores=len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        gpus=_gpus(),
        threads=torch.get_num_threads(),
    )


@cache
def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _processor() -> str:
    """The name that the processor gives itself; Python's `platform` knows it on few systems only."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine()


@cache
def _gpus() -> tuple[str, ...]:
    """The machine's GPUs, asked of the driver: to ask torch would take memory of the first one for this process."""
    query = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_WAIT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if line.strip()]
    return tuple(f"{name.strip()} (driver {driver.strip()})" for name, _, driver in rows)
