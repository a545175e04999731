"""`--executor local`: a search where Ray is not even installed, and its ledger beside that of Ray."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.launched import QUICK, ROOT, Launched
from tracking.events import Event
from tracking.kinds import EventKind

pytestmark = pytest.mark.slow

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None  # from here on, `import ray` fails as it does where Ray is not installed
from cli.main import main
sys.exit(main())
"""

OF_THE_MACHINE = {"actor", "pid", "started", "ended", "served", "wall_s", "compute_s", "cached"}
"""What a ledger holds about when and where something happened."""

SEARCHED = {EventKind.PLAN_READY, EventKind.PROFILED, EventKind.PROPOSED, EventKind.DECISION, EventKind.TRIAL_STARTED}
SEARCHED |= {EventKind.RUNG, EventKind.TRIAL_ENDED, EventKind.WINNER}


def what_happened(events: Sequence[Event]) -> Counter[str]:
    """Every event of the search, however often and in whatever order: two workers end trials in another."""
    return Counter(
        f"{event.kind} {sorted(event.payload.model_dump(mode='json', exclude=OF_THE_MACHINE).items())}"
        for event in events
        if event.kind in SEARCHED
    )


def test_without_ray_the_same_search_to_the_last_digit(whole: Launched, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, "search", *QUICK, "--epochs", "1", "--executor", "local", "--no-mlflow"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    alone = Launched(done.returncode, done.stdout, tmp_path)
    assert what_happened(alone.events) == what_happened(whole.events)
