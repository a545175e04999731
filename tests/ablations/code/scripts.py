"""A small script with every kind of mark, and cases made of it by replacing texts."""

from ablations.code.gates.case import Case, Runs
from ablations.code.source.annotations import Component, components_of
from ablations.code.source.documents import Documents

FILE = "script.py"
SCRIPT = '''"""A script. #ABLATABLE_COMPONENT in a string means nothing."""
import random
import torch
from espalier_report import report
from torch import nn

NAMES = [
    "width",  #ABLATABLE_COMPONENT
    "height",
]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)  #ABLATABLE_COMPONENT
        #ABLATION_HINT_START
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)
        #ABLATION_HINT_END

    def forward(self, x):
        skip = x  #ABLATABLE_COMPONENT
        x = self.norm(self.first(x))
        x = torch.relu(x)  #ABLATABLE_COMPONENT
        x = self.left(x) + self.right(x)
        return x + skip


def train(model, rows, epochs):
    for _ in range(epochs):
        model(rows).sum().backward()


def score(model, rows):
    return loss(model(rows))


def loss(values):
    return values.square().mean().item()


def main(seed=0):
    torch.manual_seed(seed)
    train_rows, test_rows = torch.randn(10, 4).split(5)
    model = Net()
    train(model, train_rows, 2)
    result = score(model, test_rows)
    report("loss", result)


main()
'''
DOCUMENTS = Documents({FILE: SCRIPT})
WIDTH, NORM, HINT, SKIP, RELU = (
    f"script:{name}"
    for name in ("width", "Net.__init__.norm", "Net.__init__.left", "Net.forward.skip", "Net.forward.x")
)
NORM_LINE = "        self.norm = nn.LayerNorm(4)  #ABLATABLE_COMPONENT\n"
NORM_GONE = (NORM_LINE, "        self.norm = nn.Identity()\n")


def component(name: str, documents: Documents = DOCUMENTS) -> Component:
    """Return a component by its name."""
    return {found.name: found for found in components_of(documents)}[name]


def case(name: str, *edits: tuple[str, str], runs: Runs | None = None) -> Case:
    """Return a case in which texts, each of which the script has once, are replaced."""
    text = SCRIPT
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return Case(component(name), DOCUMENTS, Documents({FILE: text}), runs)
