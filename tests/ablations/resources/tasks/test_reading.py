"""The formats of tasks, read whole; what is wrong with a line is said with its number."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ablations.resources.tasks.errors import TaskChoiceError, TaskFileError
from ablations.resources.tasks.reading import read_tasks, tasks_of
from ablations.resources.tasks.shipped import shipped_tasks
from ablations.resources.tasks.splits import NUMBERS, Split
from tests.ablations.resources.tasks.formats import Line, mbpp, plus, sanitized


def lines(*content: Line) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in content).encode()


def array(*content: Line) -> bytes:
    return json.dumps(content, indent=2).encode()


def test_mbpp(tmp_path: Path) -> None:
    path = tmp_path / "mbpp.jsonl"
    path.write_bytes(lines(mbpp(11), mbpp(12)))
    found = read_tasks(path)
    assert (found.source, found.split, len(found)) == ("mbpp.jsonl", Split.TEST, 2)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    task = found.tasks[0]
    assert (task.id, task.category, task.entry_point) == ("11", "numbers", "triple")
    assert task.prompt == "Write a function to triple a number."
    assert task.visible == ("assert triple(1) == 3",)
    assert task.held_out == ("assert triple(2)==6", "assert triple(0) == 0", "assert triple(-1) == -3")
    assert "\r" not in task.reference


def test_sanitized_mbpp_as_an_array_and_as_lines() -> None:
    for data in (array(sanitized(12), sanitized(13)), lines(sanitized(12), sanitized(13))):
        found = tasks_of(data, "sanitized-mbpp.json")
        assert [task.id for task in found] == ["12", "13"]
        task = found.tasks[0]
        assert (task.entry_point, task.setup, task.shown_setup) == ("halve", "import math", "import math")
        assert (task.visible, task.held_out) == (
            ("assert math.isclose(halve(3), 1.5, rel_tol=1e-9)",),
            ("assert halve(4) == 2.0",),
        )


def test_a_held_out_test_that_is_visible_is_none() -> None:
    line = mbpp(test_list=["assert triple(1) == 3", "assert triple(1) == 3 "])
    assert tasks_of(lines(line), "x").tasks[0].held_out == ("assert triple(-1) == -3",)


def test_what_a_test_needs_of_the_code_is_no_entry_point() -> None:
    line = mbpp(
        code="class Pair:\n    pass\ndef longest(pairs, n): return 0",
        test_list=["assert longest([Pair(5, 24)], 4) == 3", "assert longest([], 0) == 0"],
    )
    task = tasks_of(lines(line), "x").tasks[0]
    assert (task.entry_point, task.category) == ("longest", "lists")


@pytest.mark.parametrize(
    ("arguments", "category"),
    [
        ("1, -2.5", "numbers"),
        ("'a', 1", "strings"),
        ("['a'], 1", "lists"),
        ("(1, 2)", "lists"),
        ("[{'a': 1}]", "dicts"),
        ("{1, 2}", "dicts"),
        ("x='a'", "strings"),
        ("None", "other"),
        ("", "other"),
    ],
)
def test_the_category_is_what_the_function_receives(arguments: str, category: str) -> None:
    line = mbpp(test_list=[f"assert set(triple({arguments})) == {{'a': []}}", "assert triple(2) == 6"])
    assert tasks_of(lines(line), "x").tasks[0].category == category


def test_a_file_may_state_its_categories() -> None:
    assert tasks_of(lines(mbpp(category="easy")), "x").categories == ("easy",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": None}, "text"),
        ({"task_id": "eleven"}, "'eleven'"),
        ({"code": "def triple(x) return x"}, "`code` is no Python"),
        ({"code": "def thrice(x): return x"}, "defines at its top (thrice)"),
        ({"test_list": ["assert triple(1) =="]}, "a test is no Python"),
        ({"test_list": ["triple(1) == 3", "assert triple(2) == 6"]}, "a test asserts nothing"),
        ({"test_list": [], "challenge_test_list": []}, "test"),
        ({"test_list": ["assert triple(1) == 3"], "challenge_test_list": []}, "two different tests"),
        ({"test_list": "assert triple(1) == 3"}, "test_list"),
        ({"test_setup_code": "x ="}, "set-up"),
        ({"category": ""}, "category"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(change: dict[str, Any], says: str) -> None:
    data = lines(mbpp(11)) + b"\n" + lines(mbpp(12, **change))
    with pytest.raises(TaskFileError) as caught:
        tasks_of(data, "tasks.jsonl")
    assert str(caught.value).startswith("tasks.jsonl, line 3: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entry_point": "other"}, "defines no 'other'"),
        ({"canonical_solution": "def ("}, "`canonical_solution` is no Python"),
        ({"assertion": ""}, "assert in `assertion`"),
        ({"assertion": "assert ("}, "`assertion` is no Python"),
        ({"plus_input": []}, "`plus_input`"),
        ({"plus_input": [[1, 2]]}, "not what EvalPlus has for its task 2"),
        ({"plus_input": [1]}, "plus_input.0"),
        ({"atol": -1}, "atol"),
        ({"task_id": "HumanEval/2"}, "task_id"),
    ],
)
def test_a_bad_line_of_mbpp_plus_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        tasks_of(lines(plus(**change)), "MbppPlus.jsonl")
    assert str(caught.value).startswith("MbppPlus.jsonl, line 1: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "has no task"),
        (b"\n\n", "has no task"),
        (b"[]", "has no task"),
        (b"{", "line 1: no JSON"),
        (b"[{}", "no JSON"),
        (b"3", "line 1: a task has to be a JSON object, and this is int"),
        (b'[{"a": 1}]', "entry 1: no task of a known format"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"\xff\xfe", "UTF-8, at byte 0"),
        (b"[" * 100_000, "no JSON"),
        (lines(mbpp(11), mbpp(11)), "line 2: there is a task 11 before it"),
        (lines(mbpp(11), sanitized(12)), "mixes formats"),
    ],
)
def test_a_file_that_is_none_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        tasks_of(data, "tasks.jsonl")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match=r"nothing\.jsonl"):
        read_tasks(tmp_path / "nothing.jsonl")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert len(tasks_of(b"\xef\xbb\xbf" + lines(mbpp(11)), "x")) == 1


ALL = lines(*(mbpp(number) for number in (1, 10, 11, 510, 511, 600, 601, 974)))


@pytest.mark.parametrize(
    ("split", "ids"),
    [
        (Split.PROMPT, ["1", "10"]),
        (Split.TEST, ["11", "510"]),
        (Split.VALIDATION, ["511", "600"]),
        (Split.TRAIN, ["601", "974"]),
        (None, ["11", "510"]),
    ],
)
def test_the_parts_are_those_of_the_paper(split: Split | None, ids: list[str]) -> None:
    assert [task.id for task in tasks_of(ALL, "x", split=split)] == ids


def test_the_parts_are_the_whole_of_mbpp() -> None:
    assert sorted(number for numbers in NUMBERS.values() for number in numbers) == list(range(1, 975))


def test_a_limit_and_names_choose_in_the_order_of_the_file() -> None:
    def ids(**choice: Any) -> list[str]:
        return [task.id for task in tasks_of(ALL, "x", **choice)]

    assert ids(split=Split.ALL, limit=3) == ["1", "10", "11"]
    assert ids(task_ids=["600", "1"]) == ["1", "600"]
    assert ids(task_ids=["600", "1"], limit=1) == ["1"]
    assert ids(split=Split.TEST, task_ids=["11"]) == ["11"]
    assert tasks_of(ALL, "x", task_ids=["1"]).split is Split.ALL


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"limit": 0}, "the limit of tasks is 0"),
        ({"task_ids": ["975"]}, "no task '975'; did you mean"),
        ({"task_ids": ["11", "zebra"]}, "'zebra'; it has 8, from 1 to 974"),
        ({"split": Split.TEST, "task_ids": ["600"]}, "not in the part 'test', which is the tasks 11 to 510"),
    ],
)
def test_what_cannot_be_chosen_is_said(choice: dict[str, Any], says: str) -> None:
    with pytest.raises(TaskChoiceError) as caught:
        tasks_of(ALL, "x", **choice)
    assert says in str(caught.value)


def test_an_empty_part_is_said() -> None:
    with pytest.raises(TaskChoiceError, match="no task in the part 'test'"):
        tasks_of(lines(mbpp(5001)), "x")


def test_rows_have_what_a_table_needs() -> None:
    found = shipped_tasks(limit=2)
    first, second = found.as_rows()
    assert (first["task_id"], second["task_id"]) == ("5001", "5002")
    assert first["visible_count"] == 1
    assert first["held_out_count"] == len(first["held_out_tests"].splitlines()) == 4
    assert first["sha256"] == found.sha256
    assert all(isinstance(value, str | int) for value in first.values())


def test_the_shipped_file_is_in_the_format_of_mbpp() -> None:
    assert len(shipped_tasks()) == 30
    assert [task.id for task in shipped_tasks(task_ids=["5030", "5004"])] == ["5004", "5030"]


def test_warnings_about_the_code_of_others_are_not_shown() -> None:
    code = r"from ablations.resources.tasks.statements import tree_of; tree_of('def f(x): return \'\\d\'')"
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
