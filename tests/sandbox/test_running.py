"""Jobs, the pipes of the parent, and many runs at once."""

import json
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch

from sandbox import cgroup
from sandbox.backends.none import NoIsolation
from sandbox.cgroup import own_group
from sandbox.errors import JobError
from sandbox.exchange import exchange
from sandbox.job import Job, script, solution
from sandbox.limits import Limits
from sandbox.pool import run_all
from sandbox.result import Outcome, Result, read_verdict
from sandbox.runner import Sandbox
from tests.sandbox.contract import MANY

LONG_S = 100.0
SAID: dict[str, object] = {
    "nonce": "n",
    "outcome": "passed",
    "limit": None,
    "detail": "",
    "trace": "",
    "checks": [],
    "seconds": 0.1,
    "cpu_s": 0.1,
    "peak_memory_bytes": 1,
    "most_processes": 1,
    "files": {},
    "stdout": "",
    "stderr": "",
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"files": {}}, "'solution.py' is not among the job's files: none"),
        ({"files": {"a.py": ""}}, "not among the job's files: a.py"),
        ({"files": {"solution.py": "", "../x": ""}}, "'../x'"),
        ({"files": {"solution.py": "", "/x": ""}}, "'/x'"),
        ({"files": {"solution.py": ""}, "collect": ("a/../../b",)}, "a/../../b"),
        ({"files": {"solution.py": ""}, "readable": (Path("here"),)}, "'here'"),
        ({"files": {"solution.py": ""}, "libraries": (Path("/not/there"),)}, "'/not/there'"),
        ({"files": {"solution.py": ""}, "checks": ()}, "empty list of checks"),
    ],
)
def test_a_job_that_cannot_be_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(JobError) as caught:
        Job(**arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize("wrong", [{"wall_s": 0.0}, {"cpu_s": float("inf")}, {"memory_bytes": -1}, {"processes": 0}])
def test_limits_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(JobError, match=next(iter(wrong))):
        Limits(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nonce": "another"}, "not of this run"),
        ({"outcome": "brilliant"}, "outcome"),
        ({"more": 1}, "more"),
        ({"seconds": "soon"}, "seconds"),
    ],
)
def test_a_verdict_that_is_none_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_verdict(json.dumps(SAID | change).encode(), "n", backend="b", sandboxed=True)
    assert read_verdict(json.dumps(SAID).encode(), "n", backend="b", sandboxed=True).passed


def test_two_verdicts_are_none() -> None:
    text = json.dumps(SAID).encode()
    with pytest.raises(ValueError, match="trailing"):
        read_verdict(text + b"\n" + text, "n", backend="b", sandboxed=True)


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_an_exchange_of_more_than_a_pipe_holds() -> None:
    message = b"x" * 3_000_000
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.stderr.write('end')"
    answer = exchange(python(code), {}, message, most_s=LONG_S, most_bytes=4_000_000)
    assert (answer.output, answer.errors, answer.code, answer.given_up) == (message, b"end", 0, "")


def test_who_does_not_read_is_no_error() -> None:
    answer = exchange(python("print(1)"), {}, b"x" * 3_000_000, most_s=LONG_S, most_bytes=1000)
    assert (answer.output, answer.code) == (b"1\n", 0)


def test_who_does_not_end_and_who_writes_without_end_are_killed() -> None:
    waits = exchange(python("import signal; signal.pause()"), {}, b"", most_s=0.1, most_bytes=1000)
    assert (waits.given_up, waits.code) == ("it did not end in time", -9)
    writes = exchange(python("while True: print('x')"), {}, b"", most_s=LONG_S, most_bytes=1000)
    assert (writes.given_up, writes.code) == ("it wrote more than it may", -9)


def test_only_the_given_environment_is_handed_on() -> None:
    answer = exchange(python("import os; print(dict(os.environ))"), {"A": "1"}, b"", most_s=LONG_S, most_bytes=1000)
    assert b"'A': '1'" in answer.output
    assert b"PATH" not in answer.output


class Broken(NoIsolation):
    """A backend whose command is given."""

    def __init__(self, *command: str) -> None:
        self._command = command

    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[object]:  # type: ignore[override]
        import contextlib
        from dataclasses import replace

        @contextlib.contextmanager
        def start() -> Iterator[object]:
            with NoIsolation.started(self, job, environment) as whole:
                yield replace(whole, command=self._command)

        return start()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/not/there",), "cannot be started: No such file"),
        (("/bin/sh", "-c", "echo 'no namespaces for you' >&2; exit 1"), "exit code 1): no namespaces for you"),
        (("/bin/sh", "-c", 'echo \'{"outcome": "passed"}\''), "gave no verdict"),
        (("/bin/sh", "-c", "kill -9 $$"), "exit code -9"),
    ],
)
def test_a_sandbox_that_breaks_is_no_failure_of_the_program(command: tuple[str, ...], words: str) -> None:
    result = Sandbox(Broken(*command)).run(script("pass"))
    assert result.outcome is Outcome.INFRASTRUCTURE
    assert not result.counts
    assert words in result.detail


class Waiting(Sandbox):
    """A sandbox that runs nothing: the job called `hangs` waits for an event, others end at once."""

    def __init__(self) -> None:
        super().__init__(NoIsolation())
        self.released = threading.Event()
        self.running, self.most, self._lock = 0, 0, threading.Lock()

    def run(self, job: Job, environment: Mapping[str, str] = {}) -> Result:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        if job.files["solution.py"] == "hangs":
            assert self.released.wait(LONG_S)
        with self._lock:
            self.running -= 1
        return Result(outcome=Outcome.PASSED, files={}, backend="waiting", sandboxed=False)


def test_one_that_hangs_does_not_hold_up_the_others() -> None:
    box = Waiting()
    jobs = ((number, script("hangs" if number == 1 else "")) for number in range(20))
    results = run_all(box, jobs, workers=3)
    first = [next(results)[0] for _ in range(19)]
    assert sorted(first) == [0, *range(2, 20)]
    box.released.set()
    assert [key for key, _ in results] == [1]
    assert box.most <= 3


def test_jobs_are_taken_only_as_places_become_free() -> None:
    taken = []

    def jobs() -> Iterator[tuple[int, Job]]:
        for number in range(1000):
            taken.append(number)
            yield number, script("")

    results = run_all(Waiting(), jobs(), workers=2)
    next(results)
    assert len(taken) <= 4
    results.close()  # type: ignore[attr-defined]


def test_many_real_runs_at_once_do_not_mix(box: Sandbox) -> None:
    jobs = (
        (number, solution(f"def f(): return {number}", f"assert f() == {number // 2 * 2}", limits=MANY))
        for number in range(12)
    )
    for number, result in run_all(box, jobs, workers=4):
        assert result.passed == (number % 2 == 0), result


@pytest.mark.slow
def test_a_training_with_torch_and_workers_runs_and_leaves_its_metric(box: Sandbox) -> None:
    code = """
    import json, tempfile, torch
    from pathlib import Path
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model, inputs = nn.Linear(4, 1), torch.randn(64, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for a, b in DataLoader(TensorDataset(inputs, inputs.sum(1, keepdim=True)), 8, num_workers=1):
        loss = nn.functional.mse_loss(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as file:  # which only its user may read
        json.dump({"loss": loss.item()}, file)
    Path(file.name).rename("metric.json")
    """
    job = Job(
        files={"solution.py": textwrap.dedent(code)},
        libraries=(Path(torch.__file__).parents[1],),
        collect=("metric.json",),
        limits=Limits(wall_s=250, cpu_s=60, memory_bytes=2 * 2**30),
    )
    result = box.run(job)
    assert result.passed, result
    assert 0 < json.loads(result.files["metric.json"])["loss"] < 4


@pytest.fixture
def group_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a control group whose parent hands on memory and pids."""
    (tmp_path / "slice" / "scope").mkdir(parents=True)
    for folder, handed_on in (("slice", "cpu memory pids"), ("slice/scope", ""), ("", "cpu")):
        (tmp_path / folder / "cgroup.subtree_control").write_text(handed_on)
        (tmp_path / folder / "cgroup.procs").write_text("")
    monkeypatch.setattr(cgroup, "_own_path", lambda: "/slice/scope")
    return tmp_path


def test_a_control_group_with_its_limits_is_made_where_the_kernel_hands_on(group_root: Path) -> None:
    with own_group(Limits(processes=10), group_root) as group:
        assert group is not None
        assert group.folder.parent == group_root / "slice"
        assert (group.folder / "pids.max").read_text() == "18"
        assert int((group.folder / "memory.max").read_text()) > Limits().memory_bytes
        assert not group.ran_out_of_memory()
        (group.folder / "memory.events").write_text("oom 1\noom_kill 1\n")
        assert group.ran_out_of_memory()
        (group.folder / "memory.events").write_text("oom 1\noom_kill 0\n")
        assert not group.ran_out_of_memory()
        command = group.entering(python("print('in')"))
        answer = exchange(command, {}, b"", most_s=LONG_S, most_bytes=1000)
        assert answer.output == b"in\n"
        assert int((group.folder / "cgroup.procs").read_text()) > 1


def test_without_a_group_that_hands_on_there_is_none(group_root: Path) -> None:
    (group_root / "slice" / "cgroup.subtree_control").write_text("memory")
    with own_group(Limits(), group_root) as group:
        assert group is None
