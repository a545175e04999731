"""The folder of one scenario: runs its drivers, and reads what they and their workers left."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from benchmarks.training_faults.plan import BEGUN, PLAN, RESULT, STEPS, Fault, Plan

ROOT = Path(__file__).resolve().parents[2]
DISK_MIB = 32


@dataclass(frozen=True)
class Stage:
    """A scenario's folder.

    Attributes:
        plan: of its fine-tune.
    """

    folder: Path
    plan: Plan

    @classmethod
    def of(cls, folder: Path, plan: Plan, faults: Sequence[Fault] = (), **changes: Any) -> "Stage":
        """Make the folder; the output folder lies in it."""
        folder.mkdir(parents=True)
        plan = plan.model_copy(update={"out": folder / "out", "faults": tuple(faults), **changes})
        (folder / PLAN).write_text(plan.model_dump_json())
        plan.out.mkdir()
        return cls(folder, plan)

    def tell(self, faults: Sequence[Fault]) -> None:
        """Plant other faults in what is played next."""
        (self.folder / PLAN).write_text(self.plan.model_copy(update={"faults": tuple(faults)}).model_dump_json())

    @property
    def last_step(self) -> int:
        """The last step that rank 0 took."""
        return max((note["step"] for note in self.lines(STEPS)), default=0)

    @property
    def log(self) -> str:
        """What all drivers said."""
        return (self.folder / "driver.log").read_text(errors="replace")

    def play(self) -> dict[str, Any]:
        """Run a driver to its end; returns what it wrote down, which is nothing where it was killed."""
        (self.folder / RESULT).unlink(missing_ok=True)
        self._run([*self._driver()])
        if "timed out during startup" in self.log:
            raise RuntimeError("Ray did not start within its own 30 s: this machine is too busy for the benchmark")
        return self._result()

    def can_mount(self) -> bool:
        """Return whether this process may mount a disk."""
        test = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", str(self.plan.out)]
        if shutil.which(test[0]) is None:
            return False
        return subprocess.run(test, capture_output=True, check=False).returncode == 0

    def play_on_small_disk(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a driver on a small disk of its own, then one more after what filled it was deleted."""
        out, driver = self.plan.out, " ".join(self._driver())
        result = self.folder / RESULT
        script = (
            f"mount -t tmpfs -o size={DISK_MIB}m tmpfs {out} && {driver} && mv {result} {result}.first && "
            f"rm {out}/filler && {driver} && cp -r {out}/model {self.folder}/model"
        )
        self._run(["unshare", "-m", "sh", "-ec", script])
        first = result.with_suffix(".json.first")
        return json.loads(first.read_text()) if first.exists() else {}, self._result()

    def _driver(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.training_faults.driver", str(self.folder)]

    def _run(self, command: list[str]) -> None:
        with (self.folder / "driver.log").open("ab") as log:
            subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False)

    def _result(self) -> dict[str, Any]:
        path = self.folder / RESULT
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def lines(self, name: str, rank: int = 0) -> list[dict[str, Any]]:
        """What the workers of a rank noted, in order."""
        path = self.folder / name
        notes = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [note for note in notes if note["rank"] == rank]

    @property
    def attempts(self) -> int:
        """How many workers of rank 0 began to train."""
        return len({note["pid"] for note in self.lines(BEGUN)})

    def lost_s(self) -> list[float]:
        """For each time that rank 0 began again, the seconds of training that were trained again."""
        lost, taken, last = [], dict[int, float](), None
        for note in self.lines(STEPS):
            if last is not None and note["pid"] != last["pid"]:
                lost.append(last["at"] - taken.get(note["step"], last["at"]))
            taken[note["step"]], last = note["at"], note
        return lost

    def weights(self, model: Path | None = None) -> dict[str, Any]:
        """The weights that were written at the end; none if there are none."""
        path = (model or self.plan.out / "model") / "model.safetensors"
        if not path.exists():
            return {}
        with safe_open(path, framework="pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
