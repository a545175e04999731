"""Serve the model in FOLDER by Transformers' own OpenAI-compatible server.

Usage: `python -m tests.llm_clients.serve_tiny FOLDER`.

As `transformers serve FOLDER`, on a free port of loopback, but for one thing: its loader insists on a `device_map`,
which needs the package accelerate even on a CPU. Here the weights are read without one.
"""

import sys
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.cli.serve import Serve
from transformers.cli.serving import model_manager


class PlainManager(model_manager.ModelManager):
    """Loads onto the CPU only."""

    def _load_model(self, model_id_and_revision: str, *_: Any, **__: Any) -> PreTrainedModel:
        return AutoModelForCausalLM.from_pretrained(model_id_and_revision.partition("@")[0]).eval()


if __name__ == "__main__":
    model_manager.ModelManager = PlainManager  # Serve takes it from there
    Serve(force_model=sys.argv[1], host="127.0.0.1", port=0, device="cpu", default_seed=0)
