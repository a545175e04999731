"""Tests of descriptions of pydantic's errors."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ground.problems import describe_problems


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: list[Inner]
    name: str = ""

    @model_validator(mode="after")
    def _named(self) -> "Outer":
        if self.name == "nobody":
            raise ValueError("nobody is no name")
        return self


def fault(**fields: object) -> ValidationError:
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(fields)
    return error.value


def test_each_problem_has_its_place() -> None:
    words = describe_problems(fault(inner=[{"number": "x"}], other=1), "the file")
    assert words == (
        "inner.0.number: Input should be a valid integer, unable to parse string as an integer; "
        "other: Extra inputs are not permitted"
    )


def test_no_more_problems_are_described_than_asked_for() -> None:
    assert describe_problems(fault(inner=[{"number": "x"}], other=1), "the file", most=1).count(";") == 0


def test_a_problem_of_no_field_has_the_name_of_the_whole() -> None:
    assert describe_problems(fault(inner=[], name="nobody"), "the file").startswith("the file: ")


def test_what_was_received_is_quoted_and_long_things_are_cut() -> None:
    words = describe_problems(fault(inner=[{"number": "x" * 500}]), "the file", received=True)
    assert words.endswith("xxx...)")
    assert len(words) < 200
