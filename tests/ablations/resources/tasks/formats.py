"""Lines of each format, in the shape that the public files have, about problems of our own."""

from typing import Any

Line = dict[str, Any]

_FIRST = "assert set(similar_elements((1, 2), (2, 3))) == set((2,))"


def mbpp(number: int = 11, **change: Any) -> Line:
    """A line of `mbpp.jsonl`."""
    return {
        "text": "Write a function to triple a number.",
        "code": "FACTOR = 3\r\ndef help_it(x):\r\n  return x * FACTOR\r\ndef triple(x): \r\n\treturn help_it(x) ",
        "task_id": number,
        "test_setup_code": "",
        "test_list": ["assert triple(1) == 3", "assert triple(2)==6 ", "assert triple(0) == 0"],
        "challenge_test_list": ["assert triple(-1) == -3"],
        **change,
    }


def sanitized(number: int = 12, **change: Any) -> Line:
    """An entry of `sanitized-mbpp.json`."""
    return {
        "source_file": "Somebody's file.ipynb",
        "task_id": number,
        "prompt": "Write a function to halve a number.",
        "code": "def halve(x):\n    return x / 2",
        "test_imports": ["import math"],
        "test_list": ["assert math.isclose(halve(3), 1.5, rel_tol=1e-9)", "assert halve(4) == 2.0"],
        **change,
    }


def plus(number: int = 2, **change: Any) -> Line:
    """A line of `MbppPlus.jsonl`. Task 2 is one whose arguments are tuples, and whose result is compared as a set."""
    return {
        "task_id": f"Mbpp/{number}",
        "prompt": f'"""\nWrite a function to find what two tuples share.\n{_FIRST}\n"""\n',
        "entry_point": "similar_elements",
        "canonical_solution": "\ndef similar_elements(a, b):\n  return tuple(set(a) & set(b))\n",
        "base_input": [[[1, 2], [2, 3]]],
        "plus_input": [[[], []], [[1, 1, 2], [1, 2]], [[5, 4, 3], [3, 4]]],
        "atol": 0,
        "contract": "\n  assert isinstance(a, tuple)\n",
        "assertion": f"\n{_FIRST}\nassert set(similar_elements((1,), (2,))) == set()\n",
        **change,
    }
