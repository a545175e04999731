"""A small script with three components that needs no library, its studies, and models that write its patches."""

from typing import Any

from ablations.code.source.documents import Documents
from ablations.code.study.options import CodeOptions

FILE = "line.py"
SCRIPT = '''"""Fits points by gradient descent."""

import argparse
import random

from espalier_report import report

TERMS = [
    "slope",  #ABLATABLE_COMPONENT
    "bend",  #ABLATABLE_COMPONENT
    "level",
]
VALUES = {"slope": lambda x: x, "bend": lambda x: x * x, "level": lambda x: 1.0}


def train(points, steps):
    weights = {name: 0.0 for name in TERMS}
    for _ in range(steps):
        for x, y in points:
            wrong = predict(weights, x) - y
            for name in weights:
                weights[name] -= 0.05 * wrong * VALUES[name](x)
    return weights


def predict(weights, x):
    return sum(weight * VALUES[name](x) for name, weight in weights.items())


def evaluate(weights, points):
    return sum((predict(weights, x) - y) ** 2 for x, y in points) / len(points)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    points = [(x / 20, 0.7 * x / 20 - (x / 20) ** 2 + random.gauss(0.5, 0.1)) for x in range(-20, 20)]
    train_points, test_points = points[::2], points[1::2]
    result = evaluate(train(train_points, 30), test_points)
    report("error", result)


if __name__ == "__main__":
    main()
'''
DOCUMENTS = Documents({FILE: SCRIPT})
SLOPE, BEND = "line:slope", "line:bend"
LINES = SCRIPT.split("\n")
SLOPE_LINE, BEND_LINE = 9, 10
"""The lines of the two terms, from 1."""
ERROR_LINE = LINES.index("    return sum((predict(weights, x) - y) ** 2 for x, y in points) / len(points)") + 1


def study_options(**changes: Any) -> CodeOptions:
    """Return the options of a small study, by rule if no model is named."""
    return CodeOptions.model_validate({"source": {FILE: SCRIPT}, "seeds": 1, "sandbox": "bwrap", **changes})


def patch(component: str, *edits: tuple[int, str, str]) -> dict[str, Any]:
    """Return a patch as a model answers it; each edit is a line, what stands there, and what will."""
    return {
        "component": component,
        "edits": [
            {"file": FILE, "first_line": line, "last_line": line, "old": old, "new": new} for line, old, new in edits
        ],
        "rationale": "as asked",
    }


def right(component: str) -> dict[str, Any]:
    """Return the patch that deletes the component's line."""
    line = SLOPE_LINE if component == SLOPE else BEND_LINE
    return patch(component, (line, LINES[line - 1], ""))


def broken(component: str) -> dict[str, Any]:
    """Return a patch whose old text does not stand there."""
    return patch(component, (SLOPE_LINE, "    'slop',", ""))


def too_much(component: str) -> dict[str, Any]:
    """Return a patch that also makes the metric better."""
    made = right(component)
    changed = LINES[ERROR_LINE - 1].replace("/ len(points)", "/ len(points) / 2")
    return {**made, "edits": [*made["edits"], *patch(component, (ERROR_LINE, LINES[ERROR_LINE - 1], changed))["edits"]]}
