"""MBPP+: inputs as Python has them, the reference as judge, and the exceptions that EvalPlus makes."""

import json
import math
from typing import Any

import pytest

from ablations.resources.judging.judge import Judge
from ablations.resources.judging.outcomes import Outcome
from ablations.resources.tasks.agreement import Oracle
from ablations.resources.tasks.plus_inputs import as_python
from ablations.resources.tasks.reading import tasks_of
from ablations.resources.tasks.task import Task
from sandbox.runner import Sandbox
from tests.ablations.resources.tasks.formats import plus


def task_of(**change: Any) -> Task:
    return tasks_of(json.dumps(plus(**change)).encode(), "MbppPlus.jsonl").tasks[0]


def test_its_own_tests_are_visible_and_its_inputs_held_out() -> None:
    task = task_of()
    assert (task.id, task.category) == ("2", "lists")
    assert task.prompt.startswith("Write a function to find what two tuples share.\nassert set(")
    assert task.visible == (
        "assert set(similar_elements((1, 2), (2, 3))) == set((2,))",
        "assert set(similar_elements((1,), (2,))) == set()",
    )
    assert task.held_out[1] == "assert _oracle.agrees(similar_elements, ((1, 1, 2), (1, 2)))"


@pytest.mark.parametrize(
    ("code", "visible", "held_out"),
    [
        (None, Outcome.PASSED, Outcome.PASSED),
        ("def similar_elements(a, b): return sorted(set(a) & set(b))[::-1]", Outcome.PASSED, Outcome.PASSED),
        ("def similar_elements(a, b): return [max(set(a) & set(b), default=None)]", Outcome.WRONG, Outcome.WRONG),
        ("def similar_elements(a, b): return (2,) if a == (1, 2) else ()", Outcome.PASSED, Outcome.WRONG),
        ("def similar_elements(a, b): return {2} & {*a} & {*b}", Outcome.PASSED, Outcome.WRONG),
        ("_oracle = inf = set = 5\ndef similar_elements(a, b): return [2][b == (2,) :]", Outcome.PASSED, Outcome.WRONG),
    ],
)  # fmt: skip
def test_the_reference_judges(box: Sandbox, code: str | None, visible: Outcome, held_out: Outcome) -> None:
    task = task_of()
    both = Judge(box).judge_both(task, code or task.reference)
    assert (both.visible.outcome, both.held_out.outcome) == (visible, held_out), both


@pytest.mark.parametrize("first_line", ["    return 1 / 0", "    import no_such_module"])
def test_a_reference_that_fails_says_nothing_of_the_code(box: Sandbox, first_line: str) -> None:
    reference = f"def similar_elements(a, b):\n{first_line}"
    judged = Judge(box).judge_both(task_of(canonical_solution=reference), plus()["canonical_solution"])
    assert judged.visible.passed is True
    assert judged.held_out.passed is None


def test_infinities_and_other_types_travel(box: Sandbox) -> None:
    task = task_of(
        entry_point="angle",
        number=124,
        canonical_solution="import cmath\ndef angle(a, b):\n    return cmath.phase(a * b)",
        plus_input=[[1.0, "1j"], [math.inf, "(1+2j)"], [0.1, "-1j"]],
        assertion="import math\nassert math.isclose(angle(1, 1j), math.pi / 2)",
    )
    assert task.held_out[1] == "assert _oracle.agrees(angle, (inf, (1+2j)))"
    assert task.shown_setup == "import math"
    assert "cmath" in task.setup
    assert Judge(box).judge_both(task, task.reference).solved is True
    wrong = Judge(box).judge_both(task, "def angle(a, b): return 1.5707963267948966")
    assert (wrong.visible.passed, wrong.held_out.passed) == (True, False)


@pytest.mark.parametrize(
    ("number", "given", "python"),
    [
        (2, [[1], [2]], ((1,), (2,))),
        (63, [[[1, 2]]], ([(1, 2)],)),
        (75, [[[1, 2]], 3], ([(1, 2)], 3)),
        (106, [[1], [2]], ([1], (2,))),
        (115, [[[1, 1], []]], ([{1}, {}],)),
        (124, ["1", "2j"], (1.0, 2j)),
        (250, [[1], 2], ((1,), 2)),
        (252, ["1+2j"], (1 + 2j,)),
        (259, [[[1], [2]]], (((1,), (2,)),)),
        (278, [[1, [2]]], ((1, (2,)),)),
        (307, [[1], 2, 3], ((1,), 2, 3)),
        (580, [[1, [2, [3]]]], ((1, (2, (3,))),)),
        (722, [{"a": [1, 2]}, 3], ({"a": (1, 2)}, 3)),
        (3, [[1], 2], ([1], 2)),
    ],
)
def test_arguments_are_what_json_cannot_say(number: int, given: list[Any], python: tuple[Any, ...]) -> None:
    found = as_python(number, given)
    assert (found, repr(found)) == (python, repr(python))


def agrees(name: str, returned: Any, found: Any, *arguments: Any, tolerance: float = 0.0) -> bool:
    """Whether a value agrees with what the reference returned."""
    oracle = Oracle(f"from math import inf, nan\ndef {name}(*given): return {returned!r}", name, tolerance)
    return oracle.agrees(lambda *_: found, arguments)


@pytest.mark.parametrize(
    ("expected", "found", "tolerance", "same"),
    [
        (1, 1, 0, True),
        (1, 1.0000001, 0, False),
        (1.0, 1.0000001, 0, True),
        (1.0, 1.1, 0, False),
        (1.0, 1.1, 0.2, True),
        (1.0, 1, 0.2, True),
        (2.0, 1, 1.5, False),  # another type, and not equal
        ([1.0, 2.0], [1.0, 2.0000001], 0, True),
        ([1.0, 2.0], [1.0], 0, False),
        ((1.0,), [1.0000001], 0, False),
        ([], [], 0, True),
        ([], (), 0, False),
        (math.inf, math.inf, 0, True),
        (math.inf, 1e308, 0, False),
        (math.nan, math.nan, 0, False),
        ("a", "b", 0.5, False),
        (["a", 1.0], ["a", 1.1], 0.5, True),
        (None, None, 0, True),
    ],
)  # fmt: skip
def test_numbers_agree_within_the_tolerance(expected: Any, found: Any, tolerance: float, same: bool) -> None:
    assert agrees("f", expected, found, tolerance=tolerance) is same


@pytest.mark.parametrize(
    ("name", "arguments", "returned", "found", "same"),
    [
        ("sum_div", (8,), 7, 0, True),
        ("sum_div", (8,), 7, 7, True),
        ("sum_div", (8,), 7, 8, False),
        ("are_equivalent", (1, 2), True, False, True),
        ("check_str", ("a",), "match", True, True),
        ("check_str", ("a",), "match", "another", True),
        ("check_str", ("a",), "match", False, False),
        ("check_str", ("",), None, None, True),
        ("check_str", ("",), None, False, True),
        ("check_str", ("",), None, 0, False),
        ("Diff", (), [1, 2], [2, 1, 1], True),
        ("surface_Area", (3, 4), 0.0, 0.0, True),
        ("surface_Area", (3, 4), 0.0, 35, True),  # 9 + 2 · 3 · √(1.5² + 4²) = 34.63
        ("surface_Area", (3, 4), 0.0, 34, False),
        ("digit_distance_nums", (23, 156), -1, 1 + 3 + 3, True),
        ("digit_distance_nums", (23, 156), -1, 6, False),
    ],
)
def test_exceptions_are_those_of_evalplus(
    name: str, arguments: tuple[Any, ...], returned: Any, found: Any, same: bool
) -> None:
    assert agrees(name, returned, found, *arguments) is same


def test_the_reference_may_change_its_arguments() -> None:
    source = "def f(items):\n    items.sort()\n    return items"
    assert Oracle(source, "f", 0).agrees(lambda items: [1, 2] if items == [2, 1] else None, ([2, 1],))
