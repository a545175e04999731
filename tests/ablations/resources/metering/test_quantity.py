"""Values that say where they come from, and sums that lose nothing."""

import pytest
from pydantic import ValidationError

from ablations.resources.metering.quantity import Origin, Quantity, summed

GONE = Quantity.missing("J", "no counter")


@pytest.mark.parametrize(
    ("value", "origin", "why"),
    [
        (None, Origin.MEASURED, "read"),
        (None, Origin.DERIVED, "calculated"),
        (0.0, Origin.MISSING, "not there"),
        (1.0, Origin.MEASURED, " "),
        (float("nan"), Origin.MEASURED, "read"),
        (float("inf"), Origin.DERIVED, "calculated"),
    ],
)
def test_a_value_that_is_not_there_cannot_pass_as_one(value: float | None, origin: Origin, why: str) -> None:
    with pytest.raises(ValidationError):
        Quantity(value=value, unit="J", origin=origin, why=why)


def test_it_comes_back_from_json_as_it_was() -> None:
    for quantity in (GONE, Quantity.measured(1.5, "J", "a counter"), Quantity.derived(0.1 + 0.2, "s", "two")):
        assert Quantity.model_validate_json(quantity.model_dump_json()) == quantity


def test_a_sum_is_derived() -> None:
    total = summed([Quantity.measured(0.1, "J", "a"), Quantity.derived(0.2, "J", "b")], "J", "calls")
    assert total.value == pytest.approx(0.3)
    assert (total.unit, total.origin) == ("J", Origin.DERIVED)


def test_a_sum_with_a_hole_is_missing_and_says_why() -> None:
    total = summed([Quantity.measured(0.1, "J", "a"), GONE, GONE], "J", "calls")
    assert total == Quantity.missing("J", "2 of 3 calls lack it: no counter")


def test_different_units_are_not_added() -> None:
    with pytest.raises(ValueError, match="calls in s cannot be added to J"):
        summed([GONE], "s", "calls")


def test_a_ratio_is_derived_or_missing() -> None:
    energy, solved = Quantity.measured(6.0, "J", "a counter"), Quantity.measured(4, "tasks", "counted")
    assert energy.over(solved, "by solved tasks") == Quantity.derived(1.5, "J/tasks", "by solved tasks")
    assert GONE.over(solved, "x") == Quantity.missing("J/tasks", "no counter")
    assert solved.over(GONE, "x").why == "no counter"
    nothing = energy.over(Quantity.measured(0, "tasks", "none was solved"), "x")
    assert nothing == Quantity.missing("J/tasks", "there is nothing to divide by: none was solved")
