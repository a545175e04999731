"""Each gate on sources, by cases worked out by hand: what it refuses in which words, and that it accepts the rest."""

import pytest

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.gates.computed import Computed
from ablations.code.gates.exceptions import Exceptions
from ablations.code.gates.exits import Exits
from ablations.code.gates.gone import Gone
from ablations.code.gates.metric import Metric
from ablations.code.gates.path import Path
from ablations.code.gates.registry import GATES, judge
from ablations.code.gates.replacement import Replacement
from ablations.code.gates.scope import Scope
from ablations.code.gates.seed import Seed
from ablations.code.gates.split import Split
from ablations.code.gates.syntax import Syntax
from ablations.code.source.documents import Documents
from tests.ablations.code.scripts import (
    DOCUMENTS,
    FILE,
    HINT,
    NORM,
    NORM_GONE,
    NORM_LINE,
    RELU,
    SKIP,
    WIDTH,
    case,
    component,
)

Edits = list[tuple[str, str]]
RELU_LINE = "        x = torch.relu(x)  #ABLATABLE_COMPONENT\n"
LEFT = ("self.left = nn.Linear(4, 4)", "self.left = nn.Identity()")
RIGHT = ("self.right = nn.Linear(4, 4)", "self.right = nn.Identity()")
TRAIN = "    train(model, train_rows, 2)\n"


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        (NORM, [NORM_GONE]),
        (NORM, [(NORM_LINE, "        self.norm = lambda x: x\n")]),
        (NORM, [(NORM_LINE, "        self.norm = nn.Sequential()\n")]),
        (NORM, [(NORM_LINE, ""), ("self.norm(self.first(x))", "self.first(x)")]),
        (RELU, [(RELU_LINE, "")]),
        (RELU, [(RELU_LINE, "        x = x.clone()\n")]),
        (SKIP, [("skip = x  #", "skip = 0  #")]),
        (SKIP, [("skip = x  #", "skip = torch.zeros_like(x)  #")]),
        (WIDTH, [('    "width",  #ABLATABLE_COMPONENT\n', "")]),
        (HINT, [LEFT]),
        (HINT, [LEFT, RIGHT]),
        (HINT, [("        self.left = nn.Linear(4, 4)\n", ""), ("self.left(x) + self.right(x)", "self.right(x)")]),
    ],
)
def test_a_good_ablation_passes_all_gates_on_its_source_and_is_not_accepted_before_it_has_run(
    name: str, edits: Edits
) -> None:
    ruling = judge(case(name, *edits))
    assert ruling.reason == ""
    assert ruling.may_run
    assert [verdict.gate for verdict in ruling.of_source] == [gate.name for gate in GATES]
    assert not ruling.accepted


# A gate is asked alone here: other gates would refuse most of these too.
REFUSED: list[tuple[type[Gate], str, Edits, str]] = [
    (Syntax, NORM, [NORM_GONE, ("def train(", "def train((")], "script.py is no Python (line"),
    (Syntax, NORM, [NORM_GONE, ("    model = Net()\n", "    model = Net()\n    break\n")], "'break' outside loop"),
    (
        Scope,
        NORM,
        [NORM_GONE, ("square()", "abs()")],
        "`return values.square().mean().item()` became `return values.abs()",
    ),
    (Gone, NORM, [], "nothing was removed"),
    (
        Gone,
        NORM,
        [(NORM_LINE, NORM_LINE.replace("nn.LayerNorm(4)", "nn.LayerNorm(4, eps=1e-6)"))],
        "still there: call LayerNorm",
    ),
    (
        Gone,
        NORM,
        [(NORM_LINE, NORM_LINE.replace("nn.LayerNorm(4)", "nn.Sequential(nn.LayerNorm(4))"))],
        "call LayerNorm",
    ),
    (Gone, RELU, [("torch.relu(x)  #", "torch.nn.functional.relu(x)  #")], "still there: call relu"),
    (Gone, SKIP, [("skip = x  #", "skip = x * 1  #")], "still there: name x"),
    (Gone, WIDTH, [('"width",', '*["width"],')], "still there: value 'width'"),
    (
        Gone,
        HINT,
        [("self.left = nn.Linear(4, 4)", "self.left = nn.Linear(4, 4, bias=False)")],
        "nothing of the block was removed",
    ),
    (Replacement, NORM, [("nn.LayerNorm(4)", "nn.BatchNorm1d(4)")], "`nn.BatchNorm1d(4)` is called"),
    (Replacement, RELU, [("torch.relu(x)  #", "torch.tanh(x)  #")], "`torch.tanh(x)` is called"),
    (Replacement, RELU, [("torch.relu(x)  #", "0.3  #")], "the new value 0.3"),
    (Replacement, RELU, [("torch.relu(x)  #", "skip  #")], "skip is read, which the component did not read"),
    (Replacement, RELU, [("torch.relu(x)  #", "self.first.weight  #")], "self.first.weight is read"),
    (
        Replacement,
        RELU,
        [(RELU_LINE, RELU_LINE + "        self.training = False\n"), (RELU_LINE[:-1], "        x = x")],
        "self.training is bound",
    ),
    (Replacement, RELU, [(RELU_LINE, "        skip = 0\n")], "skip is bound, which the component did not bind"),
    (Replacement, RELU, [(RELU_LINE, "        x[0] = 0\n")], "`x[0]` is written to"),
    (Replacement, RELU, [(RELU_LINE, "        if x is None:\n            x = x\n")], "a new if statement"),
    (Replacement, RELU, [(RELU_LINE, "        import os\n")], "a new import statement"),
    (Replacement, RELU, [(RELU_LINE, "        x = [i for i in x]\n")], "a new listcomp expression"),
    (
        Replacement,
        HINT,
        [("self.left = nn.Linear(4, 4)", "self.left = nn.Bilinear(4, 4, 4)")],
        "`nn.Bilinear(4, 4, 4)` is called",
    ),
    (
        Replacement,
        HINT,
        [LEFT, ("self.right = nn.Linear(4, 4)", "self.right = nn.Linear(4, 8)")],
        "the new value 8",
    ),
    (Replacement, WIDTH, [('"width",', '"depth",')], "the new value 'depth'"),
    (Replacement, RELU, [("torch.relu(x)  #", "x[:, :1]  #")], "a new subscript expression"),
    (Replacement, RELU, [("torch.relu(x)  #", "-x  #")], "a new unaryop expression"),
    (Replacement, RELU, [("torch.relu(x)  #", "x if x is None else x  #")], "a new ifexp expression"),
    (Replacement, RELU, [("torch.relu(x)  #", "x.transpose(0, 1)  #")], "`x.transpose(0, 1)` is called"),
    (Replacement, RELU, [("torch.relu(x)  #", "x.detach()  #")], "`x.detach()` is called"),
    (
        Path,
        RELU,
        [("torch.relu(x)  #", "torch.zeros_like(x)  #")],
        "it is not only added: what comes before it is cut off",
    ),
    (Path, RELU, [("torch.relu(x)  #", "skip  #")], "x becomes skip, which is not what is left"),
    (Path, NORM, [("nn.LayerNorm(4)", "lambda x: torch.zeros_like(x)")], "self.norm becomes torch.zeros_like(x)"),
    (
        Path,
        NORM,
        [("nn.LayerNorm(4)", "torch.ones_like")],
        "self.norm becomes torch.ones_like, and it is not only multiplied",
    ),
    (
        Path,
        HINT,
        [LEFT, ("self.right = nn.Linear(4, 4)", "self.right = nn.Dropout(4)")],
        "self.right becomes nn.Dropout(4), which is not what is left",
    ),
    (Replacement, RELU, [(RELU_LINE, "        x *= 0\n")], "`x *= 0` computes something new"),
    (Replacement, RELU, [(RELU_LINE, "        other = x\n        x = other\n")], "other is bound"),
    (Replacement, RELU, [("torch.relu(x)  #", "torch.pi  #")], "torch.pi is read"),
    (Replacement, NORM, [("nn.LayerNorm(4)", "lambda x, y=0: y")], "a lambda that takes more"),
    (
        Scope,
        NORM,
        [NORM_GONE, ("import random\n", "import random\nfrom math import floor as round\n")],
        "became `from math import floor as round`",
    ),
    (Path, HINT, [("self.right = nn.Linear(4, 4)", "self.right = self.left")], "self.right is made of self.left"),
    (
        Replacement,
        HINT,
        [("self.left = nn.Linear(4, 4)", "self.left = self.right = nn.Identity()")],
        "several names at once",
    ),
    (Path, SKIP, [("skip = x  #", "skip = 1  #")], "skip becomes 1, and it is not only multiplied"),
    (Metric, NORM, [("square()", "abs()")], "the function loss, which computes the figure, was changed"),
    (Metric, NORM, [("return loss(model(rows))", "return loss(model(rows) / 2)")], "the function score"),
    (Metric, NORM, [('report("loss", result)', 'report("loss", result / 2)')], "what is reported"),
    (Metric, NORM, [('report("loss", result)', 'report("other", result)')], "what is reported"),
    (Metric, NORM, [("result = score(model, test_rows)", "result = score(model, train_rows)")], "what is reported"),
    (Metric, NORM, [("    model = Net()\n", "    model = Net()\n    score = len\n")], "the name score, by which"),
    (Metric, NORM, [("    model = Net()\n", "    model = Net()\n    Net.loss = len\n")], "the name loss, by which"),
    (Metric, NORM, [("    model = Net()\n", "    model = Net()\n    report = print\n")], "the name report, by which"),
    (Seed, NORM, [("torch.manual_seed(seed)", "torch.manual_seed(seed + 1)")], "a seed was set or changed on line"),
    (Seed, NORM, [("    torch.manual_seed(seed)\n", "")], "a seed is no longer set as on line"),
    (Seed, NORM, [("    model = Net()\n", "    model = Net()\n    seed = 3\n")], "`seed = 3`"),
    (Seed, NORM, [(NORM_LINE, "        random.seed(1)\n")], "`random.seed(1)`"),
    (Seed, NORM, [("    model = Net()\n", "    model = Net(seed=1)\n")], "`seed=1`"),
    (
        Split,
        NORM,
        [("train(model, train_rows, 2)", "train(model, test_rows, 2)")],
        "main reads the held-out test_rows more often",
    ),
    (Split, NORM, [(TRAIN, "    train_rows = test_rows\n" + TRAIN)], "the split was changed on line"),
    (Split, NORM, [(TRAIN, "    train_rows = train_rows * 2\n" + TRAIN)], "`train_rows = train_rows * 2`"),
    (Split, NORM, [(".split(5)", ".split(2)")], "the split was changed on line"),
    (Split, NORM, [(TRAIN, "    held = test_rows\n    train(model, held, 2)\n")], "`held = test_rows`"),
    (Computed, NORM, [('report("loss", result)', 'report("loss", 0.12)')], "the figure `0.12` is written down"),
    (Computed, NORM, [('report("loss", result)', 'report("loss", round(float("0.123"), 2))')], "is written down"),
    (
        Computed,
        NORM,
        [("result = score(model, test_rows)", "result = 1 - 0.9")],
        "`result = 1 - 0.9` writes the figure down",
    ),
    (
        Computed,
        NORM,
        [('    report("loss", result)\n', '    result = 0.1\n    report("loss", result)\n')],
        "`result = 0.1`",
    ),
    (Computed, NORM, [(TRAIN, TRAIN + '    report("loss", model)\n')], "something more is reported"),
    (Computed, NORM, [(NORM_LINE, '        print("loss = 0.1")\n')], "something more is reported"),
    (Computed, NORM, [(NORM_LINE, '        exec("x = 1")\n')], "something more is reported, written or executed"),
    (Exits, NORM, [(NORM_LINE, "        raise SystemExit(0)\n")], "the script leaves early on line"),
    (Exits, NORM, [(TRAIN, "    import os\n    os._exit(0)\n" + TRAIN)], "the script leaves early on line"),
    (Exits, NORM, [("import random\n", "import random, atexit\natexit.register(exit)\n")], "the script leaves early"),
    (Exits, NORM, [(TRAIN, "    return\n" + TRAIN)], "main in script.py has a new return"),
    (
        Exits,
        NORM,
        [("    for _ in range(epochs):\n", "    for _ in range(epochs):\n        break\n")],
        "train in script.py has a new break",
    ),
    (
        Exceptions,
        NORM,
        [(TRAIN, "    try:\n    " + TRAIN + "    except ValueError:\n        pass\n")],
        "a failure is hidden on line",
    ),
    (
        Exceptions,
        NORM,
        [(TRAIN, "    import contextlib\n    with contextlib.suppress(Exception):\n    " + TRAIN)],
        "a failure is hidden",
    ),
    (Exceptions, NORM, [("import random\n", "import sys\nsys.excepthook = print\n")], "a failure is hidden"),
]


@pytest.mark.parametrize(("gate", "name", "edits", "words"), REFUSED)
def test_a_gate_refuses_alone_and_says_why(gate: type[Gate], name: str, edits: Edits, words: str) -> None:
    judged = case(name, *edits)
    reason = gate().of_source(judged)
    assert reason is not None
    assert words in reason
    assert not judge(judged).may_run


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_gate_accepts_a_good_ablation_alone(gate: type[Gate]) -> None:
    assert gate().of_source(case(NORM, NORM_GONE)) is None
    assert gate.question.endswith("?")


def test_other_documents_may_not_change() -> None:
    both = Documents({**DOCUMENTS.texts, "util.py": "x = 1\n", "notes.md": "a"})
    good = case(NORM, NORM_GONE).ablated.texts[FILE]
    part = component(NORM)

    def asked(**texts: str) -> str | None:
        changed = {name.replace("_", "."): text for name, text in texts.items()}
        return Scope().of_source(Case(part, both, Documents({**both.texts, FILE: good, **changed})))

    assert asked() is None
    assert asked(notes_md="b") == f"notes.md was changed, and the component is in {FILE}"
    assert asked(util_py="x = 2\n") == f"util.py was changed, and the component is in {FILE}"
    assert asked(new_py="") == "documents appeared or went away: new.py"


def test_a_component_in_the_metric_s_code_cannot_be_ablated() -> None:
    text = DOCUMENTS.texts[FILE].replace(
        "    return values.square().mean().item()",
        "    values = values.square()  #ABLATABLE_COMPONENT\n    return values.mean().item()",
    )
    documents = Documents({FILE: text})
    judged = Case(component("script:loss.values", documents), documents, documents)
    assert Metric().of_source(judged) == "script:loss.values lies in the code that computes the figure"


def test_a_script_that_reports_nothing_is_refused() -> None:
    documents = Documents({FILE: DOCUMENTS.texts[FILE].replace('    report("loss", result)\n', "")})
    assert "reports no figure" in (Metric().of_source(Case(component(NORM), documents, documents)) or "")


def test_after_a_syntax_error_no_other_gate_is_asked() -> None:
    ruling = judge(case(NORM, NORM_GONE, ("def train(", "def train((")))
    assert [verdict.gate for verdict in ruling.of_source] == ["syntax"]
