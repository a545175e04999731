"""How a script tells its figures: `report("accuracy", 0.93)`. Put this file beside a script that is to be ablated.

Without Espalier the figure is printed. In a study, Espalier puts its own module in place of this one.
"""

import math
import sys


def report(name: str, value: float, step: int | None = None) -> None:
    """Report a figure of the whole run, or with a step a point of a curve.

    Args:
        name: of the figure, such as "accuracy".
        value: a finite number.
        step: of a curve, such as the epoch; None for a figure of the whole run.

    Raises:
        ValueError: the value is no finite number, or the step no whole one.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"report() takes a finite number, and received {value!r}")
    if step is not None and type(step) is not int:
        raise ValueError(f"report() takes a whole number as step, and received {step!r}")
    at = "" if step is None else f" (step {step})"
    sys.stdout.write(f"{name} = {number:.6g}{at}\n")
