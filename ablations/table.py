"""A table of a study: values in base units, their columns' titles and units, and its notes."""

from dataclasses import dataclass

from ablations.statistics import Estimate

Value = str | int | float | Estimate | None
"""A cell; None is a value that was not recorded, and shows as missing in every form."""

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        key: its name in files.
        title: its name for people, without the unit.
        unit: the unit shown to people; empty for counts and names.
        scale: shown value = stored value × scale (files keep the stored value).
        digits: decimals shown.
    """

    key: str
    title: str
    unit: str = ""
    scale: float = 1.0
    digits: int = 0

    @property
    def heading(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def show(self, value: Value) -> str:
        """A value as people read it: mean ± half of the 95 % interval."""
        match value:
            case None:
                return MISSING
            case str():
                return value
            case Estimate(mean=mean):
                half = value.half_width
                return self._number(mean) + ("" if half is None else f" ± {self._number(half)}")
            case _:
                return self._number(value)

    def _number(self, value: float) -> str:
        return f"{value * self.scale:,.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns.

    Attributes:
        key: its name in files.
        title: what it shows, its conventions included.
        columns, rows: each row has one value a column.
        notes: what a reader must know to read it rightly.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), "a row does not fit the columns"

    def headings(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def shown(self) -> tuple[tuple[str, ...], ...]:
        """Every row as text."""
        return tuple(
            tuple(column.show(value) for column, value in zip(self.columns, row, strict=True)) for row in self.rows
        )

    def without(self, *keys: str) -> "Table":
        """The same table with fewer columns: a screen is narrower than a file."""
        kept = [index for index, column in enumerate(self.columns) if column.key not in keys]
        columns = tuple(self.columns[index] for index in kept)
        rows = tuple(tuple(row[index] for index in kept) for row in self.rows)
        return Table(self.key, self.title, columns, rows, self.notes)

    def folded(self, *keys: str) -> "Table":
        """The same table with what all rows have in common said once, in the title."""
        alike = [
            index
            for index, column in enumerate(self.columns)
            if column.key in keys and len({row[index] for row in self.rows}) == 1
        ]
        if not alike:
            return self
        said = ", ".join(f"{self.columns[index].heading} {self.shown()[0][index]}" for index in alike)
        folded = self.without(*(self.columns[index].key for index in alike))
        return Table(self.key, f"{self.title}\n{said}", folded.columns, folded.rows, self.notes)
