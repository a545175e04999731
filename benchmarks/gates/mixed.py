"""A fourth script, as text: components of kinds that the examples do not have, and what stands in their places."""

from collections.abc import Iterator

NAME = "mixed.py"
TEXT = '''"""A small network on made data."""

import argparse

import torch
from espalier_report import report
from torch import nn
from torch.nn.functional import *

COLUMNS = [
    3,
    7,  #ABLATABLE_COMPONENT
    5,
    8,
]


def made(seed):
    """Return rows and labels, of which three columns decide."""
    dice = torch.Generator().manual_seed(seed)
    rows = torch.randn(240, 10, generator=dice)
    labels = (rows[:, 3] + rows[:, 7] - rows[:, 5] + 0.3 * torch.randn(240, generator=dice) > 0).long()
    return rows, labels


def centred(rows, labels):  #ABLATABLE_COMPONENT
    """Return rows with less of what they have in common."""
    return rows - 0.3 * rows.mean(1, keepdim=True)


def size_of(model):
    """Return the sum of the squares of all parameters."""
    return sum(parameter.square().sum() for parameter in model.parameters())


class Net(nn.Module):
    """Branches that are added and multiplied."""

    def __init__(self, width=16):
        super().__init__()
        self.clone = nn.Linear(len(COLUMNS), width)
        self.inner = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1)
        self.part = nn.Sequential(
            nn.Linear(width, width),
            nn.Dropout(0.2),  #ABLATABLE_COMPONENT
            nn.ReLU(),
        )
        self.head = nn.Linear(width, 2)

    def forward(self, rows):
        """Return the logits of rows."""
        x = relu(self.clone(rows))
        bonus = self.inner(x)  #ABLATABLE_COMPONENT
        x = x + bonus
        amount = torch.sigmoid(self.gate(x))  #ABLATABLE_COMPONENT
        x = x * amount
        #ABLATION_HINT_START
        y = dropout(x, 0.3, self.training)
        y = leaky_relu(y, 0.2)
        x = x + self.part(y)
        #ABLATION_HINT_END
        return self.head(x)


def train(model, rows, labels, epochs):
    """Train a model in place."""
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=0.1,
        momentum=0.9,  #ABLATABLE_COMPONENT
    )
    rate = 0.2  #ABLATABLE_COMPONENT
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(32):
            loss = cross_entropy(model(rows[batch]), labels[batch], label_smoothing=rate)
            penalty = size_of(model)  #ABLATABLE_COMPONENT
            loss = loss + 0.001 * penalty
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def evaluate(model, rows, labels):
    """Return the mean loss of a model."""
    model.eval()
    with torch.no_grad():
        return nll_loss(log_softmax(model(rows), 1), labels).item()


def main():
    """Train and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rows, labels = made(options.seed)
    rows = centred(rows, labels)[:, COLUMNS]
    train_rows, test_rows = rows.split([180, 60])
    train_labels, test_labels = labels.split([180, 60])
    model = Net()
    train(model, train_rows, train_labels, options.epochs)
    loss = evaluate(model, test_rows, test_labels)
    report("loss", loss)


if __name__ == "__main__":
    main()
'''

MARK = "  #ABLATABLE_COMPONENT"
_HINT = (
    "        y = dropout(x, 0.3, self.training)\n",
    "        y = leaky_relu(y, 0.2)\n",
    "        x = x + self.part(y)\n",
)


def places() -> Iterator[tuple[str, str, str | None, list[tuple[str, str]]]]:
    """Yield good ablations: component, label, the lines in its place (None for no statement), edits."""
    yield "mixed:constant", "deleted", None, [(f"    7,{MARK}\n", "")]
    yield "mixed:constant", "commented out", None, [(f"    7,{MARK}\n", "    # 7,\n")]
    body = "    return rows - 0.3 * rows.mean(1, keepdim=True)\n"
    yield "mixed:centred", "returns rows", None, [(body, "    return rows\n")]
    dropout = f"            nn.Dropout(0.2),{MARK}\n"
    yield "mixed:Net.__init__.Dropout", "deleted", None, [(dropout, "")]
    yield "mixed:Net.__init__.Dropout", "identity", None, [(dropout, "            nn.Identity(),\n")]
    for name, old, product, values in (
        ("bonus", "self.inner(x)", "x + bonus", ("0", "0.0", "torch.zeros_like(x)")),
        ("amount", "torch.sigmoid(self.gate(x))", "x * amount", ("1", "1.0", "torch.ones_like(x)")),
    ):
        line = f"        {name} = {old}{MARK}\n"
        for value in values:
            new = f"        {name} = {value}"
            yield f"mixed:Net.forward.{name}", f"{name} becomes {value}", new, [(line, new + "\n")]
        yield f"mixed:Net.forward.{name}", f"{name} deleted", "", [(line, ""), (f"x = {product}", "x = x")]
    yield "mixed:Net.forward.y", "dropout deleted", None, [(_HINT[0], ""), (_HINT[1], _HINT[1].replace("y, 0", "x, 0"))]
    yield "mixed:Net.forward.y", "dropout becomes x", None, [(_HINT[0], "        y = x\n")]
    yield "mixed:Net.forward.y", "leaky deleted", None, [(_HINT[1], "")]
    yield "mixed:Net.forward.y", "branch deleted", None, [(part, "") for part in _HINT]
    momentum = f"        momentum=0.9,{MARK}\n"
    yield "mixed:train.momentum", "deleted", None, [(momentum, "")]
    yield "mixed:train.momentum", "zero", None, [(momentum, "        momentum=0.0,\n")]
    rate = f"    rate = 0.2{MARK}\n"
    for value in ("0", "0.0"):
        yield "mixed:train.rate", f"rate becomes {value}", f"    rate = {value}", [(rate, f"    rate = {value}\n")]
    penalty = f"            penalty = size_of(model){MARK}\n"
    new = "            penalty = 0"
    yield "mixed:train.penalty", "penalty becomes 0", new, [(penalty, new + "\n")]
    yield (
        *("mixed:train.penalty", "penalty deleted", ""),
        [(penalty, ""), ("            loss = loss + 0.001 * penalty\n", "            loss = loss\n")],
    )
