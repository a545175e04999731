"""Runs scripts in forks of this process, in which torch and scikit-learn are imported already: without any walls."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sklearn.datasets
import sklearn.linear_model
import torch

from ablations.code.running import harness
from ablations.code.running.facts import RunFacts
from ablations.code.running.runner import FACTS, read_facts
from ablations.code.source.documents import Documents

__all__ = ["ForkedRunner", "sklearn"]


class ForkedRunner:
    """Runs each script in a fork. The same documents run once."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        torch.optim.Adam([torch.zeros(1)])  # imports most of the compiler: once here, or in each fork
        self._known: dict[tuple[object, ...], RunFacts] = {}

    def run(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        """Run a script to its end."""
        key = (*sorted(documents.texts.items()), script, *arguments)
        if key not in self._known:
            self._known[key] = self.again(documents, script, arguments)
        return self._known[key]

    def again(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        """Run a script whatever has run before."""
        with tempfile.TemporaryDirectory(prefix="espalier-gates-") as made:
            folder = Path(made).resolve()
            for name, text in documents.texts.items():
                (folder / name).write_text(text, encoding="utf-8")
            child = os.fork()
            if child == 0:
                self._child(folder, script, list(arguments))
            _, status = os.waitpid(child, 0)
            left = folder / FACTS
            return read_facts(left.read_bytes() if left.is_file() else None, f"exit status {status}")

    @staticmethod
    def _child(folder: Path, script: str, arguments: list[str]) -> None:
        code = 1
        try:
            os.chdir(folder)
            harness.main(folder / FACTS, script, arguments)
            code = 0
        finally:
            os._exit(code)
