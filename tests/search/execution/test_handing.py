"""What Ray's processes get: a list of what they may have."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.execution import class_cache

from search.execution.handing import handed_on, propagate_no_secrets
from search.execution.tuning import run_trials

NEEDED = {
    "PATH": "/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "PYTHONPATH": "/here",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "0",
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NCCL_SOCKET_IFNAME": "eth0",
    "RAY_AUTH_TOKEN": "f" * 64,
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "ESPALIER_CACHE_DIR": "/cache",
}
SECRET = """
    ANTHROPIC_API_KEY OPENAI_API_KEY OPENROUTER_API_KEY VLLM_API_KEY GEMINI_API_KEY NVIDIA_API_KEY HF_TOKEN
    HUGGING_FACE_HUB_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
    GOOGLE_APPLICATION_CREDENTIALS AZURE_CLIENT_SECRET MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN
    MLFLOW_TRACKING_URI PGPASSWORD DATABASE_URL http_proxy HTTPS_PROXY ALL_PROXY GITHUB_TOKEN WANDB_API_KEY
    RAY_REDIS_PASSWORD PYTORCH_HUB_TOKEN MY_OWN_SECRET CUDA_LICENSE_KEY RAY_ADDRESS LC_PASSWORD
    PYTHON_KEYRING_PASS TORCH_DSN ESPALIER_API_KEY
"""


def test_what_is_needed_is_handed_on_and_nothing_else() -> None:
    everything = NEEDED | dict.fromkeys(SECRET.split(), "canary") | {"WHATEVER": "canary"}
    assert handed_on(everything) == NEEDED


@pytest.mark.parametrize("value", ["http://me:canary0@proxy", "sk-ant-canary012345", "Bearer canary0123456789"])
def test_nor_is_a_value_that_looks_like_a_key(value: str) -> None:
    assert handed_on({"PYTHONFOO": value, "RAY_FOO": value, "CUDA_FOO": "1"}) == {"CUDA_FOO": "1"}


def test_a_user_can_add_names() -> None:
    environment = {"ESPALIER_PASS_ENV": "MY_DATA, MY_TOKEN", "MY_DATA": "/d", "MY_TOKEN": "t", "OTHER": "o"}
    assert handed_on(environment) == {"MY_DATA": "/d", "MY_TOKEN": "t"}


def test_tune_hands_no_key_to_its_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    # Put back what a search in this process has taken out of Ray's own list.
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", class_cache.ENV_VARS_TO_PROPAGATE | keys)
    propagate_no_secrets()
    assert not any(name.startswith("AWS_") for name in class_cache.ENV_VARS_TO_PROPAGATE)
    assert "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S" in class_cache.ENV_VARS_TO_PROPAGATE


def test_a_search_hands_on_no_key_of_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tune reads its list when the trials begin."""
    handed: list[set[str]] = []

    class Tuner:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def fit(self) -> None:
            handed.append(set(class_cache.ENV_VARS_TO_PROPAGATE))

    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", {"AWS_SECRET_ACCESS_KEY", "TUNE_ANY"})
    monkeypatch.setattr(tune, "Tuner", Tuner)
    monkeypatch.setattr(tune, "with_parameters", lambda trainable, **_: trainable)
    monkeypatch.setattr(tune, "with_resources", lambda trainable, _: trainable)
    session: Any = Tuner()
    run_trials(session, session, workers=1, cpus=1.0, gpus=0.0, storage=tmp_path)
    assert handed == [{"TUNE_ANY"}]
