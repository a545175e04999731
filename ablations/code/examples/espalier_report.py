"""How a script tells its figures: `report("accuracy", 0.93)`. Put this file beside a script that is to be ablated.

Without Espalier the figure is printed. In a study, Espalier puts its own module in place of this one.
"""

import math
import sys


def report(name: str, value: float) -> None:
    """Report a figure.

    Args:
        name: of the figure, such as "accuracy".
        value: a finite number.

    Raises:
        ValueError: the value is none.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"report() takes a finite number, and received {value!r}")
    sys.stdout.write(f"{name} = {number:.6g}\n")
