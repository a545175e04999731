"""What a patch changed: everything in the component's place, and only reductions of its own names elsewhere."""

import ast

import pytest

from ablations.code.gates.case import Case
from ablations.code.source.alignment import Alignment, Mismatch
from ablations.code.source.annotations import components_of
from ablations.code.source.documents import Documents
from tests.ablations.code.scripts import HINT, NORM, NORM_GONE, NORM_LINE, RELU, SKIP, WIDTH, case

MARK = "  #ABLATABLE_COMPONENT"
SKIP_LINE = "        skip = x  #ABLATABLE_COMPONENT\n"


def shown(found: Alignment | Mismatch) -> list[str]:
    assert isinstance(found, Alignment), found
    return [ast.unparse(node) for node in found.replacement]


def test_nothing_changed_is_a_replacement_by_itself() -> None:
    assert shown(case(NORM).alignment()) == ["self.norm = nn.LayerNorm(4)"]


@pytest.mark.parametrize(
    ("name", "edits", "replacement"),
    [
        (NORM, [NORM_GONE], ["self.norm = nn.Identity()"]),
        (NORM, [(NORM_LINE, "        a = 1\n        b = 2\n")], ["a = 1", "b = 2"]),
        (NORM, [(NORM_LINE, ""), ("self.norm(self.first(x))", "self.first(x)")], []),
        (SKIP, [(SKIP_LINE, ""), ("return x + skip", "return x")], []),
        (SKIP, [(SKIP_LINE, "        skip = 0\n")], ["skip = 0"]),
        (WIDTH, [('    "width",  #ABLATABLE_COMPONENT\n', "")], []),
        (WIDTH, [('    "width",', '    "a", "b",')], ["'a'", "'b'"]),
        (
            HINT,
            [("        self.left = nn.Linear(4, 4)\n", ""), ("self.left(x) + self.right(x)", "self.right(x)")],
            ["self.right = nn.Linear(4, 4)"],
        ),
        (NORM, [NORM_GONE, ("import random\n", "import random\nimport math\n")], ["self.norm = nn.Identity()"]),
        (NORM, [NORM_GONE, ("\n\ndef train", "\n# a comment\n\n\n\ndef train")], ["self.norm = nn.Identity()"]),
    ],
)
def test_what_the_component_explains(name: str, edits: list[tuple[str, str]], replacement: list[str]) -> None:
    assert shown(case(name, *edits).alignment()) == replacement


@pytest.mark.parametrize(
    ("name", "edits", "old"),
    [
        (NORM, [NORM_GONE, ("x = torch.relu(x)", "x = x")], "x = torch.relu(x)"),
        (NORM, [NORM_GONE, ("self.norm(self.first(x))", "0")], "x = self.norm(self.first(x))"),
        (NORM, [NORM_GONE, ("self.norm(self.first(x))", "x")], "x = self.norm(self.first(x))"),
        (
            NORM,
            [NORM_GONE, ("self.norm(self.first(x))", "self.norm(self.first(x)) * 2")],
            "x = self.norm(self.first(x))",
        ),
        (NORM, [NORM_GONE, ("return x + skip", "return x")], "return x + skip"),
        (
            RELU,
            [("torch.relu(x)", "x"), ("self.left(x) + self.right(x)", "self.left(x)")],
            "x = self.left(x) + self.right(x)",
        ),
        (RELU, [("torch.relu(x)  #", "x  #"), ("return x + skip", "return skip")], "return x + skip"),
        (SKIP, [("return x + skip", "return x * 2 + skip")], "return x + skip"),
        (NORM, [NORM_GONE, ("    torch.manual_seed(seed)\n", "")], "torch.manual_seed(seed)"),
        (NORM, [NORM_GONE, ("import random\n", "import random\nimport os\n")], "import torch"),
        (NORM, [NORM_GONE, ("import random\n", "import random\nimport math as report\n")], "import torch"),
        (NORM, [NORM_GONE, ("import random\n", "import random\nfrom math import *\n")], "import torch"),
        (WIDTH, [('    "height",\n', "")], "NAMES = ['width', 'height']"),
        (
            HINT,
            [("self.first = nn.Linear(4, 4)", "self.first = nn.Linear(4, 4, bias=False)")],
            "self.first = nn.Linear(4, 4)",
        ),
    ],
)
def test_what_it_does_not_explain(name: str, edits: list[tuple[str, str]], old: str) -> None:
    found = case(name, *edits).alignment()
    assert isinstance(found, Mismatch)
    assert found.old == old


@pytest.mark.parametrize("place", [0, 300, 599])
def test_a_list_and_a_script_may_be_long(place: int) -> None:
    marked = [f"    {number},{MARK if number == place else ''}\n" for number in range(600)]
    lines = [f"x{number} = {number}\n" for number in range(600)]
    texts = [
        "".join([*lines[:300], "y = [\n", *kept, "]\n", *lines[300:]])
        for kept in (marked, marked[:place] + marked[place + 1 :])
    ]
    old, new = (Documents({"a.py": text}) for text in texts)
    (part,) = components_of(old)
    assert shown(Case(part, old, new).alignment()) == []
    assert isinstance(Case(part, old, old.with_text("a.py", texts[1] + "z = 1\n")).alignment(), Mismatch)
