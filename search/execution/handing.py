"""What Ray's processes get of this process's environment: a list of what they may have, not of what they may not.

No process of Ray calls an LLM, a tracking server or a store, or downloads anything: what they need is how to find
programs, libraries and caches, and how to compute and to reach each other. Proxies are not among it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llm_clients.redaction import redact

MORE = "ESPALIER_PASS_ENV"
"""Names, separated by commas, that a user adds, for a model factory of theirs that reads them in a worker."""

_NAMES = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|HOSTNAME|PWD|TERM|TZ|LANG|LANGUAGE|TMPDIR|TEMP|TMP"
    "|VIRTUAL_ENV|CONDA_PREFIX|CONDA_DEFAULT_ENV|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_LIBRARY_PATH"
    "|XDG_CACHE_HOME|XDG_CONFIG_HOME|XDG_DATA_HOME|XDG_RUNTIME_DIR"
    "|ESPALIER_CACHE_DIR|TORCH_HOME|HF_HOME|HF_HUB_CACHE|HF_HUB_OFFLINE|MPLCONFIGDIR"
    "|RAY_AUTH_MODE|RAY_AUTH_TOKEN|RAY_AUTH_TOKEN_PATH"
)
_KINDS = re.compile(
    "LC_|PYTHON|OMP_|KMP_|GOMP_|MKL_|OPENBLAS_|BLIS_|NUMEXPR_|VECLIB_|ONEDNN_|DNNL_|ATEN_|MALLOC_"
    "|CUDA_|CUDNN_|CUBLAS_|NVIDIA_|HIP_|ROCR_|HSA_|TORCH_|TORCHINDUCTOR_|TRITON_|PYTORCH_|NCCL_|GLOO_|TP_|UCX_|FI_"
    "|RAY_|TUNE_"
)
"""Beginnings of names: of Python, of the libraries that compute or communicate, and of Ray."""
_SECRET = re.compile(
    "KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|COOKIE|SIGNATURE|DSN|WEBHOOK|_UR[IL]|ACCOUNT", re.IGNORECASE
)
"""In a name: no beginning stands for it, such as NVIDIA_ for NVIDIA_API_KEY."""
_WITHHELD = frozenset({"RAY_ADDRESS", "RAY_RUNTIME_ENV_HOOK", "RAY_JOB_CONFIG_JSON_ENV_VAR"})
"""These would lead a private session elsewhere."""


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of Ray's gets of an environment."""
    more = {name.strip() for name in environment.get(MORE, "").split(",")}
    return {name: value for name, value in environment.items() if name in more or _may_have(name, value)}


def _may_have(name: str, value: str) -> bool:
    if _NAMES.fullmatch(name):
        return True
    if name in _WITHHELD or not _KINDS.match(name) or _SECRET.search(name):
        return False
    return redact(value) == value


@contextmanager
def only_handed_on() -> Iterator[None]:
    """Start Ray's processes with that environment, and in sessions of their own, until the block ends.

    Not by changing this process's own: other threads read it meanwhile, such as that which writes to MLflow. In the
    process group of the driver, Ray's would end by a signal that a scheduler, `timeout` or a terminal sends to all of
    it, and Ray ends a driver whose raylet was asked to end at once, with code 1 and no word.
    """
    from ray._private import services

    original = services.ConsolePopen

    class Started(original):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, env: Mapping[str, str] | None = None, **options: Any) -> None:
            given = handed_on(os.environ if env is None else env)
            super().__init__(*arguments, env=given, **{**options, "start_new_session": True})

    services.ConsolePopen = Started
    try:
        yield
    finally:
        services.ConsolePopen = original


def propagate_no_secrets() -> None:
    """Keep Tune from handing AWS's keys to its trials: as part of their runtime environment, Ray logs them."""
    from ray.tune.execution import class_cache

    kept = {name for name in class_cache.ENV_VARS_TO_PROPAGATE if not (name.startswith("AWS_") or _SECRET.search(name))}
    class_cache.ENV_VARS_TO_PROPAGATE = kept
