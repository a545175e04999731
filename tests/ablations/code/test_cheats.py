"""What an attack on the gates found: small scripts, each patched in a way that once was accepted."""

import pytest

from ablations.code.gates.case import Case
from ablations.code.gates.registry import judge
from ablations.code.source.annotations import components_of
from ablations.code.source.documents import Documents
from tests.ablations.code.scripts import NORM, NORM_GONE, RELU, case

MARK = "  #ABLATABLE_COMPONENT"


def reason(text: str, *edits: tuple[str, str]) -> str:
    """What the gates say of the source of a patched script, of which one part is marked; empty if they accept it."""
    scored = "def score(found):\n    return float(found)\nreport('x', score(value))\n"
    old = Documents({"a.py": f"from espalier_report import report\n{text}\n{scored}"})
    new = old.texts["a.py"]
    for before, after in edits:
        assert new.count(before) == 1, before
        new = new.replace(before, after)
    return judge(Case(components_of(old)[0], old, Documents({"a.py": new}))).reason


def test_a_comment_that_is_code_in_another_encoding_is_refused() -> None:
    end = "\n\nmain()\n"
    for encoding, newline in (("utf-7", "+AAo-"), ("unicode_escape", "\\n"), ("raw_unicode_escape", "\\u000a")):
        hidden = (end, f"\n# {newline}score = lambda *_: 0.0\nmain()\n")
        top = ('"""A script. #ABL', f'# coding: {encoding}\n"""A script. #ABL')
        found = judge(case(NORM, NORM_GONE, top, hidden)).reason
        assert found.startswith("syntax: script.py")
        if encoding != "utf-7":  # where a plus sign is none
            assert found.endswith("declares an encoding in which it is another script than its text says")
    same = judge(case(NORM, NORM_GONE, ('"""A script. #ABL', '# coding: latin-1\n"""A script. #ABL')))
    assert same.reason == "", "in which it means the same"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("from torch.nn import GELU as Identity", "Identity()"),
        ("from torch.nn.functional import gelu as zeros_like", "zeros_like"),
        ("import torch.nn.functional as zeros_like", "zeros_like"),
    ],
)
def test_nothing_is_imported_under_the_name_of_what_does_nothing(line: str, value: str) -> None:
    edits = (
        ("self.norm = nn.LayerNorm(4)  #ABLATABLE_COMPONENT", f"self.norm = {value}"),
        ("import random", f"import random\n{line}"),
    )
    assert judge(case(NORM, *edits)).reason.startswith("scope: ")


STARRED = (
    "from torch.nn.functional import *\nfrom torch import nn\nn = 1\n"
    f"norm = nn.LayerNorm(4){MARK}\nvalue = nll_loss(norm)"
)


def test_a_name_of_a_star_import_cannot_be_bound_anew() -> None:
    gone = (f"nn.LayerNorm(4){MARK}", "nn.Identity()")
    assert reason(STARRED, gone, ("import nn\n", "import nn\nimport math\n")) == ""
    assert "scope" in reason(STARRED.replace("nll_loss", "math"), gone, ("import nn\n", "import nn\nimport math\n"))


@pytest.mark.parametrize(
    "call", ["self.__init__()", "super().__init__()", "nn.Module.__init__(self)", "len(x)", "list(x)"]
)
def test_a_statement_that_binds_nothing_is_refused(call: str) -> None:
    line = f"x = torch.relu(x){MARK}"
    assert "replacement: " in judge(case(RELU, (f"        {line}\n", f"        {call}\n"))).reason


@pytest.mark.parametrize(
    "value", ["False", "True", "-1", "-0", "0j", "len(x)", "x.size(0)", "x.ndim", "float(1)", "[]"]
)
def test_a_number_in_disguise_is_no_zero(value: str) -> None:
    text = f"def f(x):\n    y = g(x){MARK}\n    return x + y\nvalue = f(1)"
    assert reason(text, (f"g(x){MARK}", "0")) == ""
    assert reason(text, (f"g(x){MARK}", value)) != ""


@pytest.mark.parametrize("value", ["0", "0.0", "False", "torch.zeros_like(x)"])
def test_zero_cuts_off_what_is_multiplied(value: str) -> None:
    text = f"import torch\ndef f(x):\n    y = g(x){MARK}\n    return x * y\nvalue = f(1)"
    assert reason(text, (f"g(x){MARK}", "1")) == ""
    assert "path: y becomes" in reason(text, (f"g(x){MARK}", value))


def test_a_flag_may_be_turned_off_where_it_only_decides() -> None:
    text = f"use = options.norm{MARK}\nvalue = f(1) if use else 2"
    assert reason(text, (f"options.norm{MARK}", "False")) == ""
    assert "path" in reason(text.replace("if use else", "+ use -"), (f"options.norm{MARK}", "False"))


def test_a_number_becomes_zero_and_no_other_number() -> None:
    text = f"rate = 0.2{MARK}\nvalue = f(rate)"
    assert reason(text, (f"0.2{MARK}", "0.0")) == ""
    for value in ("1", "True", "-1", "()", "''"):
        assert "path: rate becomes" in reason(text, (f"0.2{MARK}", value)) or value == "-1"
    assert reason(text, (f"0.2{MARK}", "-1")) != ""


def test_a_weighted_term_goes_away_as_a_whole() -> None:
    text = f"def f(x):\n    y = g(x){MARK}\n    return x + 0.1 * y\nvalue = f(1)"
    line = f"    y = g(x){MARK}\n"
    assert reason(text, (line, ""), ("x + 0.1 * y", "x")) == ""
    assert reason(text, (f"g(x){MARK}", "0")) == ""
    assert "scope" in reason(text, (line, ""), ("x + 0.1 * y", "x + 0.1"))
    assert "path" in reason(text, (f"g(x){MARK}", "1"))


def test_a_function_hands_on_what_it_worked_on() -> None:
    text = f"def f(rows, labels):{MARK}\n    return rows - mean(rows)\nvalue = f(1, 2)"
    old = "return rows - mean(rows)"
    assert reason(text, (old, "return rows")) == ""
    for new in ("return labels", "return 0", "return rows.clone().size()", "return mean(rows)"):
        assert reason(text, (old, new)) != ""
    assert "another functiondef" in reason(text, (old, "return rows"), ("(rows, labels):", "(labels, rows):"))


@pytest.mark.parametrize(
    ("call", "new", "accepted"),
    [
        (f"f(a=1,\n  b=0.5,{MARK}\n  c=2)", "", True),
        (f"f(a=1,\n  b=0.5,{MARK}\n  c=2)", "  b=0.0,\n", True),
        (f"f(a=1,\n  b=0.5,{MARK}\n  c=2)", "  b=1,\n", False),
        (f"f(a=1,\n  b=0.5,{MARK}\n  c=2)", "  d=0,\n", False),
        (f"f(a=1,\n  b=0.5,{MARK}\n  c=2)", "  **{},\n", False),
        (f"f(1,\n  3,{MARK}\n  2)", "", False),  # the 2 would take its place
        (f"f(1,\n  3,{MARK}\n)", "", True),
        (f"f(1,\n  g(3),{MARK}\n  2)", "", True),  # steps of a pipeline
        (f"[1,\n  3,{MARK}\n  2]", "", True),
        (f"[1,\n  3,{MARK}\n  2]", "  0,\n", False),
        (f"[1,\n  3,{MARK}\n  2]", "  None,\n", False),
        (f"[1,\n  3,{MARK}\n  2]", "  -1,\n", False),
        (f"[a(),\n  b(),{MARK}\n  c()]", "  nn.Identity(),\n", True),
        (f"[a(),\n  b(),{MARK}\n  c()]", "  lambda x: torch.zeros_like(x),\n", False),
    ],
)
def test_an_element_goes_away_and_no_other_one_comes(call: str, new: str, accepted: bool) -> None:
    text = f"import torch\nfrom torch import nn\nvalue = h({call})"
    line = next(line for line in text.splitlines(keepends=True) if MARK in line)
    found = reason(text, (line, new))
    assert (found == "") is accepted, found
    assert accepted or "elements" in found or "replacement" in found


HINT = """def f(x):
    #ABLATION_HINT_START
    y = drop(x, 0.3)
    y = leaky(y, 0.2)
    x = x + part(y)
    #ABLATION_HINT_END
    return x
value = f(1)"""


@pytest.mark.parametrize(
    ("edits", "accepted"),
    [
        ([("    y = drop(x, 0.3)\n", ""), ("leaky(y, 0.2)", "leaky(x, 0.2)")], True),
        ([("drop(x, 0.3)", "x")], True),
        ([("    y = leaky(y, 0.2)\n", "")], True),
        ([("    x = x + part(y)\n", "")], True),
        ([("    y = drop(x, 0.3)\n", ""), ("leaky(y, 0.2)", "leaky(x)")], False),
        ([("    y = drop(x, 0.3)\n", ""), ("leaky(y, 0.2)", "leaky(x, 0.3)")], False),
        ([("drop(x, 0.3)", "leaky(x, 0.2)")], False),
        ([("x + part(y)", "x + x")], False),
        ([("x + part(y)", "part(x) + part(y)")], False),
        ([("leaky(y, 0.2)", "drop(y, 0.3)")], False),
    ],
)
def test_of_a_hint_something_is_taken_away_and_nothing_done_otherwise(
    edits: list[tuple[str, str]], accepted: bool
) -> None:
    assert (reason(HINT, *edits) == "") is accepted, reason(HINT, *edits)


def test_the_gate_that_counts_operations_sees_more_of_one_alone() -> None:
    edits = [("    y = drop(x, 0.3)\n", ""), ("leaky(y, 0.2)", "leaky(leaky(x, 0.2), 0.2)")]
    assert "gone: in place of the block there is more of call leaky than it had" in reason(HINT, *edits)


def test_two_names_may_not_become_one_object() -> None:
    block = "#ABLATION_HINT_START\na = nn.Linear(4, 4)\nb = nn.Linear(4, 4)\n#ABLATION_HINT_END"
    text = f"from torch import nn\n{block}\nvalue = f(a, b)"
    assert reason(text, ("b = nn.Linear(4, 4)", "b = nn.Identity()")) == ""
    assert "b is made of a" in reason(text, ("b = nn.Linear(4, 4)", "b = a"))


def test_a_name_does_not_fall_back_to_what_it_was_before() -> None:
    text = f"def f(x, z):\n    h = a(x)\n    h = b(z){MARK}\n    return c(h)\nvalue = f(1, 2)"
    assert reason(text, (f"b(z){MARK}", "z")) == ""
    assert "h is no longer made here" in reason(text, (f"    h = b(z){MARK}\n", ""))


def test_a_value_of_a_dict_becomes_the_identity_under_its_key() -> None:
    text = f"from torch import nn\nparts = {{\n  'a': norm(),{MARK}\n  'b': act(),\n}}\nvalue = f(parts)"
    line = f"  'a': norm(),{MARK}\n"
    assert reason(text, (line, "  'a': nn.Identity(),\n")) == ""
    assert reason(text, (line, "")) == ""
    assert reason(text, (line, "  'c': nn.Identity(),\n")) != ""


def test_what_is_nested_too_deep_is_refused_and_long_sums_take_no_time() -> None:
    text = f"y = f(x){MARK}\nvalue = g(y)"
    for deep in ("-" * 300 + "x", "x" + ".a" * 5000, "f(" * 180 + "x" + ")" * 180):
        assert reason(text, (f"f(x){MARK}", deep)).startswith("syntax: a.py is n")
    total = " + ".join(f"a{number}" for number in range(60))
    block = f"#ABLATION_HINT_START\nz = {total}\n#ABLATION_HINT_END\nvalue = g(z)"
    assert reason(block, (total, total.removesuffix(" + a59"))) == ""
    assert "path" in reason(block, (total, total.replace("a58", "a0").removesuffix(" + a59")))


def test_own_names_do_not_count_as_doing_nothing() -> None:
    own = "    def clone(self, x):\n        return 2 * x\n"
    text = f"class Net:\n{own}    def f(self, x):\n        y = g(x){MARK}\n        return x + y\nvalue = Net().f(1)"
    assert "replacement" in reason(text, (f"g(x){MARK}", "self.clone(x)"))
