"""Registers prompts in MLflow: one version for each text, whoever asks with it and however often it is synced."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tracking.mirror.operations import Prompt

_DIGEST_TAG = "espalier.prompt"
_SOURCE = "espalier"
"""MLflow wants a source of each version; a prompt has none."""


class PromptWriter:
    """Registers the prompts of one run, each at most once.

    MLflow's `register_prompt` shows a prompt in the experiment that is active in this process, which has none. What it
    writes is written here for the experiment of the run.

    Args:
        client: An `mlflow.MlflowClient`.
        experiment_id: MLflow's id of the experiment.
    """

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._client, self._experiment_id = client, experiment_id
        self._known: dict[tuple[str, str], int] = {}

    def version_of(self, prompt: Prompt) -> int:
        """Return the version of a prompt, which is registered if it is not yet."""
        key = (prompt.name, _digest(prompt))
        if key not in self._known:
            self._known[key] = self._find(*key) or self._register(prompt, key[1])
            self._show(prompt.name)
        return self._known[key]

    def _find(self, name: str, digest: str) -> int | None:
        from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

        versions = self._client.search_model_versions(f"name = '{name}' AND tags.`{IS_PROMPT_TAG_KEY}` = 'true'")
        return min((int(v.version) for v in versions if v.tags.get(_DIGEST_TAG) == digest), default=None)

    def _register(self, prompt: Prompt, digest: str) -> int:
        from mlflow.exceptions import MlflowException
        from mlflow.prompt.constants import (
            IS_PROMPT_TAG_KEY,
            PROMPT_TEXT_TAG_KEY,
            PROMPT_TYPE_CHAT,
            PROMPT_TYPE_TAG_KEY,
        )

        registry = self._client._get_registry_client()  # the public methods refuse what has the tags of a prompt
        try:
            registry.create_registered_model(prompt.name, tags={IS_PROMPT_TAG_KEY: "true"})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {
            IS_PROMPT_TAG_KEY: "true",
            PROMPT_TYPE_TAG_KEY: PROMPT_TYPE_CHAT,
            PROMPT_TEXT_TAG_KEY: json.dumps([dict(message) for message in prompt.messages]),
            _DIGEST_TAG: digest,
        }
        made = registry.create_model_version(name=prompt.name, source=_SOURCE, tags=tags)
        return int(made.version)

    def _show(self, name: str) -> None:
        """Show the prompt among those of the experiment."""
        from mlflow.prompt.constants import PROMPT_EXPERIMENT_IDS_TAG_KEY

        registry = self._client._get_registry_client()
        shown = registry.get_registered_model(name)._tags.get(PROMPT_EXPERIMENT_IDS_TAG_KEY, "")
        ids = [one for one in shown.split(",") if one]
        if self._experiment_id not in ids:
            text = "".join(f",{one}" for one in (*ids, self._experiment_id)) + ","
            registry.set_registered_model_tag(name, PROMPT_EXPERIMENT_IDS_TAG_KEY, text)


def linked(versions: Sequence[tuple[str, int]]) -> str:
    """The text of the tag by which MLflow's page links a run or a trace to versions of prompts."""
    return json.dumps([{"name": name, "version": str(version)} for name, version in versions])


def _digest(prompt: Prompt) -> str:
    text = json.dumps([dict(message) for message in prompt.messages], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
