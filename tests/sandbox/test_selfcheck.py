"""The check before the first program: a sandbox with a hole does not pass, and none is never chosen in silence."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from sandbox import registry, selfcheck
from sandbox.backends.base import Availability, Backend, Start
from sandbox.backends.bwrap import Bwrap
from sandbox.backends.none import NoIsolation
from sandbox.errors import SandboxError, SandboxUnavailableError
from sandbox.job import Job, script
from sandbox.registry import open_sandbox
from sandbox.result import LimitName, Outcome, Result
from sandbox.runner import Sandbox
from sandbox.selfcheck import examine
from tests.sandbox.contract import MANY

Change = Callable[[list[str]], list[str]]


class Leaky(Bwrap):
    """Bubblewrap with a hole."""

    def __init__(self, change: Change, *, environment: bool = False) -> None:
        super().__init__()
        self._change, self._environment = change, environment

    @contextlib.contextmanager
    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[Start]:
        with super().started(job, environment) as start:
            yield replace(
                start,
                command=self._change(list(start.command)),
                environment=environment if self._environment else start.environment,
            )


def without(*words: str) -> Change:
    return lambda command: [word for word in command if word not in words]


def before_root_is_closed(*words: str) -> Change:
    def change(command: list[str]) -> list[str]:
        place = len(command) - command[::-1].index("--remount-ro") - 1
        return [*command[:place], *words, *command[place:]]

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (without("--unshare-net"), "reaches this machine's loopback"),
        (before_root_is_closed("--ro-bind", "/tmp", "/tmp"), "harmless program cannot run"),  # noqa: S108
        (before_root_is_closed("--perms", "1777", "--tmpfs", "/home"), "write outside, in /home"),
        (without("--unshare-pid", "--as-pid-1"), "processes outside"),
    ],
)
def test_a_sandbox_with_a_hole_does_not_pass(box: Sandbox, change: Change, fault: str) -> None:
    faults = examine(Sandbox(Leaky(change)))
    assert any(fault in found for found in faults), faults


def test_an_environment_that_reaches_process_1_is_found(box: Sandbox) -> None:
    """The supervisor hides its own; a backend that hands it on is found where the supervisor could not hide."""
    result = Sandbox(Leaky(list, environment=True)).run(
        script("print(open('/proc/self/environ').read())", limits=MANY), {"PLANTED": "canary"}
    )
    assert "canary" in result.stdout, "what a process starts with stays in /proc: a backend has to keep it away"
    assert any("environment in /proc" in fault for fault in examine(Sandbox(Leaky(list, environment=True))))


def test_the_real_one_passes_and_is_looked_at_once(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "_found", {})
    assert selfcheck.checked(box) == ()
    monkeypatch.setattr(selfcheck, "examine", lambda box: pytest.fail("again"))
    assert selfcheck.checked(box) == ()


class Played(Sandbox):
    """A sandbox whose results are given."""

    def __init__(self, *results: Result) -> None:
        super().__init__(NoIsolation())
        self._results = iter(results)

    def run(self, job: Job, environment: Mapping[str, str] = {}) -> Result:
        return next(self._results)


def result(outcome: Outcome, limit: LimitName | None = None, stdout: str = "") -> Result:
    return Result(outcome=outcome, limit=limit, stdout=stdout, detail="d", files={}, backend="p", sandboxed=True)


LOOKED = result(Outcome.PASSED, stdout="[]")
BOMBED = result(Outcome.TOO_MANY_PROCESSES, LimitName.PROCESSES)
WAITED = result(Outcome.TIMED_OUT, LimitName.WALL)


@pytest.mark.parametrize(
    ("results", "fault"),
    [
        ((result(Outcome.INFRASTRUCTURE),), "harmless program cannot run"),
        ((result(Outcome.PASSED, stdout="?"),), "output did not arrive"),
        ((LOOKED, result(Outcome.PASSED), WAITED), "limit of processes does not hold"),
        ((LOOKED, result(Outcome.TIMED_OUT), WAITED), "limit of processes does not hold"),
        ((LOOKED, BOMBED, result(Outcome.PASSED)), "limit of time does not hold"),
        ((LOOKED, BOMBED, WAITED), ""),
    ],
)
def test_limits_that_do_not_hold_do_not_pass(results: tuple[Result, ...], fault: str) -> None:
    found = examine(Played(*results))
    assert [fault in text for text in found] == ([True] if fault else [])


class Named(Backend):
    """A backend that is there, or is not."""

    def __init__(self, name: str, usable: bool) -> None:
        self._usable = usable
        self.name = name  # type: ignore[misc]

    def availability(self) -> Availability:
        return Availability(self._usable, f"{self.name} is missing", f"get {self.name}")

    def started(self, job: Job, environment: Mapping[str, str]) -> contextlib.AbstractContextManager[Start]:
        raise AssertionError


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which backends are there, and what their check finds."""

    def say(*, bwrap: bool, docker: bool, faults: Mapping[str, tuple[str, ...]] = {}) -> None:
        monkeypatch.setattr(registry, "Bwrap", lambda: Named("bwrap", bwrap))
        monkeypatch.setattr(registry, "Docker", lambda: Named("docker", docker))
        monkeypatch.setattr(registry, "checked", lambda box: faults.get(box.name, ()))

    return say


def test_auto_takes_the_first_that_passes(found: Callable[..., None]) -> None:
    found(bwrap=True, docker=True)
    assert open_sandbox().name == "bwrap"
    found(bwrap=False, docker=True)
    assert open_sandbox().name == "docker"
    found(bwrap=True, docker=True, faults={"bwrap": ("a hole",)})
    assert open_sandbox().name == "docker"


def test_where_none_can_be_had_no_code_runs_and_each_reason_is_said(found: Callable[..., None]) -> None:
    found(bwrap=False, docker=True, faults={"docker": ("a hole", "another")})
    with pytest.raises(SandboxUnavailableError) as caught:
        open_sandbox()
    assert "bwrap is missing (get bwrap)" in str(caught.value)
    assert "docker is there, but its check failed: a hole; another" in str(caught.value)


def test_none_needs_the_users_word_and_marks_every_result() -> None:
    with pytest.raises(SandboxError, match="say so explicitly"):
        open_sandbox("none")
    box = open_sandbox("none", allow_none=True)
    assert not box.sandboxed
    assert not box.run(script("pass", limits=MANY)).sandboxed


def test_a_name_that_nothing_has() -> None:
    with pytest.raises(SandboxError, match="'bwarp': did you mean bwrap\\? there are auto, bwrap, docker, none"):
        open_sandbox("bwarp")
