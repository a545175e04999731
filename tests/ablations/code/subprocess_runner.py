"""Runs scripts in a process of their own, without any walls: for scripts that the user wrote or has read."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ablations.code.running.facts import RunFacts
from ablations.code.running.runner import FACTS, layout, read_facts
from ablations.code.source.documents import Documents

_HANDED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class SubprocessRunner:
    """Runs each script in a folder of its own, which is deleted afterwards. It has the user's rights, and no limits.

    Args:
        timeout_s: After which a run is ended.
    """

    def __init__(self, timeout_s: float = 900.0) -> None:
        self._timeout_s = timeout_s

    def run(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        """Run a script to its end."""
        plan = layout(documents, script, arguments)
        with tempfile.TemporaryDirectory(prefix="espalier-script-") as made:
            folder = Path(made).resolve()
            for name, text in plan.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            told = self._started(plan.arguments, folder)
            left = folder / FACTS
            return read_facts(left.read_bytes() if left.is_file() else None, told)

    def _started(self, arguments: Sequence[str], folder: Path) -> str:
        """Run Python, and return what it said at the end, for a run that leaves no facts."""
        environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": ""}
        try:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=folder,
                env=environment,
                capture_output=True,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"ended after {self._timeout_s:g} s"
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return f"exit code {done.returncode}{': ' + last[0][:300] if last else ''}"
