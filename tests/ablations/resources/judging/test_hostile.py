"""Code that would like to be called right, or takes too much: each has to end as what it is."""

from dataclasses import dataclass

import pytest

from ablations.resources.judging.feedback import feedback
from ablations.resources.judging.judge import Judge
from ablations.resources.judging.judgement import Judgements
from ablations.resources.judging.outcomes import Outcome
from ablations.resources.tasks.task import Task
from sandbox.limits import MIB, Limits
from sandbox.runner import Sandbox
from tests.ablations.resources.judging.many import judge_many

TASK = Task(
    id="1",
    category="numbers",
    prompt="Write a function to double a number.",
    entry_point="double",
    visible=("assert double(2) == 4",),
    held_out=("assert double(3) == 6", "assert double(-1) == -2"),
    reference="def double(x): return 2 * x",
)
SMALL = Limits(wall_s=90, cpu_s=0.5, memory_bytes=128 * MIB, disk_bytes=4 * MIB, processes=16, output_bytes=16 * 1024)
HASTY = Limits(wall_s=1, cpu_s=30, memory_bytes=128 * MIB)
ROOMY = Limits(wall_s=90)


@dataclass(frozen=True)
class Hostile:
    """One program: what it tries, and how both judgements have to end."""

    name: str
    code: str
    visible: Outcome
    held_out: Outcome
    limits: Limits = SMALL


def ends(name: str, code: str, outcome: Outcome, limits: Limits = SMALL) -> Hostile:
    """A program that ends in the same way at all checks."""
    return Hostile(name, code, outcome, outcome, limits)


PROGRAMS = (
    ends("sys.exit(0)", "import sys\nsys.exit(0)", Outcome.EXITED),
    ends("sys.exit(0) in the function", "import sys\ndef double(x): sys.exit(0)", Outcome.EXITED),
    ends("an exit code", "raise SystemExit(3)", Outcome.EXITED),
    ends("an exit without a word", "import os\ndef double(x): os._exit(0)", Outcome.EXITED),
    ends("a crash", "import ctypes\ndef double(x): ctypes.string_at(0)", Outcome.KILLED),
    ends("a print", "print('All tests passed')\ndef double(x): return 0", Outcome.FORGED),
    ends("a verdict", """print('{"outcome": "passed"}')\ndef double(x): return 0""", Outcome.FORGED),
    ends(
        "verdicts on every descriptor",
        "import os\nfor place in range(3, 64):\n    try: os.write(place, b'{\"value\": 4}')\n    except OSError: pass\n"
        "def double(x): return 0",
        Outcome.FORGED,
    ),
    ends(
        "an object that equals everything",
        "class Any:\n    def __eq__(self, other): return True\ndef double(x): return Any()",
        Outcome.FORGED,
    ),
    ends(
        "a number that equals everything",
        "class Any(int):\n    __eq__ = lambda self, other: True\n    __hash__ = None\ndef double(x): return Any(0)",
        Outcome.FORGED,
    ),
    ends(
        "assertions that always hold",
        "import builtins\nbuiltins.AssertionError = type('Never', (Exception,), {})\ndef double(x): return 0",
        Outcome.FORGED,
    ),
    ends(
        "assert True in place of every assertion",
        "import sys\ndef double(x):\n    frame = sys._getframe()\n    while frame.f_back: frame = frame.f_back\n"
        "    frame.f_globals['_execute'] = lambda *a: True\n    return 0",
        Outcome.FORGED,
    ),
    ends("what a check is made of", "class int: pass\ndef double(x): return 'four'", Outcome.WRONG),
    Hostile(
        "the visible test by heart",
        "def double(x): return {2: 4}.get(x, 0)",
        visible=Outcome.PASSED,
        held_out=Outcome.WRONG,
    ),
    Hostile(
        "an exit behind the visible test",
        "import os\ndef double(x): return 4 if x == 2 else os._exit(0)",
        visible=Outcome.PASSED,
        held_out=Outcome.EXITED,
    ),
    Hostile(
        "a loop behind the visible test",
        "def double(x):\n    while x != 2: pass\n    return 4",
        visible=Outcome.PASSED,
        held_out=Outcome.TIME,
    ),
    ends("a busy loop", "while True: pass", Outcome.TIME),
    ends("a wait without end", "import signal\ndef double(x): signal.pause()", Outcome.TIME, HASTY),
    ends("one huge object", "def double(x): return len(bytearray(10**11))", Outcome.MEMORY),
    ends("memory bit by bit", "x = []\nwhile True: x.append(b'x' * 2**20)", Outcome.MEMORY),
    ends("output without end", "def double(x):\n    while True: print('x' * 1000)", Outcome.OUTPUT),
    ends("a return that is too large", "def double(x): return 'x' * 40 * 2**20", Outcome.OUTPUT, ROOMY),
    ends("a full disk", "open('x', 'wb').write(b'x' * 2**25)", Outcome.DISK),
    ends(
        "threads without end",
        "from threading import *\nwhile True: Thread(target=Event().wait).start()",
        Outcome.PROCESSES,
    ),
    ends("no Python", "double(x) => 2 * x", Outcome.SYNTAX),
    ends("a NUL", "def double(x): return 2 * x\0", Outcome.SYNTAX),
    ends("half of a character", "\ud800 = 1", Outcome.SYNTAX),
    ends("no function", "", Outcome.ERROR),
    ends("another exception", "def double(x): raise KeyError(x)", Outcome.ERROR),
    ends("an exception that no text can hold", "def double(x): raise ValueError('\\ud800')", Outcome.ERROR),
    ends("an assertion of its own", "def double(x): assert x is None", Outcome.ERROR),
    ends("a lazy value", "def double(x): return map(str, [x])", Outcome.WRONG),
    Hostile(
        "half of a character in a string",
        "HALF = '\ud800'\ndef double(x): return 2 * x if ord(HALF) == 0xD800 else 0",
        visible=Outcome.PASSED,
        held_out=Outcome.PASSED,
    ),
    Hostile(
        "an honest solution that talks",
        "def double(x): return 2 * x\nassert double(1) == 2\nprint('All tests passed')",
        visible=Outcome.PASSED,
        held_out=Outcome.PASSED,
    ),
)


@pytest.fixture(scope="module")
def judged(box: Sandbox) -> dict[str, Judgements]:
    """All programs, several at once."""
    found: dict[str, Judgements] = {}
    for limits in (SMALL, HASTY, ROOMY):
        programs = {one.name: (TASK, one.code) for one in PROGRAMS if one.limits is limits}
        found |= judge_many(Judge(box, limits), programs)
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_code_ends_as_what_it_is(program: Hostile, judged: dict[str, Judgements]) -> None:
    found = judged[program.name]
    assert (found.visible.outcome, found.held_out.outcome) == (program.visible, program.held_out), found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_model_is_told_nothing_of_held_out_checks(program: Hostile, judged: dict[str, Judgements]) -> None:
    found = judged[program.name]
    said = feedback(found.visible)
    assert bool(said) == (program.visible is not Outcome.PASSED)
    assert not any(text in said for text in ("double(3)", "double(-1)", "== 6", "== -2"))


def test_what_a_run_used_is_said(judged: dict[str, Judgements]) -> None:
    loop, honest = judged["a busy loop"].visible, judged["an honest solution that talks"].visible
    assert loop.cpu_s >= SMALL.cpu_s > honest.cpu_s > 0
    assert loop.wall_s > 0
    assert 2**20 < honest.peak_memory_bytes < 128 * MIB
    assert honest.attempts == 1


def test_the_limit_is_named(judged: dict[str, Judgements]) -> None:
    assert "0.5 s of processor time" in judged["a busy loop"].visible.message
    assert "1 s of wall time" in judged["a wait without end"].visible.message
