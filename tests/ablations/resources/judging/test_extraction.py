"""The rule by which code is found in an answer."""

import pytest

from ablations.resources.judging.extraction import Form, code_in

CODE = "def f(x):\n    return 2 * x"
OTHER = "def f(x):\n    return x + x"
CALL = "print(f(2))"


def fenced(code: str, language: str = "python", fence: str = "```") -> str:
    return f"{fence}{language}\n{code}\n{fence}"


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        (fenced(CODE), Form.BLOCK),
        (fenced(CODE, ""), Form.BLOCK),
        (fenced(CODE, "Python"), Form.BLOCK),
        (fenced(CODE, fence="~~~"), Form.BLOCK),
        (fenced(CODE, fence="````"), Form.BLOCK),
        (fenced(CODE).replace("\n", "\r\n"), Form.BLOCK),
        (f"Here is the function:\n\n{fenced(CODE)}\n\nIt doubles x = 2 and so on.", Form.BLOCK),
        (f"```python title='f.py'\n{CODE}\n```", Form.BLOCK),
        ("1. First:\n   ```python\n   def f(x):\n       return 2 * x\n   ```", Form.BLOCK),
        (f"[PYTHON]\n{CODE}\n[/PYTHON]", Form.BLOCK),
        (f"[BEGIN]\n{CODE}\n[DONE]\nMore", Form.BLOCK),
        (f"<think>{fenced(OTHER)} or so</think>\n{fenced(CODE)}", Form.BLOCK),
        (f"I think so.</think>{fenced(CODE)}", Form.BLOCK),
        (fenced("pip install x", "bash") + "\n" + fenced(CODE), Form.BLOCK),
        (fenced(CODE) + "\nExample:\n" + fenced(CALL), Form.ONE_OF_BLOCKS),
        (fenced(OTHER) + "\nBetter:\n" + fenced(CODE) + "\n" + fenced(CALL), Form.ONE_OF_BLOCKS),
        (fenced(CODE) + "\nIt prints:\n" + fenced("4", "text"), Form.BLOCK),
        (f"Sure:\n```python\n{CODE}", Form.CUT_BLOCK),
        (f"[PYTHON]\n{CODE}", Form.CUT_BLOCK),
        (CODE, Form.BETWEEN_PROSE),
        (f"The function doubles:\n{CODE}\n\nThis works for all numbers.", Form.BETWEEN_PROSE),
    ],
)
def test_the_code_is_found(answer: str, form: Form) -> None:
    assert code_in(answer, "f") == (CODE, form)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (
            "import math\n\n@cache\ndef f(x):\n    return x\n\ng = f\n# end\nf(3)\nDone!",
            "import math\n\n@cache\ndef f(x):\n    return x\n\ng = f\n# end\nf(3)",
        ),
        (
            "from the list we take\nfrom math import gcd\nif True:\n    f = gcd\nelse:\n    f = None",
            "from math import gcd\nif True:\n    f = gcd\nelse:\n    f = None",
        ),
        ("f = lambda x: 2 * x", "f = lambda x: 2 * x"),
    ],
)
def test_code_between_prose(answer: str, code: str) -> None:
    assert code_in(answer, "f") == (code, Form.BETWEEN_PROSE)


@pytest.mark.parametrize("answer", ["I cannot do that.", "", "<think>Let me see, def f(x): is"])
def test_what_holds_no_code_is_judged_as_it_is(answer: str) -> None:
    assert code_in(answer, "f") == (answer.partition("<think>")[0], Form.WHOLE)


def test_of_blocks_that_do_not_define_it_the_last_counts() -> None:
    assert code_in(fenced("a = 1") + "\n" + fenced("b = 2"), "f").code == "b = 2"


def test_a_longer_name_is_another_function() -> None:
    assert code_in(fenced(CODE) + "\n" + fenced("def fast(x): return f(x)"), "f").code == CODE


def test_a_fence_of_other_marks_ends_no_block() -> None:
    text = 'def f(x):\n    """~~~"""\n~~~\n    return x'
    assert code_in(f"```\n{text}\n```", "f").code == text
