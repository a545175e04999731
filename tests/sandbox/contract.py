"""What every backend has to do, also the one that does not isolate. A test class inherits it and names the sandbox."""

import textwrap
from pathlib import Path

import pytest

from sandbox.job import Job, script, solution
from sandbox.limits import MIB, Limits
from sandbox.result import LimitName, Outcome
from sandbox.runner import Sandbox

MANY = Limits(wall_s=120, cpu_s=60, processes=64)
NODES = """
class Node:
    def __init__(self, value): self.value, self.next = value, None
    def __len__(self): return 1 + (len(self.next) if self.next else 0)
    def __iter__(self):
        yield self.value
        if self.next: yield from self.next
    def __getitem__(self, place): return list(self)[place]
    def __str__(self): return f'node {self.value}'
def last(node): return node if node.next is None else last(node.next)
"""


class BackendContract:
    """Inherit, and define the fixture `contract_box`."""

    def test_a_script_that_ends_passes_and_its_output_arrives(self, contract_box: Sandbox) -> None:
        result = contract_box.run(script("import sys\nprint('out')\nprint('err', file=sys.stderr)", limits=MANY))
        assert (result.outcome, result.limit, result.detail) == (Outcome.PASSED, None, ""), result
        assert (result.stdout, result.stderr) == ("out\n", "err\n")
        assert (result.backend, result.sandboxed) == (contract_box.name, contract_box.sandboxed)
        assert result.passed
        assert result.counts
        assert result.peak_memory_bytes > 0
        assert result.most_processes >= 1

    def test_files_arguments_and_environment(self, contract_box: Sandbox) -> None:
        code = """
        import os, sys
        from pathlib import Path
        from part.words import word
        assert __name__ == "__main__"
        Path("made").mkdir()
        Path("made/metric.json").write_text(word + " ".join(sys.argv[1:]) + os.environ["GIVEN"])
        Path("large").write_bytes(bytes(2000))
        print(sorted(os.environ))
        """
        job = Job(
            script="run.py",
            files={"run.py": textwrap.dedent(code), "part/words.py": b"word = 'said '"},
            arguments=("a", "b c"),
            environment={"GIVEN": "!"},
            collect=("made/metric.json", "absent", "large"),
            collect_bytes=1000,
            limits=MANY,
        )
        result = contract_box.run(job)
        assert result.passed, result
        assert result.files == {"made/metric.json": b"said a b c!"}
        known = ["GIVEN", "HOME", "LANG", "OMP_NUM_THREADS", "PATH", "PYTHONHASHSEED", "TMPDIR", "USER"]
        assert result.stdout == f"{known}\n"

    def test_hashes_are_the_same_each_time(self, contract_box: Sandbox) -> None:
        job = script("print(hash('a'), list({'a', 'b', 'c', 'd'}))", limits=MANY)
        assert contract_box.run(job).stdout == contract_box.run(job).stdout

    def test_a_library_that_was_given(self, contract_box: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "given.py").write_text("VALUE = 7")
        job = Job(
            files={"solution.py": "import given\ndef value(): return given.VALUE"},
            checks=("assert value() == 7",),
            libraries=(tmp_path / "lib",),
            limits=MANY,
        )
        assert contract_box.run(job).passed

    def test_an_exception_has_its_trace_and_nothing_of_ours(self, contract_box: Sandbox) -> None:
        result = contract_box.run(script("def f():\n    raise ValueError('why')\nf()", limits=MANY))
        assert (result.outcome, result.detail) == (Outcome.FAILED, "ValueError: why")
        assert "line 2, in f" in result.trace
        assert "inside" not in result.trace
        assert "loading" not in result.trace

    @pytest.mark.parametrize(
        ("code", "exit_ends", "outcome"),
        [
            ("import sys; sys.exit(0)", True, Outcome.PASSED),
            ("import sys; sys.exit()", False, Outcome.NO_VERDICT),
            ("import sys; sys.exit(4)", True, Outcome.FAILED),
            ("import sys; sys.exit('a reason')", True, Outcome.FAILED),
            ("import os; os._exit(0)", True, Outcome.NO_VERDICT),
        ],
    )
    def test_ways_to_end(self, contract_box: Sandbox, code: str, exit_ends: bool, outcome: Outcome) -> None:
        result = contract_box.run(Job(files={"solution.py": code}, exit_ends=exit_ends, limits=MANY))
        assert result.outcome is outcome, result

    def test_each_check_has_its_own_outcome(self, contract_box: Sandbox) -> None:
        code = "def half(x):\n    if x < 0: raise ValueError(x)\n    return x // 2"
        checks = (
            "assert half(4) == 2",
            "assert half(5) == 2.5",
            "half(-1)",
            "assert halve(4) == 2",
            "assert half(0) == 0",
        )
        result = contract_box.run(solution(code, *checks, limits=MANY))
        assert [check.outcome.value for check in result.checks] == ["passed", "failed", "failed", "failed", "passed"]
        assert (result.outcome, result.detail) == (
            Outcome.FAILED,
            "the assertion does not hold: its left side is 2",
        )
        assert result.checks[2].detail == "ValueError: -1"
        assert "line 2, in half" in result.checks[2].trace
        assert result.checks[3].detail == "NameError: name 'halve' is not defined"

    def test_what_a_judged_program_prints_arrives(self, contract_box: Sandbox) -> None:
        code = "print('loaded', end=' ')\ndef f():\n    print('called')\n    return 1"
        assert contract_box.run(solution(code, "assert f() == 1", limits=MANY)).stdout == "loaded called\n"

    def test_what_a_check_may_do_with_objects_of_the_program(self, contract_box: Sandbox) -> None:
        setup = "root = Node(1)\nroot.next = Node(2)"
        checks = (
            "assert last(root).value == 2",
            "assert len(root) == 2",
            "assert list(root) == [1, 2]",
            "assert root[1] == 2 and 1 in root",
            "assert str(root) == 'node 1'",
            "assert math.isclose(root.value, 1.0) and bool(root)",
        )
        result = contract_box.run(solution(NODES, *checks, setup=setup, limits=MANY))
        assert result.passed, result

    def test_a_solution_is_loaded_as_a_module(self, contract_box: Sandbox) -> None:
        code = """
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
        def f(): return Point(1)
        if __name__ == "__main__":
            raise RuntimeError("not as a script")
        """
        assert contract_box.run(solution(textwrap.dedent(code), "assert f().x == 1", limits=MANY)).passed

    def test_a_script_may_do_what_a_script_may(self, contract_box: Sandbox) -> None:
        code = """
        import atexit, pickle, sys
        class Own: pass
        assert type(pickle.loads(pickle.dumps(Own()))) is Own
        assert sys.modules["__main__"].Own is Own
        atexit.register(lambda: print(Own.__name__))
        """
        result = contract_box.run(script(textwrap.dedent(code), limits=MANY))
        assert (result.passed, result.stdout) == (True, "Own\n"), result

    def test_a_function_that_has_the_name_of_a_builtin(self, contract_box: Sandbox) -> None:
        code = "def sum(a, b): return a * b"
        assert contract_box.run(solution(code, "assert sum(4, 5) == 20", names=("sum",), limits=MANY)).passed
        assert not contract_box.run(solution(code, "assert sum([4, 5]) == 20", limits=MANY)).passed

    def test_a_built_in_does_not_stand_in_for_a_function_that_is_missing(self, contract_box: Sandbox) -> None:
        result = contract_box.run(solution("pass", "assert sum([4, 5]) == 9", names=("sum",), limits=MANY))
        assert (result.outcome, result.detail) == (Outcome.FAILED, "NameError: name 'sum' is not defined")

    @pytest.mark.parametrize(
        ("code", "check", "outcome", "detail"),
        [
            ("def f(:", "assert f()", Outcome.FAILED, "SyntaxError"),
            ("raise KeyError('k')", "assert f()", Outcome.FAILED, "KeyError: 'k'"),
            ("def f(x): return x", "assert f(", Outcome.INFRASTRUCTURE, "the check is no Python"),
            ("def f(x): return x", "assert f(lambda: 1)", Outcome.INFRASTRUCTURE, "only data travels"),
            ("def f(x): assert x, 'mine'", "assert f(0)", Outcome.FAILED, "AssertionError: mine"),
            ("def f(x): return x", "assert f(0), 'because'", Outcome.FAILED, "does not hold: because"),
            ("class Own(Exception): pass\ndef f(x): raise Own('o')", "f(1)", Outcome.FAILED, "Own: o"),
            ("def f(x): raise ValueError", "try: f(1)\nexcept ValueError: pass\nelse: assert 0", Outcome.PASSED, ""),
            ("def f(x): return f(x)", "assert f(1)", Outcome.FAILED, "RecursionError"),
        ],
    )
    def test_what_is_the_programs_fault_and_what_the_checks(
        self, contract_box: Sandbox, code: str, check: str, outcome: Outcome, detail: str
    ) -> None:
        result = contract_box.run(solution(code, check, limits=MANY))
        assert result.outcome is outcome, result
        assert detail in result.detail
        assert result.counts == (outcome is not Outcome.INFRASTRUCTURE)

    @pytest.mark.parametrize(
        ("code", "limits", "outcome", "limit"),
        [
            (
                "import signal\nsignal.pause()",
                Limits(wall_s=1),
                Outcome.TIMED_OUT,
                LimitName.WALL,
            ),
            ("while True: pass", Limits(wall_s=100, cpu_s=0.2), Outcome.TIMED_OUT, LimitName.CPU),
            ("x = bytearray(2**40)", MANY, Outcome.OUT_OF_MEMORY, LimitName.MEMORY),
            (
                "x = b'x' * 80 * 2**20\nimport signal\nsignal.pause()",
                Limits(wall_s=100, memory_bytes=40 * MIB),
                Outcome.OUT_OF_MEMORY,
                LimitName.MEMORY,
            ),
            (
                "open('x', 'wb').write(bytes(2**21))",
                Limits(wall_s=100, disk_bytes=MIB),
                Outcome.OUT_OF_DISK,
                LimitName.DISK,
            ),
            (
                "print('x' * 10000)",
                Limits(wall_s=100, output_bytes=1000),
                Outcome.OUTPUT_TOO_LARGE,
                LimitName.OUTPUT,
            ),
            (
                "import os, signal\nfor _ in range(9):\n    if os.fork() == 0: signal.pause()\nsignal.pause()",
                Limits(wall_s=100, processes=8),
                Outcome.TOO_MANY_PROCESSES,
                LimitName.PROCESSES,
            ),
        ],
    )
    def test_a_limit_that_was_the_reason_is_named(
        self, contract_box: Sandbox, code: str, limits: Limits, outcome: Outcome, limit: LimitName
    ) -> None:
        result = contract_box.run(script(code, limits=limits))
        assert (result.outcome, result.limit) == (outcome, limit), result
        assert result.detail

    def test_a_program_that_is_killed(self, contract_box: Sandbox) -> None:
        result = contract_box.run(script("import os\nos.kill(os.getpid(), 6)", limits=MANY))
        assert (result.outcome, result.detail) == (Outcome.KILLED, "the program was ended by the signal SIGABRT")
