"""What a replay takes over from the run that it repeats."""

from pathlib import Path

import pytest

from llm_clients.kinds import CallOutcome
from search.errors import ConfigError
from search.setup.config import load_config
from search.setup.replaying import recorded_calls
from tests.tracking.samples import llm_call, run_started
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs


@pytest.fixture
def recorded(tmp_path: Path) -> RunDir:
    """A run of other settings than the defaults, with three calls of which an interrupt cut off the second."""
    folder = RunDirs(tmp_path / "runs").create("tiny", "llm", "s7")
    started = run_started(folder.run_id, proposer="llm", llm="claude-x")
    config = {"model": "resnet18", "trials": 5, "seed": 7, "window": 6, "llm": "claude-x", "workers": 1, "lr": None}
    calls = [llm_call(0), llm_call(1).model_copy(update={"outcome": CallOutcome.CANCELLED}), llm_call(2)]
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(started.model_copy(update={"config": {**config, "runs": "elsewhere", "max_cost": 2.0}}))
        for call in calls:
            ledger.record(call.model_copy(update={"fingerprint": f"print-{call.call}"}))
    return folder


def test_what_is_left_open_is_as_it_was_and_what_is_given_wins(recorded: RunDir) -> None:
    config = load_config(None, {"llm": "replay:latest", "runs": str(recorded.path.parent), "seed": "8"})
    assert (config.model, config.trials, config.window, config.seed) == ("resnet18", 5, 6, 8)
    assert (config.workers, config.max_cost, config.runs) == (None, None, recorded.path.parent)


def test_latest_is_pinned_to_the_run_that_it_means_now(recorded: RunDir) -> None:
    runs = RunDirs(recorded.path.parent)
    config = load_config(None, {"llm": "replay:latest", "runs": str(runs.root)})
    runs.create("tiny", "llm", "s7")
    assert config.llm == f"replay:{recorded.run_id}"
    assert config.llm is not None
    assert len(recorded_calls(config.llm, config.runs, ()) or ()) == 2


def test_a_run_in_another_folder_is_named_by_its_path(recorded: RunDir, tmp_path: Path) -> None:
    config = load_config(None, {"llm": f"replay:{recorded.path}", "runs": str(tmp_path / "new")})
    assert config.llm == f"replay:{recorded.path}"


def test_what_was_given_out_before_an_interrupt_is_not_given_again(recorded: RunDir) -> None:
    first = payloads_of(read_ledger(recorded.ledger), LlmCall)[:1]
    left = recorded_calls(f"replay:{recorded.path}", Path("runs"), first)
    assert left is not None
    assert [call["call"] for call in left] == [2]


def test_a_model_is_no_replay(recorded: RunDir) -> None:
    assert recorded_calls("claude-x", recorded.path.parent, ()) is None


def test_a_run_without_calls_is_refused(tmp_path: Path) -> None:
    folder = RunDirs(tmp_path).create("tiny", "rules", "s0")
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(run_started(folder.run_id))
    with pytest.raises(ConfigError, match="holds no call of an LLM"):
        load_config(None, {"llm": "replay:latest", "runs": str(tmp_path)})
