"""Components by name, and the patches that rules write for them: the gates accept what is expected of each."""

import ast
from collections.abc import Sequence

import pytest

from ablations.code.direct.writing import candidates
from ablations.code.gates.case import Case
from ablations.code.gates.registry import judge
from ablations.code.source.annotations import Component
from ablations.code.source.choosing import chosen_components, zero_names
from ablations.code.source.documents import Documents
from ablations.code.source.errors import AnnotationError, ComponentError, PatchError
from ablations.code.source.layers import layers_of
from ablations.code.source.patches import apply_patch

FILE = "net.py"
SCRIPT = """import torch
from espalier_report import report
from torch import nn

COLUMNS = ["age", "bmi", "blood pressure"]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Linear(4, 4)

    def forward(self, x):
        return x + self.mix(self.norm(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.blocks = nn.Sequential(Block(), nn.ReLU(), nn.Dropout(0.1))
        self.left = Block()
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.left(self.blocks(self.first(x)))


def evaluate(model, head, rows):
    return head(model(rows)).sum()


def main():
    rows = torch.zeros(1, len(COLUMNS))
    head = nn.Sequential(nn.Tanh(), nn.Linear(4, 1))
    report("x", evaluate(Net(), head, rows))


main()
"""
DOCUMENTS = Documents({FILE: SCRIPT})


def named(**names: Sequence[str]) -> list[str]:
    return [component.name.removeprefix("net:") for component in chosen_components(DOCUMENTS, **names)]


def test_layers_have_the_names_that_torch_gives_them() -> None:
    paths = [*layers_of(DOCUMENTS)]
    assert paths[:10] == [
        *("first", "blocks", "blocks.0", "blocks.0.norm", "blocks.0.mix"),
        *("blocks.1", "blocks.2", "left", "left.norm", "left.mix"),
    ]
    assert paths[-2:] == ["head.0", "head.1"]
    assert "scale" not in paths


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["first"], ["Net.__init__.first"]),
        (["blocks.*"], ["Net.__init__.blocks.0", "Net.__init__.blocks.1", "Net.__init__.blocks.2"]),
        (["Block.*"], ["Block.__init__.norm", "Block.__init__.mix"]),
        (["blocks.0.norm", "left.norm"], ["Block.__init__.norm"]),
        (["head.0"], ["main.head.0"]),
        (["f*", "first"], ["Net.__init__.first"]),
    ],
)
def test_layers_are_chosen_by_name_by_prefix_and_by_class(names: list[str], found: list[str]) -> None:
    assert named(layers=names) == found


def test_features_are_chosen_by_name_and_by_prefix() -> None:
    assert named(features=["b*", "age"]) == ["bmi", "blood_pressure", "age"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"layers": ["conv"]}, "No layer 'conv' is made in the scripts; there are: first, blocks"),
        ({"layers": ["left.norm"]}, "makes blocks.0.norm too. Name all of them by Block.norm."),
        ({"zero": ["nothing*"]}, "No layer 'nothing*'"),
        ({"features": ["weight"]}, "has the feature 'weight'; they have: age, bmi, blood pressure."),
    ],
)
def test_a_name_that_means_nothing_or_too_much_is_refused(names: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ComponentError) as caught:
        chosen_components(DOCUMENTS, **names)
    assert words in str(caught.value)


def test_a_feature_in_two_lists_is_refused() -> None:
    twice = DOCUMENTS.with_text(FILE, SCRIPT + 'MORE = ["age", "height"]\n')
    with pytest.raises(ComponentError, match=r"'age' is in several lists \(net\.py:5, net\.py:41\)"):
        chosen_components(twice, features=["age"])


def test_without_names_the_marks_count_and_without_both_nothing_can_be_done() -> None:
    with pytest.raises(AnnotationError, match="Nothing is marked"):
        chosen_components(DOCUMENTS)
    marked = DOCUMENTS.with_text(FILE, SCRIPT.replace("nn.Linear(3, 4)", "nn.Linear(3, 4)  #ABLATABLE_COMPONENT"))
    (component,) = chosen_components(marked)
    assert component.name == chosen_components(DOCUMENTS, layers=["first"])[0].name


def lines_of(documents: Documents, component: Component, *, zero: bool = False) -> list[tuple[str, bool]]:
    """Return what each candidate puts in place, and whether its source is accepted."""
    found = []
    for patch in candidates(documents, component, zero=zero):
        ablated = apply_patch(documents, patch)
        ast.parse(ablated.texts[FILE])
        (edit,) = patch.edits
        found.append((edit.new.strip(), judge(Case(component, documents, ablated)).may_run))
    return found


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ({"layers": ["first"]}, "self.first = nn.Identity()"),
        ({"layers": ["blocks.1"]}, "self.blocks = nn.Sequential(Block(), nn.Identity(), nn.Dropout(0.1))"),
        ({"layers": ["head.0"]}, "head = nn.Sequential(nn.Identity(), nn.Linear(4, 1))"),
        ({"features": ["age"]}, 'COLUMNS = ["bmi", "blood pressure"]'),
        ({"features": ["bmi"]}, 'COLUMNS = ["age", "blood pressure"]'),
        ({"features": ["blood pressure"]}, 'COLUMNS = ["age", "bmi"]'),
    ],
)
def test_a_layer_becomes_the_identity_and_a_feature_leaves_its_list(names: dict[str, list[str]], line: str) -> None:
    (component,) = chosen_components(DOCUMENTS, **names)
    assert lines_of(DOCUMENTS, component) == [(line, True)]


def test_zeros_stand_for_a_residual_branch_and_for_nothing_else() -> None:
    assert zero_names(DOCUMENTS, ["Block.mix"]) == {"net:Block.__init__.mix"}
    for name, accepted in (("Block.mix", True), ("Block.norm", False)):
        (component,) = chosen_components(DOCUMENTS, zero=[name])
        attribute = name.partition(".")[2]
        assert lines_of(DOCUMENTS, component, zero=True) == [(f"self.{attribute} = torch.zeros_like", accepted)]


@pytest.mark.parametrize(
    ("line", "forms"),
    [
        ("    x = x + skip  #ABLATABLE_COMPONENT", [""]),
        ("    x += skip  #ABLATABLE_COMPONENT", [""]),
        ("    y = torch.relu(x)  #ABLATABLE_COMPONENT", ["y = x", "y = 0", ""]),
        ("    return torch.relu(x)  #ABLATABLE_COMPONENT", ["return x", ""]),
    ],
)
def test_a_statement_goes_away_or_hands_on_what_it_reads(line: str, forms: list[str]) -> None:
    documents = Documents({FILE: f"import torch\n\n\ndef forward(x, skip):\n    y = skip\n{line}\n    return y\n"})
    (component,) = chosen_components(documents)
    assert [form for form, _ in lines_of(documents, component)] == forms


def test_a_body_that_would_be_empty_passes() -> None:
    documents = Documents({FILE: "def warm(x):\n    x = x + 1  #ABLATABLE_COMPONENT\n"})
    (component,) = chosen_components(documents)
    assert [form for form, _ in lines_of(documents, component)] == ["pass"]


def test_statements_that_share_a_line_are_refused() -> None:
    documents = Documents({FILE: "a = 1  #ABLATABLE_COMPONENT\nprint(a)\n"})
    (component,) = chosen_components(documents)
    shared = documents.with_text(FILE, "a = 1; b = 2\nprint(a)\n")
    with pytest.raises(PatchError, match="several statements share a line"):
        candidates(shared, component)
