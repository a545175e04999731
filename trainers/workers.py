"""How many workers train together: a number, or a range that follows the cluster."""

import re
from dataclasses import dataclass
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from ground.counting import counted

_RANGE = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers a fine-tune may have. They share the same global batch, however many there are.

    Attributes:
        least: it begins with, and goes on with, no fewer.
        most: it takes no more.
    """

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"{self.least}-{self.most} is no range of workers: give a number from 1 on, or 2-8")

    def __str__(self) -> str:
        """As it is written on the command line."""
        return str(self.least) if self.is_fixed else f"{self.least}-{self.most}"

    @property
    def is_fixed(self) -> bool:
        """Whether it is one number."""
        return self.least == self.most

    def named(self, noun: str = "worker") -> str:
        """The number or the range with what they are, for a sentence: `1 worker`, `2 to 8 workers`."""
        return counted(self.least, noun) if self.is_fixed else f"{self.least} to {counted(self.most, noun)}"

    def narrowed(self) -> Self:
        """A range that asks for less at once: Ray counts nodes, not what others have of them."""
        return type(self)(self.least, (self.least + self.most) // 2)

    @classmethod
    def of(cls, value: object) -> Self:
        """Read a number, `2-8`, or workers.

        Raises:
            ValueError: it is none of them.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, int | str) and not isinstance(value, bool):
            found = _RANGE.fullmatch(str(value).strip())
            if found is not None:
                return cls(int(found[1]), int(found[2] or found[1]))
        raise ValueError("it must be a number of workers from 1 on, or a range such as 2-8")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate by `of`, and write a number as a number."""
        return core_schema.no_info_plain_validator_function(
            cls.of,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda workers: workers.least if workers.is_fixed else str(workers)
            ),
        )
