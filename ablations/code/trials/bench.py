"""Where variants run: one sandbox, one script, one command line."""

from dataclasses import dataclass

from ablations.code.running.sandbox_runner import SandboxRunner
from ablations.code.source.documents import Documents
from ablations.code.trials.material import Material
from ablations.code.trials.records import RunRecord, recorded


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs variants of a script. Any number of threads may use it.

    Attributes:
        runner: Of the sandbox.
        material: What is run.
    """

    runner: SandboxRunner
    material: Material

    def run(self, documents: Documents, seed: int) -> RunRecord:
        """Run a variant with a seed, to its end.

        Raises:
            SandboxBrokeError: The sandbox broke, which says nothing about the script.
        """
        return recorded(self.runner.attempt(documents, self.material.script, self.material.command(seed)))
