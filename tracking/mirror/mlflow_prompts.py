"""Registers prompts in MLflow: one version for each text, whoever asks with it and however often it is synced."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tracking.mirror.operations import Prompt

_DIGEST_TAG = "espalier.prompt"


class PromptWriter:
    """Registers the prompts of one run, each at most once.

    Args:
        client: An `mlflow.MlflowClient`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._known: dict[tuple[str, str], int] = {}

    def version_of(self, prompt: Prompt) -> int:
        """Return the version of a prompt, which is registered if it is not yet."""
        key = (prompt.name, _digest(prompt))
        if key not in self._known:
            self._known[key] = self._find(*key) or self._register(prompt, key[1])
        return self._known[key]

    def _find(self, name: str, digest: str) -> int | None:
        versions = self._client.search_model_versions(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'")
        return min((int(v.version) for v in versions if v.tags.get(_DIGEST_TAG) == digest), default=None)

    def _register(self, prompt: Prompt, digest: str) -> int:
        messages = [dict(message) for message in prompt.messages]
        made = self._client.register_prompt(prompt.name, messages, tags={_DIGEST_TAG: digest})
        return int(made.version)


def linked(versions: Sequence[tuple[str, int]]) -> str:
    """The text of the tag by which MLflow's page links a run or a trace to versions of prompts."""
    return json.dumps([{"name": name, "version": str(version)} for name, version in versions])


def _digest(prompt: Prompt) -> str:
    text = json.dumps([dict(message) for message in prompt.messages], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
